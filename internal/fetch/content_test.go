package fetch_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
)

const page = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title><script>var x = '<b>';</script>" +
	"<style>p{}</style></head><body><p>Checking your&nbsp;browser\x00</p></body></html>"

func named(name string) func(*fetch.Request) {
	return func(r *fetch.Request) { r.Name = name }
}

func fixed(r *fetch.Request) { r.FixExtension = true }

func kind(k fetch.Kind) func(*fetch.Request) {
	return func(r *fetch.Request) { r.Kind = k }
}

func TestCleanFileIsOneRequest(t *testing.T) {
	t.Parallel()
	body := jpeg(300_000, 1)
	h := newHarness(t, newOrigin(body))
	var progress int64
	staged := h.get(body, func(r *fetch.Request) { r.SHA256, r.Progress = true, func(n int64) { progress += n } })
	assert.Equal(t, 1, staged.Requests)
	assert.Equal(t, fetch.JPEG, staged.Type)
	assert.False(t, staged.Existing)
	assert.Len(t, staged.SHA256, 32)
	assert.Equal(t, int64(len(body)), progress)
	assert.Equal(t, []asked{{"/p.jpg", "", "", "identity"}}, h.origin.requests())
}

func TestU1_PageInPlaceOfPicture(t *testing.T) {
	t.Parallel()
	cases := map[string]http.HandlerFunc{
		"by type":           answer(200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, []byte(page)),
		"by odd type":       answer(200, map[string]string{"Content-Type": "Text/HTML;;"}, []byte(page)),
		"type is a lie":     answer(200, map[string]string{"Content-Type": "image/jpeg"}, []byte(page)),
		"with blanks first": answer(200, map[string]string{"Content-Type": "image/jpeg"}, []byte("\xef\xbb\xbf\r\n  "+page)),
		"xml":               answer(200, map[string]string{"Content-Type": "image/jpeg"}, []byte("<?xml version=\"1.0\"?><Error/>")),
		"type is a page's":  answer(200, map[string]string{"Content-Type": "text/html"}, jpeg(5000, 1)),
	}
	for name, handler := range cases {
		for _, k := range []fetch.Kind{fetch.Picture, fetch.Archive, fetch.Any} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				o := newOrigin(nil, handler)
				h := newHarness(t, o)
				_, err := h.fetch(kind(k))
				require.ErrorIs(t, err, fetch.ErrHTML)
				require.NotErrorIs(t, err, fetch.ErrNotPicture)
				assert.False(t, fetch.Permanent(err), "a block may pass")
				assert.True(t, fetch.Retryable(err))
				assert.Len(t, o.requests(), 1, "whoever blocks us is not asked again at once")
				assert.Empty(t, h.files())
				assert.NotContains(t, err.Error(), "<")
				assert.Less(t, len(err.Error()), 500)
			})
		}
	}
	t.Run("text for people", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(nil, cases["by type"]))
		_, err := h.fetch()
		content, ok := errors.AsType[*fetch.ContentError](err)
		require.True(t, ok)
		assert.Equal(t, "Just a moment... Checking your&nbsp;browser", content.Text)
	})
	t.Run("a page is fine where one is asked for", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(nil, cases["by type"]))
		h.get([]byte(page), kind(fetch.Any), named("page.html"))
	})
}

func TestU3_AnswersWithoutAFile(t *testing.T) {
	t.Parallel()
	body := jpeg(20_000, 1)
	cases := map[string]struct {
		handler  http.HandlerFunc
		target   error
		requests int
	}{
		"empty 200":         {answer(200, map[string]string{"Content-Length": "0"}, nil), fetch.ErrNotPicture, 2},
		"empty, chunked":    {answer(200, map[string]string{"Transfer-Encoding": "chunked"}, nil), fetch.ErrNotPicture, 2},
		"204":               {answer(204, nil, nil), fetch.ErrNotPicture, 2},
		"206 without range": {answer(206, map[string]string{"Content-Range": "bytes 0-19999/20000"}, body), nil, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(nil, c.handler, c.handler, c.handler, c.handler)
			h := newHarness(t, o)
			_, err := h.fetch()
			require.Error(t, err)
			if c.target != nil {
				require.ErrorIs(t, err, c.target)
				assert.True(t, fetch.Permanent(err))
			}
			assert.Len(t, o.requests(), c.requests)
			assert.Empty(t, h.files())
		})
	}
	t.Run("200 to a range starts over", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body)
		h := newHarness(t, o)
		h.interrupt(9000)
		o.script = []http.HandlerFunc{answer(200, map[string]string{"Etag": etag, "Content-Type": "image/jpeg"}, body)}
		staged := h.get(body)
		assert.Equal(t, 1, staged.Requests, "the body of the answer is used")
		assert.Equal(t, spanFrom(9000), o.requests()[0].span)
	})
	t.Run("an empty file of any kind is a file", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(nil, answer(200, map[string]string{"Content-Length": "0"}, nil)))
		h.get([]byte{}, kind(fetch.Any), named("empty.txt"))
	})
}

