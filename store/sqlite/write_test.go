package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// TestS4_EachStatementFails lets each statement of a commit fail in turn, the
// COMMIT among them. Nothing of the commit is visible then, not even after a
// crash, and the same claim can be committed afterwards.
func TestS4_EachStatementFails(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	var spy spy
	store := openStore(t, path, spy.options(sqlite.Options{}))
	purgeAll(t, store)
	tid := newTask(t, store, 50)
	for k := 1; ; k++ {
		item := claim(t, store, tid, 1)[0]
		before := look(t, store, tid)
		n := 0
		// The statement fails each time it comes, so that trying again does
		// not help; only taking back works.
		failing := ""
		spy.watch(func(statement string) error {
			if statement == "ROLLBACK" {
				return nil
			}
			if n++; n == k {
				failing = statement
			}
			if statement == failing {
				return errInjected
			}
			return nil
		})
		err := commitAll(t.Context(), store, full(item))
		spy.watch(nil)
		if failing == "" {
			require.NoError(t, err)
			require.Greater(t, k, 8, "a commit has more statements than that")
			together(t, look(t, store, tid))
			return
		}
		require.ErrorIs(t, err, errInjected, failing)
		require.Equal(t, before, look(t, store, tid), failing)
		crashed := openStore(t, crash(t, path), sqlite.Options{})
		require.Equal(t, before, look(t, crashed, tid), failing)
		require.NoError(t, commitAll(t.Context(), store, full(item)), failing)
		together(t, look(t, store, tid))
	}
}

// purgeAll waits until nothing is left of what was deleted.
func purgeAll(t testing.TB, store *sqlite.Store) {
	t.Helper()
	for {
		purged, err := store.Purged(t.Context())
		require.NoError(t, err)
		if purged {
			return
		}
		runtime.Gosched()
	}
}

// gate holds back the next COMMIT until it is opened.
type gate struct {
	reached chan struct{}
	open    chan struct{}
	once    sync.Once
}

func newGate() *gate { return &gate{reached: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) before(statement string) error {
	if statement == "COMMIT" {
		g.once.Do(func() {
			close(g.reached)
			<-g.open
		})
	}
	return nil
}

// TestGroupCommit holds back one transaction: all who come meanwhile share the
// next, and one that is refused does not hurt the others.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	const callers = 40
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	purgeAll(t, store)
	tid := newTask(t, store, callers)
	claimed := claim(t, store, tid, callers)
	gate := newGate()
	spy.watch(gate.before)
	var first, group sync.WaitGroup
	first.Go(func() {
		if err := store.SetSetting(t.Context(), "name", []byte("value")); err != nil {
			t.Error(err)
		}
	})
	<-gate.reached
	errs := make([]error, callers)
	var ready sync.WaitGroup
	ready.Add(callers)
	for i, item := range claimed {
		if i%4 == 3 {
			item.Claim.Fence--
		}
		group.Go(func() {
			ready.Done()
			errs[i] = commitAll(t.Context(), store, full(item))
		})
	}
	ready.Wait()
	close(gate.open)
	group.Wait()
	first.Wait()
	for i, err := range errs {
		if i%4 == 3 {
			require.ErrorIs(t, err, pixivoc.ErrStaleClaim)
		} else {
			require.NoError(t, err)
		}
	}
	commits := 0
	for _, statement := range spy.statements() {
		if statement == "COMMIT" {
			commits++
		}
	}
	require.Less(t, commits, callers/4, "%d transactions for %d callers", commits, callers)
	together(t, look(t, store, tid))
	require.Equal(t, callers*3/4, look(t, store, tid).Counts["one"].Done)
}

// TestGroupCommitFails lets a statement of one operation fail: the operations
// that share its transaction take effect all the same.
func TestGroupCommitFails(t *testing.T) {
	t.Parallel()
	const callers = 20
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	purgeAll(t, store)
	tid := newTask(t, store, callers)
	claimed := claim(t, store, tid, callers)
	gate := newGate()
	spy.watch(func(statement string) error {
		if strings.HasPrefix(statement, "UPDATE items SET state=2") {
			return errInjected
		}
		return gate.before(statement)
	})
	var group sync.WaitGroup
	group.Go(func() { _ = store.SetSetting(t.Context(), "name", []byte("value")) })
	<-gate.reached
	errs := make([]error, callers)
	for i, item := range claimed {
		commit := full(item)
		if i == 7 {
			commit.Outcome = pixivoc.OutcomeFailed
		}
		group.Go(func() { errs[i] = commitAll(t.Context(), store, commit) })
	}
	close(gate.open)
	group.Wait()
	spy.watch(nil)
	for i, err := range errs {
		if i == 7 {
			require.ErrorIs(t, err, errInjected)
		} else {
			require.NoError(t, err)
		}
	}
	together(t, look(t, store, tid))
	require.Equal(t, callers-1, look(t, store, tid).Counts["one"].Done)
	require.NoError(t, commitAll(t.Context(), store, full(claimed[7])), "the claim is still good")
}

