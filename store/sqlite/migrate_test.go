package sqlite_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// realVersion is the number of real migrations.
const realVersion = 4

// nextSchema is the real schema with two made-up versions after it.
func nextSchema(t testing.TB) fs.FS {
	t.Helper()
	files := fstest.MapFS{
		fmt.Sprintf("migrations/%04d_note.sql", realVersion+1): {Data: []byte("ALTER TABLE tasks ADD COLUMN note TEXT; UPDATE tasks SET note = name || '!';")},
		lastScript(): {Data: []byte("CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; INSERT INTO more VALUES (7);")},
	}
	names, err := fs.Glob(sqlite.Migrations(), "migrations/*.sql")
	require.NoError(t, err)
	require.Len(t, names, realVersion)
	for _, name := range names {
		text, err := fs.ReadFile(sqlite.Migrations(), name)
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}

// lastScript names the second of the made-up versions.
func lastScript() string { return fmt.Sprintf("migrations/%04d_more.sql", realVersion+2) }

// unpack returns the path of a store that an older version wrote.
func unpack(t testing.TB, name string) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", name+".gz"))
	require.NoError(t, err)
	defer func() { _ = packed.Close() }()
	reader, err := gzip.NewReader(packed)
	require.NoError(t, err)
	content, err := io.ReadAll(reader)
	require.NoError(t, err)
	path := storePath(t)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// TestP9_UpgradeFromVersion1 opens a store as the first version wrote it: all
// that was there is, and what is new has its zero value and works.
func TestP9_UpgradeFromVersion1(t *testing.T) {
	t.Parallel()
	path := unpack(t, "version1.db")
	require.Equal(t, 1, schemaVersion(t, path))
	store := openStore(t, path, sqlite.Options{})
	require.Equal(t, realVersion, schemaVersion(t, path))
	require.Equal(t, 1, schemaVersion(t, path+".v1.backup"))

	tasks, err := store.ListTasks(t.Context(), 0, 0)
	require.NoError(t, err)
	var states []pixivoc.State
	begun := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for i, task := range tasks {
		states = append(states, task.State)
		require.Equal(t, pixivoc.StoredTask{
			TID: begun.Unix() + int64(i), Key: fmt.Sprintf("key %d", i), Name: fmt.Sprintf("作品 %d", i), Type: "UserWorks", Keyword: "11",
			SavePath: "/pictures", Group: "group", Options: json.RawMessage(`{"pages":"1"}`), State: task.State, Seeded: true,
			Stage: "one", Round: 3, Idle: 2, Error: "text", Bytes: 5, CreatedAt: begun, FinishedAt: begun,
		}, task)
		counts, err := store.CountItems(t.Context(), task.TID)
		require.NoError(t, err)
		require.Equal(t, map[string]pixivoc.ItemCount{
			"one": {Total: 3, Pending: 1, Done: 1, Failed: 1}, "two": {Total: 1, Pending: 1},
		}, counts)
		recorded, err := store.Recorded(t.Context(), task.TID, "file", []string{"a", "b"})
		require.NoError(t, err)
		require.Equal(t, map[string]bool{"a": true}, recorded)
	}
	require.Equal(t, []pixivoc.State{pixivoc.StateWaitStart, pixivoc.StateQueued, pixivoc.StateStopped, pixivoc.StateOver, pixivoc.StateError}, states)
	token, err := store.Setting(t.Context(), "token")
	require.NoError(t, err)
	require.Equal(t, `{"refresh":"secret"}`, string(token))

	change := pixivoc.TaskChange{Schedule: new("every 6h"), NextRun: new(begun.Add(time.Hour)), Runs: new(2), BandwidthLimit: new(int64(4096)), ErrorReason: new("account")}
	require.NoError(t, store.UpdateTask(t.Context(), tasks[0].TID, change))
	added, err := store.AddArchive(t.Context(), []pixivoc.ArchiveEntry{{Key: "a"}})
	require.NoError(t, err)
	require.Equal(t, 1, added)
	require.NoError(t, commitAll(t.Context(), store, full(claim(t, store, tasks[0].TID, 1)[0])))
	require.NoError(t, store.Close())
	sound(t, path)
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
	require.Contains(t, log.String(), fmt.Sprintf("from=%d to=%d", realVersion, realVersion+2))
	require.NoError(t, store.Close())
	require.Equal(t, realVersion+2, schemaVersion(t, path))

	// The copy is the store as it was.
	copied := fmt.Sprintf("%s.v%d.backup", path, realVersion)
	info, err := os.Stat(copied)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again := openStore(t, copied, sqlite.Options{})
	require.Equal(t, before, look(t, again, tid))

	// A store that is new begins with the newest schema and has no copy.
	fresh := storePath(t)
	require.NoError(t, openStore(t, fresh, sqlite.Options{}.WithMigrations(nextSchema(t))).Close())
	require.Equal(t, realVersion+2, schemaVersion(t, fresh))
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
			require.Contains(t, []int{realVersion, realVersion + 1, realVersion + 2}, schemaVersion(t, left))
			store := openStore(t, left, sqlite.Options{}.WithMigrations(migrations))
			require.Equal(t, before, look(t, store, tid))
			require.NoError(t, store.Close())
			require.Equal(t, realVersion+2, schemaVersion(t, left))
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
	files[lastScript()].Data = []byte("CREATE TABLE more (id INTEGER); DELETE FROM items; INSERT INTO nowhere VALUES (1);")
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{}.WithMigrations(files))
	require.ErrorContains(t, err, fmt.Sprintf("migrate to version %d", realVersion+2))
	require.Equal(t, realVersion+1, schemaVersion(t, path))
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

// TestP9_UpgradeFindsFiles opens a store of the version before the paths of
// files had a column: they are found all the same.
func TestP9_UpgradeFindsFiles(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{})
	task, _, err := store.CreateTask(t.Context(), pixivoc.StoredTask{SavePath: "/p"}, keyedItems("k", 1))
	require.NoError(t, err)
	commit := full(claim(t, store, task.TID, 1)[0])
	for i, data := range []string{`{"path":"t/ä.jpg","bytes":1}`, `{"path":7}`, `{"path":`, `[]`} {
		commit.Records = append(commit.Records, pixivoc.Record{Kind: "file", Key: fmt.Sprint(i), Data: json.RawMessage(data)})
	}
	require.NoError(t, commitAll(t.Context(), store, commit))
	require.NoError(t, store.Close())
	rawExec(t, path, "DROP INDEX records_path", "ALTER TABLE records DROP COLUMN path", "ALTER TABLE tasks DROP COLUMN by_schedule", "PRAGMA user_version=2")
	store = openStore(t, path, sqlite.Options{})
	found, err := store.RecordedFiles(t.Context(), "/p", 0, []string{"t/ä.jpg", "7", "0", ""})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"t/ä.jpg": true}, found)
	require.NoError(t, store.Close())
	sound(t, path)
}
