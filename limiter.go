package pixivoc

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Interval keeps requests apart: they take turns, one at a time, and between
// the starts of two lies at least the interval. Turns are given in the order
// in which they were asked for. Times are measured by the monotonic clock, so
// setting the machine's clock has no effect.
//
// The zero value has no interval and is ready to use. All methods are safe for
// concurrent use. An Interval must not be copied.
type Interval struct {
	turn gate

	mu       sync.Mutex
	interval time.Duration
	started  time.Time     // the last start; zero before the first
	paused   time.Time     // no start before it
	changed  chan struct{} // closed by SetInterval; nil when nobody waits for it
}

// Acquire waits for a turn and for its time to start. The caller then sends
// its request and calls release when the request has ended; until then nobody
// else gets a turn. Calling release more than once does no harm. The error is
// that of ctx, and then there is nothing to release.
func (i *Interval) Acquire(ctx context.Context) (release func(), err error) {
	if err := i.turn.Acquire(ctx); err != nil {
		return nil, err
	}
	if err := i.await(ctx); err != nil {
		i.turn.Release()
		return nil, err
	}
	return sync.OnceFunc(i.turn.Release), nil
}

// await returns when the one whose turn it is may start.
func (i *Interval) await(ctx context.Context) error {
	for {
		wait, changed := i.start(time.Now())
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// start notes a start at now, or returns how long it must wait and what makes
// that out of date.
func (i *Interval) start(now time.Time) (time.Duration, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	due := i.paused
	if next := i.started.Add(i.interval); !i.started.IsZero() && next.After(due) {
		due = next
	}
	if due.After(now) {
		if i.changed == nil {
			i.changed = make(chan struct{})
		}
		return due.Sub(now), i.changed
	}
	i.started = now
	return 0, nil
}

// Started moves the start of the request that has the turn to now. Call it, or
// do not, when much time may lie between Acquire and the moment in which the
// request goes out: a connection that must be made first would otherwise bring
// this request and the next one nearer to each other at the far end.
func (i *Interval) Started() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.started = time.Now()
}

// SetInterval changes the interval, at once and for a request that waits
// already. Zero or less is no interval; requests still go one at a time.
func (i *Interval) SetInterval(interval time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.interval = max(interval, 0)
	if i.changed != nil {
		close(i.changed)
		i.changed = nil
	}
}

// Pause lets no request start before until. A pause that ends earlier than one
// in force changes nothing. Requests that have started are left alone.
func (i *Interval) Pause(until time.Time) { i.PauseFor(time.Until(until)) }

// PauseFor is Pause for a time from now. Zero or less is no pause.
func (i *Interval) PauseFor(pause time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if until := time.Now().Add(pause); pause > 0 && until.After(i.paused) {
		i.paused = until // whoever waits now looks again when its time has come
	}
}

// PausedUntil returns when the pause in force ends, or the zero time.
func (i *Interval) PausedUntil() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.paused.After(time.Now()) {
		return time.Time{}
	}
	return i.paused
}

// gate lets a limited number of callers in, in the order in which they came.
// The zero value lets in one at a time. A gate must not be copied.
type gate struct {
	mu      sync.Mutex
	limit   int // 0 counts as 1
	inside  int
	waiting list.List // of chan struct{}, closed to let its owner in
}

// Acquire waits until the caller may go in. Unless it returns the error of
// ctx, the caller must call Release.
func (g *gate) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := make(chan struct{})
	g.mu.Lock()
	place := g.waiting.PushBack(turn)
	g.admit()
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	default:
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.leave(place, turn)
		return ctx.Err()
	}
}

// leave gives up a place in the queue, also when it was let in just now.
func (g *gate) leave(place *list.Element, turn <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn:
		g.inside--
		g.admit()
	default:
		g.waiting.Remove(place)
	}
}

// Release lets the next one in.
func (g *gate) Release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside == 0 {
		panic("pixivoc: gate released more often than acquired")
	}
	g.inside--
	g.admit()
}

// Resize changes how many may be inside; less than 1 counts as 1. Those who
// are inside already may stay, so there can be more for a while.
func (g *gate) Resize(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	g.admit()
}

// admit lets in as many as there is room for. The caller holds mu.
func (g *gate) admit() {
	for g.inside < max(g.limit, 1) && g.waiting.Len() > 0 {
		g.inside++
		close(g.waiting.Remove(g.waiting.Front()).(chan struct{}))
	}
}
