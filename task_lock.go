package pixivoc

import (
	"context"
	"sync"
)

// taskLocks lets one operation at a time change a task. It is a queue that
// one can leave, so an operation may wait for the store while others wait
// for it.
type taskLocks struct {
	mu    sync.Mutex
	locks map[int64]*taskLock
}

type taskLock struct {
	turn  chan struct{}
	users int
}

// lock waits for the turn of a task and returns what ends it.
func (t *taskLocks) lock(ctx context.Context, tid int64) (unlock func(), err error) {
	t.mu.Lock()
	if t.locks == nil {
		t.locks = map[int64]*taskLock{}
	}
	l, ok := t.locks[tid]
	if !ok {
		l = &taskLock{turn: make(chan struct{}, 1)}
		t.locks[tid] = l
	}
	l.users++
	t.mu.Unlock()

	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(t.locks, tid)
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
