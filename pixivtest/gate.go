package pixivtest

import (
	"context"
	"sync"
	"time"
)

// gate is where answers wait. Each waits on a channel made by its own goroutine, so that the fake works inside a
// testing/synctest bubble wherever the server itself was made.
type gate struct {
	mu       sync.Mutex
	closed   bool
	waiting  map[chan struct{}]bool // true: held until released
	watchers map[chan struct{}]int  // told when that many are held
}

func newGate() *gate {
	return &gate{waiting: map[chan struct{}]bool{}, watchers: map[chan struct{}]int{}}
}

// wait waits for d, or until it is released when d is negative. It is false when the client is gone (ctx or gone is
// done) or the server closes.
func (g *gate) wait(ctx context.Context, gone <-chan struct{}, d time.Duration) bool {
	if d == 0 {
		return true
	}
	opened := make(chan struct{})
	if !g.enter(opened, d < 0) {
		return false
	}
	defer g.leave(opened)
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return true
	case <-opened:
		return !g.isClosed()
	case <-ctx.Done():
		return false
	case <-gone:
		return false
	}
}

func (g *gate) enter(opened chan struct{}, held bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.waiting[opened] = held
	g.tell()
	return true
}

func (g *gate) leave(opened chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, opened)
}

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// release lets go all who are held.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for opened, held := range g.waiting {
		if held {
			close(opened)
			delete(g.waiting, opened)
		}
	}
}

// close lets go everybody and lets nobody in any more.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for opened := range g.waiting {
		close(opened)
		delete(g.waiting, opened)
	}
}

// held counts those who wait until released.
func (g *gate) held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heldLocked()
}

func (g *gate) heldLocked() int {
	n := 0
	for _, held := range g.waiting {
		if held {
			n++
		}
	}
	return n
}

// tell wakes the watchers whose number is reached.
func (g *gate) tell() {
	if len(g.watchers) == 0 {
		return
	}
	held := g.heldLocked()
	for told, n := range g.watchers {
		if held >= n {
			close(told)
			delete(g.watchers, told)
		}
	}
}

// awaitHeld waits until at least n are held.
func (g *gate) awaitHeld(ctx context.Context, n int) error {
	told := make(chan struct{})
	g.mu.Lock()
	g.watchers[told] = n
	g.tell()
	g.mu.Unlock()
	select {
	case <-told:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, still := g.watchers[told]; !still {
		return nil
	}
	delete(g.watchers, told)
	return ctx.Err()
}

// ReleaseStalls lets every answer go on that a [Stall] without a duration holds now.
func (s *Server) ReleaseStalls() { s.gate.release() }

// Stalled counts the answers that a [Stall] without a duration holds now.
func (s *Server) Stalled() int { return s.gate.held() }

// AwaitStalled returns as soon as at least n answers are held by a [Stall] without a duration. It is how a test knows
// that a request is open without sleeping.
func (s *Server) AwaitStalled(ctx context.Context, n int) error { return s.gate.awaitHeld(ctx, n) }
