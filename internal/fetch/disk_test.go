package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

// scene is a download of a few files into a Memory, as a process does it: each
// is fetched, then all are finished. The longest needs a sidecar, the second is
// cut on its way, one is in a folder of its own, and one replaces a short file.
type scene struct {
	bodies map[string][]byte
	short  map[string][]byte
}

func newScene() scene {
	return scene{
		bodies: map[string][]byte{
			"long.jpg": jpeg(60_000, 1), "cut.jpg": jpeg(20_000, 2), "sub/dir/small.png": png(3000, 3), "old.jpg": jpeg(9000, 4),
		},
		short: map[string][]byte{"old.jpg": jpeg(9000, 5)[:5000]},
	}
}

func (s scene) names() []string { return slices.Sorted(maps.Keys(s.bodies)) }

func (s scene) folder() *fsafetest.Memory {
	m := fsafetest.NewMemory()
	for name, data := range s.short {
		m.WriteFile(name, data)
	}
	return m
}

// outcome is what one process did.
type outcome struct {
	errs    map[string]error
	done    map[string]bool
	fetched map[string]int64
}

func (o outcome) first() error {
	for _, name := range slices.Sorted(maps.Keys(o.errs)) {
		if o.errs[name] != nil {
			return o.errs[name]
		}
	}
	return nil
}

