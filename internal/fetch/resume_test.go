package fetch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
)

func TestResumeAfterOrderlyEnd(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	for name, drop := range map[string][]string{"by entity tag": nil, "by date": {"Etag"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			o.drop(drop...)
			h := newHarness(t, o)
			h.interrupt(60_000)
			staged := h.get(body)
			want := etag
			if drop != nil {
				want = lastModified
			}
			assert.Equal(t, []asked{{"/p.jpg", spanFrom(60_000), want, "identity"}}, o.requests())
			assert.Equal(t, int64(40_000), staged.Fetched)
		})
	}
}

func TestNoResumeWithoutProof(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	for name, spoil := range map[string]func(o *origin){
		"no validator":   func(o *origin) { o.drop("Etag", "Last-Modified") },
		"weak tag":       func(o *origin) { o.drop("Last-Modified"); o.header.Set("Etag", `W/"v1"`) },
		"tag unquoted":   func(o *origin) { o.drop("Last-Modified"); o.header.Set("Etag", "v1") },
		"tag too long":   func(o *origin) { o.drop("Last-Modified"); o.header.Set("Etag", `"`+strings.Repeat("x", 200)+`"`) },
		"date not a one": func(o *origin) { o.drop("Etag"); o.header.Set("Last-Modified", "yesterday") },
		"date too fresh": func(o *origin) {
			o.drop("Etag")
			o.header.Set("Last-Modified", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			spoil(o)
			o.script = []http.HandlerFunc{o.cutAfter(60_000)}
			h := newHarness(t, o)
			h.get(body)
			assert.Empty(t, o.requests()[1].span)
		})
	}
}

func TestU4_WrongRangesAreDiscarded(t *testing.T) {
	t.Parallel()
	const n = 60_000
	body := jpeg(100_000, 1)
	other := jpeg(100_000, 2)
	span := func(first, last int, total string) map[string]string {
		return map[string]string{
			"Content-Range": fmt.Sprintf("bytes %d-%d/%s", first, last, total), "Etag": etag, "Content-Type": "image/jpeg",
		}
	}
	with := func(header map[string]string, key, value string) map[string]string {
		header[key] = value
		return header
	}
	cases := map[string]http.HandlerFunc{
		"earlier":           answer(206, span(n-1, 99_999, "100000"), body[n-1:]),
		"from 0":            answer(206, span(0, 99_999, "100000"), body),
		"later":             answer(206, span(n+1, 99_999, "100000"), body[n+1:]),
		"other total":       answer(206, span(n, 100_000, "100001"), append(bytes.Clone(body[n:]), 0)),
		"unknown total":     answer(206, span(n, 99_999, "*"), body[n:]),
		"other tag":         answer(206, with(span(n, 99_999, "100000"), "Etag", `"v2"`), other[n:]),
		"weak tag":          answer(206, with(span(n, 99_999, "100000"), "Etag", `W/"v1"`), other[n:]),
		"no tag":            answer(206, with(span(n, 99_999, "100000"), "Etag", ""), other[n:]),
		"other date":        answer(206, with(span(n, 99_999, "100000"), "Last-Modified", "Tue, 03 Jan 2023 03:04:05 GMT"), other[n:]),
		"no Content-Range":  answer(206, map[string]string{"Etag": etag}, body[n:]),
		"bad Content-Range": answer(206, map[string]string{"Etag": etag, "Content-Range": "bytes x"}, body[n:]),
		"multipart": answer(206, map[string]string{"Etag": etag, "Content-Type": "multipart/byteranges; boundary=x"},
			append([]byte("--x\r\nContent-Range: bytes 60000-99999/100000\r\n\r\n"), body[n:]...)),
		"encoded":      answer(206, with(span(n, 99_999, "100000"), "Content-Encoding", "gzip"), body[n:]),
		"other length": answer(206, with(span(n, 99_999, "100000"), "Content-Length", "39999"), body[n:]),
	}
	for name, handler := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			h := newHarness(t, o)
			h.interrupt(n)
			o.script = []http.HandlerFunc{handler}
			staged := h.get(body)
			assert.Equal(t, 2, staged.Requests)
			assert.Empty(t, o.requests()[1].span, "start over")
		})
	}
	t.Run("shorter than asked is used", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body)
		h := newHarness(t, o)
		h.interrupt(n)
		o.script = []http.HandlerFunc{answer(206, span(n, 79_999, "100000"), body[n:80_000])}
		h.get(body)
		assert.Equal(t, spanFrom(80_000), o.requests()[1].span)
	})
	t.Run("wrong each time", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body)
		h := newHarness(t, o)
		h.interrupt(n)
		always := answer(206, span(0, 99_999, "100000"), body)
		o.script = []http.HandlerFunc{always, always, always, always, always, always}
		_, err := h.fetch()
		require.Error(t, err)
		assert.LessOrEqual(t, len(o.requests()), 4)
		assert.Empty(t, h.files())
	})
}

