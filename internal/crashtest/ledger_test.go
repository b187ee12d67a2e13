//go:build unix

package crashtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// ledger is what the victim acknowledged, kept outside of it.
type ledger struct {
	tasks   map[int64]bool
	items   map[int64]pixivoc.ItemStatus // those that have a final state
	records map[int64]pixivoc.Record
	done    map[string]bool // paths on the image host that have a record
}

func newLedger() *ledger {
	return &ledger{
		tasks: map[int64]bool{}, items: map[int64]pixivoc.ItemStatus{},
		records: map[int64]pixivoc.Record{}, done: map[string]bool{},
	}
}

// contents is all that is in a database.
type contents struct {
	tasks   []pixivoc.StoredTask
	items   []pixivoc.ItemStatus
	records []pixivoc.Record
}

// readDatabase opens a database and reads everything. A database that is not
// there yet is empty.
func readDatabase(t *testing.T, path string) contents {
	t.Helper()
	var c contents
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return c
	}
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err, "the database opens")
	defer func() { require.NoError(t, store.Close()) }()
	c.tasks, err = store.ListTasks(t.Context(), 0, 1000)
	require.NoError(t, err)
	for _, task := range c.tasks {
		items := pixivoc.ItemQuery{Task: task.TID, Limit: 100_000}
		found, err := store.ListItems(t.Context(), items)
		require.NoError(t, err)
		c.items = append(c.items, found...)
		records, err := store.ListRecords(t.Context(), pixivoc.RecordQuery{Task: task.TID, Limit: 100_000})
		require.NoError(t, err)
		c.records = append(c.records, records...)
	}
	return c
}

// copyDatabase copies a database as a kill left it, so that looking at it does
// not mend it.
func (v *victim) copyDatabase(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"pixivoc.db", "pixivoc.db-wal"} {
		content, err := os.ReadFile(filepath.Join(v.data, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	return filepath.Join(folder, "pixivoc.db")
}

// check holds what must be true at every moment: what was acknowledged is still
// there, and every file with a record or a final name is whole.
func (l *ledger) check(t *testing.T, v *victim, c contents) {
	t.Helper()
	l.checkKept(t, c)
	l.checkOnce(t, c)
	for _, record := range c.records {
		if record.Kind == pixiv.RecordFile {
			want := v.checkRecord(t, record)
			l.done[want.path] = true
		}
	}
	for _, file := range savedFiles(t, v.save) {
		if !isUnfinished(file) {
			v.checkFile(t, file)
		}
	}
}

// checkRecord holds that a record of a file is true, and returns the picture.
func (v *victim) checkRecord(t *testing.T, record pixivoc.Record) *picture {
	t.Helper()
	var file pixiv.FileRecord
	require.NoError(t, json.Unmarshal(record.Data, &file))
	want := v.origin.wanted(t, file.URL)
	require.Equal(t, want.file, file.Path)
	require.Equal(t, want.size, file.Bytes)
	require.Equal(t, "crc32c", file.ChecksumKind)
	require.Equal(t, want.checksum, file.Checksum)
	v.checkFile(t, file.Path)
	return want
}

// checkFile holds that a file is there and is what the origin has.
func (v *victim) checkFile(t *testing.T, file string) {
	t.Helper()
	want := v.origin.files[file]
	require.NotNil(t, want, "nobody asked for %s", file)
	content, err := os.ReadFile(filepath.Join(v.save, filepath.FromSlash(file)))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want.bytes, content), "%s is not what the origin has", file)
}

// checkKept holds that nothing acknowledged was lost or changed, and
// acknowledges what is new.
func (l *ledger) checkKept(t *testing.T, c contents) {
	t.Helper()
	tasks, items, records := map[int64]bool{}, map[int64]pixivoc.ItemStatus{}, map[int64]pixivoc.Record{}
	for _, task := range c.tasks {
		tasks[task.TID] = true
	}
	for _, item := range c.items {
		items[item.ID] = item
	}
	for _, record := range c.records {
		records[record.Seq] = record
	}
	for tid := range l.tasks {
		require.True(t, tasks[tid], "task %d was lost", tid)
	}
	for id, item := range l.items {
		require.Equal(t, item, items[id], "item %d had a final state", id)
	}
	for seq, record := range l.records {
		require.Equal(t, record, records[seq], "record %d was acknowledged", seq)
	}
	for id, item := range items {
		if item.State != pixivoc.ItemPending {
			l.items[id] = item
		}
	}
	l.tasks, l.records = tasks, records
}

// checkOnce holds that no item and no record is there twice.
func (l *ledger) checkOnce(t *testing.T, c contents) {
	t.Helper()
	seen := map[string]bool{}
	for _, item := range c.items {
		name := "item " + item.Stage + " " + item.Key
		require.False(t, seen[name], name)
		seen[name] = true
	}
	for _, record := range c.records {
		name := "record " + record.Kind + " " + record.Key
		require.False(t, seen[name], name)
		seen[name] = true
	}
}

// savedFiles lists the files below a folder, with slashes.
func savedFiles(t *testing.T, folder string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		files = append(files, filepath.ToSlash(relative))
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	return files
}

// isUnfinished tells the names of files on their way.
func isUnfinished(file string) bool {
	return strings.HasSuffix(file, ".part") || strings.HasSuffix(file, ".part.json")
}
