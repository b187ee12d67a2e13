package fetch_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"syscall"
	"testing"

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

func fetchInto(t *testing.T, f *fetch.Fetcher, folder fsafe.Folder, site http.Handler) (*fetch.Staged, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/p.jpg", nil)
	require.NoError(t, err)
	return f.Fetch(t.Context(), fetch.Request{HTTP: r, Do: inMemory(site), Folder: folder, Name: "p.jpg"})
}
