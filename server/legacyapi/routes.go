package legacyapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
)

// The fixed sentences of the interface (PixivOC's HTTP version of 2021-02-01).
const (
	sentenceNoPermission = "You don't have permission to access the link."
	sentenceClosed       = "Server has closed."
	sentenceUnknown      = "An unknown exception occurred on the server."
	textHello            = "Hello :)"
	textNotFound         = "Page not found"
)

// public is the scope of what needs no session.
const public Scope = ""

// errInput refuses what a caller sent: a field is missing or is of a wrong
// type.
var errInput = errors.New("a field is missing or wrong")

// route is a call of the interface.
type route struct {
	method string
	scope  Scope
	// refused is the result for input that is not acceptable.
	refused any
	// failed is the result when something went wrong here; nil means the usual
	// sentence.
	failed any
	serve  func(in *input) (any, error)
}

// table lists the calls by their paths.
func (a *API) table() map[string]route {
	const get, post = http.MethodGet, http.MethodPost
	const read, control, admin = credential.ScopeRead, credential.ScopeControl, credential.ScopeAdmin
	detail := route{method: get, scope: read, serve: a.taskDetail}
	all := route{method: get, scope: read, serve: a.allTaskDetail}
	create := func(word string) route {
		return route{
			method: post, scope: control, refused: noTask(), failed: noTask(),
			serve: func(in *input) (any, error) { return a.create(in, word) },
		}
	}
	move := func(serve func(*input) (any, error)) route {
		return route{method: post, scope: control, refused: []any{false, ""}, failed: []any{false, sentenceUnknown}, serve: serve}
	}
	return map[string]route{
		"/permission/login":                 {method: post, serve: a.openSession},
		"/permission/hasPermission":         {method: get, serve: a.hasPermission},
		"/sys/exit":                         {method: post, scope: admin, serve: a.exit},
		"/user/login":                       {method: post, scope: admin, serve: a.login},
		"/user/logout":                      {method: post, scope: admin, serve: a.logout},
		"/user/refreshToken":                {method: post, scope: admin, serve: a.refreshToken},
		"/user/hasLogin":                    {method: get, scope: read, serve: a.hasLogin},
		"/user/tokenMsg":                    {method: get, scope: admin, serve: a.tokenMessage},
		"/environment/setProxyMode":         {method: post, scope: admin, serve: a.setProxyMode},
		"/environment/setTimeout":           {method: post, scope: admin, serve: a.setTimeout},
		"/environment/setConcurrencyNumber": {method: post, scope: admin, serve: a.setConcurrencyNumber},
		"/environment/setIntervalTime":      {method: post, scope: admin, serve: a.setIntervalTime},
		"/environment/setIncrement":         {method: post, scope: admin, serve: a.setIncrement},
		"/environment/getEnvironment":       {method: get, scope: read, serve: a.environment},
		"/operation/startTask":              move(a.startTask),
		"/operation/stopTask":               move(a.stopTask),
		"/operation/deleteTask":             {method: post, scope: control, serve: a.deleteTask},
		"/operation/taskDetail":             detail,
		"/operation/taskDetails":            detail,
		"/operation/allTaskDetail":          all,
		"/operation/allTaskDetails":         all,
		"/create/singleWork":                create(wordSingleWork),
		"/create/userWorks":                 create(wordUserWorks),
		"/create/workDetails":               create(wordWorkDetails),
		"/create/userWorksLink":             create(wordUserWorksLink),
	}
}

// serve answers a request that the guard let pass.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	if a.serveOpen(w, r) {
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	header.Set("Referrer-Policy", "no-referrer")
	to, known := a.routes[r.URL.Path]
	if a.exited.Load() && !strings.HasPrefix(r.URL.Path, "/permission/") {
		answer(w, false, sentenceClosed)
		return
	}
	account, err := a.recognise(w, r)
	switch {
	case err != nil && !errors.Is(err, errNoSession):
		a.fail(w, r, to, err)
	case err != nil && !(known && to.scope == public), known && to.scope != public && !account.May(to.scope):
		answer(w, false, sentenceNoPermission)
	case !known:
		writeText(w, textNotFound)
	case r.Method != to.method && !(r.Method == http.MethodHead && to.method == http.MethodGet):
		header.Set("Allow", to.method)
		answer(w, false, sentenceUnknown)
	default:
		a.call(w, r, to, err == nil)
	}
}

// call makes a call. One that panics fails alone.
func (a *API) call(w http.ResponseWriter, r *http.Request, to route, hasSession bool) {
	in := &input{w: w, r: r, hasSession: hasSession}
	result, err := func() (result any, err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			}
		}()
		return to.serve(in)
	}()
	if err != nil {
		a.fail(w, r, to, err)
		return
	}
	answer(w, true, result)
	if in.after != nil {
		_ = http.NewResponseController(w).Flush() // a caller that is gone needs no answer
		in.after()
	}
}

// fail answers that a call was not made.
func (a *API) fail(w http.ResponseWriter, r *http.Request, to route, err error) {
	switch large, isTooLarge := errors.AsType[*http.MaxBytesError](err); {
	case isTooLarge:
		w.Header().Set("Connection", "close")
		refuse(w, r, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large: the limit is %d bytes", large.Limit))
	case errors.Is(err, errInput):
		answer(w, false, to.refused)
	case errors.Is(err, errNotAllowed):
		answer(w, false, sentenceNoPermission)
	case errors.Is(err, pixivoc.ErrClosed):
		answer(w, false, sentenceClosed)
	default:
		if r.Context().Err() == nil {
			a.log.Error("call failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		if to.failed == nil {
			to.failed = sentenceUnknown
		}
		answer(w, false, to.failed)
	}
}

// reply is the form of every answer. The order of its members is that of the
// original.
type reply struct {
	Result any  `json:"result"`
	Status bool `json:"status"`
}

// answer writes an answer with status 200, as all but the guard's are.
func answer(w http.ResponseWriter, status bool, result any) {
	writeReply(w, http.StatusOK, reply{result, status})
}

// refuse writes what the guard refuses.
func refuse(w http.ResponseWriter, _ *http.Request, code int, reason string) {
	if code == http.StatusForbidden {
		reason = "a page of another origin may not do this" // and no setting lets it
	}
	writeReply(w, code, reply{reason, false})
}

func writeReply(w http.ResponseWriter, code int, value reply) {
	body, err := json.Marshal(value)
	if err != nil { // no call has such a result
		body = []byte(`{"result":"` + sentenceUnknown + `","status":false}`)
	}
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // a reader that is gone needs no answer
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(text))
}
