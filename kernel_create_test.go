package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/pixivoc/pixivoc/store/sqlite"
	"github.com/stretchr/testify/require"
)

// Thirty-two makers of one task, over several pages, get one task, whole.
func TestCreate_SameKeyFromManyGoroutines(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) pixivoc.Store{
		"memory": func(*testing.T) pixivoc.Store { return memory.New() },
		"sqlite": func(t *testing.T) pixivoc.Store { return openSQLite(t, sqlite.Options{NoSync: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, pixivoc.Config{Store: store(t), Types: []pixivoc.TaskType{countTo(600, record("Work"))}})
			var tids sync.Map
			var makers sync.WaitGroup
			for i := range 32 {
				makers.Go(func() {
					task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: fmt.Sprint("maker ", i), Key: "k"})
					if err != nil {
						t.Errorf("maker %d: %v", i, err)
						return
					}
					tids.Store(task.ID(), task)
					if err := task.Start(t.Context()); err != nil {
						t.Errorf("maker %d: Start: %v", i, err)
					}
				})
			}
			makers.Wait()
			count := 0
			tids.Range(func(_, task any) bool {
				count++
				info := wait(t, task.(pixivoc.Task), pixivoc.StateOver)
				if info.Total != 600 || len(records(t, task.(pixivoc.Task))) != 600 {
					t.Errorf("%+v", info)
				}
				return true
			})
			if count != 1 {
				t.Errorf("%d tasks, want 1", count)
			}
		})
	}
}

// brokenAfter reads a text and then fails.
func brokenAfter(text string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(text), readerFunc(func([]byte) (int, error) { return 0, err }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A list that breaks off, or whose reader gives up, leaves no task.
func TestCreate_InterruptedSeedingLeavesNothing(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 1300 {
		fmt.Fprintf(&list, "https://www.example.org/%d.txt\n", i)
	}
	for name, test := range map[string]struct {
		input func(cancel context.CancelFunc) io.Reader
		err   error
	}{
		"the reader fails": {func(context.CancelFunc) io.Reader { return brokenAfter(list.String(), io.ErrUnexpectedEOF) }, io.ErrUnexpectedEOF},
		"cancelled": {func(cancel context.CancelFunc) io.Reader {
			return io.MultiReader(strings.NewReader(list.String()), readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }), strings.NewReader(list.String()))
		}, context.Canceled},
		"no address": {func(context.CancelFunc) io.Reader { return strings.NewReader(list.String() + "nonsense\n") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpoiledStore(t, nil)
			client := newClient(t, pixivoc.Config{Store: store, Types: pixiv.Types(), HTTP: greetings, NoSync: true})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			folder := t.TempDir()
			spec := pixivoc.TaskSpec{Type: pixiv.Links, Name: "links", SavePath: folder, Key: "k", Input: test.input(cancel)}
			_, err := client.Create(ctx, spec)
			if err == nil || test.err != nil && !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if tasks, err := store.ListTasks(t.Context(), 0, 10); err != nil || len(tasks) != 0 {
				t.Errorf("left behind: %+v (%v)", tasks, err)
			}
			spec.Input = strings.NewReader(list.String())
			task, err := client.Create(t.Context(), spec)
			require.NoError(t, err)
			if info, err := task.Info(t.Context()); err != nil || info.Total != 1300 {
				t.Errorf("%+v (%v)", info, err)
			}
		})
	}
}

// A process that dies while it reads a list leaves a task that cannot be
// started; the next Create with its key completes it.
func TestCreate_GoesOnAfterACrashInSeeding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		dying := newSpoiledStore(t, inner)
		dead := errors.New("the process is dead")
		dying.spoil(func(method string, call int) error {
			if method == "AddItems" && call >= 2 || method == "DeleteTask" {
				return dead
			}
			return nil
		})
		kind := countTo(1800, record("Work"))
		first := newClient(t, pixivoc.Config{Store: dying, Types: []pixivoc.TaskType{kind}})
		spec := pixivoc.TaskSpec{Type: "Count", Name: "numbers", Key: "k"}
		if _, err := first.Create(t.Context(), spec); !errors.Is(err, dead) {
			t.Fatal(err)
		}
		second := newClient(t, pixivoc.Config{Store: inner, Types: []pixivoc.TaskType{kind}, AutoStart: true})
		var half pixivoc.TaskInfo
		for info, err := range second.Tasks(t.Context()) {
			if half = info; err != nil {
				t.Fatal(err)
			}
		}
		if half.Total != 1000 || half.State != pixivoc.StateWaitStart {
			t.Errorf("after the crash: %+v", half)
		}
		task, err := second.Task(t.Context(), half.TID)
		require.NoError(t, err)
		if err := task.Start(t.Context()); !errors.Is(err, pixivoc.ErrState) {
			t.Errorf("half a task was started: %v", err)
		}
		again, err := second.Create(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, half.TID, again.ID())
		require.NoError(t, again.Start(t.Context()))
		if info := wait(t, again, pixivoc.StateOver); info.Total != 1800 || len(records(t, again)) != 1800 {
			t.Errorf("%+v", info)
		}
	})
}

