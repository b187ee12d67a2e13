// Package guard keeps web pages and strangers off an HTTP door: it checks the
// Host header against a list (DNS rebinding), Origin and Sec-Fetch-Site
// (requests forged by pages), answers CORS for configured origins only, and
// bounds bodies in size and time.
//
// A door on loopback can be reached by every page that a browser on the same
// machine shows. The checks here are what stands between such a page and the
// door; clients that are no browsers send none of these headers and notice
// nothing.
package guard

import (
	"net/http"
	"strings"
	"time"
)

const (
	// DefaultMaxBody bounds bodies unless Config.MaxBody says otherwise, in
	// bytes.
	DefaultMaxBody = 64 << 10
	// DefaultBodyTimeout is the time in which a body must have come unless
	// Config.BodyTimeout says otherwise.
	DefaultBodyTimeout = 10 * time.Second
)

// Config says whom a Guard lets pass. The zero value lets in requests to
// loopback names and to IP literals that are addresses of this machine, and
// pages from the door's own origin only.
type Config struct {
	// Hosts are further names or IP addresses under which the door may be
	// addressed. They are compared without port and without regard to case.
	Hosts []string
	// Origins are the web origins, such as "http://localhost:8080", whose
	// pages may use the door. They cannot use its cookies: the handler does
	// not see those of requests that name another origin. "*" allows every
	// page and must only be used where no credential is ambient.
	Origins []string
	// MaxBody bounds request bodies in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// BodyTimeout bounds the time that a body takes; 0 means
	// DefaultBodyTimeout. It starts when the head has been read.
	BodyTimeout time.Duration
	// Changes says which requests change something although their method is
	// GET, HEAD or OPTIONS; nil means none. They are held to the rules for
	// POST.
	Changes func(*http.Request) bool
	// Refuse writes a refusal in the door's own form; nil writes plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, reason string)
}

// Guard wraps handlers. Make one with New. It is safe for concurrent use.
type Guard struct {
	config  Config
	hosts   map[string]bool
	origins map[string]bool
}

// New makes a Guard.
func New(config Config) *Guard {
	if config.MaxBody <= 0 {
		config.MaxBody = DefaultMaxBody
	}
	if config.BodyTimeout <= 0 {
		config.BodyTimeout = DefaultBodyTimeout
	}
	if config.Refuse == nil {
		config.Refuse = func(w http.ResponseWriter, _ *http.Request, status int, reason string) {
			http.Error(w, reason, status)
		}
	}
	g := &Guard{config: config, hosts: map[string]bool{"localhost": true}, origins: map[string]bool{}}
	for _, host := range config.Hosts {
		if name, ok := hostName(host); ok {
			g.hosts[name] = true
		}
	}
	for _, origin := range config.Origins {
		g.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
	}
	return g
}

// Wrap puts the checks in front of a handler. The handler sees a body that
// ends with a *http.MaxBytesError after MaxBody bytes, and with an error that
// is os.ErrDeadlineExceeded after BodyTimeout.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.knowsHost(r) {
			g.config.Refuse(w, r, http.StatusMisdirectedRequest, "this server does not answer to the host name of the request; add the name to the allowed hosts")
			return
		}
		// Not to be loaded into a page of another origin, as a script or a
		// picture, and never to be taken for another type than it says.
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		allowed := g.answerOrigin(w, r)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			g.preflight(w, r, allowed)
			return
		}
		if g.changes(r) && g.isForged(r, allowed) {
			g.config.Refuse(w, r, http.StatusForbidden, "a page of another origin may not do this; add its origin to the allowed origins")
			return
		}
		if r.ContentLength > g.config.MaxBody {
			w.Header().Set("Connection", "close")
			g.config.Refuse(w, r, http.StatusRequestEntityTooLarge, "the body is too large")
			return
		}
		if isForeign(r) {
			r.Header.Del("Cookie") // of the door's own pages
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = g.bound(w, r)
		}
		next.ServeHTTP(w, r)
	})
}

// changes says whether a request may change something.
func (g *Guard) changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return g.config.Changes != nil && g.config.Changes(r)
	}
	return true
}
