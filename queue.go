package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Causes with which a run is cancelled.
var (
	errStopRequested = errors.New("task was stopped")
	errShutdown      = errors.New("client shuts down")
)

// job is a task in the queue or at work.
type job struct {
	tid  int64
	live *liveTask
	done chan struct{} // closed when the job has left the queue for good

	// The rest belongs to taskQueue.mu.
	cancel    context.CancelCauseFunc // nil while the job waits
	stopped   bool                    // Stop came; the run must not write its state
	finishing bool                    // the run writes its final state
	again     bool                    // Start came while a stopped run was ending
}

// taskQueue decides which tasks run. It owns the goroutines of the runs.
type taskQueue struct {
	max int
	// run does a job until it ends or ctx is cancelled.
	run func(ctx context.Context, j *job)
	// renew makes the job for a task that was started while it was stopping.
	renew func(j *job) *job

	mu      sync.Mutex
	jobs    map[int64]*job
	waiting []*job
	running int
	closed  bool
	wg      sync.WaitGroup
}

// add puts a job into the queue unless its task has one that was not stopped.
func (q *taskQueue) add(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if old, ok := q.jobs[j.tid]; ok {
		if old.stopped {
			old.again = true
		}
		return nil
	}
	q.jobs[j.tid] = j
	q.waiting = append(q.waiting, j)
	q.fill()
	return nil
}

// fill starts waiting jobs while there is room. mu is held.
func (q *taskQueue) fill() {
	for q.running < q.max && len(q.waiting) > 0 {
		j := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		ctx, cancel := context.WithCancelCause(context.Background())
		j.cancel = cancel
		q.running++
		q.wg.Go(func() {
			q.run(ctx, j)
			cancel(nil)
			q.left(j)
		})
	}
}

// left is called when the run of a job has ended.
func (q *taskQueue) left(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	delete(q.jobs, j.tid)
	if j.again && !q.closed {
		next := q.renew(j)
		q.jobs[j.tid] = next
		q.waiting = append(q.waiting, next)
	}
	close(j.done)
	if !q.closed {
		q.fill()
	}
}

// stop takes a waiting job out or cancels a running one. The result is the job
// that still runs or writes its final state, or nil. wasActive says whether
// there was a job to stop; it is false for one that is about to end by itself.
func (q *taskQueue) stop(tid int64) (ending *job, wasActive bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, ok := q.jobs[tid]
	if !ok {
		return nil, false
	}
	j.again = false
	if j.finishing {
		j.cancel(errStopRequested) // the state is decided; only waiting ends
		return j, false
	}
	wasActive = !j.stopped
	j.stopped = true
	if j.cancel != nil {
		j.cancel(errStopRequested)
		return j, wasActive
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(w *job) bool { return w == j })
	delete(q.jobs, tid)
	close(j.done)
	return nil, wasActive
}

// beginFinish is asked by a run before it writes its final state; false means
// that somebody stopped the task first.
func (q *taskQueue) beginFinish(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.stopped || q.closed {
		return false
	}
	j.finishing = true
	return true
}

// find returns the job of a task and its place in the queue, 1 for the next.
func (q *taskQueue) find(tid int64) (j *job, position int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j = q.jobs[tid]
	return j, 1 + slices.Index(q.waiting, j)
}

// close cancels everything and waits until nothing runs or ctx ends.
func (q *taskQueue) close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	for _, j := range q.waiting {
		delete(q.jobs, j.tid)
		close(j.done)
	}
	q.waiting = nil
	for _, j := range q.jobs {
		j.cancel(errShutdown)
	}
	q.mu.Unlock()

	idle := make(chan struct{})
	go func() { // ends with the last run, which Shutdown may have to leave behind
		q.wg.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("still at work: %s: %w", q.names(), ctx.Err())
	}
}

func (q *taskQueue) names() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var names []string
	for tid, j := range q.jobs {
		names = append(names, fmt.Sprintf("task %d in stage %s", tid, j.live.stageName()))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
