package legacyapi

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// staticPrefix begins the paths of files.
const staticPrefix = "/static/"

// serveOpen serves "/" and the files, which everybody may see at any time.
// It is false for all other paths.
func (a *API) serveOpen(w http.ResponseWriter, r *http.Request) bool {
	name, isStatic := strings.CutPrefix(r.URL.Path, staticPrefix)
	if r.URL.Path != "/" && !isStatic {
		return false
	}
	w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", http.MethodGet)
		answer(w, false, sentenceUnknown)
	case isStatic:
		a.serveFile(w, r, name)
	default:
		writeText(w, textHello)
	}
	return true
}

// serveFile serves a file. Folders are not listed and have no page of their
// own.
func (a *API) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	if a.config.Static == nil || !fs.ValidPath(name) {
		writeText(w, textNotFound)
		return
	}
	about, err := fs.Stat(a.config.Static, name)
	if err != nil || !about.Mode().IsRegular() {
		writeText(w, textNotFound)
		return
	}
	content, err := fs.ReadFile(a.config.Static, name)
	if err != nil {
		a.log.Error("read static file", "file", name, "error", err)
		answer(w, false, sentenceUnknown)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	changed := about.ModTime()
	if changed.Before(time.Unix(1, 0)) {
		changed = time.Time{} // an embedded file has no time
	}
	http.ServeContent(w, r, path.Base(name), changed, bytes.NewReader(content))
}
