package pixivtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/pixivtest/internal/paint"
)

// ETag says what ETag the pictures of a server carry.
type ETag int

// The kinds of ETags.
const (
	ETagNone ETag = iota
	ETagStrong
	ETagWeak
)

// The sizes of zip files, as their names say them. The API names the small one only.
const (
	zipSmall = "600x600"
	zipLarge = "1920x1080"
)

// found is a file on the image host.
type found struct {
	body     content
	format   string // extension
	modified time.Time
	tag      string // differs whenever the bytes do
}

// refererAllowed says whether the image host serves pictures to a page: those of Pixiv.
func refererAllowed(referer string) bool {
	u, err := url.Parse(referer)
	if err != nil || u.Scheme != "https" {
		return false
	}
	return u.Hostname() == "pixiv.net" || strings.HasSuffix(u.Hostname(), ".pixiv.net")
}

// image answers for the image host.
func (s *Server) image(r *http.Request) *answer {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nginxPage(http.StatusMethodNotAllowed)
	}
	file, status := s.find(r.URL.Path)
	if status != http.StatusOK {
		return nginxPage(status)
	}
	return s.file(r, file)
}

// find looks a path of the image host up: 200, 404, or 500 for what is broken.
func (s *Server) find(path string) (found, int) {
	if strings.HasPrefix(path, "/user-profile/img/") || strings.HasPrefix(path, "/background/img/") {
		return s.findAvatar(path)
	}
	if strings.HasPrefix(path, "/novel-cover-original/img/") {
		return s.findNovelPicture(path)
	}
	id, ok := leadingNumber(path)
	if !ok {
		return found{}, http.StatusNotFound
	}
	w, ok := s.catalog.work(id)
	if !ok || !s.catalog.reachable(w) || w.Mask != Unmasked {
		return found{}, http.StatusNotFound
	}
	switch {
	case strings.HasPrefix(path, "/img-original/"):
		return s.findOriginal(w, path)
	case strings.HasPrefix(path, "/img-zip-ugoira/"):
		for _, size := range []string{zipSmall, zipLarge} {
			if w.Type == Ugoira && path == w.zipPath(s.config.Seed, size) {
				return found{s.zipped(w, size), "zip", w.modified(0), fmt.Sprintf("%d-%d-%s", w.ID, w.version, size)}, http.StatusOK
			}
		}
		return found{}, http.StatusNotFound
	}
	return s.findMaster(w, path)
}

func (s *Server) findOriginal(w work, path string) (found, int) {
	mark, pages := "_p", w.PageCount
	if w.Type == Ugoira {
		mark, pages = "_ugoira", w.Frames
	}
	n, ok := numberAfter(path, mark)
	if !ok || n >= pages || path != w.originalPath(s.config.Seed, n) {
		return found{}, http.StatusNotFound
	}
	p := w.describe(n)
	switch {
	case p.Missing:
		return found{}, http.StatusNotFound
	case p.Broken:
		return found{}, http.StatusInternalServerError
	}
	tag := fmt.Sprintf("%d-%d-%d-%d", w.ID, n, w.version, w.changes[n])
	return found{s.original(w, n), string(p.Format), w.modified(n), tag}, http.StatusOK
}

func (s *Server) findMaster(w work, path string) (found, int) {
	box := ""
	if rest, in := strings.CutPrefix(path, "/c/"); in {
		box, _, _ = strings.Cut(rest, "/")
	}
	n := 0
	if w.Type != Ugoira {
		n, _ = numberAfter(path, "_p")
	}
	for _, kind := range []string{"master1200", "square1200"} {
		if n < w.PageCount && path == w.masterPath(s.config.Seed, n, box, kind) {
			tag := fmt.Sprintf("%d-%d-%d-%s%s", w.ID, n, w.version, kind, box)
			return found{s.rendition(w, n, kind), "jpg", w.modified(n), tag}, http.StatusOK
		}
	}
	return found{}, http.StatusNotFound
}

// findAvatar looks up what a profile shows: the picture of a user, small or in full, and the one behind it.
func (s *Server) findAvatar(path string) (found, int) {
	id, _ := leadingNumber(path)
	u, ok := s.User(id)
	side := map[string]int{avatarPath(s.config.Seed, id): 96, fullAvatarPath(s.config.Seed, id): 192}[path]
	if u.Background && path == backgroundPath(s.config.Seed, id) {
		side = 256
	}
	if !ok || side == 0 {
		return found{}, http.StatusNotFound
	}
	body := s.gallery.paint(paint.Spec{
		Seed: mix(s.config.Seed, uint64(id)), Label: fmt.Sprintf("user %d", id), Format: paint.JPEG, Width: side, Height: side,
	})
	return found{body, "jpg", time.Date(2016, time.August, 11, 12, 0, 0, 0, japan), fmt.Sprintf("user-%d-%d", id, side)}, http.StatusOK
}

