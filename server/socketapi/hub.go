package socketapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"

	"github.com/pixivoc/pixivoc"
)

// hub turns the events of the kernel into reports and hands them to the
// connections. One goroutine reads the events. A command that created or
// deleted a task tells the hub at once, because its report must be out before
// its reply; when the event comes later it is known already.
type hub struct {
	client  pixivoc.Client
	results map[string]Result
	log     *slog.Logger
	number  *numbering

	mu       sync.Mutex
	sessions map[*session]struct{}
	// tasks are those whose creation is known, with whether they are over.
	tasks map[int64]bool
	// open are those that wait to run or run.
	open map[int64]struct{}
	// unfinished counts those of tasks that are not over, and creations those
	// that are being made.
	unfinished, creations int
	// gone are those whose deletion was reported before its event came.
	gone map[int64]struct{}
	// logouts counts the logouts by command whose events did not come yet.
	logouts int
	// seq is that of the last event.
	seq uint64
}

func newHub(client pixivoc.Client, results map[string]Result, log *slog.Logger) *hub {
	return &hub{
		client: client, results: results, log: log, number: &numbering{},
		sessions: map[*session]struct{}{}, tasks: map[int64]bool{}, open: map[int64]struct{}{}, gone: map[int64]struct{}{},
	}
}

func (h *hub) join(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[s] = struct{}{}
}

func (h *hub) leave(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
}

// follow reads events until ctx ends or the kernel is shut down. ready is
// called once the tasks that exist already are known.
func (h *hub) follow(ctx context.Context, ready func()) {
	first := true
	for event := range h.client.Events(ctx) {
		switch event.Kind {
		case pixivoc.EventSnapshot:
			h.catchUp(ctx, event, first)
			if first {
				ready()
			}
			first = false
			continue
		case pixivoc.EventTaskCreated:
			h.created(event.Task.TID)
		case pixivoc.EventTaskChanged:
			h.reopened(event.Task)
			h.moved(event.Task)
		case pixivoc.EventTaskOver:
			h.over(ctx, event.Task)
			h.moved(event.Task)
		case pixivoc.EventTaskDeleted:
			h.vanished(event.Task.TID)
		case pixivoc.EventToken:
			h.tokenChanged(event.TokenOK)
		}
		h.forward(event)
	}
}

// catchUp reports what happened while events were lost. What the first
// snapshot holds was there before anybody listened.
func (h *hub) catchUp(ctx context.Context, snapshot pixivoc.Event, first bool) {
	h.mu.Lock()
	h.seq = snapshot.Seq
	h.mu.Unlock()
	present := map[int64]bool{}
	for _, task := range snapshot.Tasks {
		present[task.TID] = true
		if first {
			h.mu.Lock()
			h.put(task.TID, task.Over)
			h.mu.Unlock()
			h.moved(task)
			continue
		}
		h.created(task.TID)
		if task.Over {
			h.over(ctx, task)
		} else {
			h.reopened(task)
		}
		h.moved(task)
	}
	for _, tid := range h.absent(present) {
		// A command may have created it after the snapshot was taken.
		if _, err := h.client.Task(ctx, tid); errors.Is(err, pixivoc.ErrTaskNotFound) {
			h.vanished(tid)
		}
	}
}

func (h *hub) absent(present map[int64]bool) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var absent []int64
	for tid := range h.tasks {
		if !present[tid] {
			absent = append(absent, tid)
		}
	}
	return absent
}

// report runs f under the lock and ends the connections that f found to be too
// slow.
func (h *hub) report(f func() (slow []*session)) {
	h.mu.Lock()
	slow := f()
	h.mu.Unlock()
	for _, s := range slow {
		s.drop(ClosedSlow)
	}
}

// created reports a creation unless it was reported before.
func (h *hub) created(tid int64) {
	h.report(func() []*session { return h.know(tid) })
}

// know is created for a caller that holds mu.
func (h *hub) know(tid int64) (slow []*session) {
	_, known := h.tasks[tid]
	if known || h.isGone(tid) {
		return nil
	}
	h.put(tid, false)
	return h.broadcast(SendCreateTask, tid)
}

func (h *hub) isGone(tid int64) bool {
	_, gone := h.gone[tid]
	return gone
}

