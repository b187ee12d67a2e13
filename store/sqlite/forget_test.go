package sqlite_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/store/sqlite"
)

// readable says which files of the folder of a store hold a text.
func readable(t *testing.T, path, text string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(filepath.Dir(path), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		if bytes.Contains(raw, []byte(text)) {
			names = append(names, filepath.Base(name))
		}
		return err
	}))
	return names
}

// G15 at rest: a token that was replaced or removed is in no file any more, while
// the store is open and after.
func TestG15_ReplacedSettingIsGone(t *testing.T) {
	t.Parallel()
	const first, second = "canary-number-one", "canary-number-two"
	for name, filling := range map[string]int{"short": 0, "many pages": 20_000} {
		for _, noSync := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := storePath(t)
				store := openStore(t, path, sqlite.Options{NoSync: noSync})
				set := func(value []byte) {
					require.NoError(t, store.SetSetting(t.Context(), "token", value))
					newTask(t, store, 10) // others write, too
				}
				long := func(canary string) []byte {
					return []byte(strings.Repeat(".", filling) + canary + strings.Repeat(".", filling))
				}
				set(long(first))
				require.NotEmpty(t, readable(t, path, first), "the test can see it")
				set(long(second))
				require.Empty(t, readable(t, path, first), "after it was replaced")
				require.NotEmpty(t, readable(t, path, second))
				set(nil)
				require.Empty(t, readable(t, path, second), "after it was removed")
				require.NoError(t, store.Close())
				require.Empty(t, readable(t, path, "canary"))
				sound(t, path)
			})
		}
	}
}

// Somebody who reads keeps the log as it is, and nobody from writing.
func TestG15_ForgetWaitsForNobody(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	var log logBuffer
	store := openStore(t, path, sqlite.Options{Logger: log.logger()})
	require.NoError(t, store.SetSetting(t.Context(), "token", []byte("canary")))
	db := rawDB(t, path)
	reader, err := db.Begin()
	require.NoError(t, err)
	var count int
	require.NoError(t, reader.QueryRow("SELECT count(*) FROM settings").Scan(&count))
	require.NoError(t, store.SetSetting(t.Context(), "token", nil))
	require.Contains(t, log.String(), "stays readable")
	require.NoError(t, reader.Rollback())
	require.NoError(t, store.SetSetting(t.Context(), "other", []byte("value")))
	require.Empty(t, readable(t, path, "canary"))
}

// Who saves a setting need not wait for the forgetting: C4 holds there, too.
func TestC4_CancelledWhileForgetting(t *testing.T) {
	t.Parallel()
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	require.NoError(t, store.SetSetting(t.Context(), "token", []byte("first")))
	reached, open := make(chan struct{}), make(chan struct{})
	var once sync.Once
	spy.watch(func(statement string) error {
		if strings.HasPrefix(statement, "PRAGMA wal_checkpoint") {
			once.Do(func() {
				close(reached)
				<-open
			})
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- store.SetSetting(ctx, "token", []byte("value")) }()
	<-reached
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	value, err := store.Setting(t.Context(), "token")
	require.NoError(t, err)
	require.Equal(t, "value", string(value))
	close(open)
}

// Names that are new replace nothing, so they need no emptying of the log.
func TestSetSetting_NewNamesAreCheap(t *testing.T) {
	t.Parallel()
	var spy spy
	store := openStore(t, storePath(t), spy.options(sqlite.Options{}))
	checkpoints := func(name string) (n int) {
		spy.watch(nil)
		require.NoError(t, store.SetSetting(t.Context(), name, []byte("value")))
		for _, statement := range spy.statements() {
			if strings.HasPrefix(statement, "PRAGMA wal_checkpoint") {
				n++
			}
		}
		return n
	}
	for _, name := range []string{"pin/1", "pin/2", "pin/3"} {
		require.Zero(t, checkpoints(name), name)
	}
	require.Equal(t, 1, checkpoints("pin/2"), "replaced")
}
