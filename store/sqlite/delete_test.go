package sqlite_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// rows counts the rows of a closed or quiet store behind its back.
func rows(t testing.TB, path, table string) (n int) {
	t.Helper()
	db := rawDB(t, path)
	require.NoError(t, db.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	require.NoError(t, db.Close())
	return n
}

// TestS5_DeleteInPortions deletes a task of many items: it is gone at once,
// others get their turn between the portions, and in the end no row is left.
func TestS5_DeleteInPortions(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	var spy spy
	store := openStore(t, path, spy.options(sqlite.Options{NoSync: true}))
	big, small := newTask(t, store, 8000), newTask(t, store, 10)
	for _, item := range claim(t, store, big, 700) {
		require.NoError(t, commitAll(t.Context(), store, full(item)))
	}
	purgeAll(t, store)
	before := look(t, store, small)
	// Somebody comes to write while the third portion is being removed.
	portions, inBetween := 0, 0
	reached, goOn := make(chan struct{}), make(chan struct{})
	spy.watch(func(statement string) error {
		switch {
		case strings.HasPrefix(statement, "DELETE FROM items"):
			if portions++; portions == 3 {
				close(reached)
				<-goOn
			}
		case strings.HasPrefix(statement, "INSERT INTO settings"):
			inBetween = portions
		}
		return nil
	})
	require.NoError(t, store.DeleteTask(t.Context(), big))
	<-reached
	saved := make(chan error, 1)
	go func() { saved <- store.SetSetting(t.Context(), "name", []byte("value")) }()
	for waiting := 0; waiting == 0; waiting, _ = store.Queued() {
		runtime.Gosched()
	}
	require.Equal(t, before, look(t, store, small))
	close(goOn)
	require.NoError(t, <-saved)
	purgeAll(t, store)
	require.NoError(t, store.SetSetting(t.Context(), "name", nil)) // the writer is past the counting
	require.GreaterOrEqual(t, portions, 16)
	require.Equal(t, 3, inBetween, "it had to wait for more than one portion")
	require.Equal(t, before, look(t, store, small))
	require.NoError(t, store.Close())
	require.Equal(t, 10, rows(t, path, "items"))
	require.Equal(t, 0, rows(t, path, "records"))
	require.Equal(t, 1, rows(t, path, "stages"))
	require.Equal(t, 0, rows(t, path, "kinds"))
	sound(t, path)
}

// TestS5_DeletionGoesOnAfterCrash kills the process right after a deletion and
// a forgetting: nothing of either is seen again, and the next process removes
// what is left.
func TestS5_DeletionGoesOnAfterCrash(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	var spy spy
	store := openStore(t, path, spy.options(sqlite.Options{}))
	gone, kept := newTask(t, store, 3000), newTask(t, store, 2000)
	purgeAll(t, store)
	spy.watch(func(statement string) error {
		if statement == "SELECT id FROM stages WHERE task IS NULL LIMIT 1" {
			return errInjected // the process dies before it removes anything
		}
		return nil
	})
	require.NoError(t, store.DeleteTask(t.Context(), gone))
	require.NoError(t, store.ForgetItems(t.Context(), kept, []string{"one"}))
	copied := crash(t, path)
	require.Equal(t, 5000, rows(t, copied, "items"))

	again := openStore(t, copied, sqlite.Options{})
	_, err := again.LoadTask(t.Context(), gone)
	require.Error(t, err)
	counts, err := again.CountItems(t.Context(), kept)
	require.NoError(t, err)
	require.Empty(t, counts)
	added, err := again.AddItems(t.Context(), kept, keyedItems("k", 5))
	require.NoError(t, err)
	require.Equal(t, 5, added)
	purgeAll(t, again)
	items, err := again.ListItems(t.Context(), pixivoc.ItemQuery{Task: kept})
	require.NoError(t, err)
	require.Len(t, items, 5)
	require.NoError(t, again.Close())
	require.Equal(t, 5, rows(t, copied, "items"))
	require.Equal(t, 1, rows(t, copied, "stages"))
}