// deleted reports a deletion that a command made, whose event is still to
// come.
func (h *hub) deleted(tid int64) {
	h.report(func() (slow []*session) {
		if h.isGone(tid) {
			return nil
		}
		slow = h.know(tid)
		h.remove(tid)
		h.gone[tid] = struct{}{}
		return append(slow, h.broadcast(SendDeleteTask, tid)...)
	})
}

// vanished reports a deletion unless a command did so already.
func (h *hub) vanished(tid int64) {
	h.report(func() (slow []*session) {
		if h.isGone(tid) {
			delete(h.gone, tid) // no TID is used twice
			return nil
		}
		if _, known := h.tasks[tid]; !known {
			return nil
		}
		h.remove(tid)
		return h.broadcast(SendDeleteTask, tid)
	})
}

// reopened notes that a task that was over is at work again.
func (h *hub) reopened(task pixivoc.TaskInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tasks[task.TID] && !task.Over {
		h.put(task.TID, false)
	}
}

// over reports the end of a task with its result. The result is not made when
// there is nobody to hear it.
func (h *hub) over(ctx context.Context, task pixivoc.TaskInfo) {
	h.mu.Lock()
	done := h.tasks[task.TID] || h.isGone(task.TID)
	heard := len(h.sessions) > 0
	h.mu.Unlock()
	if done {
		return
	}
	result, ok := json.RawMessage(nil), false
	if heard {
		result, ok = h.result(ctx, task)
	}
	h.report(func() (slow []*session) {
		if h.isGone(task.TID) {
			return nil
		}
		slow = h.know(task.TID)
		h.put(task.TID, true)
		if ok {
			slow = append(slow, h.broadcast(SendTaskOver, taskOver{task.TID, result})...)
		}
		return slow
	})
}

// taskOver is the content of SendTaskOver.
type taskOver struct {
	TID     int64
	Content json.RawMessage
}

// tokenChanged reports the end of a login or refresh. The event of a logout
// looks like that of a login that failed, but PixivOC has no report for it; one
// that was made by a command is known.
func (h *hub) tokenChanged(ok bool) {
	_, err := h.client.Account()
	h.report(func() []*session {
		switch {
		case ok:
			h.logouts = 0
		case err != nil && h.logouts > 0:
			h.logouts--
			return nil
		}
		return h.broadcast(SendTokenStatusChange, ok)
	})
}

// loginFailed reports a login for which the kernel has no event.
func (h *hub) loginFailed() {
	h.report(func() []*session { return h.broadcast(SendTokenStatusChange, false) })
}

// expectLogout says that a command logs out, or with -1 that it could not.
func (h *hub) expectLogout(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logouts = max(0, h.logouts+n)
}

// broadcast queues a report for every connection that may have it and returns
// those that are too slow. mu is held, which keeps reports in one order for
// all.
func (h *hub) broadcast(kind SendType, content any) (slow []*session) {
	if len(h.sessions) == 0 {
		return nil
	}
	frame, err := encode(message{"S" + h.number.next(), kind, content})
	if err != nil {
		h.log.Error("make report", "error", err)
		return nil
	}
	for s := range h.sessions {
		if s.hears.Load() && !s.out.report(frame) {
			slow = append(slow, s)
		}
	}
	return slow
}

// forward hands an event to the connections that subscribed to it.
func (h *hub) forward(event pixivoc.Event) {
	want := wantsEvents
	if event.Kind == pixivoc.EventItemDone {
		want = wantsItems
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq = event.Seq
	var frame []byte
	for s := range h.sessions {
		if s.wants.Load()&want == 0 {
			continue
		}
		if frame == nil {
			var err error
			if frame, err = encode(message{"S" + h.number.next(), SendEvent, event}); err != nil {
				h.log.Error("make event", "error", err)
				return
			}
		}
		s.out.event(frame)
	}
}

// hold makes the outbox of s hold back what comes, and returns the Seq of the
// last event that is not held.
func (h *hub) hold(s *session) (seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.out.hold()
	return h.seq
}

// lostEvent is what a subscriber gets in place of events that it was too slow
// for.
func (h *hub) lostEvent() []byte {
	frame, _ := encode(message{"S" + h.number.next(), SendEvent, pixivoc.Event{Kind: pixivoc.EventLost}}) // always fits
	return frame
}
