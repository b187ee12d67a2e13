package pixivtest_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

func TestImage(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		for format, kind := range map[pixivtest.Format]string{pixivtest.JPEG: "jpeg", pixivtest.PNG: "png", pixivtest.GIF: "gif"} {
			w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Format: format, Width: 31, Height: 17, Size: 123_457}})
			p := s.Picture(w.ID, 0)
			got := fetch(t, client, p.URL, nil)
			require.Equal(t, 200, got.status)
			require.Equal(t, "image/"+kind, got.header.Get("Content-Type"))
			require.Equal(t, "bytes", got.header.Get("Accept-Ranges"))
			require.Empty(t, got.header.Get("ETag"))
			require.EqualValues(t, 123_457, got.length)
			require.EqualValues(t, 123_457, p.Size())
			require.True(t, string(p.Bytes()) == got.body)
			modified, err := http.ParseTime(got.header.Get("Last-Modified"))
			require.NoError(t, err)
			require.True(t, modified.Equal(w.Created))
			picture, decoded, err := image.Decode(strings.NewReader(got.body))
			require.NoError(t, err)
			require.Equal(t, kind, decoded)
			require.Equal(t, image.Pt(31, 17), picture.Bounds().Size())

			head := exchange(t, client, http.MethodHead, p.URL, map[string]string{"Referer": referer}, "")
			require.Equal(t, 200, head.status)
			require.EqualValues(t, 123_457, head.length)
			require.Empty(t, head.body)
		}
	})
}

func TestImageRefusals(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		w := s.AddWork(pixivtest.Work{Pages: []pixivtest.Page{{}, {Broken: true}, {Missing: true}}})
		good, base := s.Picture(w.ID, 0).URL, "https://i.pximg.net"
		for _, c := range []struct {
			address, referer string
			status           int
		}{
			{good, "https://app-api.pixiv.net/", 200},
			{good, "https://www.pixiv.net/artworks/1", 200},
			{good, "", 403},
			{good, "https://example.com/", 403},
			{good, "http://www.pixiv.net/", 403},
			{good, "https://www.pixiv.net.example.com/", 403},
			{s.Picture(w.ID, 1).URL, referer, 500},
			{s.Picture(w.ID, 2).URL, referer, 404},
			{strings.Replace(good, "_p0", "_p9", 1), referer, 404},
			{strings.Replace(good, "_p0.jpg", "_p0.png", 1), referer, 404},
			{base + "/img-original/img/1999/01/01/00/00/00/5_p0.jpg", referer, 404},
			{base + "/", referer, 404},
			{base, referer, 404},
		} {
			got := exchange(t, client, http.MethodGet, c.address, map[string]string{"Referer": c.referer}, "")
			require.Equal(t, c.status, got.status, "%s from %q", c.address, c.referer)
			if c.status != 200 {
				require.Equal(t, "text/html", got.header.Get("Content-Type"))
				require.Contains(t, got.body, "<hr><center>nginx</center>")
			}
		}
		require.Equal(t, 405, exchange(t, client, http.MethodDelete, good, map[string]string{"Referer": referer}, "").status)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, good, nil)
		require.NoError(t, err)
		request.Host = "www.example.com"
		response, err := client.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusMisdirectedRequest, response.StatusCode)
	})
}