// TestC4_CancelledWhileTheDiskHangs cancels callers while the writer is stuck:
// they return at once, before the writer goes on.
func TestC4_CancelledWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	purgeAll(t, store)
	tid := newTask(t, store, 10)
	item := claim(t, store, tid, 1)[0]
	gate := newGate()
	spy.watch(gate.before)

	stuck, giveUp := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- store.SetSetting(stuck, "name", []byte("value")) }()
	<-gate.reached
	giveUp()
	require.ErrorIs(t, <-result, context.Canceled, "the caller whose transaction hangs")

	waiting, giveUp := context.WithCancel(t.Context())
	calls := []func() error{
		func() error { return commitAll(waiting, store, full(item)) },
		func() error { return store.DeleteTask(waiting, tid) },
		func() error {
			_, err := store.Claim(waiting, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 5, Lease: time.Hour})
			return err
		},
		func() error { return store.Renew(waiting, []pixivoc.Claim{item.Claim}, time.Hour) },
	}
	for range 30 { // more than the queue takes
		for _, call := range calls {
			go func() { result <- call() }()
		}
	}
	giveUp()
	for range 30 * len(calls) {
		require.ErrorIs(t, <-result, context.Canceled, "a caller who waits for his turn")
	}
	// Reading does not wait for the writer.
	require.Len(t, look(t, store, tid).Items, 10)
	close(gate.open)
	value, err := store.Setting(t.Context(), "name")
	for errors.Is(err, fs.ErrNotExist) {
		value, err = store.Setting(t.Context(), "name")
	}
	require.NoError(t, err)
	require.Equal(t, "value", string(value), "what was under way took effect")
	require.Len(t, claim(t, store, tid, 100), 9, "nothing was claimed by those who left")
	require.NoError(t, commitAll(t.Context(), store, full(item)))
}

// TestClaimCallerGone cancels a claim while it runs: what it had claimed is
// free again at once.
func TestClaimCallerGone(t *testing.T) {
	t.Parallel()
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	tid := newTask(t, store, 10)
	reached, open := make(chan struct{}), make(chan struct{})
	var once sync.Once
	spy.watch(func(statement string) error {
		if strings.HasPrefix(statement, "SELECT id, round, attempts, key, payload") {
			once.Do(func() {
				close(reached)
				<-open
			})
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 5, Lease: time.Hour})
		result <- err
	}()
	<-reached
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	close(open)
	require.Len(t, claim(t, store, tid, 100), 10)
}

// TestCallerGoneReusesMemory cancels a write while it runs and overwrites what
// it was given: the store has its own copy.
func TestCallerGoneReusesMemory(t *testing.T) {
	t.Parallel()
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	tid := newTask(t, store, 1)
	item := claim(t, store, tid, 1)[0]
	hold := func(prefix string) (reached, open chan struct{}) {
		reached, open = make(chan struct{}), make(chan struct{})
		var once sync.Once
		spy.watch(func(statement string) error {
			if strings.HasPrefix(statement, prefix) {
				once.Do(func() {
					close(reached)
					<-open
				})
			}
			return nil
		})
		return reached, open
	}
	spoil := func(raw []byte) {
		for i := range raw {
			raw[i] = 'X'
		}
	}
	payload, data := json.RawMessage(`{"p":1}`), json.RawMessage(`{"d":1}`)
	calls := map[string]func(context.Context) error{
		"INSERT INTO items": func(ctx context.Context) error {
			_, err := store.AddItems(ctx, tid, []pixivoc.Item{{Stage: "one", Key: "new", Payload: payload}})
			return err
		},
		"UPDATE items": func(ctx context.Context) error {
			return commitAll(ctx, store, pixivoc.Commit{
				Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{{Kind: "file", Data: data}},
			})
		},
	}
	given := map[string][]byte{"INSERT INTO items": payload, "UPDATE items": data}
	for prefix, call := range calls {
		reached, open := hold(prefix)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- call(ctx) }()
		<-reached
		cancel()
		require.ErrorIs(t, <-result, context.Canceled)
		spoil(given[prefix])
		close(open)
	}
	require.NoError(t, store.SetSetting(t.Context(), "name", []byte("after those")))
	seen := look(t, store, tid)
	require.Len(t, seen.Items, 2)
	require.JSONEq(t, `{"d":1}`, string(seen.Records[0].Data))
	require.JSONEq(t, `{"p":1}`, string(seen.Items[1].Payload))
}