// bodies are whole files of each type.
func bodies(t *testing.T) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"p.jpg": jpeg(30_000, 1), "p.png": png(30_000, 1), "p.gif": gif(30_000, 1), "p.webp": webp(30_000, 1),
		"p.zip": archive(t, 30_000, ""),
	}
}

func kindOf(name string) fetch.Kind {
	if strings.HasSuffix(name, ".zip") {
		return fetch.Archive
	}
	return fetch.Picture
}

func TestU8_CutWithTheRightLength(t *testing.T) {
	t.Parallel()
	for name, body := range bodies(t) {
		for _, left := range []int{len(body) - 1, len(body) - 2, len(body) - 13, len(body) / 2, 100, 17} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				o := newOrigin(body[:left])
				h := newHarness(t, o)
				_, err := h.fetch(named(name), kind(kindOf(name)))
				require.ErrorIsf(t, err, fetch.ErrNotPicture, "%d of %d bytes", left, len(body))
				assert.True(t, fetch.Permanent(err))
				assert.Len(t, o.requests(), 2, "one refetch")
				assert.Empty(t, o.requests()[1].span, "from 0")
				assert.Empty(t, h.files())
			})
		}
		t.Run(name+" damaged once", func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body, answer(200, nil, body[:len(body)-20]))
			h := newHarness(t, o)
			assert.Equal(t, 2, h.get(body, named(name), kind(kindOf(name))).Requests)
		})
	}
}

func TestU8_BytesBehindTheEndMarkBelongToTheFile(t *testing.T) {
	t.Parallel()
	for name, body := range bodies(t) {
		if name == "p.zip" {
			continue
		}
		for _, more := range []string{"\x00", strings.Repeat("\x00", 5000), "SEFT trailer", strings.Repeat("x", 70_000)} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				whole := append(bytes.Clone(body), more...)
				h := newHarness(t, newOrigin(whole))
				assert.Equal(t, 1, h.get(whole, named(name)).Requests)
			})
		}
	}
	t.Run("archive with a comment", func(t *testing.T) {
		t.Parallel()
		whole := archive(t, 1000, "a comment with PK\x05\x06 in it, and "+strings.Repeat("x", 30_000))
		h := newHarness(t, newOrigin(whole))
		h.get(whole, named("p.zip"), kind(fetch.Archive))
	})
	t.Run("thumbnail alone is no end", func(t *testing.T) {
		t.Parallel()
		body := jpeg(30_000, 9)
		cut := append(bytes.Clone(body[:200]), strings.Repeat("\x00", 100)...)
		h := newHarness(t, newOrigin(cut))
		_, err := h.fetch()
		require.ErrorIs(t, err, fetch.ErrNotPicture)
	})
}

