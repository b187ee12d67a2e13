package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// httpDoor is a door on the HTTP address.
type httpDoor struct {
	// name is for people and metrics, path is where a person would begin.
	name, path string
	// prefixes are the paths that belong to the door, in lower case, without
	// slashes at their ends; "" is everything that belongs to nobody else.
	prefixes []string
	handler  http.Handler
	// close ends what the door runs by itself, long answers among it; it may
	// be nil.
	close func() error
}

// router sends each request to the door that its path belongs to. Paths are
// matched without regard to case, as two of the doors want it.
type router struct {
	routes []route
	logger *slog.Logger
	count  func(door string, status int, took time.Duration) // or nil
}

type route struct {
	prefix string
	door   *httpDoor
}

func newRouter(doors []*httpDoor, logger *slog.Logger) *router {
	r := &router{logger: logger}
	for _, door := range doors {
		for _, prefix := range door.prefixes {
			r.routes = append(r.routes, route{prefix, door})
		}
	}
	// The longest prefix first: api/v1 before api.
	slices.SortStableFunc(r.routes, func(x, y route) int { return len(y.prefix) - len(x.prefix) })
	return r
}

func (r *router) find(path string) *httpDoor {
	path = strings.ToLower(strings.TrimPrefix(path, "/"))
	for _, route := range r.routes {
		rest, ok := strings.CutPrefix(path, route.prefix)
		if ok && (route.prefix == "" || rest == "" || rest[0] == '/') {
			return route.door
		}
	}
	return nil
}

// ServeHTTP serves a request. A door that panics fails that request alone.
func (r *router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	door := r.find(request.URL.Path)
	if door == nil {
		http.NotFound(w, request)
		return
	}
	started := time.Now()
	answer := &answer{ResponseWriter: w}
	defer func() {
		whole := r.survive(recover(), door, answer)
		if r.count != nil {
			r.count(door.name, answer.status, time.Since(started))
		}
		if !whole {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
	}()
	door.handler.ServeHTTP(answer, request)
}

// survive takes what a door panicked with, nil for nothing, and says whether
// the answer is whole.
func (r *router) survive(broken any, door *httpDoor, answer *answer) (whole bool) {
	if broken == nil {
		if answer.status == 0 {
			answer.status = http.StatusOK // what net/http makes of silence
		}
		return true
	}
	if err, ok := broken.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return false
	}
	r.logger.Error("a door panicked", "door", door.name, "panic", fmt.Sprint(broken), "stack", string(debug.Stack()))
	if answer.status != 0 {
		return false
	}
	http.Error(answer, "internal error", http.StatusInternalServerError)
	return true
}

// answer notes the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write notes a status that goes without saying.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// ReadFrom lets files be sent by the system.
func (a *answer) ReadFrom(source io.Reader) (int64, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return io.Copy(a.ResponseWriter, source)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush sends what was written so far.
func (a *answer) Flush() {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	_ = http.NewResponseController(a.ResponseWriter).Flush()
}
