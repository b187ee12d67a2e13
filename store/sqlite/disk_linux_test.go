package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// smallDisk mounts a file system of that many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// fillDisk takes all room that is left and returns the file that does.
func fillDisk(t *testing.T, folder string) string {
	t.Helper()
	file, err := os.CreateTemp(folder, "ballast")
	require.NoError(t, err)
	for size := 1 << 16; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			size /= 2
		}
	}
	require.NoError(t, file.Close())
	return file.Name()
}

// addUntil adds items until it fails.
func addUntil(t *testing.T, store *sqlite.Store, tid int64) (added int, err error) {
	t.Helper()
	for i := range 10000 {
		items := keyedItems(fmt.Sprintf("b%d-", i), 1)
		items[0].Payload = []byte(`"` + strings.Repeat("x", 10000) + `"`)
		if _, err := store.AddItems(t.Context(), tid, items); err != nil {
			return added, err
		}
		added++
	}
	return added, errors.New("the disk never got full")
}

// TestD1_DiskFull fills the disk under a store. Writing is refused with
// ErrDiskFull and without effect, reading goes on, a token can be saved and
// tasks be deleted, and all goes on when there is room.
func TestD1_DiskFull(t *testing.T) {
	t.Parallel()
	t.Run("save a token", func(t *testing.T) {
		fillUnder(t, func(store *sqlite.Store, _ []int64) {
			for i := range 20 {
				require.NoError(t, store.SetSetting(t.Context(), "token", fmt.Append(nil, "rotated ", i)))
			}
			value, err := store.Setting(t.Context(), "token")
			require.NoError(t, err)
			require.Equal(t, "rotated 19", string(value))
		})
	})
	t.Run("delete tasks", func(t *testing.T) {
		fillUnder(t, func(store *sqlite.Store, victims []int64) {
			for _, victim := range victims {
				require.NoError(t, store.DeleteTask(t.Context(), victim))
			}
		})
	})
}

func fillUnder(t *testing.T, essential func(store *sqlite.Store, victims []int64)) {
	t.Helper()
	folder := smallDisk(t, 8<<20)
	path := filepath.Join(folder, "store.db")
	var log logBuffer
	store := openStore(t, path, sqlite.Options{Logger: log.logger()})
	tid := newTask(t, store, 20)
	victims := []int64{newTask(t, store, 20), newTask(t, store, 300)}
	item := claim(t, store, tid, 1)[0]
	ballast := fillDisk(t, folder)

	added, err := addUntil(t, store, tid)
	require.ErrorIs(t, err, pixivoc.ErrDiskFull)
	require.True(t, pixivoc.Retryable(err))
	before := look(t, store, tid)
	require.Equal(t, 20+added, before.Counts["one"].Total)
	require.ErrorIs(t, commitAll(t.Context(), store, full(item)), pixivoc.ErrDiskFull)
	require.Equal(t, before, look(t, store, tid))

	essential(store, victims)
	require.Contains(t, log.String(), "reserve of the store was given up")
	require.Equal(t, before, look(t, store, tid))

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, commitAll(t.Context(), store, full(item)), "there is room again and the claim is still good")
	require.NoError(t, store.Close())
	sound(t, path)
}

// TestD1_OpenOnFullDisk opens a store on a full disk: with the help of its
// reserve it opens, so that a task can be deleted.
func TestD1_OpenOnFullDisk(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t, 4<<20)
	path := filepath.Join(folder, "store.db")
	store := openStore(t, path, sqlite.Options{})
	tid := newTask(t, store, 10)
	require.NoError(t, store.Close())
	fillDisk(t, folder)
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, store.DeleteTask(t.Context(), tid))
	_ = store.Close()

	fillDisk(t, folder)
	_, err = sqlite.Open(t.Context(), filepath.Join(folder, "new", "store.db"), sqlite.Options{})
	require.ErrorIs(t, err, pixivoc.ErrDiskFull)
}

// TestD1_BackupOnFullDisk has no room for a copy: nothing of it is left, and
// the store does not mind.
func TestD1_BackupOnFullDisk(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t, 1<<20)
	store := openStore(t, storePath(t), sqlite.Options{NoSync: true})
	tid := newTask(t, store, 20000)
	require.ErrorIs(t, store.Backup(t.Context(), filepath.Join(folder, "copy.db")), pixivoc.ErrDiskFull)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, commitAll(t.Context(), store, full(claim(t, store, tid, 1)[0])))
}

// TestD3_ReadOnly makes the file system read-only under a store.
func TestD3_ReadOnly(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t, 8<<20)
	path := filepath.Join(folder, "store.db")
	store := openStore(t, path, sqlite.Options{})
	tid := newTask(t, store, 10)
	require.NoError(t, store.Close())
	remount := func(flags uintptr) {
		require.NoError(t, syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT|flags, ""))
	}
	remount(syscall.MS_RDONLY)
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorIs(t, err, pixivoc.ErrDiskFull)
	remount(0)
	store = openStore(t, path, sqlite.Options{})
	require.Len(t, claim(t, store, tid, 100), 10)
}
