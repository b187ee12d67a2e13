// Package console is the web console of pixivoc: pages that a browser shows at
// /, which talk to package restapi at /api/v1 of the same origin.
//
// The pages are plain HTML, style sheets and ES modules, embedded in the
// binary. They ask for nothing from elsewhere, and a strict Content Security
// Policy says so to the browser: no inline script, no inline style, and no way
// to turn text into markup.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/internal/guard"
)

//go:embed assets
var assets embed.FS

// policy is the Content Security Policy of every page (CSP level 3). Trusted
// types make the browser refuse text where markup or script would be made.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Config makes a console. The zero value is sane.
type Config struct {
	// Hosts are further names under which the console may be addressed. None
	// are needed for loopback.
	Hosts []string
}

// asset is a file as it is sent.
type asset struct {
	body        []byte
	contentType string
	tag         string
}

// New makes the handler of the console. It serves the paths of its files and
// answers 404 to all others, so it can be mounted at / beside other handlers.
func New(config Config) (http.Handler, error) {
	files, err := load()
	if err != nil {
		return nil, err
	}
	return guard.New(guard.Config{Hosts: config.Hosts}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, files)
	})), nil
}

// load reads all files; the page itself is at "/".
func load() (map[string]asset, error) {
	files := map[string]asset{}
	err := fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		address := strings.TrimPrefix(name, "assets")
		if address == "/index.html" {
			address = "/"
		}
		kind, err := contentType(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		files[address] = asset{body, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	return files, err
}

// contentType does not ask the machine, whose tables differ.
func contentType(name string) (string, error) {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8", nil
	case ".css":
		return "text/css; charset=utf-8", nil
	case ".js":
		return "text/javascript; charset=utf-8", nil
	case ".json":
		return "application/json", nil
	case ".svg":
		return "image/svg+xml", nil
	}
	return "", fmt.Errorf("asset %s: no content type is known for it", name)
}

func serve(w http.ResponseWriter, r *http.Request, files map[string]asset) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	found, ok := files[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	header.Set("Content-Type", found.contentType)
	header.Set("ETag", found.tag)
	header.Set("Cache-Control", "no-cache") // ask each time; the tag makes that cheap
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(found.body))
}
