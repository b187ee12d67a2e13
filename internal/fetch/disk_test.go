package fetch_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

func TestD1_D2_EachCallFailsOnce(t *testing.T) {
	t.Parallel()
	faults := map[string]error{
		"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO, "EDQUOT": syscall.EDQUOT, "EROFS": syscall.EROFS, "EACCES": syscall.EACCES,
		"EMFILE": syscall.EMFILE,
	}
	for name, fault := range faults {
		for _, durable := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s durable %v", name, durable), func(t *testing.T) {
				t.Parallel()
				s := newScene()
				k := 1
				for ; ; k++ {
					m := s.folder()
					m.Fail(k, fault)
					o := s.process(t, m, durable, "boot")
					if !m.Hit() {
						require.NoError(t, o.first())
						break
					}
					why := fmt.Sprintf("%s at call %d (%s)", name, k, m.Journal()[k-1])
					s.told(t, o, fault, why)
					s.sound(t, m, o.done, why)
					next := m.Restart()
					require.NoError(t, s.process(t, next, durable, "boot").first(), why)
					s.complete(t, next, why)
				}
				assert.Greater(t, k, 40, "the loop must have covered the whole download")
			})
		}
	}
}

func TestD1_PartStaysUsableWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	body := jpeg(60_000, 1)
	for k := 1; k < 15; k++ {
		m := fsafetest.NewMemory()
		m.Fail(k, syscall.ENOSPC, "write")
		options := fetch.Options{Tries: 3, Backoff: 1, BufferSize: 4 << 10, BootID: "boot"}
		o := newOrigin(body)
		staged, err := fetchInto(t, fetch.New(options), m, o)
		require.Nil(t, staged)
		require.True(t, fsafe.IsDiskFull(err))
		require.Len(t, o.requests(), 1, "a full disk is not tried again")
		kept := len(m.Files()["p.jpg.part"])
		require.Equal(t, k*4096-2048, kept, "all that was written is kept")
		staged, err = fetchInto(t, fetch.New(options), m, o)
		require.NoError(t, err)
		require.Equal(t, spanFrom(kept), o.requests()[1].span)
		require.NoError(t, staged.Discard())
	}
}

func TestD1_NoRoomForTheSidecar(t *testing.T) {
	t.Parallel()
	body := jpeg(60_000, 1)
	o := newOrigin(body)
	o.script = []http.HandlerFunc{o.cutAfter(30_000)}
	m := fsafetest.NewMemory()
	m.Fail(9, syscall.ENOSPC, "write") // eight chunks, then the sidecar
	_, err := fetchInto(t, fetch.New(fetch.Options{Tries: 1, BufferSize: 4 << 10}), m, o)
	require.ErrorIs(t, err, fetch.ErrIncomplete)
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.True(t, m.Hit())
	assert.Empty(t, m.Files(), "a part that nobody can resume only takes room")
}

func TestD1_NoRoomForTheRename(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{true, false} {
		m := fsafetest.NewMemory()
		f := fetch.New(quick())
		site := newOrigin(jpeg(20_000, 1))
		staged, err := fetchInto(t, f, m, site)
		require.NoError(t, err)
		m.Fail(1, syscall.ENOSPC, "rename")
		err = f.Finish(t.Context(), []*fetch.Staged{staged}, durable)[0]
		require.True(t, fsafe.IsDiskFull(err))
		again, err := fetchInto(t, f, m, site)
		require.NoError(t, err)
		assert.Zero(t, again.Fetched, "the bytes are there")
		require.NoError(t, f.Finish(t.Context(), []*fetch.Staged{again}, durable)[0])
		assert.Equal(t, map[string][]byte{"p.jpg": site.body}, m.Files())
	}
}

func TestD2_AfterAFailedSyncThePartIsGone(t *testing.T) {
	t.Parallel()
	body := jpeg(60_000, 1)
	m := fsafetest.NewMemory()
	f := fetch.New(fetch.Options{BufferSize: 4 << 10, ResumeSize: 8 << 10, BootID: "boot"})
	staged, err := fetchInto(t, f, m, newOrigin(body))
	require.NoError(t, err)
	require.Len(t, m.Files(), 2)
	m.Fail(1, syscall.EIO, "sync")
	require.ErrorIs(t, f.Finish(t.Context(), []*fetch.Staged{staged}, true)[0], syscall.EIO)
	assert.Empty(t, m.Files(), "neither part nor sidecar may be believed")

	o := newOrigin(body)
	o.script = []http.HandlerFunc{o.cutAfter(30_000)}
	m.Fail(1, syscall.EIO, "sync")
	_, err = fetchInto(t, fetch.New(fetch.Options{Tries: 1, BufferSize: 4 << 10, ResumeSize: 8 << 10, BootID: "boot"}), m, o)
	require.ErrorIs(t, err, syscall.EIO)
	assert.Empty(t, m.Files())
}

