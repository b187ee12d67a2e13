package fetch_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	body, image := jpeg(80_000, 1), png(20_000, 1)
	beside := func(data []byte, extension string) string {
		return fmt.Sprintf("p_%08x%s", castagnoli(data), extension)
	}
	notes := []byte("my notes")
	cases := []struct {
		name    string
		serve   []byte // default body
		there   map[string][]byte
		may     bool
		want    string // the name of the result
		adopted bool
		asked   []string
	}{
		{"nothing is there", nil, nil, false, "p.jpg", false, nil},
		{"a text", nil, map[string][]byte{"p.jpg": notes}, false, beside(body, ".jpg"), false, []string{"p.jpg"}},
		{"a text that may go", nil, map[string][]byte{"p.jpg": notes}, true, "p.jpg", false, []string{"p.jpg"}},
		{"a longer picture", nil, map[string][]byte{"p.jpg": jpeg(90_000, 2)}, false, beside(body, ".jpg"), false, []string{"p.jpg"}},
		{"an empty file", nil, map[string][]byte{"p.jpg": {}}, false, "p.jpg", false, nil},
		{"the beginning", nil, map[string][]byte{"p.jpg": body[:70_000]}, false, "p.jpg", false, []string{"p.jpg"}},
		{"nearly the beginning", nil, map[string][]byte{"p.jpg": append(slices.Clone(body[:69_999]), body[69_999]+1)}, false, beside(body, ".jpg"), false, []string{"p.jpg"}},
		{"the same beside", nil, map[string][]byte{"p.jpg": notes, beside(body, ".jpg"): body}, false, beside(body, ".jpg"), true, []string{"p.jpg"}},
		{"mended extension", image, map[string][]byte{"p.png": notes}, false, beside(image, ".png"), false, []string{"p.png"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.serve == nil {
				c.serve = body
			}
			h := newHarness(t, newOrigin(c.serve))
			want := map[string]string{c.want: string(c.serve)}
			for name, data := range c.there {
				h.putAt(name, data, time.Hour)
				if name != c.want {
					want[name] = string(data)
				}
			}
			var asked []string
			staged, err := h.take(func(r *fetch.Request) {
				r.FixExtension = true
				r.Replace = func(name string) (bool, error) { asked = append(asked, name); return c.may, nil }
			})
			require.NoError(t, err)
			assert.Equal(t, c.want, staged.Name)
			assert.Equal(t, c.adopted, staged.Existing)
			assert.Equal(t, c.asked, asked)
			assert.Equal(t, slices.Contains(c.asked, "p"+staged.Type.Extension()) && c.want[1] == '_', staged.Wanted != "")
			same(t, want, h.bodies())
		})
	}
}

func TestReplace_Errors(t *testing.T) {
	t.Parallel()
	body, notes := jpeg(20_000, 1), []byte("my notes")
	h := newHarness(t, newOrigin(body))
	h.put("p.jpg", notes)
	refused := errors.New("the store is out of order")
	_, err := h.take(func(r *fetch.Request) { r.Replace = func(string) (bool, error) { return true, refused } })
	require.ErrorIs(t, err, refused)
	assert.False(t, fetch.Permanent(err))

	other := fmt.Sprintf("p_%08x.jpg", castagnoli(body))
	h.put(other, notes)
	_, err = h.take(func(r *fetch.Request) { r.Replace = func(string) (bool, error) { return false, nil } })
	require.ErrorIs(t, err, fetch.ErrTaken)
	same(t, map[string]string{"p.jpg": string(notes), other: string(notes)}, h.bodies())

	// A file that is cut under the name that does not identify the content.
	h = newHarness(t, newOrigin(body))
	h.putAt("p.jpg", notes, 2*time.Hour)
	staged, err := h.take(vague, func(r *fetch.Request) { r.Replace = func(string) (bool, error) { return false, nil } })
	require.NoError(t, err)
	assert.Equal(t, "p-1.jpg", staged.Name)
	same(t, map[string]string{"p.jpg": string(notes), "p-1.jpg": string(body)}, h.bodies())
}
