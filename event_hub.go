package pixivoc

import (
	"context"
	"iter"
	"sync"
	"time"
)

// eventQueue is how many events a reader may be behind before it has lost some.
const eventQueue = 1024

// eventHub hands events to any number of readers. It keeps the last
// eventQueue events once for all of them; a reader is no more than the Seq it
// has reached, so one that never reads costs nothing and delays nobody.
type eventHub struct {
	mu     sync.Mutex
	seq    uint64 // of the last event
	ring   [eventQueue]Event
	more   chan struct{} // closed by the next publish; nil when nobody waits
	closed bool
}

func newEventHub() *eventHub { return &eventHub{} }

// publish gives event its Seq and, unless it has one, its time. It never waits
// for a reader. After close it does nothing.
func (h *eventHub) publish(event Event) {
	if event.At.IsZero() {
		event.At = time.Now().UTC()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.seq++
	event.Seq = h.seq
	h.ring[h.seq%eventQueue] = event
	h.wake()
}

// last returns the Seq of the last event.
func (h *eventHub) last() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seq
}

// close ends every subscription once its reader has come to the last event.
// Calling it again changes nothing.
func (h *eventHub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.wake()
}

// wake rouses the readers. The caller holds mu.
func (h *eventHub) wake() {
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

// subscribe yields a snapshot and then all events after it, with Seq rising by
// one. A reader that fell behind by more than eventQueue events gets EventLost
// and a new snapshot. The sequence ends when ctx is done, and after close; a
// reader that has lost events by then gets no further snapshot.
//
// snapshot is called without a lock, in the reader's goroutine. What it reads
// must contain the effect of every event that was published before the call.
// It may set Seq to a later event that it is sure to include; no event up to
// Seq follows. Kind and, unless set, At are filled in.
func (h *eventHub) subscribe(ctx context.Context, snapshot func() Event) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		reached, open := h.yieldSnapshot(ctx, snapshot, yield)
		for open {
			event, lost, ok := h.after(ctx, reached)
			switch {
			case !ok:
				return
			case !lost:
				reached, open = event.Seq, yield(event)
			case !yield(event):
				return
			default:
				reached, open = h.yieldSnapshot(ctx, snapshot, yield)
			}
		}
	}
}

// yieldSnapshot yields a snapshot and returns its Seq. open is false when the
// reader wants no more or may have none.
func (h *eventHub) yieldSnapshot(ctx context.Context, snapshot func() Event, yield func(Event) bool) (seq uint64, open bool) {
	h.mu.Lock()
	before, closed := h.seq, h.closed
	h.mu.Unlock()
	if closed || ctx.Err() != nil {
		return 0, false
	}
	event := snapshot()
	if ctx.Err() != nil {
		return 0, false // what was read under it may be cut short
	}
	event.Kind = EventSnapshot
	event.Seq = min(max(event.Seq, before), h.last())
	if event.At.IsZero() {
		event.At = time.Now().UTC()
	}
	return event.Seq, yield(event)
}

// after waits for the event after seq. lost says that it is gone and event is
// an EventLost in its place; ok is false when there will be none.
func (h *eventHub) after(ctx context.Context, seq uint64) (event Event, lost, ok bool) {
	for ctx.Err() == nil {
		event, lost, ok, more := h.look(seq)
		if more == nil {
			return event, lost, ok
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
	return Event{}, false, false
}

// look is after without waiting: more is closed when there is something new,
// and nil when there is something now.
func (h *eventHub) look(seq uint64) (event Event, lost, ok bool, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.seq-seq > eventQueue:
		gap := Event{Seq: h.seq, At: time.Now().UTC(), Kind: EventLost}
		return gap, true, !h.closed, nil
	case h.seq > seq:
		return h.ring[(seq+1)%eventQueue], false, true, nil
	case h.closed:
		return Event{}, false, false, nil
	}
	if h.more == nil {
		h.more = make(chan struct{})
	}
	return Event{}, false, false, h.more
}