func TestImageRange(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 5000}})
		p := s.Picture(w.ID, 0)
		whole := string(p.Bytes())
		modified := fetch(t, client, p.URL, nil).header.Get("Last-Modified")
		for _, c := range []struct {
			ask, condition string
			status         int
			body, position string
		}{
			{"bytes=0-0", "", 206, whole[:1], "bytes 0-0/5000"},
			{"bytes=10-19", "", 206, whole[10:20], "bytes 10-19/5000"},
			{"bytes=4990-", "", 206, whole[4990:], "bytes 4990-4999/5000"},
			{"bytes=4990-9999", "", 206, whole[4990:], "bytes 4990-4999/5000"},
			{"bytes=-7", "", 206, whole[4993:], "bytes 4993-4999/5000"},
			{"bytes=-9999", "", 206, whole, "bytes 0-4999/5000"},
			{"bytes=5000-", "", 416, "", "bytes */5000"},
			{"bytes=-0", "", 416, "", "bytes */5000"},
			{"bytes=5-4", "", 200, whole, ""},
			{"bytes=a-b", "", 200, whole, ""},
			{"bytes=0-1,3-4", "", 200, whole, ""},
			{"lines=0-1", "", 200, whole, ""},
			{"bytes=10-", modified, 206, whole[10:], "bytes 10-4999/5000"},
			{"bytes=10-", "Mon, 01 Jan 2001 00:00:00 GMT", 200, whole, ""},
			{"bytes=10-", `"some-tag"`, 200, whole, ""},
		} {
			got := fetch(t, client, p.URL, map[string]string{"Range": c.ask, "If-Range": c.condition})
			require.Equal(t, c.status, got.status, "%s %s", c.ask, c.condition)
			require.Equal(t, c.position, got.header.Get("Content-Range"), c.ask)
			if c.status != 416 {
				require.True(t, c.body == got.body, "%s %s", c.ask, c.condition)
				require.EqualValues(t, len(c.body), got.length)
			}
		}
		require.EqualValues(t, 15, s.Counts(p.Path).Ranged)
	})
}

func TestImageETag(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{ETag: pixivtest.ETagStrong})
	w := s.AddWork(pixivtest.Work{})
	p := s.Picture(w.ID, 0)
	strong := fetch(t, s.Client(), p.URL, nil).header.Get("ETag")
	require.Regexp(t, `^"[^"]+"$`, strong)
	resume := func(condition string) int {
		return fetch(t, s.Client(), p.URL, map[string]string{"Range": "bytes=9-", "If-Range": condition}).status
	}
	require.Equal(t, 206, resume(strong))
	require.Equal(t, 304, fetch(t, s.Client(), p.URL, map[string]string{"If-None-Match": strong}).status)
	s.SetETag(pixivtest.ETagWeak)
	weak := fetch(t, s.Client(), p.URL, nil).header.Get("ETag")
	require.Equal(t, "W/"+strong, weak)
	require.Equal(t, 200, resume(weak), "a weak tag proves nothing about bytes")
	s.SetETag(pixivtest.ETagNone)
	require.Empty(t, fetch(t, s.Client(), p.URL, nil).header.Get("ETag"))
	require.Equal(t, 200, resume(strong))
}

// TestChangePicture changes a picture between two parts.
func TestChangePicture(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{ETag: pixivtest.ETagStrong})
	w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 9000}})
	p := s.Picture(w.ID, 0)
	before := fetch(t, s.Client(), p.URL, map[string]string{"Range": "bytes=0-99"})
	s.ChangePicture(w.ID, 0)
	for _, condition := range []string{before.header.Get("Last-Modified"), before.header.Get("ETag")} {
		after := fetch(t, s.Client(), p.URL, map[string]string{"Range": "bytes=100-", "If-Range": condition})
		require.Equal(t, 200, after.status)
		require.NotEqual(t, before.header.Get("ETag"), after.header.Get("ETag"))
		require.Equal(t, string(s.Picture(w.ID, 0).Bytes()), after.body)
	}
	require.NotEqual(t, p.Bytes(), s.Picture(w.ID, 0).Bytes(), "a Picture is as it was when it was asked for")
}

func TestHashedNames(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{HashedNames: true, PageCount: 2})
	p := s.Picture(w.ID, 1)
	require.Regexp(t, fmt.Sprintf(`/%d-[0-9a-f]{32}_p1\.jpg$`, w.ID), p.URL)
	require.Equal(t, 200, fetch(t, s.Client(), p.URL, nil).status)
	require.Equal(t, p.URL, detailOf(t, s, s.Client(), w.ID).originals()[1])
}