func TestU5_ReplacedPicture(t *testing.T) {
	t.Parallel()
	old, fresh := jpeg(100_000, 1), jpeg(90_000, 2)
	o := newOrigin(old)
	h := newHarness(t, o)
	h.interrupt(60_000)
	before := jpeg(5000, 3)
	h.put("p.jpg", before[:4999]) // a file that is not whole, but all there is
	o.change(fresh, `"v2"`, "Tue, 03 Jan 2023 03:04:05 GMT")
	staged, err := h.fetch()
	require.NoError(t, err)
	assert.Equal(t, []asked{{"/p.jpg", spanFrom(60_000), etag, "identity"}}, o.requests(), "the answer to If-Range is the new picture")
	kept, err := os.ReadFile(filepath.Join(h.path, "p.jpg"))
	require.NoError(t, err)
	assert.Equal(t, before[:4999], kept, "the old file stays until the new one is whole")
	require.NoError(t, h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, true)[0])
	h.holds("p.jpg", fresh)
}

func TestU6_RangeNotSatisfiable(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	refuse := func(header map[string]string) http.HandlerFunc { return answer(416, header, []byte("416")) }
	cases := map[string]struct {
		part     int
		handler  http.HandlerFunc
		requests int
	}{
		"complete":               {100_000, nil, 1},
		"complete, says nothing": {100_000, refuse(nil), 1},
		"complete, other total":  {100_000, refuse(map[string]string{"Content-Range": "bytes */99999"}), 2},
		"complete, other tag":    {100_000, refuse(map[string]string{"Content-Range": "bytes */100000", "Etag": `"v2"`}), 2},
		"short":                  {60_000, refuse(map[string]string{"Content-Range": "bytes */100000"}), 2},
		"short, says nothing":    {60_000, refuse(nil), 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			h := newHarness(t, o)
			h.interrupt(60_000)
			h.grow(body[:c.part])
			o.script = []http.HandlerFunc{c.handler}
			staged := h.get(body)
			assert.Equal(t, c.requests, staged.Requests)
			assert.Equal(t, spanFrom(c.part), o.requests()[0].span)
		})
	}
	t.Run("complete but spoilt", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body)
		h := newHarness(t, o)
		h.interrupt(60_000)
		spoilt := bytes.Clone(body)
		spoilt[len(spoilt)-1] = 0
		h.grow(spoilt)
		assert.Equal(t, 2, h.get(body).Requests, "marks are checked")
	})
	t.Run("without a range", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body, refuse(nil)))
		_, err := h.fetch()
		status, ok := errors.AsType[*fetch.StatusError](err)
		require.True(t, ok)
		assert.Equal(t, 416, status.Code)
	})
}

// grow replaces the bytes of the part, as a process does that is killed later
// under the same boot.
func (h *harness) grow(part []byte) {
	h.t.Helper()
	h.put("p.jpg.part", part)
}

// edit changes the sidecar.
func (h *harness) edit(change func(fields map[string]any)) {
	h.t.Helper()
	path := filepath.Join(h.path, "p.jpg.part.json")
	text, err := os.ReadFile(path)
	require.NoError(h.t, err)
	fields := map[string]any{}
	require.NoError(h.t, json.Unmarshal(text, &fields))
	change(fields)
	edited, err := json.Marshal(fields)
	require.NoError(h.t, err)
	edited = append(edited, bytes.Repeat([]byte{' '}, len(text)-len(edited))...)
	require.NoError(h.t, os.WriteFile(path, edited, 0o600))
}

