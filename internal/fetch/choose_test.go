package fetch_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
)

// vague asks for p.jpg as a list does whose names are parts of addresses, for a
// job that began an hour ago.
func vague(r *fetch.Request) {
	r.FixExtension, r.Otherwise, r.Since = true, "p-1.jpg", time.Now().Add(-time.Hour)
}

// putAt writes a file that is so old.
func (h *harness) putAt(name string, data []byte, age time.Duration) {
	h.t.Helper()
	h.put(name, data)
	at := time.Now().Add(-age)
	require.NoError(h.t, os.Chtimes(filepath.Join(h.path, name), at, at))
}

// take fetches and finishes with a Fetcher of its own, as after a restart.
func (h *harness) take(change ...func(*fetch.Request)) (*fetch.Staged, error) {
	h.t.Helper()
	fetcher := fetch.New(quick())
	staged, err := fetcher.Fetch(h.t.Context(), h.request(change...))
	if err != nil {
		return nil, err
	}
	return staged, fetcher.Finish(h.t.Context(), []*fetch.Staged{staged}, false)[0]
}

// bodies returns the content of all files in the folder.
func (h *harness) bodies() map[string]string {
	h.t.Helper()
	found := map[string]string{}
	for _, name := range h.files() {
		raw, err := os.ReadFile(filepath.Join(h.path, name))
		require.NoError(h.t, err)
		found[name] = string(raw)
	}
	return found
}

// same compares two folders without printing pictures.
func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for name, body := range want {
		assert.True(t, body == got[name], "%s has other bytes", name)
	}
}

func TestOtherwise(t *testing.T) {
	t.Parallel()
	const older, younger = 2 * time.Hour, time.Minute
	body, image := jpeg(20_000, 1), png(20_000, 1)
	sameLength, longer := jpeg(20_000, 2), jpeg(30_000, 3)
	type file struct {
		data []byte
		age  time.Duration
	}
	cases := []struct {
		name    string
		serve   []byte // default body
		there   map[string]file
		want    string // the name of the result
		adopted bool
		own     bool
		cheap   bool // the body is not read
		asks    int  // requests, when more than one
	}{
		{"nothing is there", nil, nil, "p.jpg", false, false, false, 0},
		{"other bytes, same length", nil, map[string]file{"p.jpg": {sameLength, older}}, "p-1.jpg", false, false, false, 0},
		{"other bytes, other length", nil, map[string]file{"p.jpg": {longer, older}}, "p-1.jpg", false, false, false, 0},
		{"same bytes", nil, map[string]file{"p.jpg": {body, older}}, "p.jpg", true, false, false, 0},
		{"same bytes under the other name", nil, map[string]file{"p.jpg": {longer, older}, "p-1.jpg": {body, older}}, "p-1.jpg", true, false, false, 0},
		{"died before it was noted", nil, map[string]file{"p.jpg": {body, younger}}, "p.jpg", true, true, true, 0},
		{"died, other name", nil, map[string]file{"p.jpg": {sameLength, older}, "p-1.jpg": {body, younger}}, "p-1.jpg", true, true, true, 0},
		{"another job wrote the name since", nil, map[string]file{"p.jpg": {longer, younger}}, "p-1.jpg", false, false, false, 2},
		{"another job writes the name now", nil, map[string]file{"p.jpg": {sameLength, -time.Minute}}, "p-1.jpg", false, false, false, 0},
		{"cut file", nil, map[string]file{"p.jpg": {longer[:9000], older}}, "p.jpg", false, false, false, 0},
		{"cut file under the other name", nil, map[string]file{"p.jpg": {longer, older}, "p-1.jpg": {body[:9000], older}}, "p-1.jpg", false, false, false, 0},
		{"mended extension, other bytes", image, map[string]file{"p.png": {png(20_000, 2), older}}, "p-1.png", false, false, false, 0},
		{"mended extension, same bytes", image, map[string]file{"p.png": {image, older}}, "p.png", true, false, false, 0},
		{"mended extension, died", image, map[string]file{"p.png": {image, younger}}, "p.png", true, true, true, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.serve == nil {
				c.serve = body
			}
			h := newHarness(t, newOrigin(c.serve))
			want := map[string]string{c.want: string(c.serve)}
			for name, f := range c.there {
				h.putAt(name, f.data, f.age)
				if name != c.want {
					want[name] = string(f.data)
				}
			}
			staged, err := h.take(vague)
			require.NoError(t, err)
			assert.Equal(t, c.want, staged.Name)
			assert.Equal(t, c.adopted, staged.Existing, "adopted")
			assert.Equal(t, c.own, staged.Own, "own")
			assert.Equal(t, castagnoli(c.serve), staged.CRC32C)
			if c.cheap {
				assert.Less(t, staged.Fetched, staged.Size/2)
			}
			assert.Equal(t, max(c.asks, 1), staged.Requests)
			same(t, want, h.bodies())
		})
	}
}

