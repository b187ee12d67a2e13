package dataapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
)

// success is the text of a call that went well: bazhuayu-dataapi, section 1.
const success = "操作成功"

// envelope is the answer to every call but that for a token.
type envelope struct {
	Data        any    `json:"data,omitempty"`
	Error       string `json:"error"`
	Description string `json:"error_Description"`
	// Message is what V1 had in place of the others where a method is wrong.
	Message string `json:"message,omitempty"`
}

// failure is an answer that is no success: the words of bazhuayu-dataapi,
// section 4.
type failure struct {
	status     int
	word       string
	text       string
	message    string
	allow      string
	retryAfter time.Duration
}

func (f *failure) Error() string { return f.word + ": " + f.text }

var (
	errUnauthorized = &failure{status: http.StatusUnauthorized, word: "unauthorized", text: "access_token invalid"}
	errNotAllowed   = &failure{status: http.StatusForbidden, word: "user_not_allowed", text: "the account may not make this call"}
	errTask         = &failure{status: http.StatusOK, word: "taskid_error", text: "there is no such task"}
	errSize         = &failure{status: http.StatusOK, word: "export_pagesize_error", text: "Size range from 1 to 1000"}
	errServer       = &failure{status: http.StatusOK, word: "server_error", text: "the server failed; its log has the details"}
	errUnavailable  = &failure{status: http.StatusServiceUnavailable, word: "service_unavailable", text: "the server is not available now", retryAfter: 5 * time.Second}
)

func wrongParameter(name, reason string) error {
	return &failure{status: http.StatusOK, word: "parameter_error", text: name + ": " + reason}
}

func wrongBatch(reason string) error {
	return &failure{status: http.StatusOK, word: "batch_error", text: reason}
}

func wrongRule(reason string) error {
	return &failure{status: http.StatusOK, word: "taskrule_error", text: reason}
}

func notFound(r *http.Request) error {
	path := r.URL.EscapedPath()
	if len(path) > 256 {
		path = path[:256] + "…"
	}
	return &failure{status: http.StatusNotFound, word: "not_found", text: "nothing is at the URI '" + path + "'"}
}

func wrongMethod(r *http.Request, allow string) error {
	method := r.Method
	if len(method) > 32 {
		method = method[:32] + "…"
	}
	text := "the method '" + method + "' is not allowed here"
	return &failure{status: http.StatusMethodNotAllowed, word: "method_not_allowed", text: text, message: text, allow: allow}
}

func overQuota(wait time.Duration) error {
	return &failure{status: http.StatusTooManyRequests, word: "quota_exceeded", text: "too many calls", retryAfter: max(wait, 1)}
}

// fail is the one place where errors become answers. What is not known is a
// failure inside, and its details are nobody's business but the log's.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := a.asFailure(r, err)
	f.head(w)
	a.write(w, f.status, envelope{Error: f.word, Description: f.text, Message: f.message})
}

func (f *failure) head(w http.ResponseWriter) {
	if f.allow != "" {
		w.Header().Set("Allow", f.allow)
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.retryAfter+time.Second-1)/time.Second), 10))
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
}

func (a *API) asFailure(r *http.Request, err error) *failure {
	var f *failure
	var throttled *credential.ThrottledError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &throttled):
		return &failure{
			status: http.StatusTooManyRequests, word: "quota_exceeded",
			text: "too many attempts", retryAfter: max(throttled.Wait, 1),
		}
	case errors.As(err, &large):
		return &failure{status: http.StatusRequestEntityTooLarge, word: "request_too_large", text: "the body is too large"}
	case errors.Is(err, pixivoc.ErrTaskNotFound):
		return errTask
	case errors.Is(err, pixivoc.ErrClosed):
		return errUnavailable
	case r.Context().Err() != nil:
		return errUnavailable // the caller is gone, or has closed its half of the connection
	}
	a.log.ErrorContext(r.Context(), "serve data API", "path", routePath(r), "error", err)
	return errServer
}

// refuse answers for the guard.
func (a *API) refuse(w http.ResponseWriter, _ *http.Request, status int, reason string) {
	word := map[int]string{
		http.StatusMisdirectedRequest:    "misdirected_request",
		http.StatusForbidden:             "origin_not_allowed",
		http.StatusRequestEntityTooLarge: "request_too_large",
	}[status]
	a.write(w, status, envelope{Error: orDefault(word, "bad_request"), Description: reason})
}

// succeed answers with data; nil is none.
func (a *API) succeed(c *call, data any) error {
	a.write(c.w, http.StatusOK, envelope{Data: data, Error: "success", Description: success})
	return nil
}

// write answers with compact JSON: clients look for texts such as "data":
// without a blank.
func (a *API) write(w http.ResponseWriter, status int, value any) {
	body, err := compact(value)
	if err != nil {
		a.log.Error("encode answer", "error", err)
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error","error_Description":"the server failed"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	send(w, status, body)
}

const (
	// sendTimeout is how long a reader may take for a piece of an answer.
	sendTimeout = 30 * time.Second
	// sendPiece is a piece of an answer, in bytes.
	sendPiece = 64 << 10
)

// send writes an answer. A reader that is gone needs none; a slow one may take
// its time as long as it reads. The server takes the deadline back before the
// next request.
func send(w http.ResponseWriter, status int, body []byte) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(sendTimeout)) // not there in some tests
	w.WriteHeader(status)
	for piece := range slices.Chunk(body, sendPiece) {
		_ = control.SetWriteDeadline(time.Now().Add(sendTimeout))
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

func compact(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
