package restapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/pixivoc/pixivoc/internal/credential"
)

// base is where everything is.
const base = "/api/v1"

// public is the scope of what needs no login.
const public Scope = ""

// route is an operation of the interface.
type route struct {
	method string
	path   string // below base
	scope  Scope
	serve  func(w http.ResponseWriter, r *http.Request) error
}

// table lists all operations. The OpenAPI document describes the same ones.
func (a *API) table() []route {
	const (
		read, control   = credential.ScopeRead, credential.ScopeControl
		admin           = credential.ScopeAdmin
		get, post       = http.MethodGet, http.MethodPost
		patch, removing = http.MethodPatch, http.MethodDelete
	)
	return []route{
		{get, "/openapi.json", public, a.getDocument},
		{post, "/session", public, a.createSession},
		{get, "/session", read, a.getSession},
		{removing, "/session", public, a.deleteSession},
		{post, "/tokens", public, a.createToken},
		{removing, "/tokens/current", public, a.deleteToken},
		{get, "/account", read, a.getAccount},
		{removing, "/account", admin, a.logout},
		{post, "/account/login", admin, a.login},
		{post, "/account/browser-logins", admin, a.beginLogin},
		{post, "/account/browser-logins/{id}", admin, a.finishLogin},
		{get, "/environment", read, a.getEnvironment},
		{patch, "/environment", admin, a.patchEnvironment},
		{get, "/types", read, a.listTypes},
		{post, "/resolve", read, a.resolve},
		{get, "/groups", read, a.listGroups},
		{get, "/tasks", read, a.listTasks},
		{post, "/tasks", control, a.createTask},
		{get, "/tasks/{tid}", read, a.getTask},
		{patch, "/tasks/{tid}", control, a.patchTask},
		{removing, "/tasks/{tid}", control, a.deleteTask},
		{post, "/tasks/{tid}/start", control, a.startTask},
		{post, "/tasks/{tid}/stop", control, a.stopTask},
		{get, "/tasks/{tid}/records", read, a.listRecords},
		{get, "/tasks/{tid}/items", read, a.listItems},
		{get, "/tasks/{tid}/files", read, a.listFiles},
		{get, "/tasks/{tid}/files/{seq}", read, a.getFile},
		{get, "/tasks/{tid}/files/{seq}/thumbnail", read, a.getThumbnail},
		{get, "/events", read, a.streamEvents},
	}
}

// mux serves the table. One handler for each path, so that a wrong method is
// answered by us, in our form.
func (a *API) mux() http.Handler {
	byPath := map[string]map[string]route{}
	for _, r := range a.routes {
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]route{}
		}
		byPath[r.path][r.method] = r
	}
	mux := http.NewServeMux()
	for path, methods := range byPath {
		mux.Handle(base+path, a.dispatch(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &problem{Status: http.StatusNotFound, word: "not_found", Title: "Nothing is here", Detail: "see " + base + "/openapi.json for what there is"})
	})
	return mux
}

func (a *API) dispatch(methods map[string]route) http.Handler {
	var allowed []string
	for method := range methods {
		allowed = append(allowed, method)
	}
	if _, ok := methods[http.MethodGet]; ok {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		found, ok := methods[method]
		if !ok {
			w.Header().Set("Allow", allow)
			a.fail(w, r, &problem{Status: http.StatusMethodNotAllowed, word: "method_not_allowed", Title: "Method not allowed here", Detail: "allowed: " + allow})
			return
		}
		if err := a.serve(w, r, found); err != nil {
			a.fail(w, r, err)
		}
	})
}

type callerKey struct{}

// serve lets a caller with the right scope through.
func (a *API) serve(w http.ResponseWriter, r *http.Request, to route) error {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	header.Set("Referrer-Policy", "no-referrer")
	if to.scope == public {
		return to.serve(w, r)
	}
	who, err := a.authenticate(r)
	if err != nil {
		return err
	}
	if !who.account.May(to.scope) {
		return &scopeError{to.scope}
	}
	if err := a.quotas.admit(who.account.Name); err != nil {
		return err
	}
	return to.serve(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
}

// callerOf returns who was let through.
func callerOf(r *http.Request) caller {
	who, _ := r.Context().Value(callerKey{}).(caller)
	return who
}
