package restapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
)

// problemPrefix begins the type of every problem (RFC 9457 section 3.1.1).
const problemPrefix = "urn:pixivoc:problem:"

// problem is the answer to what went wrong (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field names the wrong field of the request.
	Field string `json:"field,omitempty"`

	word       string
	retryAfter time.Duration
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// scopeError says that the caller may not do this.
type scopeError struct{ scope Scope }

func (e *scopeError) Error() string { return fmt.Sprintf("this needs the scope %q", e.scope) }

// errNotSignedIn: no session and no bearer token, or one that is not valid.
var errNotSignedIn = errors.New("sign in, or send a bearer token")

// problemOf is the one place where errors become answers. What is not listed
// is internal, and its details are nobody's business but the log's.
var problemOf = []struct {
	is     error
	status int
	word   string
	title  string
	silent bool // the details may name what a caller need not know
}{
	{pixivoc.ErrTaskNotFound, http.StatusNotFound, "task_not_found", "There is no such task", true},
	{pixivoc.ErrTypeUnknown, http.StatusBadRequest, "type_unknown", "There is no such task type", false},
	{pixivoc.ErrTokenRejected, http.StatusUnprocessableEntity, "login_refused", "The site refuses the login", false},
	{pixivoc.ErrProxyLogin, http.StatusBadGateway, "proxy_login_refused", "The proxy refuses the login", false},
	{pixivoc.ErrNoToken, http.StatusConflict, "not_logged_in", "Nobody is logged in to the site", true},
	{pixivoc.ErrState, http.StatusConflict, "state", "Not possible in this state", false},
	{pixivoc.ErrDiskFull, http.StatusInsufficientStorage, "disk_full", "The disk is full", true},
	{pixivoc.ErrSavePath, http.StatusConflict, "save_path", "The save path cannot be used", true},
	{pixivoc.ErrClosed, http.StatusServiceUnavailable, "closing", "The server is shutting down", true},
	{errNotSignedIn, http.StatusUnauthorized, "not_signed_in", "Not signed in", false},
	{credential.ErrWrong, http.StatusUnauthorized, "wrong_credentials", "Wrong name, password or token", true},
	{errNoPicture, http.StatusNotFound, "no_picture", "There is no picture to show", false},
	{errPictureSize, http.StatusUnprocessableEntity, "picture_too_large", "The picture is too large for a thumbnail", false},
	{os.ErrNotExist, http.StatusNotFound, "not_found", "Nothing is here", true},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout", "The site did not answer in time", true},
}

// asProblem turns any error into an answer. hidden says that the error itself
// belongs into the log.
func asProblem(err error) (p *problem, hidden bool) {
	var ready *problem
	var field *pixivoc.FieldError
	var scope *scopeError
	var throttled *credential.ThrottledError
	var large *http.MaxBytesError
	var dial *pixivoc.DialError
	var proxy *pixivoc.ProxyError
	var status *pixivoc.StatusError
	var limited *pixivoc.RateLimitError
	var blocked *pixivoc.BlockedError
	switch {
	case errors.As(err, &ready):
		copied := *ready
		return &copied, false
	case errors.As(err, &field):
		return asProblem(fieldError(jsonName(field.Field), "%s", field.Reason))
	case errors.As(err, &scope):
		return &problem{Status: http.StatusForbidden, word: "forbidden", Title: "Not allowed", Detail: err.Error()}, false
	case errors.As(err, &throttled):
		return &problem{Status: http.StatusTooManyRequests, word: "too_many_attempts", Title: "Too many attempts", Detail: throttled.Error(), retryAfter: throttled.Wait}, false
	case errors.As(err, &large):
		return &problem{Status: http.StatusRequestEntityTooLarge, word: "too_large", Title: "The body is too large", Detail: fmt.Sprintf("the limit is %d bytes", large.Limit)}, false
	}
	for _, row := range problemOf {
		if errors.Is(err, row.is) {
			p := &problem{Status: row.status, word: row.word, Title: row.title}
			if !row.silent {
				p.Detail = err.Error()
			}
			return p, false
		}
	}
	switch {
	case errors.As(err, &dial), errors.As(err, &proxy), errors.As(err, &status), errors.As(err, &limited), errors.As(err, &blocked):
		return &problem{Status: http.StatusBadGateway, word: "site", Title: "The site could not be asked", Detail: err.Error()}, false
	}
	return &problem{Status: http.StatusInternalServerError, word: "internal", Title: "Something went wrong here", Detail: "the log of the server says what"}, true
}

// fail answers with a problem.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, hidden := asProblem(err)
	switch {
	case hidden && r.Context().Err() != nil:
		// The caller is gone, or has closed its half of the connection and
		// still reads. An empty answer would look like success.
		p = &problem{Status: http.StatusServiceUnavailable, word: "cut_short", Title: "The request was cut short", Detail: "the connection closed while it was served"}
	case hidden:
		a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	p.Type = problemPrefix + p.word
	header := w.Header()
	for _, name := range []string{"Content-Disposition", "Content-Length", "ETag", "Last-Modified"} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if p.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="pixivoc"`)
	}
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((p.retryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a reader that is gone needs no answer
}

// refuse is fail for the guard.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	words := map[int]string{
		http.StatusMisdirectedRequest:    "foreign_host",
		http.StatusForbidden:             "foreign_origin",
		http.StatusRequestEntityTooLarge: "too_large",
	}
	a.fail(w, r, &problem{Status: status, word: orDefault(words[status], "refused"), Title: http.StatusText(status), Detail: reason})
}

// jsonName returns what a field of the kernel is called here.
func jsonName(field string) string {
	switch field {
	case "ProxyMode", "Mode":
		return "proxy_mode"
	case "Proxy":
		return "proxy"
	case "Hosts":
		return "hosts"
	case "Timeout":
		return "timeout_ms"
	case "ConcurrencyNumber":
		return "concurrency_number"
	case "IntervalTime":
		return "interval_time_ms"
	case "Increment":
		return "increment"
	case "BandwidthLimit":
		return "bandwidth_limit"
	case "DailyCap":
		return "daily_cap"
	case "QuietHours":
		return "quiet_hours"
	case "Schedule":
		return "schedule"
	case "TaskName", "Name":
		return "name"
	case "Keyword":
		return "keyword"
	case "SavePath":
		return "save_path"
	case "Options":
		return "options"
	case "Key":
		return "key"
	case "Group":
		return "group"
	case "Callback":
		return "callback"
	case "RefreshToken":
		return "refresh_token"
	case "Url", "URL":
		return "url"
	}
	return field
}
