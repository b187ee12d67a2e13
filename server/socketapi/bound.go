package socketapi

import "github.com/pixivoc/pixivoc"

// unfinishedFactor is how many tasks that are not over there may be for each
// that may wait or run: a creation starts nothing.
const unfinishedFactor = 10

// begin says whether one more task may be made. If so, done must be called
// when that was tried. What waits or runs is known from events, which may be a
// moment late.
func (h *hub) begin(maxOpen int) (done func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) >= maxOpen || h.unfinished+h.creations >= unfinishedFactor*maxOpen {
		return nil, false
	}
	h.creations++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.creations--
	}, true
}

// moved notes whether a task that is known waits to run or runs.
func (h *hub) moved(task pixivoc.TaskInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.tasks[task.TID]; known && !hasEnded(task) {
		h.open[task.TID] = struct{}{}
	} else {
		delete(h.open, task.TID)
	}
}

// put notes a task and whether it is over. mu is held.
func (h *hub) put(tid int64, isOver bool) {
	h.remove(tid)
	if h.tasks[tid] = isOver; !isOver {
		h.unfinished++
	}
}

// remove forgets a task. mu is held.
func (h *hub) remove(tid int64) {
	if isOver, known := h.tasks[tid]; known && !isOver {
		h.unfinished--
	}
	delete(h.tasks, tid)
	delete(h.open, tid)
}
