package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/store/sqlite"
)

// nextSchema is the real schema with two made-up versions after it.
func nextSchema(t testing.TB) fs.FS {
	t.Helper()
	first, err := fs.ReadFile(sqlite.Migrations(), "migrations/0001_start.sql")
	require.NoError(t, err)
	return fstest.MapFS{
		"migrations/0001_start.sql": {Data: first},
		"migrations/0002_note.sql":  {Data: []byte("ALTER TABLE tasks ADD COLUMN note TEXT; UPDATE tasks SET note = name || '!';")},
		"migrations/0003_more.sql":  {Data: []byte("CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; INSERT INTO more VALUES (7);")},
	}
}

func schemaVersion(t testing.TB, path string) (version int) {
	t.Helper()
	db := rawDB(t, path)
	require.NoError(t, db.QueryRow("PRAGMA user_version").Scan(&version))
	require.NoError(t, db.Close())
	return version
}

func TestP9_Upgrade(t *testing.T) {
	t.Parallel()
	path, tid := filled(t, 100)
	old := openStore(t, path, sqlite.Options{})
	before := look(t, old, tid)
	require.NoError(t, old.Close())

	var log logBuffer
	store := openStore(t, path, sqlite.Options{Logger: log.logger()}.WithMigrations(nextSchema(t)))
	require.Equal(t, before, look(t, store, tid))
	require.Contains(t, log.String(), "from=1 to=3")
	require.NoError(t, store.Close())
	require.Equal(t, 3, schemaVersion(t, path))

	// The copy is the store as it was.
	copied := path + ".v1.backup"
	info, err := os.Stat(copied)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again := openStore(t, copied, sqlite.Options{})
	require.Equal(t, before, look(t, again, tid))

	// A store that is new begins with the newest schema and has no copy.
	fresh := storePath(t)
	require.NoError(t, openStore(t, fresh, sqlite.Options{}.WithMigrations(nextSchema(t))).Close())
	require.Equal(t, 3, schemaVersion(t, fresh))
	copies, err := filepath.Glob(fresh + "*backup*")
	require.NoError(t, err)
	require.Empty(t, copies)
}

// TestP9_UpgradeFails stops an upgrade at each statement, once with an error
// and once as a kill would. The store is of a version then that it had all
// data of, and the next try succeeds.
func TestP9_UpgradeFails(t *testing.T) {
	t.Parallel()
	path, tid := filled(t, 20)
	old := openStore(t, path, sqlite.Options{})
	before := look(t, old, tid)
	require.NoError(t, old.Close())
	good := content(t, path)
	migrations := nextSchema(t)
	for k := 1; ; k++ {
		copied := storePath(t)
		require.NoError(t, os.WriteFile(copied, []byte(good), 0o600))
		var spy spy
		n, killed := 0, ""
		spy.watch(func(string) error {
			if n++; n == k {
				killed = crash(t, copied)
			}
			if n >= k {
				return errInjected
			}
			return nil
		})
		store, err := sqlite.Open(t.Context(), copied, spy.options(sqlite.Options{}.WithMigrations(migrations)))
		if err == nil {
			require.NoError(t, store.Close())
			require.Greater(t, k, 12, "an upgrade has more statements than that")
			return
		}
		require.ErrorIs(t, err, errInjected)
		for _, left := range []string{copied, killed} {
			require.Contains(t, []int{1, 2, 3}, schemaVersion(t, left))
			store := openStore(t, left, sqlite.Options{}.WithMigrations(migrations))
			require.Equal(t, before, look(t, store, tid))
			require.NoError(t, store.Close())
			require.Equal(t, 3, schemaVersion(t, left))
			sound(t, left)
		}
	}
}

// TestP9_ScriptFails has a script that fails in its middle: nothing of it is
// left.
func TestP9_ScriptFails(t *testing.T) {
	t.Parallel()
	path, tid := filled(t, 20)
	old := openStore(t, path, sqlite.Options{})
	before := look(t, old, tid)
	require.NoError(t, old.Close())
	files := nextSchema(t).(fstest.MapFS)
	files["migrations/0003_more.sql"].Data = []byte("CREATE TABLE more (id INTEGER); DELETE FROM items; INSERT INTO nowhere VALUES (1);")
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{}.WithMigrations(files))
	require.ErrorContains(t, err, "migrate to version 3")
	require.Equal(t, 2, schemaVersion(t, path))
	store := openStore(t, path, sqlite.Options{}.WithMigrations(nextSchema(t)))
	require.Equal(t, before, look(t, store, tid))
}

// TestCreateFails stops the making of a new store at each statement. What is
// left is no store, and the next try succeeds.
func TestCreateFails(t *testing.T) {
	t.Parallel()
	for k := 1; ; k++ {
		path := storePath(t)
		var spy spy
		n := 0
		spy.watch(func(string) error {
			if n++; n >= k {
				return errInjected
			}
			return nil
		})
		store, err := sqlite.Open(t.Context(), path, spy.options(sqlite.Options{}))
		if err == nil {
			require.NoError(t, store.Close())
			require.Greater(t, k, 10)
			return
		}
		require.ErrorIs(t, err, errInjected)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			// As a kill would leave it: half of a new store.
			require.NoError(t, os.WriteFile(path+".new", []byte("half"), 0o600))
			require.NoError(t, os.WriteFile(path+".new-journal", []byte("half"), 0o600))
		}
		again := openStore(t, path, sqlite.Options{})
		newTask(t, again, 1)
		require.NoError(t, again.Close())
		left, err := filepath.Glob(path + ".new*")
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestMigrationNumbers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"migrations/0002_gap.sql", "migrations/start.sql"} {
		files := fstest.MapFS{name: {Data: []byte("SELECT 1")}}
		_, err := sqlite.Open(t.Context(), storePath(t), sqlite.Options{}.WithMigrations(files))
		require.ErrorContains(t, err, name)
	}
}
