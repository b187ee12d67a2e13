package socketapi

import (
	"context"
	"encoding/json"
	"iter"
	"sync"

	"github.com/pixivoc/pixivoc"
)

// ReportKind says what a Report tells.
type ReportKind string

// The kinds of reports.
const (
	// ReportConnected comes first, and again each time a lost connection was
	// made anew: what happened in between was not reported.
	ReportConnected ReportKind = "connected"
	// ReportLost says that the reader was too slow and missed reports.
	ReportLost ReportKind = "lost"
	// ReportToken has OK: a login or refresh ended.
	ReportToken ReportKind = "token"
	// ReportCreated and ReportDeleted have TID.
	ReportCreated ReportKind = "created"
	ReportDeleted ReportKind = "deleted"
	// ReportOver has TID and Value: a task is over.
	ReportOver ReportKind = "over"
	// ReportEvent has Event; see Conn.Subscribe.
	ReportEvent ReportKind = "event"

	reportLogin ReportKind = "login" // the outcome of Conn.LoginGrant
)

// Report is something that the server told on its own account.
type Report struct {
	Kind ReportKind
	TID  int64
	OK   bool
	// Value is what a query task found, as JSON; "" for other types.
	Value json.RawMessage
	Event pixivoc.Event

	login loginOver
}

// Reports yields what the server reports, until ctx ends or the connection is
// closed. The first is a ReportConnected; from then on nothing is missed
// without a ReportLost or another ReportConnected.
func (c *Conn) Reports(ctx context.Context) iter.Seq[Report] {
	return func(yield func(Report) bool) {
		l := c.listen()
		defer c.unlisten(l)
		if l.isOver() || !yield(Report{Kind: ReportConnected}) {
			return
		}
		for {
			report, ok := l.next(ctx)
			if !ok {
				return
			}
			if report.Kind != reportLogin && !yield(report) {
				return
			}
		}
	}
}

// deliver hands a message that is no reply to all listeners.
func (c *Conn) deliver(m wireMessage) {
	report, ok := reportOf(m)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.listeners {
		l.add(report)
	}
}

// wireEvent is a pixivoc.Event as it is sent.
type wireEvent struct {
	pixivoc.Event
	Env *Settings `json:"env"`
}

// reportOf reads a message. ok is false for one that this version does not
// know.
func reportOf(m wireMessage) (r Report, ok bool) {
	var err error
	switch m.SendType {
	case SendTokenStatusChange:
		r.Kind, err = ReportToken, json.Unmarshal(m.Content, &r.OK)
	case SendCreateTask:
		r.Kind, err = ReportCreated, json.Unmarshal(m.Content, &r.TID)
	case SendDeleteTask:
		r.Kind, err = ReportDeleted, json.Unmarshal(m.Content, &r.TID)
	case SendTaskOver:
		var over taskOver
		r.Kind, err = ReportOver, json.Unmarshal(m.Content, &over)
		r.TID, r.Value = over.TID, over.Content
	case SendEvent:
		var event wireEvent
		r.Kind, err = ReportEvent, json.Unmarshal(m.Content, &event)
		r.Event, r.TID = event.Event, event.Task.TID
		if event.Env != nil {
			r.Event.Env = new(event.Env.env())
		}
	case SendLoginOver:
		r.Kind, err = reportLogin, json.Unmarshal(m.Content, &r.login)
	default:
		return Report{}, false
	}
	if err == nil && r.Event.Kind == pixivoc.EventLost {
		r = Report{Kind: ReportLost}
	}
	return r, err == nil
}

// listener is the queue of one reader of reports.
type listener struct {
	limit int

	mu    sync.Mutex
	queue []Report
	more  chan struct{} // has a value when there is something new
	ended bool
}

func (c *Conn) listen() *listener {
	l := &listener{limit: c.options.ReportQueue, more: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[l] = struct{}{}
	l.ended = c.closed
	return l
}

func (c *Conn) unlisten(l *listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.listeners, l)
}

// add queues a report, or one ReportLost in place of all when too many wait.
func (l *listener) add(report Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= l.limit {
		l.queue = []Report{{Kind: ReportLost}}
	}
	l.queue = append(l.queue, report)
	l.wake()
}

// end lets next end once the queue is empty.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.wake()
}

func (l *listener) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// clear forgets what waits.
func (l *listener) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = nil
}

// wake rouses next. mu is held.
func (l *listener) wake() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// next waits for the next report. ok is false when there will be none, or ctx
// ended.
func (l *listener) next(ctx context.Context) (r Report, ok bool) {
	for ctx.Err() == nil {
		l.mu.Lock()
		ended := l.ended
		if len(l.queue) > 0 {
			r, l.queue = l.queue[0], l.queue[1:]
			l.mu.Unlock()
			return r, true
		}
		l.mu.Unlock()
		if ended {
			return Report{}, false
		}
		select {
		case <-l.more:
		case <-ctx.Done():
		}
	}
	return Report{}, false
}

// subscription is one wish for events; the server is told the sum of all.
type subscription subscribeArguments

// subscribed is what the connection wants in all.
func (c *Conn) subscribed() subscribeArguments {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum subscribeArguments
	for s := range c.wanted {
		sum.Events = sum.Events || s.Events
		sum.Items = sum.Items || s.Items
	}
	return sum
}

// Subscribe lets Reports have events of the kernel: how tasks get on, which
// items failed, what changed in the environment. With items also each item
// that was done. It holds until release is called, on new connections too.
func (c *Conn) Subscribe(ctx context.Context, items bool) (release func(), err error) {
	s := &subscription{Events: true, Items: items}
	c.mu.Lock()
	c.wanted[s] = struct{}{}
	c.mu.Unlock()
	if err := c.tellWanted(ctx); err != nil {
		c.unsubscribe(s)
		return nil, err
	}
	return func() { c.unsubscribe(s) }, nil
}

// unsubscribe takes a wish back. The server is told in the background.
func (c *Conn) unsubscribe(s *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, wanted := c.wanted[s]; !wanted || c.closed {
		return
	}
	delete(c.wanted, s)
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.options.DialTimeout)
		defer cancel()
		_ = c.tellWanted(ctx) // events that nobody wants do no harm
	})
}

// tellWanted tells the server the sum of all wishes. They are told one after
// the other, so the last one is in force.
func (c *Conn) tellWanted(ctx context.Context) error {
	select {
	case c.subscribing <- struct{}{}:
		defer func() { <-c.subscribing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return c.invoke(ctx, CommandSubscribe, c.subscribed(), nil, isRepeatable)
}
