package pixivoc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/require"
)

// mountSmall mounts a file system in memory of so many MiB, which root may do.
func mountSmall(t *testing.T, mebibytes int, flags uintptr) string {
	t.Helper()
	folder := t.TempDir()
	err := syscall.Mount("tmpfs", folder, "tmpfs", flags, fmt.Sprintf("size=%dm", mebibytes))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSYS) {
		t.Skipf("a file system cannot be mounted here: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, 0)) })
	return folder
}

// ballast leaves so many bytes free on a file system.
func ballast(t *testing.T, folder string, free int64) string {
	t.Helper()
	var stat syscall.Statfs_t
	require.NoError(t, syscall.Statfs(folder, &stat))
	name := filepath.Join(folder, "ballast")
	require.NoError(t, os.WriteFile(name, make([]byte, int64(stat.Bavail)*stat.Bsize-free), 0o600))
	return name
}

// D1, G17: a real disk that is full in the middle of a task.
func TestD1_RealDiskWithoutRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		savePath := mountSmall(t, 24, 0)
		heavy := ballast(t, savePath, 150<<10)
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		user := server.Populate(pixivtest.Population{Works: 20, Sizes: pixivtest.Between{Min: 30 << 10, Max: 40 << 10}})[0]
		client := newPixivClient(t, server, pixivoc.Config{Env: noPause()})
		task := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: savePath})
		other := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "other", Keyword: fmt.Sprint(user.ID), SavePath: savePath})
		elapse(5 * time.Minute)
		info, err := task.Info(t.Context())
		if err != nil || info.State != pixivoc.StateDiskFull || !strings.Contains(info.Error, "MiB free") || !strings.Contains(info.Error, "no space left") {
			t.Errorf("%+v (%v)", info, err)
		}
		if n := server.Load(pixivtest.HostImages).Total; n > 150 { // of 2 tasks, 3 at a time, every 25 s
			t.Errorf("%d requests in five minutes without room", n)
		}
		if err := other.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}); err != nil {
			t.Errorf("Delete: %v", err)
		}
		require.NoError(t, os.Remove(heavy))
		freed := time.Now()
		elapse(31 * time.Second)
		if info, err := task.Info(t.Context()); err != nil || info.State == pixivoc.StateDiskFull {
			t.Errorf("%s after there is room: %+v (%v)", time.Since(freed), info, err)
		}
		if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
			t.Errorf("%+v", info)
		}
		wantOriginals(t, server, savePath)
		for key, item := range itemsOf(t, task) {
			if item.Attempts != 0 {
				t.Errorf("item %s was charged %d attempts", key, item.Attempts)
			}
		}
	})
}

// D3: a file system that cannot be written to.
func TestD3_ReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		savePath := mountSmall(t, 1, syscall.MS_RDONLY)
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		work := server.AddWork(pixivtest.Work{PageCount: 10})
		server.SetLatency(time.Second)
		client := newPixivClient(t, server, pixivoc.Config{})
		task := startWork(t, client, work.ID, savePath)
		begin := time.Now()
		info := wait(t, task, pixivoc.StateError)
		if !strings.Contains(info.Error, pixivoc.ErrSavePath.Error()) || !strings.Contains(info.Error, "read-only") {
			t.Errorf("error %q", info.Error)
		}
		if took, n := time.Since(begin), server.Load(pixivtest.HostImages).Total; took > time.Minute || n > 6 {
			t.Errorf("gave up after %s and %d requests", took, n)
		}
	})
}