// modified is when page n was last changed.
func (w work) modified(n int) time.Time {
	return w.uploaded.Add(time.Duration(w.changes[n]) * time.Hour)
}

// file answers with a file, or with what of it is asked for (RFC 9110 sections 13 and 14).
func (s *Server) file(r *http.Request, f found) *answer {
	a := newAnswer(http.StatusOK, contentType(f.format), f.body)
	a.header.Set("Server", "nginx")
	a.header.Set("Accept-Ranges", "bytes")
	modified := f.modified.UTC().Format(http.TimeFormat)
	a.header.Set("Last-Modified", modified)
	etag := ""
	switch ETag(s.etag.Load()) {
	case ETagStrong:
		etag = `"` + f.tag + `"`
	case ETagWeak:
		etag = `W/"` + f.tag + `"`
	}
	if etag != "" {
		a.header.Set("ETag", etag)
	}
	if unchanged(r.Header, modified, etag) {
		a.status, a.body = http.StatusNotModified, nil
		return a
	}
	if condition := r.Header.Get("If-Range"); condition != "" && condition != modified {
		if condition != etag || strings.HasPrefix(etag, "W/") { // a weak tag proves nothing about bytes (RFC 9110 section 13.1.5)
			return a
		}
	}
	size := f.body.Size()
	start, length, asked := parseRange(r.Header.Get("Range"), size)
	switch {
	case !asked:
	case length == 0:
		a = nginxPage(http.StatusRequestedRangeNotSatisfiable)
		a.header.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
	default:
		a.status = http.StatusPartialContent
		a.body = section{of: f.body, off: start, n: length}
		a.header.Set("Content-Range", contentRange(start, length, size))
	}
	return a
}

func unchanged(header http.Header, modified, etag string) bool {
	if tags := header.Get("If-None-Match"); tags != "" {
		return etag != "" && strings.Contains(tags, strings.TrimPrefix(etag, "W/"))
	}
	return header.Get("If-Modified-Since") == modified
}

func contentRange(start, length, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", start, start+length-1, size)
}

func contentType(format string) string {
	switch format {
	case "jpg":
		return "image/jpeg"
	case "zip":
		return "application/zip"
	}
	return "image/" + format
}

// parseRange reads a Range header with one range. Length 0 means that the file has nothing of it; a header that is
// none, or asks for several ranges, counts as not there, as RFC 9110 section 14.2 allows.
func parseRange(header string, size int64) (start, length int64, asked bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	if from == "" { // the last bytes
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		n = min(n, size)
		return size - n, n, true
	}
	start, err := strconv.ParseInt(from, 10, 64)
	if err != nil || start < 0 {
		return 0, 0, false
	}
	end := size - 1
	if to != "" {
		last, err := strconv.ParseInt(to, 10, 64)
		if err != nil || last < start {
			return 0, 0, false
		}
		end = min(end, last)
	}
	return start, max(0, end-start+1), true
}

func staticURL(name string) string { return "https://" + HostStatic + "/common/images/" + name }

// static answers for the host of the placeholders.
func (s *Server) static(r *http.Request) *answer {
	name, ok := strings.CutPrefix(r.URL.Path, "/common/images/")
	if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return nginxPage(http.StatusNotFound)
	}
	side := 0
	switch name {
	case "limit_sanity_level_360.png", "limit_unviewable_360.png", "limit_mypixiv_360.png", "limit_unknown_360.png":
		side = 360
	case "no_profile.png":
		side = 170
	case "no_profile_s.png":
		side = 50
	case "no_profile_ss.png":
		side = 16
	default:
		return nginxPage(http.StatusNotFound)
	}
	body := s.gallery.paint(paint.Spec{Seed: mixText(name), Label: name, Format: paint.PNG, Width: side, Height: side})
	return s.file(r, found{body, "png", time.Date(2020, time.January, 1, 0, 0, 0, 0, japan), name})
}

// web answers for the web site: just enough that links to works and users lead somewhere.
func (s *Server) web(r *http.Request) *answer {
	id, ok := leadingNumber(r.URL.Path)
	switch {
	case ok && r.URL.Path == fmt.Sprintf("/artworks/%d", id):
		if w, there := s.catalog.work(id); there && s.catalog.reachable(w) {
			return htmlPage(http.StatusOK, "work "+strconv.FormatInt(id, 10)+" - pixiv", "")
		}
	case ok && r.URL.Path == fmt.Sprintf("/users/%d", id):
		if u, there := s.User(id); there && !u.Suspended {
			return htmlPage(http.StatusOK, "user "+strconv.FormatInt(id, 10)+" - pixiv", "")
		}
	}
	return htmlPage(http.StatusNotFound, "pixiv", "<p>The page was not found.</p>")
}
