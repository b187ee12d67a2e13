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

// Watch cancels a context when nobody called Poke for the limit.
type Watch struct {
	limit  time.Duration
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // nil when there is no limit, or no more
	due   time.Time
}

// New starts a watch. A limit of 0 or less never cancels. Stop must be called.
func New(ctx context.Context, limit time.Duration) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watch{limit: limit, cancel: cancel}
	if limit > 0 {
		w.due = time.Now().Add(limit)
		w.timer = time.AfterFunc(limit, w.expire)
		ctx = httptrace.WithClientTrace(ctx, w.trace())
	}
	return ctx, w
}

// Poke says that the exchange moved.
func (w *Watch) Poke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rearm()
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
	if late := time.Since(w.due); late < 0 || late > w.limit/4+50*time.Millisecond {
		w.rearm()
		return
	}
	w.cancel(&TimeoutError{After: w.limit})
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

func (w *Watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { w.Poke() },
		DNSDone:              func(httptrace.DNSDoneInfo) { w.Poke() },
		ConnectDone:          func(_, _ string, err error) { w.pokeIf(err) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { w.pokeIf(err) },
		WroteRequest:         func(info httptrace.WroteRequestInfo) { w.pokeIf(info.Err) },
		GotFirstResponseByte: w.Poke,
	}
}

func (w *Watch) pokeIf(err error) {
	if err == nil {
		w.Poke()
	}
}

// RoundTrip sends a request under a watch that lasts until the body of the
// answer is closed. An error for silence is a *TimeoutError.
func RoundTrip(next http.RoundTripper, request *http.Request, limit time.Duration) (*http.Response, error) {
	ctx, watch := New(request.Context(), limit)
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
