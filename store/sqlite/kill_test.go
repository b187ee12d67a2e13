package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// childFile names the variable that makes the test binary a victim: it works
// on the store of that path and says what was acknowledged until it is killed.
const childFile = "STORE_TEST_CHILD"

// victims is how many goroutines of the victim wait for the store at a time.
const victims = 6

// child is the victim. Each line that it prints is an acknowledgement.
func child(path string) int {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, path, sqlite.Options{NoSync: os.Getenv("STORE_TEST_NOSYNC") != ""})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	task, _, err := store.CreateTask(ctx, pixivoc.StoredTask{Key: "main"}, nil)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	var mu sync.Mutex
	acknowledge := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	acknowledge("task %d", task.TID)
	failed := make(chan error, victims+1)
	for worker := range victims {
		go func() {
			failed <- workHard(ctx, store, task.TID, fmt.Sprintf("%d-%d", os.Getpid(), worker), acknowledge)
		}()
	}
	go func() { failed <- comeAndGo(ctx, store, acknowledge) }()
	acknowledge("error %v", <-failed)
	return 1
}

// workHard adds items, claims some and commits them.
func workHard(ctx context.Context, store *sqlite.Store, tid int64, name string, acknowledge func(string, ...any)) error {
	for i := 0; ; i++ {
		items := keyedItems(fmt.Sprintf("%s-%d-", name, i), 3)
		if _, err := store.AddItems(ctx, tid, items); err != nil {
			return err
		}
		for _, item := range items {
			acknowledge("added %s", item.Key)
		}
		claimed, err := store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 2, Lease: time.Hour})
		if err != nil {
			return err
		}
		for _, item := range claimed {
			if err := commitAll(ctx, store, full(item)); err != nil {
				return err
			}
			acknowledge("done %s", item.Key)
		}
	}
}

// comeAndGo makes and deletes tasks and rotates a token.
func comeAndGo(ctx context.Context, store *sqlite.Store, acknowledge func(string, ...any)) error {
	for i := int64(1); ; i++ {
		token := strconv.FormatInt(time.Now().UnixNano(), 10)
		if err := store.SetSetting(ctx, "token", []byte(token)); err != nil {
			return err
		}
		acknowledge("token %s", token)
		task, _, err := store.CreateTask(ctx, pixivoc.StoredTask{Name: "passing"}, keyedItems("k", 50))
		if err != nil {
			return err
		}
		acknowledge("created %d", task.TID)
		if i%2 == 0 {
			if err := store.DeleteTask(ctx, task.TID); err != nil {
				return err
			}
			acknowledge("deleted %d", task.TID)
		}
	}
}

// ledger is what the victims have acknowledged, kept outside of them.
type ledger struct {
	task                          int64
	token                         int64
	added, done, created, deleted map[string]bool
}

func (l *ledger) note(t *testing.T, line string) {
	t.Helper()
	word, value, _ := strings.Cut(line, " ")
	number := func() int64 {
		n, err := strconv.ParseInt(value, 10, 64)
		require.NoError(t, err, line)
		return n
	}
	switch word {
	case "task":
		l.task = number()
	case "token":
		l.token = number()
	case "added":
		l.added[value] = true
	case "done":
		require.False(t, l.done[value], "%s was done twice", value)
		l.done[value] = true
	case "created":
		l.created[value] = true
	case "deleted":
		l.deleted[value] = true
	default:
		require.Fail(t, "victim said", line)
	}
}

// TestP1_Kill9 kills a process that works on a store at random moments, with
// several requests under way each time. After each kill everything it had
// acknowledged is there, once, and nothing is half there.
func TestP1_Kill9(t *testing.T) {
	t.Parallel()
	for name, noSync := range map[string]string{"durable": "", "no sync": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kills := 8
			if testing.Short() {
				kills = 3
			}
			path := storePath(t)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			l := &ledger{added: map[string]bool{}, done: map[string]bool{}, created: map[string]bool{}, deleted: map[string]bool{}}
			for range kills {
				l.killAfter(t, path, noSync, 1+random.IntN(400))
				l.check(t, path)
			}
			require.NotEmpty(t, l.done)
			sound(t, path)
		})
	}
}

// killAfter runs a victim until it has acknowledged so many things, and then
// until it is dead.
func (l *ledger) killAfter(t *testing.T, path, noSync string, lines int) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^$")
	command.Env = append(os.Environ(), childFile+"="+path, "STORE_TEST_NOSYNC="+noSync)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	said := bufio.NewReader(output)
	for n := 0; ; n++ {
		line, err := said.ReadString('\n')
		if err != nil {
			break // dead; what it said before is read, half a line says nothing
		}
		l.note(t, strings.TrimSuffix(line, "\n"))
		if n == 0 {
			_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			require.ErrorIs(t, err, pixivoc.ErrStoreLocked)
			require.ErrorContains(t, err, fmt.Sprintf("pid %d", command.Process.Pid))
		}
		if n == lines {
			require.NoError(t, command.Process.Kill())
		}
	}
	require.Error(t, command.Wait())
}

func (l *ledger) check(t *testing.T, path string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	seen := look(t, store, l.task)
	together(t, seen)
	states := map[string]pixivoc.ItemState{}
	for _, item := range seen.Items {
		if item.Stage == "one" {
			states[item.Key] = item.State
		}
	}
	records := map[string]int{}
	for _, record := range seen.Records {
		records[record.Kind+" "+record.Key]++
	}
	for key := range l.added {
		require.NotEmpty(t, states[key], "%s was acknowledged as added", key)
	}
	for key := range l.done {
		require.Equal(t, pixivoc.ItemDone, states[key], "%s was acknowledged as done", key)
		require.Equal(t, 1, records["file "+key])
		require.Equal(t, 1, records["work "+key])
	}
	underWay := 0
	for tid := range l.created {
		number, err := strconv.ParseInt(tid, 10, 64)
		require.NoError(t, err)
		_, err = store.LoadTask(t.Context(), number)
		if l.deleted[tid] {
			require.ErrorIs(t, err, fs.ErrNotExist, "task %s was deleted", tid)
		} else if !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		} else {
			underWay++
			l.deleted[tid] = true
		}
	}
	require.LessOrEqual(t, underWay, 1, "only one deletion can have been under way")
	if l.token != 0 {
		value, err := store.Setting(t.Context(), "token")
		require.NoError(t, err)
		stored, err := strconv.ParseInt(string(value), 10, 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, stored, l.token)
	}
	require.NoError(t, store.Close())
}
