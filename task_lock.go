package pixivoc

import (
	"context"
	"sync"
)

// taskLocks lets one operation at a time change a task, which it knows by its
// TID or by its key. It is a queue that one can leave, so an operation may wait
// for the store while others wait for it.
type taskLocks[Name comparable] struct {
	mu    sync.Mutex
	locks map[Name]*taskLock
}

type taskLock struct {
	turn  chan struct{}
	users int
}

// lock waits for the turn of a task and returns what ends it.
func (t *taskLocks[Name]) lock(ctx context.Context, name Name) (unlock func(), err error) {
	t.mu.Lock()
	if t.locks == nil {
		t.locks = map[Name]*taskLock{}
	}
	l, ok := t.locks[name]
	if !ok {
		l = &taskLock{turn: make(chan struct{}, 1)}
		t.locks[name] = l
	}
	l.users++
	t.mu.Unlock()

	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(t.locks, name)
		}
	}
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
