package sqlite_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// TestS8_Backup copies a store while it is written to. Each copy opens by
// itself, is sound, and shows one moment.
func TestS8_Backup(t *testing.T) {
	t.Parallel()
	store := openStore(t, storePath(t), sqlite.Options{NoSync: true})
	tid, spare := newTask(t, store, 3000), newTask(t, store, 1)
	require.NoError(t, store.SetSetting(t.Context(), "token", []byte("secret")))
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				claimed, err := store.Claim(context.Background(), pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 4, Lease: 1 << 40})
				if err != nil || len(claimed) == 0 {
					return
				}
				for _, item := range claimed {
					if err := commitAll(context.Background(), store, full(item)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	folder := t.TempDir()
	last := 0
	for _, name := range []string{"a.db", "b's copy?.db", "c.db"} {
		path := filepath.Join(folder, name)
		require.NoError(t, store.Backup(t.Context(), path))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.ErrorIs(t, store.Backup(t.Context(), path), fs.ErrExist)

		restored := openStore(t, path, sqlite.Options{})
		seen := look(t, restored, tid)
		together(t, seen)
		require.GreaterOrEqual(t, seen.Counts["one"].Done, last)
		last = seen.Counts["one"].Done
		value, err := restored.Setting(t.Context(), "token")
		require.NoError(t, err)
		require.Equal(t, "secret", string(value))
		item := claim(t, restored, spare, 1)
		require.NoError(t, commitAll(t.Context(), restored, full(item[0])))
		require.NoError(t, restored.Close())
		sound(t, path)
	}
	close(stop)
	writers.Wait()
	left, err := filepath.Glob(filepath.Join(folder, "*.part*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestBackupRefused(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	store := openStore(t, path, sqlite.Options{})
	require.ErrorIs(t, store.Backup(t.Context(), path), fs.ErrExist, "onto itself")
	require.ErrorIs(t, store.Backup(t.Context(), filepath.Join(t.TempDir(), "no", "folder.db")), fs.ErrNotExist)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	copied := filepath.Join(t.TempDir(), "copy.db")
	require.ErrorIs(t, store.Backup(cancelled, copied), context.Canceled)
	require.NoFileExists(t, copied)
	newTask(t, store, 1)
	require.NoError(t, store.Close())
	require.ErrorIs(t, store.Backup(t.Context(), copied), pixivoc.ErrClosed)
}
