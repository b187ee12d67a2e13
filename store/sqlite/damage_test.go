package sqlite_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

const pageSize = 4096

// filled makes a closed store with some content and returns its path and task.
func filled(t testing.TB, items int) (string, int64) {
	t.Helper()
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{})
	tid := newTask(t, store, items)
	var commits []pixivoc.Commit
	for _, item := range claim(t, store, tid, items/2) {
		commits = append(commits, full(item))
	}
	require.NoError(t, commitAll(t.Context(), store, commits...))
	require.NoError(t, store.Close())
	return path, tid
}

// TestS1_FoundAtOpen spoils a store in ways that Open must see. It refuses,
// says how to recover, and leaves the file as it is.
func TestS1_FoundAtOpen(t *testing.T) {
	t.Parallel()
	spoil := map[string]func(t *testing.T, path string){
		"text file": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("my diary\n", 1000)), 0o600))
		},
		"short text file": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		},
		"empty file": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		},
		"zeros": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, make([]byte, 3*pageSize), 0o600))
		},
		"head only": func(t *testing.T, path string) {
			require.NoError(t, os.Truncate(path, 100))
		},
		"first page only": func(t *testing.T, path string) {
			require.NoError(t, os.Truncate(path, pageSize))
		},
		"truncated by half": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, info.Size()/2))
		},
		"truncated by a byte": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, info.Size()-1))
		},
		"magic spoiled": func(t *testing.T, path string) { overwrite(t, path, 0, []byte("SQLite format 4")) },
		"schema zeroed": func(t *testing.T, path string) { overwrite(t, path, 100, make([]byte, pageSize-100)) },
		"page size spoiled": func(t *testing.T, path string) {
			overwrite(t, path, 16, []byte{0x12, 0x34})
		},
		"other application": func(t *testing.T, path string) { rawExec(t, path, "PRAGMA application_id=7") },
		"no application":    func(t *testing.T, path string) { rawExec(t, path, "PRAGMA application_id=0") },
		"table missing":     func(t *testing.T, path string) { rawExec(t, path, "DROP TABLE counters") },
		"counters missing":  func(t *testing.T, path string) { rawExec(t, path, "DELETE FROM counters") },
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, _ := filled(t, 100)
			spoil(t, path)
			before := content(t, path)
			_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "backup")
			require.Equal(t, before, content(t, path))
			// The lock is free again.
			_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
			require.NotErrorIs(t, err, pixivoc.ErrStoreLocked)
		})
	}
}

func TestS1_Folder(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	require.NoError(t, os.Mkdir(path, 0o700))
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt)
}

func overwrite(t testing.TB, path string, offset int64, with []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(with, offset)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// TestS1_FoundLater spoils pages that Open does not read. Whoever meets them
// gets ErrStoreCorrupt, and that ends all writing.
func TestS1_FoundLater(t *testing.T) {
	t.Parallel()
	t.Run("by reading", func(t *testing.T) { findLater(t, true) })
	t.Run("by writing", func(t *testing.T) { findLater(t, false) })
}

func findLater(t *testing.T, byReading bool) {
	path, tid := filled(t, 2000)
	info, err := os.Stat(path)
	require.NoError(t, err)
	// Every page after those of the small tables.
	for offset := int64(20 * pageSize); offset < info.Size(); offset += pageSize {
		overwrite(t, path, offset, make([]byte, 64))
	}
	var log logBuffer
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{Logger: log.logger()})
	require.NoError(t, err)
	if byReading {
		_, err = store.ListItems(t.Context(), pixivoc.ItemQuery{Task: tid, Limit: 5000})
	} else {
		_, err = store.AddItems(t.Context(), tid, keyedItems("new", 500))
	}
	require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt)
	err = store.SetSetting(t.Context(), "name", []byte("value"))
	require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt, "writing must have ended")
	require.Contains(t, log.String(), "store is damaged")
	_, err = store.LoadTask(t.Context(), tid)
	require.NoError(t, err, "what is whole can be read")
	_ = store.Close()
}

