package taskapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// badInput is the body of every 400, as BBDown writes it.
	badInput = `"输入有误"`
	// errorHeader says what a request was refused for, ignoredHeader which of
	// its options were passed over.
	errorHeader   = "X-Pixivoc-Error"
	ignoredHeader = "X-Pixivoc-Ignored"
	// maxHeader bounds a text in a header, in bytes.
	maxHeader = 512
	// retryAfter is when to come back to a full queue.
	retryAfter = 30 * time.Second
	// serveTimeout bounds what is read for an answer, and the waiting for those
	// who make tasks.
	serveTimeout = time.Minute
)

// refusal is an answer to a request that cannot be met.
type refusal struct {
	status int
	reason string
}

func (e *refusal) Error() string { return e.reason }

func badRequest(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// statusOf is the one place where errors become statuses. What is not listed
// is internal, and its details are nobody's business but the log's.
var statusOf = []struct {
	is     error
	status int
}{
	{errNoToken, http.StatusUnauthorized},
	{errScope, http.StatusForbidden},
	{pixivoc.ErrTaskNotFound, http.StatusNotFound},
	{pixivoc.ErrClosed, http.StatusServiceUnavailable},
	{pixivoc.ErrDiskFull, http.StatusInsufficientStorage},
}

// fail answers with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, reason := http.StatusInternalServerError, "internal error; the log of the server says what"
	refused, isRefused := errors.AsType[*refusal](err)
	large, isLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isRefused:
		status, reason = refused.status, refused.reason
	case isLarge:
		status, reason = http.StatusRequestEntityTooLarge, fmt.Sprintf("the body may have %d bytes", large.Limit)
	default:
		for _, row := range statusOf {
			if errors.Is(err, row.is) {
				status, reason = row.status, row.is.Error()
			}
		}
	}
	if status == http.StatusInternalServerError && r.Context().Err() != nil {
		status, reason = http.StatusServiceUnavailable, "the request took too long"
	}
	if status == http.StatusInternalServerError {
		a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	header := w.Header()
	header.Set(errorHeader, headerText(reason))
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="pixivoc"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	case http.StatusBadRequest:
		header.Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(badInput)) // a reader that is gone needs no answer
		return
	}
	w.WriteHeader(status)
}

// headerText makes any text fit for a header: ASCII in one line, not too long.
func headerText(text string) string {
	quoted := strconv.QuoteToASCII(text)
	quoted = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return quoted[:min(len(quoted), maxHeader)]
}

// asRefusal turns the refusal of a field into one of the request.
func asRefusal(err error) error {
	if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return badRequest("%s: %s", field.Field, field.Reason)
	}
	return err
}

// settled is the context of what must not be left half done when time runs
// out.
func settled(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