// process downloads the scene once, as a process of that boot.
func (s scene) process(t *testing.T, folder fsafe.Folder, durable bool, boot string) outcome {
	t.Helper()
	f := fetch.New(fetch.Options{
		Tries: 3, Backoff: 1, MaxBackoff: 2, BufferSize: 4 << 10, ResumeSize: 16 << 10, BootID: boot, SyncConcurrency: 1,
	})
	o := outcome{errs: map[string]error{}, done: map[string]bool{}, fetched: map[string]int64{}}
	var group []*fetch.Staged
	var names []string
	for _, name := range s.names() {
		site := newOrigin(s.bodies[name])
		if name == "cut.jpg" {
			site.script = []http.HandlerFunc{site.cutAfter(12_000)}
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/"+name, nil)
		require.NoError(t, err)
		staged, err := f.Fetch(t.Context(), fetch.Request{HTTP: r, Do: inMemory(site), Folder: folder, Name: name})
		o.errs[name] = err
		if err != nil {
			continue
		}
		o.fetched[name] = staged.Fetched
		group, names = append(group, staged), append(names, name)
	}
	for i, err := range f.Finish(t.Context(), group, durable) {
		o.errs[names[i]], o.done[names[i]] = err, err == nil
	}
	return o
}

// complete expects every file to be there, whole, and nothing beside.
func (s scene) complete(t *testing.T, m *fsafetest.Memory, why string) {
	t.Helper()
	files := m.Files()
	require.Equal(t, s.names(), slices.Sorted(maps.Keys(files)), why)
	for name, body := range s.bodies {
		require.Truef(t, bytes.Equal(body, files[name]), "%s: %s is spoilt", why, name)
	}
}

// sound expects that no final name holds anything but a whole file or what was
// there before, and that what is done is there.
func (s scene) sound(t *testing.T, m *fsafetest.Memory, done map[string]bool, why string) {
	t.Helper()
	files := m.Files()
	for name, body := range s.bodies {
		data, there := files[name]
		old, hadOld := s.short[name]
		switch {
		case bytes.Equal(data, body):
		case done[name]:
			require.Failf(t, "done but not whole", "%s: %s has %d bytes", why, name, len(data))
		case there && !(hadOld && bytes.Equal(data, old)):
			require.Failf(t, "wrong bytes under the final name", "%s: %s", why, name)
		case hadOld && !there:
			require.Failf(t, "old file lost", "%s: %s", why, name)
		}
	}
}

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

// told expects the error, where there is one, to say what it is about.
func (s scene) told(t *testing.T, o outcome, fault error, why string) {
	t.Helper()
	for name, err := range o.errs {
		if err == nil {
			continue
		}
		require.ErrorIs(t, err, fault, why)
		_, isDisk := errors.AsType[*fetch.DiskError](err)
		require.True(t, isDisk, why)
		require.Equal(t, fsafe.IsDiskFull(fault), fsafe.IsDiskFull(err), why)
		require.False(t, fetch.Permanent(err), why)
		require.Equal(t, fault == syscall.EMFILE, fetch.Retryable(err), "%s: what stays is not tried again: %v", why, err)
		require.Contains(t, err.Error(), name, why)
		require.NotContains(t, err.Error(), "\n", why)
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

func fetchInto(t *testing.T, f *fetch.Fetcher, folder fsafe.Folder, site http.Handler) (*fetch.Staged, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/p.jpg", nil)
	require.NoError(t, err)
	return f.Fetch(t.Context(), fetch.Request{HTTP: r, Do: inMemory(site), Folder: folder, Name: "p.jpg"})
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

func TestP2_DeathBeforeEachCall(t *testing.T) {
	t.Parallel()
	s := newScene()
	for _, durable := range []bool{true, false} {
		for k := 1; ; k++ {
			m := s.folder()
			m.Die(k)
			first := s.process(t, m, durable, "boot")
			if !m.Hit() {
				break
			}
			why := fmt.Sprintf("durable %v, death before call %d (%s)", durable, k, m.Journal()[k-1])
			next := m.Restart()
			s.sound(t, next, first.done, why)
			left := next.Files()
			second := s.process(t, next, durable, "boot")
			require.NoError(t, second.first(), why)
			s.complete(t, next, why)
			s.resumed(t, left, second.fetched, why)
		}
	}
}

// TestP2_DeathWhileVersionsAlternate is about a site whose servers hold two
// versions of one length: bytes of one must never continue those of the other,
// whenever the process dies.
func TestP2_DeathWhileVersionsAlternate(t *testing.T) {
	t.Parallel()
	one, two := jpeg(60_000, 1), jpeg(60_000, 2)
	three := jpeg(30_000, 3)
	options := fetch.Options{Tries: 3, Backoff: 1, BufferSize: 4 << 10, ResumeSize: 16 << 10, BootID: "boot"}
	download := func(m *fsafetest.Memory, script ...http.HandlerFunc) {
		f := fetch.New(options)
		staged, err := fetchInto(t, f, m, newOrigin(one, script...))
		if err == nil {
			_ = f.Finish(t.Context(), []*fetch.Staged{staged}, false)
		}
	}
	second := answer(200, map[string]string{"Etag": `"v2"`, "Content-Length": "60000"}, two)
	first := func(w http.ResponseWriter, r *http.Request) { newOrigin(one).cutAfter(24_000)(w, r) }
	// interrupted is what a death in the middle of the first version leaves: a part
	// and a sidecar that vouches for nothing but the boot.
	interrupted := func() *fsafetest.Memory {
		for k := 1; ; k++ {
			m := fsafetest.NewMemory()
			m.Die(k)
			download(m)
			require.True(t, m.Hit())
			if m = m.Restart(); len(m.Files()["p.jpg.part"]) > 20_000 {
				require.Len(t, m.Files(), 2)
				return m
			}
		}
	}
	cases := map[string]struct {
		script []http.HandlerFunc
		before func() *fsafetest.Memory
	}{
		"cut, then the other":  {[]http.HandlerFunc{first, second}, fsafetest.NewMemory},
		"resumed as the other": {[]http.HandlerFunc{second}, interrupted},
		"other in answer to the probe": {[]http.HandlerFunc{second}, func() *fsafetest.Memory {
			m := interrupted()
			m.WriteFile("p.jpg", three)
			return m
		}},
		"other in answer to the probe, sidecar alone": {[]http.HandlerFunc{second}, func() *fsafetest.Memory {
			m := interrupted()
			m.WriteFile("p.jpg", three)
			require.NoError(t, m.Remove("p.jpg.part"))
			return m
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for k := 1; ; k++ {
				m := c.before()
				m.Die(k)
				download(m, c.script...)
				next := m.Restart()
				download(next)
				got := next.Files()["p.jpg"]
				require.Truef(t, bytes.Equal(got, one) || bytes.Equal(got, two), "mixed after death before call %d", k)
				if !m.Hit() {
					break
				}
			}
		})
	}
}

// resumed expects that no byte was fetched again that a death left behind: those
// of finished files, and those of parts that had a sidecar.
func (s scene) resumed(t *testing.T, left map[string][]byte, fetched map[string]int64, why string) {
	t.Helper()
	for name, body := range s.bodies {
		switch {
		case bytes.Equal(left[name], body):
			require.Zero(t, fetched[name], why)
		case len(left[name+".part.json"]) == 1024:
			require.EqualValues(t, len(body)-len(left[name+".part"]), fetched[name], why)
		}
	}
}

func TestD10_PowerCutBeforeEachCall(t *testing.T) {
	t.Parallel()
	s := newScene()
	for k := 1; ; k++ {
		m := s.folder()
		m.Die(k)
		first := s.process(t, m, true, "boot 1")
		for seed := range uint64(20) {
			why := fmt.Sprintf("power cut before call %d, seed %d", k, seed)
			next := m.PowerCut(rand.New(rand.NewPCG(seed, uint64(k))))
			s.sound(t, next, first.done, why)
			require.NoError(t, s.process(t, next, true, "boot 2").first(), why)
			s.complete(t, next, why)
		}
		if !m.Hit() {
			break
		}
	}
}

// TestD10_WithoutSyncThePowerCutIsSeen shows that the test above can fail: what
// was finished without syncs is lost to a power cut.
func TestD10_WithoutSyncThePowerCutIsSeen(t *testing.T) {
	t.Parallel()
	s := newScene()
	lost := 0
	for seed := range uint64(20) {
		m := s.folder()
		o := s.process(t, m, false, "boot 1")
		require.NoError(t, o.first())
		files := m.PowerCut(rand.New(rand.NewPCG(seed, 0))).Files()
		for name, body := range s.bodies {
			if !bytes.Equal(files[name], body) {
				lost++
			}
		}
	}
	assert.Positive(t, lost)
}

func TestD10_AcceptedFileIsSyncedToo(t *testing.T) {
	t.Parallel()
	s := newScene()
	for seed := range uint64(20) {
		m := s.folder()
		require.NoError(t, s.process(t, m, false, "boot 1").first(), "whole, but not synced")
		again := m.Restart()
		o := s.process(t, again, true, "boot 1")
		require.NoError(t, o.first())
		s.sound(t, again.PowerCut(rand.New(rand.NewPCG(seed, 0))), o.done, "accepted, then cut")
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
