package pixivtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzParseRange holds that a range that is understood lies within the file.
func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-0", "bytes=5-", "bytes=-5", "bytes=9-3", "bytes=0-1,2-3", "bytes=", "x", "bytes=-9223372036854775808"} {
		f.Add(seed, int64(100))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 1 {
			return
		}
		start, length, asked := parseRange(header, size)
		if !asked {
			return
		}
		if start < 0 || length < 0 || (length > 0 && start+length > size) {
			t.Errorf("%q of %d bytes: %d+%d", header, size, start, length)
		}
	})
}

// FuzzServe holds that no request makes the server panic, and that none without a token gets more than a refusal.
func FuzzServe(f *testing.F) {
	s := NewUnstartedServer(Config{})
	f.Cleanup(s.Close)
	w := s.AddWork(Work{ID: 7, Type: Ugoira, HashedNames: true})
	known, _ := s.catalog.work(w.ID)
	f.Add("GET", HostImages, s.Picture(w.ID, 0).Path, "bytes=1-2", "")
	f.Add("GET", HostImages, known.zipPath(0, zipSmall), "", "")
	f.Add("GET", HostImages, known.masterPath(0, 0, "360x360_70", "square1200"), "", "")
	f.Add("POST", HostOAuth, "/auth/token", "", "grant_type=refresh_token&refresh_token=%")
	f.Add("GET", HostAPI, "/v1/user/illusts", "", "user_id=7&offset=99999999999999999999")
	f.Add("GET", HostWeb, "/artworks/7", "", "")
	f.Add("HEAD", HostStatic, "/common/images/limit_unknown_360.png", "", "")
	f.Fuzz(func(t *testing.T, method, host, path, ranged, query string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(query))
		r.Method, r.Host, r.URL.Path, r.URL.RawQuery = method, host, path, query
		r.Header.Set("Referer", "https://www.pixiv.net/")
		r.Header.Set("Range", ranged)
		a := s.honest(r)
		if a.status < 200 || a.status > 599 {
			t.Errorf("status %d", a.status)
		}
		if host == HostAPI && strings.HasPrefix(path, "/v1/") && a.status < 400 {
			t.Errorf("%s answered %d without a token", path, a.status)
		}
		if got := a.size(); got < 0 {
			t.Errorf("size %d", got)
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("/v1/*", "/v1/illust/detail")
	f.Add("*a*b*", "xaxbx")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		got := glob(pattern, s)
		if !strings.Contains(pattern, "*") && got != (pattern == s) {
			t.Errorf("%q, %q: %v", pattern, s, got)
		}
		if !glob("*"+pattern+"*", s+pattern+s) && !strings.Contains(pattern, "*") {
			t.Errorf("%q is not found in the middle", pattern)
		}
		if got && !glob(pattern+"*", s+"tail") && !strings.Contains(pattern, "*") {
			t.Errorf("%q, %q: not a prefix", pattern, s)
		}
	})
}