func TestD6_UselessPartsStartOver(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	set := func(key string, value any) func(h *harness) {
		return func(h *harness) { h.edit(func(fields map[string]any) { fields[key] = value }) }
	}
	remove := func(name string) func(h *harness) {
		return func(h *harness) { require.NoError(h.t, os.Remove(filepath.Join(h.path, name))) }
	}
	cases := map[string]func(h *harness){
		"part missing":          remove("p.jpg.part"),
		"sidecar missing":       remove("p.jpg.part.json"),
		"sidecar empty":         func(h *harness) { h.put("p.jpg.part.json", nil) },
		"sidecar zeros":         func(h *harness) { h.put("p.jpg.part.json", make([]byte, 1024)) },
		"sidecar is text":       func(h *harness) { h.put("p.jpg.part.json", bytes.Repeat([]byte("x"), 1024)) },
		"sidecar too long":      func(h *harness) { h.put("p.jpg.part.json", bytes.Repeat([]byte(" "), 5000)) },
		"sidecar of other URL":  set("url_sha256", strings.Repeat("0", 64)),
		"sidecar of tomorrow":   set("version", 2),
		"no validator":          func(h *harness) { set("etag", "")(h); set("last_modified", "")(h) },
		"header in validator":   set("etag", "\"a\"\r\nX: y"),
		"negative total":        set("total", -1),
		"total 2^63":            set("total", 9.3e18),
		"synced beyond total":   set("synced", 200_000),
		"synced beyond part":    set("synced", 70_000),
		"other checksum":        set("crc32c", 7),
		"longer than the whole": func(h *harness) { h.grow(append(bytes.Clone(body), 0)) },
		"part empty":            func(h *harness) { h.grow(nil) },
		"part shorter":          func(h *harness) { h.grow(body[:50_000]) },
		"part spoilt":           func(h *harness) { h.grow(append(make([]byte, 100), body[100:60_000]...)) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			h := newHarness(t, o)
			h.interrupt(60_000)
			spoil(h)
			staged := h.get(body)
			assert.Equal(t, []asked{{"/p.jpg", "", "", "identity"}}, o.requests())
			assert.Equal(t, 1, staged.Requests, "no error to the user")
		})
	}
}

func TestD6_BytesAreBelievedUnderTheirBootOnly(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	long := append(bytes.Clone(body), make([]byte, 20_000)...)
	for name, c := range map[string]struct {
		boot string
		part []byte
		from int
	}{
		"same boot":           {fsafe.BootID(), body[:80_000], 80_000},
		"other boot":          {"other", body[:80_000], 60_000},
		"other boot, garbage": {"other", long, 60_000},
		"no boot":             {"", body[:80_000], 60_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if fsafe.BootID() == "" {
				t.Skip("this system does not name its boots")
			}
			o := newOrigin(body)
			h := newHarness(t, o)
			h.interrupt(60_000)
			h.grow(c.part)
			h.edit(func(fields map[string]any) { fields["boot_id"] = c.boot })
			h.get(body)
			assert.Equal(t, spanFrom(c.from), o.requests()[0].span)
		})
	}
}

func TestD5_WhatStandsUnderTheFinalName(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body)
		h := newHarness(t, o)
		h.interrupt(60_000)
		h.put("p.jpg", body)
		staged := h.get(body, func(r *fetch.Request) { r.SHA256 = true })
		assert.True(t, staged.Existing)
		assert.Equal(t, int64(0), staged.Fetched)
		assert.Len(t, staged.SHA256, 32)
		assert.Equal(t, []asked{{"/p.jpg", spanFrom(100_000), "", "identity"}}, o.requests())
	})
	t.Run("whole, server without ranges", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body, answer(200, map[string]string{"Content-Length": "100000"}, body))
		h := newHarness(t, o)
		h.put("p.jpg", body)
		staged := h.get(body)
		assert.True(t, staged.Existing)
		assert.Equal(t, int64(0), staged.Fetched, "the body is not read")
		assert.Len(t, o.requests(), 1)
	})
	t.Run("whole but another, server without ranges", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body, answer(200, map[string]string{"Content-Length": "100000"}, body))
		h := newHarness(t, o)
		h.put("p.jpg", jpeg(90_000, 2))
		staged := h.get(body)
		assert.False(t, staged.Existing)
		assert.Len(t, o.requests(), 1, "the body of the answer is used")
	})
	for name, file := range map[string][]byte{
		"short": body[:50_000], "whole but another": jpeg(90_000, 2), "longer": append(bytes.Clone(body), make([]byte, 10)...),
		"empty": {}, "of another type": png(100_000, 1), "a page": []byte(page),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, newOrigin(body))
			h.put("p.jpg", file)
			staged := h.get(body)
			assert.False(t, staged.Existing)
			assert.LessOrEqual(t, staged.Requests, 2)
		})
	}
	t.Run("stays when the download fails", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(body[:99_000])
		h := newHarness(t, o)
		h.put("p.jpg", body[:50_000])
		_, err := h.fetch()
		require.ErrorIs(t, err, fetch.ErrNotPicture)
		h.holds("p.jpg", body[:50_000])
	})
	t.Run("read-only", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		h.put("p.jpg", body[:50_000])
		require.NoError(t, os.Chmod(filepath.Join(h.path, "p.jpg"), 0o400))
		h.get(body)
	})
	t.Run("of any kind by its length", func(t *testing.T) {
		t.Parallel()
		text := []byte("some text")
		h := newHarness(t, newOrigin(text))
		h.put("notes.txt", text)
		assert.True(t, h.get(text, kind(fetch.Any), named("notes.txt")).Existing)
	})
}