// TestCloseWaits closes the store while the writer is stuck and more callers
// wait than the queue takes: all of them are answered first.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	const callers = 150
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	purgeAll(t, store)
	tid := newTask(t, store, 1)
	gate := newGate()
	spy.watch(gate.before)
	result := make(chan error, callers)
	add := func(i int) {
		_, err := store.AddItems(t.Context(), tid, keyedItems(fmt.Sprint(i), 1))
		result <- err
	}
	go add(0)
	<-gate.reached
	for i := 1; i < callers; i++ {
		go add(i)
	}
	for waiting, most := 0, 1; waiting < most; waiting, most = store.Queued() {
		runtime.Gosched()
	}
	closed := make(chan error, 2)
	for range 2 {
		go func() { closed <- store.Close() }()
	}
	for {
		if _, err := store.LoadTask(t.Context(), tid); errors.Is(err, pixivoc.ErrClosed) {
			break
		}
	}
	close(gate.open)
	answered := 0
	for range callers {
		if err := <-result; err == nil {
			answered++
		} else {
			require.ErrorIs(t, err, pixivoc.ErrClosed, "a caller who came too late")
		}
	}
	require.Greater(t, answered, 64)
	require.NoError(t, <-closed)
	require.NoError(t, <-closed)
}

// TestNoSyncSetting looks at the statements: a setting is written with full
// sync in both modes, everything else without it under NoSync.
func TestNoSyncSetting(t *testing.T) {
	t.Parallel()
	for _, noSync := range []bool{false, true} {
		var spy spy
		store := openStore(t, storePath(t), spy.options(sqlite.Options{NoSync: noSync}))
		purgeAll(t, store)
		level := map[bool]string{false: "FULL", true: "NORMAL"}[noSync]
		seen := map[string]string{} // by the table that is written
		last := ""
		for _, statement := range spy.statements() {
			if rest, found := strings.CutPrefix(statement, "PRAGMA synchronous="); found {
				last = rest
			}
		}
		require.Equal(t, level, last, "after Open")
		spy.watch(func(statement string) error {
			if rest, found := strings.CutPrefix(statement, "PRAGMA synchronous="); found {
				last = rest
			}
			for _, table := range []string{"INSERT INTO settings", "INSERT INTO tasks"} {
				if strings.HasPrefix(statement, table) {
					seen[table] = last
				}
			}
			return nil
		})
		for range 2 {
			newTask(t, store, 1)
			require.NoError(t, store.SetSetting(t.Context(), "name", []byte("value")))
			newTask(t, store, 1)
		}
		require.NoError(t, store.Close())
		require.Equal(t, map[string]string{"INSERT INTO settings": "FULL", "INSERT INTO tasks": level}, seen)
	}
}

// TestS3_Busy lets somebody with a tool of his own hold the write lock: the
// store waits and goes on.
func TestS3_Busy(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	var spy spy
	store := openStore(t, path, spy.options(sqlite.Options{}))
	purgeAll(t, store)
	db := rawDB(t, path)
	_, err := db.Exec("BEGIN IMMEDIATE")
	require.NoError(t, err)
	began := make(chan struct{})
	var once sync.Once
	spy.watch(func(statement string) error {
		if statement == "BEGIN IMMEDIATE" {
			once.Do(func() { close(began) })
		}
		return nil
	})
	result := make(chan error, 1)
	go func() { result <- store.SetSetting(t.Context(), "name", []byte("value")) }()
	<-began
	select {
	case err := <-result:
		require.Fail(t, "did not wait", "%v", err)
	default:
	}
	_, err = db.Exec("ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, <-result)
}

// TestS3_LongReader reads one moment for a long time while much is written.
// The log cannot be folded in meanwhile; afterwards it shrinks again.
func TestS3_LongReader(t *testing.T) {
	t.Parallel()
	const limit = 32 << 20
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{NoSync: true})
	tid := newTask(t, store, 1)
	reader := rawDB(t, path)
	tx, err := reader.Begin()
	require.NoError(t, err)
	count := func() (n int) {
		require.NoError(t, tx.QueryRow("SELECT count(*) FROM items").Scan(&n))
		return n
	}
	require.Equal(t, 1, count())
	write := func(from, to int) {
		for batch := from; batch < to; batch++ {
			items := keyedItems(fmt.Sprintf("b%d-", batch), 40)
			for i := range items {
				items[i].Payload = []byte(`"` + strings.Repeat("x", 20000) + `"`)
			}
			_, err := store.AddItems(t.Context(), tid, items)
			require.NoError(t, err)
		}
	}
	write(0, 60)
	require.Equal(t, 1, count(), "the reader sees its moment")
	require.Greater(t, len(content(t, path+"-wal")), limit)
	require.NoError(t, tx.Rollback())
	write(60, 90)
	require.LessOrEqual(t, len(content(t, path+"-wal")), limit)
}