// C6: a client that is shut down while tasks are made; from a stage; while
// somebody reads events. Nothing hangs and nothing is half made.
func TestC6_ShutdownInTheMiddle(t *testing.T) {
	t.Parallel()
	t.Run("of Create", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(2000, record("Work"))}})
			var makers sync.WaitGroup
			for range 16 {
				makers.Go(func() {
					task, err := client.Create(context.Background(), pixivoc.TaskSpec{Type: "Count", Name: "numbers"})
					if err == nil {
						err = task.Start(context.Background())
					}
					if err != nil && !errors.Is(err, pixivoc.ErrClosed) {
						t.Errorf("%v", err)
					}
				})
			}
			makers.Go(func() { require.NoError(t, client.Shutdown(context.Background())) })
			makers.Wait()
		})
	})
	t.Run("of a stage", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var client pixivoc.Client
			ended := make(chan error, 1)
			closing := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, _ number) (pixivoc.Output, error) {
				err := client.Shutdown(ctx)
				ended <- err
				return pixivoc.Output{}, err
			})
			client = newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, closing)}})
			create(t, client)
			if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "Work") {
				t.Errorf("Shutdown in a stage: %v", err)
			}
		})
	})
	t.Run("of a loop over events", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(100, record("Work"))}})
			create(t, client)
			for event := range client.Events(t.Context()) {
				if event.Kind == pixivoc.EventItemDone {
					require.NoError(t, client.Shutdown(t.Context()))
				}
			}
		})
	})
}

// C7: two tasks fetch the same works into one folder at the same time.
func TestC7_TwoTasksOneFolder(t *testing.T) {
	t.Parallel()
	for _, atATime := range []int{1, 4, 64} {
		t.Run(fmt.Sprint(atATime), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server, work := slowPictures(30)
				client, folder := newPixivClient(t, server, pixivoc.Config{Env: pixivoc.EnvPatch{ConcurrencyNumber: &atATime}}), t.TempDir()
				tasks := []pixivoc.Task{startWork(t, client, work.ID, folder), startWork(t, client, work.ID, folder), startWork(t, client, work.ID, folder)}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				for _, task := range tasks {
					info, err := task.Wait(ctx)
					if err != nil || info.State != pixivoc.StateOver || info.Failed != 0 {
						t.Fatalf("%+v (%v)", info, err)
					}
					wantRecords(t, task, folder)
				}
				wantOriginals(t, server, folder)
				var fetched int64
				for page := range 30 {
					fetched += server.Counts(server.Picture(work.ID, page).Path).Bytes
				}
				if fetched > 30*8192+3*30*500 {
					t.Errorf("%d bytes were fetched for %d", fetched, 30*8192)
				}
			})
		})
	}
}

// A store in a real file, closed and opened again in the middle of a task.
func TestSQLite_TaskGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pixivoc.db")
	var reached sync.Once
	half := make(chan struct{})
	work := stage("Work", func(_ context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
		if in.N >= 700 {
			reached.Do(func() { close(half) })
		}
		var out pixivoc.Output
		out.Record("number", fmt.Sprint(in.N), in)
		return out, nil
	})
	var tid int64
	for run := range 3 {
		store, err := sqlite.Open(t.Context(), file, sqlite.Options{NoSync: true})
		require.NoError(t, err)
		client, err := pixivoc.New(pixivoc.Config{Store: store, AutoStart: true, Types: []pixivoc.TaskType{countTo(1500, work)}})
		require.NoError(t, err)
		if run == 0 {
			tid = create(t, client).ID()
			<-half
		}
		task, err := client.Task(t.Context(), tid)
		require.NoError(t, err)
		if run > 0 {
			wait(t, task, pixivoc.StateOver)
			require.Len(t, records(t, task), 1500)
		}
		require.NoError(t, client.Shutdown(t.Context()))
		require.NoError(t, store.Close())
	}
}