func TestD5_NoRegularFileInTheWay(t *testing.T) {
	t.Parallel()
	body := jpeg(2<<20, 1)
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("mine"), 0o600))
	for _, name := range []string{"p.jpg", "p.jpg.part", "p.jpg.part.json"} {
		for how, make := range map[string]func(path string) error{
			"folder":        func(path string) error { return os.Mkdir(path, 0o700) },
			"link out":      func(path string) error { return os.Symlink(outside, path) },
			"link inside":   func(path string) error { return os.Symlink("other", path) },
			"dangling link": func(path string) error { return os.Symlink("nowhere", path) },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, newOrigin(body))
				h.put("other", []byte("mine too"))
				require.NoError(t, make(filepath.Join(h.path, name)))
				for _, k := range []fetch.Kind{fetch.Picture, fetch.Any} {
					_, err := h.fetch(kind(k))
					_, ok := errors.AsType[*fsafe.NotRegularError](err)
					require.Truef(t, ok, "%v", err)
					assert.True(t, fetch.Permanent(err))
				}
				for path, want := range map[string]string{outside: "mine", filepath.Join(h.path, "other"): "mine too"} {
					got, err := os.ReadFile(path)
					require.NoError(t, err)
					assert.Equal(t, want, string(got))
				}
				_, err := os.Lstat(filepath.Join(h.path, name))
				require.NoError(t, err, "what is not ours stays")
			})
		}
	}
	t.Run("folder comes while the file is on its way", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, newOrigin(body))
		staged, err := h.fetch()
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(h.path, "p.jpg"), 0o700))
		err = h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, true)[0]
		_, ok := errors.AsType[*fsafe.NotRegularError](err)
		require.Truef(t, ok, "%v", err)
		require.NoError(t, os.Remove(filepath.Join(h.path, "p.jpg")))
		again := h.get(body)
		assert.Equal(t, int64(0), again.Fetched, "the part was kept")
	})
}

func TestD11_TimesOfFilesDoNotMatter(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	for _, year := range []int{1980, 2100} {
		t.Run(strconv.Itoa(year), func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			h := newHarness(t, o)
			h.interrupt(60_000)
			at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, name := range h.files() {
				require.NoError(t, os.Chtimes(filepath.Join(h.path, name), at, at))
			}
			h.get(body)
			assert.Equal(t, spanFrom(60_000), o.requests()[0].span)
			require.NoError(t, os.Chtimes(filepath.Join(h.path, "p.jpg"), at, at))
			assert.True(t, h.get(body).Existing)
		})
	}
}

func TestAnotherProcessOnTheSamePart(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	h := newHarness(t, newOrigin(body))
	staged, err := h.fetch()
	require.NoError(t, err)
	other := fetch.New(quick()) // shares no lock with the first
	second, err := other.Fetch(t.Context(), h.request())
	require.NoError(t, err)
	err = h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, true)[0]
	require.ErrorIs(t, err, fetch.ErrPartReplaced)
	assert.True(t, fetch.Retryable(err))
	require.NoError(t, other.Finish(t.Context(), []*fetch.Staged{second}, true)[0])
	h.holds("p.jpg", body)
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	body := jpeg(3<<20, 1)
	h := newHarness(t, newOrigin(body))
	staged, err := h.fetch()
	require.NoError(t, err)
	require.NoError(t, staged.Discard())
	require.NoError(t, staged.Discard(), "a second time does nothing")
	assert.Empty(t, h.files())
	require.ErrorIs(t, h.fetcher.Finish(t.Context(), []*fetch.Staged{staged}, true)[0], fetch.ErrFinished)
	h.get(body)
	existing, err := h.fetch()
	require.NoError(t, err)
	require.NoError(t, existing.Discard())
	h.holds("p.jpg", body)
}