func TestU9_NameFollowsContent(t *testing.T) {
	t.Parallel()
	all := bodies(t)
	cases := []struct {
		name, content, want string
		kind                fetch.Kind
	}{
		{"a.jpg", "p.jpg", "a.jpg", fetch.Picture},
		{"a.JPEG", "p.jpg", "a.JPEG", fetch.Picture},
		{"a.jpg", "p.png", "a.png", fetch.Picture},
		{"a.jpg", "p.webp", "a.webp", fetch.Picture},
		{"a.png", "p.gif", "a.gif", fetch.Picture},
		{"a", "p.gif", "a.gif", fetch.Picture},
		{"a.v2", "p.png", "a.v2.png", fetch.Picture},
		{"sub/a.b/a", "p.png", "sub/a.b/a.png", fetch.Picture},
		{"a.zip", "p.zip", "a.zip", fetch.Archive},
		{"a.jpg", "p.zip", "a.zip", fetch.Archive},
		{"a.jpg", "p.zip", "", fetch.Picture},
		{"a.zip", "p.png", "", fetch.Archive},
		{"a.exe", "p.png", "a.exe", fetch.Any},
	}
	for _, c := range cases {
		t.Run(c.name+" "+c.content, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, newOrigin(all[c.content]))
			if c.want != "" {
				assert.Equal(t, c.want, h.get(all[c.content], named(c.name), fixed, kind(c.kind)).Name)
				return
			}
			_, err := h.fetch(named(c.name), fixed, kind(c.kind))
			require.ErrorIs(t, err, fetch.ErrNotPicture)
			assert.Empty(t, h.files())
		})
	}
	t.Run("refused where the name must stay", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(all["p.png"]))
		_, err := h.fetch()
		content, ok := errors.AsType[*fetch.ContentError](err)
		require.True(t, ok)
		assert.Equal(t, fetch.PNG, content.Type)
		assert.Empty(t, h.files())
	})
	for name, text := range map[string]string{
		"Windows program": "MZ\x90\x00" + strings.Repeat("\x00", 500), "ELF": "\x7fELF" + strings.Repeat("\x00", 500),
		"script": "#!/bin/sh\nrm -rf /\n# padding to be long enough", "JSON": `{"error":{"message":"Rate Limit"}}`, "SVG": "<svg/>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, newOrigin([]byte(text)))
			_, err := h.fetch(fixed)
			require.Error(t, err)
			assert.Empty(t, h.files())
		})
	}
}

func TestU9_CorrectedNameDoesNotHarmAnotherFile(t *testing.T) {
	t.Parallel()
	body, other := png(20_000, 1), png(10_000, 2)
	t.Run("another picture has the name", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		h.put("p.png", other)
		staged, err := h.fetch(fixed)
		require.NoError(t, err)
		require.NoError(t, h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, false)[0])
		assert.Equal(t, "p.jpg.png", staged.Name)
		assert.ElementsMatch(t, []string{"p.png", "p.jpg.png"}, h.files())
	})
	t.Run("it is there already", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		h.put("p.png", body)
		staged := h.get(body, fixed)
		assert.True(t, staged.Existing)
		assert.Equal(t, "p.png", staged.Name)
	})
	t.Run("what is there is cut", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		h.put("p.png", body[:5000])
		assert.Equal(t, "p.png", h.get(body, fixed).Name)
	})
}

func TestU16_OnlyIdentity(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(jpeg(20_000, 1))
	_ = w.Close()
	for name, encoding := range map[string]string{"gzip": "gzip", "not gzip": "gzip", "brotli": "br"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := packed.Bytes()
			if name != "gzip" {
				body = jpeg(20_000, 1)
			}
			o := newOrigin(body)
			o.header.Set("Content-Encoding", encoding)
			h := newHarness(t, o)
			for _, k := range []fetch.Kind{fetch.Picture, fetch.Any} {
				_, err := h.fetch(kind(k), func(r *fetch.Request) { r.HTTP.Header.Set("Accept-Encoding", "gzip, br") })
				require.ErrorIs(t, err, fetch.ErrNotPicture)
			}
			assert.Empty(t, h.files())
			assert.Equal(t, "identity", o.requests()[0].encoding)
		})
	}
}

func TestU18_NameNeverComesFromTheAddress(t *testing.T) {
	t.Parallel()
	body := jpeg(5000, 1)
	for _, address := range []string{"/../../etc/passwd", "/%2e%2e%2fx.jpg", "/a/..%5c..%5cx.jpg?name=../y", "/" + strings.Repeat("x", 4096)} {
		h := newHarness(t, newOrigin(body))
		staged := h.get(body, func(r *fetch.Request) {
			parsed, err := url.Parse(h.url + address)
			require.NoError(t, err)
			r.HTTP.URL = parsed
		})
		assert.Equal(t, "p.jpg", staged.Name)
	}
}

