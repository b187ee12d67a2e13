package sqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// logBuffer is a logger whose text can be read while it is written to.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// storePath returns the path of a store in a folder of its own.
func storePath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "store.db")
}

// keyedItems returns n items of stage "one".
func keyedItems(prefix string, n int) []pixivoc.Item {
	items := make([]pixivoc.Item, n)
	for i := range items {
		items[i] = pixivoc.Item{Stage: "one", Key: fmt.Sprintf("%s%08d", prefix, i), Payload: json.RawMessage(`{"n":1}`)}
	}
	return items
}

// newTask makes a task with n pending items.
func newTask(t testing.TB, store *sqlite.Store, n int) int64 {
	t.Helper()
	task, _, err := store.CreateTask(t.Context(), pixivoc.StoredTask{Name: "name", Type: "Type"}, keyedItems("k", n))
	require.NoError(t, err)
	return task.TID
}

func claim(t testing.TB, store *sqlite.Store, tid int64, limit int) []pixivoc.ClaimedItem {
	t.Helper()
	claimed, err := store.Claim(t.Context(), pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: limit, Lease: time.Hour})
	require.NoError(t, err)
	return claimed
}

// full is a commit with everything in it.
func full(item pixivoc.ClaimedItem) pixivoc.Commit {
	return pixivoc.Commit{
		Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Bytes: 5,
		Items:   []pixivoc.Item{{Stage: "two", Key: item.Key}, {Stage: "three", Key: item.Key}},
		Records: []pixivoc.Record{{Kind: "file", Key: item.Key}, {Kind: "work", Key: item.Key}},
		Archive: []string{archiveKey(item.Claim.Task, item.Key)},
	}
}

func archiveKey(tid int64, key string) string { return fmt.Sprintf("%d/%s", tid, key) }

func commitAll(ctx context.Context, store *sqlite.Store, commits ...pixivoc.Commit) error {
	return errors.Join(store.Commit(ctx, commits)...)
}

// snapshot is all that can be seen of a task.
type snapshot struct {
	Task    pixivoc.StoredTask
	Counts  map[string]pixivoc.ItemCount
	Items   []pixivoc.ItemStatus
	Records []pixivoc.Record
	Archive []string // what full put there
}

func look(t testing.TB, store *sqlite.Store, tid int64) snapshot {
	t.Helper()
	ctx := t.Context()
	var seen snapshot
	var err error
	seen.Task, err = store.LoadTask(ctx, tid)
	require.NoError(t, err)
	seen.Counts, err = store.CountItems(ctx, tid)
	require.NoError(t, err)
	seen.Items, err = store.ListItems(ctx, pixivoc.ItemQuery{Task: tid, Limit: 100000})
	require.NoError(t, err)
	seen.Records, err = store.ListRecords(ctx, pixivoc.RecordQuery{Task: tid, Limit: 100000})
	require.NoError(t, err)
	entries, err := store.ListArchive(ctx, archiveKey(tid, ""), 100000)
	require.NoError(t, err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Key, archiveKey(tid, "")) {
			seen.Archive = append(seen.Archive, entry.Key)
		}
	}
	return seen
}

// crash copies the files of an open store as a process that dies now would
// leave them, and returns the path of the copy.
func crash(t testing.TB, path string) string {
	t.Helper()
	copied := storePath(t)
	for _, suffix := range []string{"", "-wal", "-journal"} {
		content, err := os.ReadFile(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
	}
	return copied
}

// content returns a file, to see that it did not change.
func content(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// sound checks every page of a closed store.
func sound(t testing.TB, path string) {
	t.Helper()
	db := rawDB(t, path)
	var result string
	require.NoError(t, db.QueryRow("PRAGMA integrity_check").Scan(&result))
	require.Equal(t, "ok", result)
	require.NoError(t, db.Close())
}