func TestD3_FolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	body := jpeg(20_000, 1)
	t.Run("no right", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere; EachCallFailsOnce covers the error")
		}
		h := newHarness(t, newOrigin(body))
		require.NoError(t, os.Chmod(h.path, 0o500))
		_, err := h.fetch()
		require.NoError(t, os.Chmod(h.path, 0o700))
		require.True(t, fsafe.IsReadOnly(err))
		require.False(t, fetch.Retryable(err))
	})
	t.Run("removed while running", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		require.NoError(t, os.RemoveAll(h.path))
		_, err := h.fetch()
		require.ErrorIs(t, err, os.ErrNotExist)
		require.False(t, fetch.Retryable(err))
		require.False(t, fetch.Permanent(err), "it is not the picture's fault")
		_, err = os.Stat(h.path)
		require.ErrorIs(t, err, os.ErrNotExist, "nothing is made anew elsewhere")
	})
	t.Run("replaced by a link while running", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		elsewhere, moved := t.TempDir(), filepath.Join(t.TempDir(), "moved")
		require.NoError(t, os.Rename(h.path, moved))
		require.NoError(t, os.Symlink(elsewhere, h.path))
		staged, err := h.fetch()
		require.NoError(t, err)
		require.NoError(t, h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, true)[0])
		left, err := os.ReadDir(elsewhere)
		require.NoError(t, err)
		assert.Empty(t, left)
		assert.FileExists(t, filepath.Join(moved, "p.jpg"))
	})
	t.Run("sub-folder is a link out", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		elsewhere := t.TempDir()
		require.NoError(t, os.Symlink(elsewhere, filepath.Join(h.path, "sub")))
		_, err := h.fetch(named("sub/p.jpg"))
		require.Error(t, err)
		left, err := os.ReadDir(elsewhere)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

func TestD4_TooManyOpenFilesPass(t *testing.T) {
	t.Parallel()
	body := jpeg(60_000, 1)
	m := fsafetest.NewMemory()
	m.Fail(2, syscall.EMFILE, "open") // the first looks for a sidecar
	o := newOrigin(body)
	staged, err := fetchInto(t, fetch.New(quick()), m, o)
	require.NoError(t, err)
	assert.Equal(t, 2, staged.Requests)
	require.NoError(t, staged.Discard())
}

func TestD5_BusyFileIsTriedAgain(t *testing.T) {
	t.Parallel()
	m := fsafetest.NewMemory()
	f := fetch.New(quick())
	staged, err := fetchInto(t, f, m, newOrigin(jpeg(6000, 1)))
	require.NoError(t, err)
	m.Fail(1, syscall.EBUSY, "rename")
	require.NoError(t, f.Finish(t.Context(), []*fetch.Staged{staged}, true)[0])
	assert.True(t, m.Hit())
	assert.Contains(t, m.Files(), "p.jpg")
}

func TestD8_PartLiesBesideTheFile(t *testing.T) {
	t.Parallel()
	s := newScene()
	m := s.folder()
	require.NoError(t, s.process(t, m, true, "boot").first())
	dirs := map[string]bool{}
	for name := range s.bodies {
		dirs[path.Dir(name)] = true
	}
	for _, call := range m.Journal() {
		op, name, _ := strings.Cut(call, " ")
		if op == "open" || op == "rename" {
			require.True(t, dirs[path.Dir(name)], call)
		}
	}
}

func TestD9_ShortAndInterruptedWrites(t *testing.T) {
	t.Parallel()
	s := newScene()
	for _, most := range []int{1, 7, 1000} {
		m := s.folder()
		m.ShortWrites(most)
		require.NoError(t, s.process(t, m, true, "boot").first())
		s.complete(t, m, fmt.Sprintf("at most %d bytes", most))
	}
	for _, fault := range []error{syscall.EINTR, syscall.EAGAIN} {
		for k := 1; ; k++ {
			m := s.folder()
			m.Fail(k, fault, "write")
			require.NoError(t, s.process(t, m, true, "boot").first(), "write %d", k)
			s.complete(t, m, fmt.Sprintf("%v at write %d", fault, k))
			if !m.Hit() {
				break
			}
		}
	}
}

func TestD12_CallsDoNotDependOnTheFolder(t *testing.T) {
	t.Parallel()
	m := fsafetest.NewMemory()
	calls := func() int {
		before := len(m.Journal())
		s := scene{bodies: map[string][]byte{"p.jpg": jpeg(5000, 1)}}
		require.NoError(t, s.process(t, m, true, "boot").first())
		require.NoError(t, m.Remove("p.jpg"))
		return len(m.Journal()) - before
	}
	empty := calls()
	for i := range 2000 {
		m.WriteFile(fmt.Sprintf("%d.jpg", i), nil)
	}
	assert.Equal(t, empty, calls())
	assert.LessOrEqual(t, empty, 14, "system calls are what small files cost")
}

func TestFinishTakesEachFileByItself(t *testing.T) {
	t.Parallel()
	s := newScene()
	m := s.folder()
	m.Fail(2, syscall.EIO, "sync")
	o := s.process(t, m, true, "boot")
	failed := 0
	for _, err := range o.errs {
		if err != nil {
			failed++
			require.ErrorIs(t, err, syscall.EIO)
		}
	}
	assert.Equal(t, 1, failed)
	assert.Len(t, o.done, len(s.bodies))
}

func TestFinishWhenCancelledKeepsParts(t *testing.T) {
	t.Parallel()
	body := jpeg(20_000, 1)
	m := fsafetest.NewMemory()
	f := fetch.New(quick())
	o := newOrigin(body)
	staged, err := fetchInto(t, f, m, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Finish(ctx, []*fetch.Staged{staged}, true)[0], context.Canceled)
	again, err := fetchInto(t, f, m, o)
	require.NoError(t, err)
	assert.Equal(t, int64(0), again.Fetched)
	assert.Equal(t, spanFrom(20_000), o.requests()[1].span)
	require.NoError(t, f.Finish(t.Context(), []*fetch.Staged{again}, true)[0])
	assert.Equal(t, map[string][]byte{"p.jpg": body}, m.Files())
}
