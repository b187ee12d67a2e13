package socketapi

import "sync"

// outbox is what waits to be written to one client, in its order. Three kinds
// of frames are in it:
//
//   - replies: the connection reads no further request until its reply was
//     written, so there is one at most;
//   - reports, of which limit may wait: a client that does not take them is
//     given up;
//   - events of a subscription: when half of limit wait, further ones are left
//     out and the client is told that it lost some.
//
// While a reply about the state of tasks is being made, reports are held back
// and come after it. So a report that is out was out before the state was
// read, and no reply is older than a report in front of it.
type outbox struct {
	limit int
	// lostEvent makes the frame that says that events were left out.
	lostEvent func() []byte

	mu      sync.Mutex
	changed sync.Cond
	queue   []queued
	held    []queued
	holding bool
	reports int // waiting, held ones included
	events  int // waiting, held ones included
	replies int // not yet written
	lost    bool
	ending  bool // what waits is still written
	closed  bool
}

type queued struct {
	frame []byte
	kind  frameKind
}

type frameKind int

const (
	replyFrame frameKind = iota
	reportFrame
	eventFrame
)

func newOutbox(limit int, lostEvent func() []byte) *outbox {
	o := &outbox{limit: limit, lostEvent: lostEvent}
	o.changed.L = &o.mu
	return o
}

// report queues a report. It is false when too many wait.
func (o *outbox) report(frame []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.ending {
		return true
	}
	if o.reports >= o.limit {
		return false
	}
	o.reports++
	o.put(queued{frame, reportFrame})
	return true
}

// event queues an event of a subscription, or notes that it was lost.
func (o *outbox) event(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.ending {
		return
	}
	if o.lost || o.events >= max(o.limit/2, 1) {
		o.lost = true
		return
	}
	o.events++
	o.put(queued{frame, eventFrame})
}

// put takes a frame that is no reply. mu is held.
func (o *outbox) put(q queued) {
	if o.holding {
		o.held = append(o.held, q)
		return
	}
	o.queue = append(o.queue, q)
	o.changed.Broadcast()
}

// hold keeps reports back until the next reply or release.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = true
}

// release lets reports go without a reply in front of them.
func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.letGo()
}

// letGo ends holding. mu is held.
func (o *outbox) letGo() {
	o.holding = false
	o.queue = append(o.queue, o.held...)
	o.held = nil
	o.changed.Broadcast()
}

// reply queues a reply, lets what was held go after it, and returns when the
// reply was written or never will be.
func (o *outbox) reply(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.replies++
	o.queue = append(o.queue, queued{frame, replyFrame})
	o.letGo()
	for o.replies > 0 && !o.closed {
		o.changed.Wait()
	}
}

// next waits for the next frame to write. ok is false when there will be none.
func (o *outbox) next() (q queued, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		switch {
		case o.closed:
			return queued{}, false
		case len(o.queue) > 0:
			q, o.queue[0] = o.queue[0], queued{}
			if o.queue = o.queue[1:]; len(o.queue) == 0 {
				o.queue = nil
			}
			return q, true
		case o.ending:
			return queued{}, false
		case o.lost && !o.holding:
			o.lost = false
			o.events++
			return queued{o.lostEvent(), eventFrame}, true
		}
		o.changed.Wait()
	}
}

// written says that a frame from next is gone.
func (o *outbox) written(q queued) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch q.kind {
	case replyFrame:
		o.replies--
		o.changed.Broadcast()
	case reportFrame:
		o.reports--
	case eventFrame:
		o.events--
	}
}

// finish lets next end when everything was written.
func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ending = true
	o.letGo()
}

// close lets next and reply end at once.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.queue, o.held = nil, nil
	o.changed.Broadcast()
}
