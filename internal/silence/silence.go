// Package silence bounds the silence of HTTP exchanges: each step of
// connecting, the wait for the head of the answer, and each gap between two
// reads of the body. An exchange that keeps moving is never cut.
package silence

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// TimeoutError is the cause of a context that was cancelled for silence. It is
// a net.Error with Timeout true.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string   { return fmt.Sprintf("no answer for %s", e.After) }
func (e *TimeoutError) Timeout() bool   { return true }
func (e *TimeoutError) Temporary() bool { return true }

// Watch cancels the context of one exchange when the other side is silent for
// too long. Each step of connecting, the wait for the head of the answer and
// each wait for more of the body is bounded by itself. While we are busy
// ourselves, with a slow disk for instance, the watch may sleep.
type Watch struct {
	limit  time.Duration
	cause  error
	cancel context.CancelCauseFunc
	done   <-chan struct{}

	mu     sync.Mutex
	timer  *time.Timer // nil when there is no limit, or no more
	due    time.Time
	asleep bool
}

// New starts a watch that is awake. It cancels the context that it returns with
// the cause that is given. A limit of 0 or less never cancels. Stop must be
// called.
func New(ctx context.Context, limit time.Duration, cause error) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watch{limit: limit, cause: cause, cancel: cancel, done: ctx.Done()}
	if limit > 0 {
		w.due = time.Now().Add(limit)
		w.timer = time.AfterFunc(limit, w.expire)
		ctx = httptrace.WithClientTrace(ctx, w.trace())
	}
	return ctx, w
}

// Done is closed when the context of the exchange is done.
func (w *Watch) Done() <-chan struct{} { return w.done }

// Poke says that the exchange moved. It does not wake a watch that sleeps.
func (w *Watch) Poke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asleep {
		w.rearm()
	}
}

// Wake begins a wait for the other side.
func (w *Watch) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asleep = false
	w.rearm()
}

// Sleep ends a wait for the other side.
func (w *Watch) Sleep() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asleep = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// rearm starts the wait anew. mu is held.
func (w *Watch) rearm() {
	if w.timer != nil {
		w.due = time.Now().Add(w.limit)
		w.timer.Reset(w.limit)
	}
}

// expire runs when the timer fires. One that fires long after it was due shows
// that the process itself stood still: what came meanwhile is to be read yet.
func (w *Watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asleep {
		return
	}
	if late := time.Since(w.due); late < 0 || late > w.limit/4+50*time.Millisecond {
		w.rearm()
		return
	}
	w.cancel(w.cause)
}

// Stop ends the watch and cancels its context.
func (w *Watch) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	w.cancel(context.Canceled)
}

// trace pokes the watch at each step between the request and its answer. The
// hooks may be called after the request ended, by a connection that came too
// late.
func (w *Watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { w.Poke() },
		ConnectStart:         func(string, string) { w.Poke() },
		ConnectDone:          func(string, string, error) { w.Poke() },
		TLSHandshakeStart:    w.Poke,
		TLSHandshakeDone:     func(tls.ConnectionState, error) { w.Poke() },
		GotConn:              func(httptrace.GotConnInfo) { w.Poke() },
		WroteRequest:         func(httptrace.WroteRequestInfo) { w.Poke() },
		GotFirstResponseByte: w.Poke,
	}
}

// RoundTrip sends a request under a watch that lasts until the body of the
// answer is closed. An error for silence is a *TimeoutError.
func RoundTrip(next http.RoundTripper, request *http.Request, limit time.Duration) (*http.Response, error) {
	ctx, watch := New(request.Context(), limit, &TimeoutError{After: limit})
	response, err := next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		err = explain(context.Cause(ctx), err)
		watch.Stop()
		return nil, err
	}
	watch.Poke() // a road that is no http.Transport may not trace its steps
	response.Body = &body{ReadCloser: response.Body, watch: watch, reason: func() error { return context.Cause(ctx) }}
	return response, nil
}

// explain puts the silence in front of the plain "context canceled" that the
// transport reports.
func explain(reason, err error) error {
	if silence, ok := errors.AsType[*TimeoutError](reason); ok {
		return silence
	}
	return err
}

type body struct {
	io.ReadCloser
	watch  *Watch
	reason func() error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.Poke()
	}
	if err != nil && err != io.EOF {
		err = explain(b.reason(), err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.watch.Stop()
	return err
}