func TestOtherwise_BothNamesAreTaken(t *testing.T) {
	t.Parallel()
	h := newHarness(t, newOrigin(jpeg(20_000, 1)))
	h.putAt("p.jpg", jpeg(20_000, 2), 2*time.Hour)
	h.putAt("p-1.jpg", jpeg(20_000, 3), 2*time.Hour)
	want := h.bodies()
	_, err := h.take(vague)
	require.ErrorIs(t, err, fetch.ErrTaken)
	assert.True(t, fetch.Permanent(err))
	same(t, want, h.bodies())
}

func TestOtherwise_AnyContent(t *testing.T) {
	t.Parallel()
	h := newHarness(t, newOrigin([]byte("two")))
	h.putAt("p.jpg", []byte("one"), 2*time.Hour)
	staged, err := h.take(vague, kind(fetch.Any))
	require.NoError(t, err)
	assert.Equal(t, "p-1.jpg", staged.Name)
	same(t, map[string]string{"p.jpg": "one", "p-1.jpg": "two"}, h.bodies())
}

// What was begun beside a file of the same name goes on where it stopped.
func TestOtherwise_Resumes(t *testing.T) {
	t.Parallel()
	body := jpeg(200_000, 1)
	h := newHarness(t, newOrigin(body))
	h.interrupt(100_000)
	h.putAt("p.jpg", jpeg(200_000, 2), 2*time.Hour)
	staged, err := h.take(vague)
	require.NoError(t, err)
	assert.Equal(t, "p-1.jpg", staged.Name)
	assert.EqualValues(t, 100_000, staged.Fetched)
	assert.Equal(t, spanFrom(100_000), h.origin.requests()[0].span)
	assert.True(t, string(body) == h.bodies()["p-1.jpg"])
	assert.Len(t, h.files(), 2)
}

// Two jobs with one name at a time: one waits until the other has its name.
func TestOtherwise_AtTheSameTime(t *testing.T) {
	t.Parallel()
	first, second := jpeg(20_000, 1), jpeg(20_000, 2)
	h := newHarness(t, newOrigin(first, nil, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(second) }))
	one, err := h.fetch(vague)
	require.NoError(t, err)
	waiting := make(chan error, 1)
	go func() {
		two, err := h.fetch(vague, func(r *fetch.Request) { r.Otherwise = "p-2.jpg" })
		if err == nil {
			err = h.fetcher.Finish(t.Context(), []*fetch.Staged{two}, false)[0]
		}
		waiting <- err
	}()
	require.NoError(t, h.fetcher.Finish(t.Context(), []*fetch.Staged{one}, false)[0])
	require.NoError(t, <-waiting)
	same(t, map[string]string{"p.jpg": string(first), "p-2.jpg": string(second)}, h.bodies())
}

func TestOtherwise_KnownSize(t *testing.T) {
	t.Parallel()
	body, other := jpeg(20_000, 1), jpeg(30_000, 2)
	h := newHarness(t, newOrigin(body))
	h.putAt("p.jpg", other, 2*time.Hour)
	_, err := h.take(vague, func(r *fetch.Request) { r.Size = int64(len(body)) })
	require.NoError(t, err)
	same(t, map[string]string{"p.jpg": string(other), "p-1.jpg": string(body)}, h.bodies())
}

func TestOtherwise_MustBeAName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../p.jpg", "p.jpg.part"} {
		h := newHarness(t, newOrigin(jpeg(5000, 1)))
		_, err := h.fetch(vague, func(r *fetch.Request) { r.Otherwise = name })
		assert.True(t, fetch.Permanent(err), "%q: %v", name, err)
		assert.Empty(t, h.origin.requests())
	}
}