// TestS1_BitFlips flips bits at random: the store may refuse or go on, but it
// never crashes, hangs, or empties itself.
func TestS1_BitFlips(t *testing.T) {
	t.Parallel()
	path, tid := filled(t, 300)
	good := content(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 60 {
		bad := []byte(good)
		for range 1 + random.IntN(20) {
			bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		}
		spoiled := storePath(t)
		require.NoError(t, os.WriteFile(spoiled, bad, 0o600))
		store, err := sqlite.Open(t.Context(), spoiled, sqlite.Options{})
		if err != nil {
			refused++
			continue
		}
		use(t, store, tid)
		_ = store.Close()
		info, err := os.Stat(spoiled)
		require.NoError(t, err)
		require.GreaterOrEqual(t, info.Size(), int64(len(good)))
	}
	require.NotZero(t, refused)
}

// use calls everything; errors are to be expected.
func use(t testing.TB, store *sqlite.Store, tid int64) {
	ctx := t.Context()
	_, _ = store.ListTasks(ctx, 0, 10)
	_, _ = store.CountItems(ctx, tid)
	_, _ = store.ListItems(ctx, pixivoc.ItemQuery{Task: tid, Limit: 1000})
	_, _ = store.ListRecords(ctx, pixivoc.RecordQuery{Task: tid, Limit: 1000})
	_, _ = store.AddItems(ctx, tid, keyedItems("new", 20))
	claimed, err := store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 20, Lease: 1})
	if err == nil {
		for _, item := range claimed {
			_ = store.Commit(ctx, []pixivoc.Commit{full(item)})
		}
	}
	_ = store.DeleteTask(ctx, tid)
}

// TestS2_Log opens what a killed process left with a log in all conditions.
// The transactions are there up to some point, all of the first ones, or Open
// refuses; nothing is half there.
func TestS2_Log(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{})
	tid := newTask(t, store, 40)
	for _, item := range claim(t, store, tid, 40) {
		require.NoError(t, commitAll(t.Context(), store, full(item)))
	}
	log := content(t, path+"-wal")
	conditions := map[string]struct {
		log   []byte
		whole bool
	}{
		"whole":           {[]byte(log), true},
		"with rubbish":    {append([]byte(log), strings.Repeat("rubbish", 1000)...), true},
		"cut by a byte":   {[]byte(log[:len(log)-1]), false},
		"cut by half":     {[]byte(log[:len(log)/2]), false},
		"cut to the head": {[]byte(log[:32]), false},
		"head spoiled":    {append([]byte("spoiled"), log[7:]...), false},
		"missing":         {nil, false},
	}
	for name, condition := range conditions {
		t.Run(name, func(t *testing.T) {
			copied := crash(t, path)
			require.NoError(t, os.Remove(copied+"-wal"))
			if condition.log != nil {
				require.NoError(t, os.WriteFile(copied+"-wal", condition.log, 0o600))
			}
			require.NoError(t, os.WriteFile(copied+"-shm", []byte("stale"), 0o600))
			again := openStore(t, copied, sqlite.Options{})
			task, err := again.LoadTask(t.Context(), tid)
			if condition.whole {
				require.NoError(t, err)
			}
			if err == nil {
				together(t, look(t, again, tid))
			}
			if condition.whole {
				require.Equal(t, int64(40*5), task.Bytes)
			}
			require.NoError(t, again.Close())
			sound(t, copied)
		})
	}
}

// TestS2_LogOfAnother finds the log of another store, which nothing in the files
// tells from its own: the store may refuse or go on, but does not crash.
func TestS2_LogOfAnother(t *testing.T) {
	t.Parallel()
	path, tid := filled(t, 40)
	other, _ := filled(t, 500)
	foreign := openStore(t, other, sqlite.Options{})
	newTask(t, foreign, 100)
	require.NoError(t, os.WriteFile(path+"-wal", []byte(content(t, other+"-wal")), 0o600))
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt)
		return
	}
	use(t, store, tid)
	_ = store.Close()
}

// TestS2_LogWithoutStore finds a log alone: a new store must not be mixed with
// what is left of the old one.
func TestS2_LogWithoutStore(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{})
	newTask(t, store, 10)
	copied := crash(t, path)
	require.NoError(t, os.Remove(copied))
	log := content(t, copied+"-wal")
	_, err := sqlite.Open(t.Context(), copied, sqlite.Options{})
	require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt)
	require.Equal(t, log, content(t, copied+"-wal"))
	require.NoFileExists(t, copied)
}

// together checks that each commit of full is there as a whole.
func together(t testing.TB, seen snapshot) {
	t.Helper()
	done := seen.Counts["one"].Done
	require.Equal(t, done, seen.Counts["two"].Total)
	require.Equal(t, done, seen.Counts["three"].Total)
	require.Len(t, seen.Records, 2*done)
	require.Len(t, seen.Archive, done)
	require.Equal(t, int64(5*done), seen.Task.Bytes)
	counted := map[string]pixivoc.ItemCount{}
	for _, item := range seen.Items {
		count := counted[item.Stage]
		count.Total++
		if item.State == pixivoc.ItemDone {
			count.Done++
		} else {
			count.Pending++
		}
		counted[item.Stage] = count
	}
	require.Equal(t, counted, seen.Counts)
}
