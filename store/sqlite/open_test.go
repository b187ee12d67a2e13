package sqlite_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data", "deep")
	path := filepath.Join(folder, "store.db")
	store := openStore(t, path, sqlite.Options{})
	newTask(t, store, 1)
	info, err := os.Stat(folder)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), entry.Name())
		names[entry.Name()] = true
	}
	want := map[string]bool{"store.db": true, "store.db-wal": true, "store.db-shm": true, "store.db.lock": true, "store.db-reserve": true}
	require.Equal(t, want, names)
	require.NoError(t, store.Close())
	require.NoFileExists(t, path+"-wal")
}

func TestOpenOddNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "100%.db", "%41?x=1#y.db", "作品.db", "file:x.db", ":memory:", "-wal"} {
		path := filepath.Join(t.TempDir(), "folder ?&%", name)
		store := openStore(t, path, sqlite.Options{})
		tid := newTask(t, store, 1)
		require.NoError(t, store.Close())
		require.FileExists(t, path)
		again := openStore(t, path, sqlite.Options{})
		_, err := again.LoadTask(t.Context(), tid)
		require.NoError(t, err)
	}
	_, err := sqlite.Open(t.Context(), "", sqlite.Options{})
	require.ErrorAs(t, err, new(*pixivoc.FieldError))
}

// A relative name is meant from the working folder of the moment of Open.
func TestOpenRelative(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	store := openStore(t, "store.db", sqlite.Options{})
	t.Chdir(t.TempDir())
	newTask(t, store, 10)
	require.NoError(t, store.Close())
	require.FileExists(t, filepath.Join(folder, "store.db"))
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := storePath(t)
	_, err := sqlite.Open(ctx, path, sqlite.Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, path)
	openStore(t, path, sqlite.Options{})
}

func TestA10_SecondOpenRefused(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{})
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	for _, name := range []string{path, filepath.Dir(path) + "/./store.db", link} {
		_, err := sqlite.Open(t.Context(), name, sqlite.Options{})
		require.ErrorIs(t, err, pixivoc.ErrStoreLocked)
		require.ErrorContains(t, err, "pid "+strconv.Itoa(os.Getpid()))
	}
	newTask(t, store, 1)
	require.NoError(t, store.Close())
	openStore(t, link, sqlite.Options{})
}

// A lock file that nobody holds is no obstacle, whatever is in it.
func TestP7_StaleLock(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	require.NoError(t, os.WriteFile(path+".lock", []byte("x999999999 and more"), 0o600))
	openStore(t, path, sqlite.Options{})
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "(pid "+strconv.Itoa(os.Getpid())+")")
}

func TestP8_WorldReadable(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	require.NoError(t, openStore(t, path, sqlite.Options{}).Close())
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, os.Chmod(path+".lock", 0o666))
	var log logBuffer
	require.NoError(t, openStore(t, path, sqlite.Options{Logger: log.logger()}).Close())
	for _, suffix := range []string{"", ".lock"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.Contains(t, log.String(), "others had access")
	require.Contains(t, log.String(), "-rw-r--r--")
}

func TestP9_NewerVersion(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	require.NoError(t, openStore(t, path, sqlite.Options{}).Close())
	rawExec(t, path, "PRAGMA user_version=99")
	before := content(t, path)
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorIs(t, err, pixivoc.ErrStoreVersion)
	require.ErrorContains(t, err, "99")
	require.Equal(t, before, content(t, path))
	require.NoFileExists(t, path+"-wal")
}

// The version may be in the log alone, when the newer program was killed.
func TestP9_NewerVersionInLog(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	require.NoError(t, openStore(t, path, sqlite.Options{}).Close())
	db := rawDB(t, path)
	_, err := db.Exec("PRAGMA user_version=99")
	require.NoError(t, err)
	copied := crash(t, path)
	require.NoError(t, db.Close())
	head := content(t, copied)
	require.Equal(t, uint32(realVersion), binary.BigEndian.Uint32([]byte(head)[60:]), "the file itself is of the real version")
	_, err = sqlite.Open(t.Context(), copied, sqlite.Options{})
	require.ErrorIs(t, err, pixivoc.ErrStoreVersion)
	var version int
	require.NoError(t, rawDB(t, copied).QueryRow("PRAGMA user_version").Scan(&version))
	require.Equal(t, 99, version)
}

func TestS6_SQLiteVersion(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	openStore(t, path, sqlite.Options{})
	var version string
	require.NoError(t, rawDB(t, path).QueryRow("SELECT sqlite_version()").Scan(&version))
	var have [3]int
	for i, part := range splitVersion(version) {
		have[i] = part
	}
	require.GreaterOrEqual(t, have[0]*1000000+have[1]*1000+have[2], 3051003, "SQLite %s is older than 3.51.3", version)
}

func splitVersion(version string) []int {
	var parts []int
	number := 0
	for _, r := range version + "." {
		if r == '.' {
			parts = append(parts, number)
			number = 0
			continue
		}
		number = number*10 + int(r-'0')
	}
	return parts
}

func TestS7_NetworkFileSystem(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	local := openStore(t, path, sqlite.Options{})
	tid := newTask(t, local, 3)
	require.NoError(t, local.Close())

	var log logBuffer
	options := sqlite.Options{Logger: log.logger()}.WithNetwork(func(folder string) string {
		require.Equal(t, filepath.Dir(path), folder)
		return "NFS"
	})
	store := openStore(t, path, options)
	require.Contains(t, log.String(), "file_system=NFS")
	require.NoError(t, commitAll(t.Context(), store, full(claim(t, store, tid, 1)[0])))
	var mode string
	require.NoError(t, rawDB(t, path).QueryRow("PRAGMA journal_mode").Scan(&mode))
	require.NotEqual(t, "wal", mode)
	require.NoFileExists(t, path+"-wal")
	before := look(t, store, tid)

	// Back on a local disk the log is used again.
	require.NoError(t, store.Close())
	local = openStore(t, path, sqlite.Options{})
	require.Equal(t, before, look(t, local, tid))
	require.FileExists(t, path+"-wal")
}
