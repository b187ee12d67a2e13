package taskapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc/internal/credential"
)

// Prefixes returns the first parts of all paths of an API, in lower case and
// without slashes, for whoever routes by them.
func Prefixes() []string { return []string{"add-task", "cancel-task", "get-tasks", "remove-finished"} }

// maxID bounds an id in a path, in bytes. An Aid may be an address.
const maxID = maxURL

// place is what a path names.
type place struct {
	name string
	// id is the decoded second part: data, never a path. hasID tells an empty
	// one from none.
	id    string
	hasID bool
}

// parsePath reads an escaped path. A slash at the end makes no difference.
func parsePath(escaped string) (place, bool) {
	text, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return place{}, false
	}
	first, second, hasID := strings.Cut(strings.TrimSuffix(text, "/"), "/")
	name, err := url.PathUnescape(first)
	if err != nil {
		return place{}, false
	}
	id, err := url.PathUnescape(second)
	if err != nil || strings.Contains(second, "/") || hasID && !isID(id) {
		return place{}, false
	}
	return place{strings.ToLower(name), id, hasID}, true
}

// isID refuses what can be no id and might be taken for a path by somebody.
func isID(id string) bool {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		return false
	}
	parts := strings.FieldsFunc(id, func(r rune) bool { return r == '/' || r == '\\' })
	return !slices.Contains(parts, "..") && !slices.Contains(parts, ".")
}

// endpoint is what can be done at a place.
type endpoint struct {
	methods []string
	scope   Scope
	serve   func(a *API, w http.ResponseWriter, r *http.Request, id string) error
}

// find returns the endpoint at a place. Words that are no ids go before ids.
func (p place) find() (endpoint, bool) {
	reading := func(serve func(*API, http.ResponseWriter, *http.Request, string) error) (endpoint, bool) {
		return endpoint{[]string{http.MethodGet}, credential.ScopeRead, serve}, true
	}
	removal := func(choose choice) (endpoint, bool) {
		return endpoint{
			[]string{http.MethodDelete, http.MethodGet, http.MethodPost}, credential.ScopeControl,
			func(a *API, w http.ResponseWriter, r *http.Request, _ string) error { return a.remove(w, r, choose) },
		}, true
	}
	word := strings.ToLower(p.id)
	switch {
	case p.name == "get-tasks" && !p.hasID:
		return reading((*API).listAll)
	case p.name == "get-tasks" && word == "running":
		return reading((*API).listRunning)
	case p.name == "get-tasks" && word == "finished":
		return reading((*API).listFinished)
	case p.name == "get-tasks":
		return reading((*API).getTask)
	case p.name == "add-task" && !p.hasID:
		return endpoint{[]string{http.MethodPost}, credential.ScopeControl, (*API).addTask}, true
	case p.name == "cancel-task" && p.hasID:
		return endpoint{[]string{http.MethodPost}, credential.ScopeControl, (*API).cancelTask}, true
	case p.name == "remove-finished" && !p.hasID:
		return removal(everything)
	case p.name == "remove-finished" && word == "failed":
		return removal(failures)
	case p.name == "remove-finished":
		return removal(withID(p.id))
	}
	return endpoint{}, false
}

// changes says whether a request is to change something although it is a GET.
func changes(r *http.Request) bool {
	p, ok := parsePath(r.URL.EscapedPath())
	if !ok {
		return false
	}
	at, ok := p.find()
	return ok && at.scope != credential.ScopeRead
}

// dispatch serves a request that the guard let through.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	header.Set("Referrer-Policy", "no-referrer")
	p, ok := parsePath(r.URL.EscapedPath())
	at, found := p.find()
	if !ok || !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !slices.Contains(at.methods, r.Method) {
		header.Set("Allow", strings.Join(at.methods, ", "))
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	// What was asked is answered, whether the caller still listens or not:
	// net/http ends the context of a request also when a client has closed its
	// side of the connection and waits for the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), serveTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	err := a.authorize(r, at.scope)
	if err == nil {
		err = a.view.wait(r.Context())
	}
	if err == nil {
		err = at.serve(a, w, r, p.id)
	}
	if err != nil {
		a.fail(w, r, err)
	}
}
