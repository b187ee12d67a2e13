package fetch_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

func TestC7_SameFileFromManyTasks(t *testing.T) {
	t.Parallel()
	body := jpeg(300_000, 1)
	for _, durable := range []bool{true, false} {
		h := newHarness(t, newOrigin(body))
		var group sync.WaitGroup
		var fetched, existing, bytes counter
		for range 16 {
			group.Go(func() {
				folder, err := fsafe.Open(filepath.Join(h.path, ".")) // each task opens the folder itself
				if !assert.NoError(t, err) {
					return
				}
				defer folder.Close()
				staged, err := h.fetch(func(r *fetch.Request) { r.Folder = folder })
				if !assert.NoError(t, err) {
					return
				}
				bytes.add(staged.Fetched)
				if staged.Existing {
					existing.add(1)
				} else {
					fetched.add(1)
				}
				assert.NoError(t, h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, durable)[0])
			})
		}
		group.Wait()
		h.holds("p.jpg", body)
		assert.EqualValues(t, 1, fetched.value())
		assert.EqualValues(t, 15, existing.value())
		assert.EqualValues(t, len(body), bytes.value())
	}
}

type counter struct {
	mu sync.Mutex
	n  int64
}

func (c *counter) add(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *counter) value() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func TestC7_NamesThatMayBeOneFileWait(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		first, second string
		fix, waits    bool
	}{
		"same":                   {"a.jpg", "a.jpg", false, true},
		"other case":             {"É.jpg", "é.JPG", false, true},
		"other normal form":      {"é.jpg", "e\u0301.jpg", false, true},
		"other":                  {"a.jpg", "b.jpg", false, false},
		"other extension":        {"a.jpg", "a.jpeg", false, false},
		"extension may be fixed": {"a.jpg", "a.png", true, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, folder := fetch.New(fetch.Options{}), fsafetest.NewMemory()
				get := func(name string) *fetch.Staged {
					s := &site{body: jpeg(5000, 1), cut: []func([]byte) []piece{at1}}
					staged, err := from(t.Context(), f, folder, s, named(name), func(r *fetch.Request) { r.FixExtension = c.fix })
					assert.NoError(t, err)
					return staged
				}
				first := get(c.first)
				var second atomic.Pointer[fetch.Staged]
				go func() { second.Store(get(c.second)) }()
				synctest.Wait()
				assert.Equal(t, c.waits, second.Load() == nil)
				require.NoError(t, first.Discard())
				synctest.Wait()
				require.NoError(t, second.Load().Discard())
			})
		})
	}
}

func TestManyFilesInGroups(t *testing.T) {
	t.Parallel()
	const count, groupSize = 60, 7
	bodies := map[string][]byte{}
	for i := range count {
		bodies[fmt.Sprintf("/%d.jpg", i)] = jpeg(2000+i*1000, uint64(i))
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		newOrigin(bodies[r.URL.Path]).serve(w, r)
	})
	h := newHarness(t, newOrigin(nil))
	var group []*fetch.Staged
	for i := range count {
		name := fmt.Sprintf("%d.jpg", i)
		staged, err := h.fetch(func(r *fetch.Request) {
			r.HTTP.URL.Path, r.Do, r.Name = "/"+name, inMemory(handler), fmt.Sprintf("w%d/%s", i%5, name)
		})
		require.NoError(t, err)
		if group = append(group, staged); len(group) == groupSize || i == count-1 {
			for _, err := range h.fetcher.Finish(t.Context(), group, true) {
				require.NoError(t, err)
			}
			group = nil
		}
	}
	assert.Len(t, h.files(), count)
}