func TestF1_F2_F3_F4_F6_F7_F8_BadNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", ".", "..", "../p.jpg", "/p.jpg", "a/../p.jpg", "a//p.jpg", `a\p.jpg`, "C:p.jpg", "a*.jpg", "a|b.jpg", " p.jpg", "p.jpg.",
		"con.jpg", "sub/COM¹.jpg", "p\x00.jpg", "p\u202e.jpg", "p\u2028.jpg", "p\xff.jpg", strings.Repeat("a", 197) + ".jpg",
		"p.jpg.part", "P.JPG.PART", "p.jpg.part.json",
	} {
		o := newOrigin(jpeg(5000, 1))
		h := newHarness(t, o)
		_, err := h.fetch(named(name))
		_, ok := errors.AsType[*fsafe.NameError](err)
		require.Truef(t, ok, "%q: %v", name, err)
		assert.True(t, fetch.Permanent(err))
		assert.Empty(t, o.requests(), "nothing is asked for in vain")
		assert.Empty(t, h.files())
	}
}

func TestF5_F9_OddNamesAreData(t *testing.T) {
	t.Parallel()
	body := jpeg(5000, 1)
	for _, name := range []string{"=1+1.jpg", "{{.}}.jpg", "%s%n.jpg", "$(id).jpg", "-rf.jpg", "e\u0301.jpg", "あ.jpg"} {
		h := newHarness(t, newOrigin(body))
		assert.Equal(t, name, h.get(body, named(name)).Name)
	}
}

func TestD7_LongNamesFitWithTheirSuffixes(t *testing.T) {
	t.Parallel()
	body := jpeg(200_000, 1)
	name := strings.Repeat("あ", 65) + "x.jpg"
	require.Len(t, name, 200)
	o := newOrigin(body)
	o.script = []http.HandlerFunc{o.cutAfter(100_000)}
	h := newHarness(t, o)
	options := quick()
	options.Tries = 1
	_, err := fetch.New(options).Fetch(t.Context(), h.request(named(name)))
	require.ErrorIs(t, err, fetch.ErrIncomplete)
	assert.Len(t, h.files(), 2, "part and sidecar")
	h.get(body, named(name))
}

func TestZ5_PicturesAreNotDecoded(t *testing.T) {
	t.Parallel()
	bomb := []byte("\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xda\x00\x02")
	bomb = append(append(bomb, noise(100_000, 1)...), 0xff, 0xd9)
	h := newHarness(t, newOrigin(bomb))
	h.get(bomb)

	small := binary.LittleEndian.AppendUint32([]byte("RIFF"), 28)
	small = append(small, "WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xffEXIF\x00\x00"...)
	require.Len(t, small, 36)
	h = newHarness(t, newOrigin(small))
	h.get(small, named("p.webp"))
}

func TestPlaceholderIsRefused(t *testing.T) {
	t.Parallel()
	body := png(5000, 1)
	o := newOrigin(body)
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/common/images/limit_unknown_360.png", http.StatusFound)
	}
	o.script = []http.HandlerFunc{redirect}
	h := newHarness(t, o)
	sentinel := errors.New("not visible to this account")
	_, err := h.fetch(named("p.png"), func(r *fetch.Request) {
		r.Refuse = func(address *url.URL) error {
			if strings.HasPrefix(address.Path, "/common/images/limit_") {
				return sentinel
			}
			return nil
		}
	})
	require.ErrorIs(t, err, fetch.ErrRefused)
	require.ErrorIs(t, err, sentinel)
	assert.True(t, fetch.Permanent(err))
	assert.Empty(t, h.files())
}

func TestLimits(t *testing.T) {
	t.Parallel()
	body := jpeg(50_000, 1)
	for name, change := range map[string]func(o *origin){
		"announced": func(*origin) {},
		"not announced": func(o *origin) {
			o.script = []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
				w.(http.Flusher).Flush()
				_, _ = w.Write(body)
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			change(o)
			h := newHarness(t, o)
			_, err := h.fetch(func(r *fetch.Request) { r.MaxBytes = 49_999 })
			require.ErrorIs(t, err, fetch.ErrTooLarge)
			assert.True(t, fetch.Permanent(err))
			assert.Len(t, o.requests(), 1)
			assert.Empty(t, h.files())
			h.get(body, func(r *fetch.Request) { r.MaxBytes = 50_000 })
		})
	}
	t.Run("known size", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		_, err := h.fetch(func(r *fetch.Request) { r.Size = 49_999 })
		require.ErrorIs(t, err, fetch.ErrChanged)
		assert.Empty(t, h.files())
		h.get(body, func(r *fetch.Request) { r.Size = 50_000 })
	})
}
