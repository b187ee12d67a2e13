package fetch

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// watchdog cancels the context of one request when the other side is silent for
// too long. Each step of connecting, the wait for the head of the answer and
// each wait for more of the body is bounded by itself, so a body that moves is
// never cut. While we are busy ourselves, with a slow disk for instance, the
// watchdog sleeps.
type watchdog struct {
	limit  time.Duration
	cancel context.CancelCauseFunc
	done   <-chan struct{} // of the context

	mu     sync.Mutex
	timer  *time.Timer
	due    time.Time
	asleep bool
}

// watch starts a watchdog that is awake. Without a limit it only makes the
// context. The caller must call stop.
func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{limit: limit, cancel: cancel, done: ctx.Done()}
	if limit <= 0 {
		return ctx, w
	}
	w.due = time.Now().Add(limit)
	w.timer = time.AfterFunc(limit, w.bark)
	return httptrace.WithClientTrace(ctx, w.trace()), w
}

// trace pokes the watchdog at each step between the request and its answer. The
// hooks may be called after the request ended, by a connection that came too
// late.
func (w *watchdog) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { w.poke() },
		ConnectStart:         func(string, string) { w.poke() },
		ConnectDone:          func(string, string, error) { w.poke() },
		TLSHandshakeStart:    w.poke,
		TLSHandshakeDone:     func(tls.ConnectionState, error) { w.poke() },
		GotConn:              func(httptrace.GotConnInfo) { w.poke() },
		WroteRequest:         func(httptrace.WroteRequestInfo) { w.poke() },
		GotFirstResponseByte: w.poke,
	}
}

// poke says that the exchange moved.
func (w *watchdog) poke() {
	if w.timer == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asleep {
		w.rearm()
	}
}

func (w *watchdog) rearm() {
	w.due = time.Now().Add(w.limit)
	w.timer.Reset(w.limit)
}

// wake begins a wait for the other side.
func (w *watchdog) wake() {
	if w.timer == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asleep = false
	w.rearm()
}

// sleep ends a wait for the other side.
func (w *watchdog) sleep() {
	if w.timer == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asleep = true
	w.timer.Stop()
}

// bark runs when the timer fires. A timer that fires long after it was due
// shows that the process itself was stopped or starved: what arrived meanwhile
// deserves to be read, so the wait starts anew.
func (w *watchdog) bark() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asleep {
		return
	}
	late := time.Since(w.due)
	if late < 0 || late > w.limit/4+50*time.Millisecond {
		w.rearm()
		return
	}
	w.cancel(ErrSilent)
}

// stop ends the watch and its context.
func (w *watchdog) stop() {
	w.sleep()
	w.cancel(context.Canceled)
}