func TestUgoira(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		w := s.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, Frames: 4})
		got := ask(t, s, client, fmt.Sprintf("/v1/ugoira/metadata?illust_id=%d", w.ID))
		var answer struct {
			Metadata struct {
				ZipURLs struct{ Medium string } `json:"zip_urls"`
				Frames  []struct {
					File  string
					Delay int
				}
			} `json:"ugoira_metadata"`
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &answer))
		require.Len(t, answer.Metadata.Frames, 4)
		small := answer.Metadata.ZipURLs.Medium
		require.Regexp(t, `_ugoira600x600\.zip$`, small)
		for _, address := range []string{small, strings.Replace(small, "600x600", "1920x1080", 1)} {
			file := fetch(t, client, address, nil)
			require.Equal(t, 200, file.status)
			require.Equal(t, "application/zip", file.header.Get("Content-Type"))
			archive, err := zip.NewReader(strings.NewReader(file.body), int64(len(file.body)))
			require.NoError(t, err)
			require.Len(t, archive.File, 4)
			for n, frame := range archive.File {
				require.Equal(t, answer.Metadata.Frames[n].File, frame.Name)
				opened, err := frame.Open()
				require.NoError(t, err)
				_, kind, err := image.Decode(opened)
				require.NoError(t, err)
				require.Equal(t, "jpeg", kind)
			}
		}
		originals := detailOf(t, s, client, w.ID).originals()
		require.Len(t, originals, 1)
		require.Regexp(t, `_ugoira0\.jpg$`, originals[0])
		last := s.Picture(w.ID, 3)
		require.True(t, string(last.Bytes()) == fetch(t, client, last.URL, nil).body)
		require.Equal(t, 404, fetch(t, client, strings.Replace(last.URL, "ugoira3", "ugoira4", 1), nil).status)
	})
}

func TestPlainListener(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{})
	p := s.Picture(w.ID, 0)
	got := exchange(t, s.Client(), http.MethodGet, s.PlainURL()+p.Path, nil, "")
	require.Equal(t, 200, got.status)
	require.True(t, string(p.Bytes()) == got.body)
	require.Equal(t, 1, s.Load(pixivtest.HostImages).Connections)
	require.EqualValues(t, 1, s.Load(pixivtest.HostImages).Total)
}

func TestPictures(t *testing.T) {
	t.Parallel()
	config := pixivtest.Config{Seed: 5}
	s := start(t, config)
	users := s.Populate(pixivtest.Population{
		Seed: 2, Users: 2, Works: 6, Pages: pixivtest.Between{Min: 1, Max: 4}, Sizes: pixivtest.Between{Min: 20_000, Max: 30_000},
		UgoiraPercent: 20,
	})
	u := users[1]
	s.AddWork(pixivtest.Work{UserID: u.ID, Mask: pixivtest.MaskMyPixiv})
	s.AddWork(pixivtest.Work{UserID: u.ID, Access: pixivtest.Deleted, StillListed: true})
	s.AddWork(pixivtest.Work{UserID: u.ID, Pages: []pixivtest.Page{{Broken: true}, {}, {Missing: true}}})
	twin := pixivtest.NewUnstartedServer(config)
	defer twin.Close()
	twin.Populate(pixivtest.Population{
		Seed: 2, Users: 2, Works: 6, Pages: pixivtest.Between{Min: 1, Max: 4}, Sizes: pixivtest.Between{Min: 20_000, Max: 30_000},
		UgoiraPercent: 20,
	})
	sums := map[string]string{}
	var pages []int
	for p := range s.Pictures() {
		require.Equal(t, 200, fetch(t, s.Client(), p.URL, nil).status)
		sums[p.SHA256()] = p.URL
		pages = append(pages, p.Page)
		content, err := io.ReadAll(p.Open())
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, p.Bytes()))
		if w, _ := s.Work(p.WorkID); w.Sizes.Max > 0 {
			require.True(t, p.Size() >= 20_000 && p.Size() <= 30_000)
		}
	}
	require.Len(t, sums, len(pages), "all differ")
	for p := range twin.Pictures() {
		require.Equal(t, p.URL, sums[p.SHA256()], "the same seed gives the same pictures")
	}
	one := 0
	for p := range s.Pictures(u.ID) {
		w, _ := s.Work(p.WorkID)
		require.Equal(t, u.ID, w.UserID)
		one++
	}
	require.Less(t, one, len(pages))
	require.Len(t, s.Users(), 2)
	require.Len(t, s.Works(u.ID), 9)
}

func TestWeb(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{Created: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
	for path, status := range map[string]int{
		fmt.Sprintf("/artworks/%d", w.ID): 200, fmt.Sprintf("/users/%d", w.UserID): 200,
		"/artworks/5": 404, "/users/5": 404, "/": 404,
	} {
		require.Equal(t, status, exchange(t, s.Client(), http.MethodGet, "https://www.pixiv.net"+path, nil, "").status, path)
	}
}
