package pixiv

import (
	"sync"
	"time"
)

const (
	// kernelWait is the shortest wait that the kernel lets an item wait outside
	// of a worker's place.
	kernelWait = time.Second
	// lateness is how much an item may be early and yet wait in its place.
	lateness = 50 * time.Millisecond
	// turnsKept is for how long the turns of a task are kept without use.
	turnsKept = 2 * time.Hour
)

// turns spaces the downloads of tasks. It gives an item that comes too early a
// time to come again, which is its own.
type turns struct {
	mu    sync.Mutex
	tasks map[int64]*taskTurns
}

type taskTurns struct {
	last  time.Time            // the last start
	next  time.Time            // the first time that is nobody's
	given map[string]time.Time // by key of an item
}

// take says whether the item may start, after a wait that is hardly one, or else
// how long it has to wait before it asks again. A start is taken note of.
func (t *turns) take(tid int64, key string, delay time.Duration, now time.Time) (wait time.Duration, start bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	task := t.of(tid, now)
	at, waited := task.given[key]
	if waited && now.Before(at.Add(-lateness)) {
		return at.Sub(now), false
	}
	if wait = max(0, task.last.Add(delay).Sub(now)); wait <= lateness && (waited || !now.Before(task.next)) {
		delete(task.given, key)
		task.last = now.Add(wait)
		task.next = later(task.next, task.last.Add(delay))
		return wait, true
	}
	at = later(task.next, now.Add(kernelWait))
	task.given[key] = at
	task.next = at.Add(delay)
	return at.Sub(now), false
}

// of returns the turns of a task and forgets those that nobody asked for lately.
func (t *turns) of(tid int64, now time.Time) *taskTurns {
	task, ok := t.tasks[tid]
	if !ok {
		for other, old := range t.tasks {
			if now.Sub(later(old.last, old.next)) > turnsKept {
				delete(t.tasks, other)
			}
		}
		if t.tasks == nil {
			t.tasks = map[int64]*taskTurns{}
		}
		task = &taskTurns{given: map[string]time.Time{}}
		t.tasks[tid] = task
	}
	return task
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
