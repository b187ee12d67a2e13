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
	cancel   context.CancelCauseFunc // nil while the job waits
	stopping bool                    // its run was cancelled and will write no state
	again    bool                    // Start came while it was stopping
	aside    bool                    // it runs without a place
}

func newJob(stored StoredTask) *job {
	return &job{tid: stored.TID, live: newLiveTask(stored), done: make(chan struct{})}
}

// taskQueue decides which tasks run. It owns the goroutines of the runs.
type taskQueue struct {
	max int
	// run does a job until it ends or ctx is cancelled.
	run func(ctx context.Context, j *job)

	mu      sync.Mutex
	jobs    map[int64]*job
	waiting []*job
	back    []*job        // want their place again, before those that wait for their first
	resumed chan struct{} // closed when one of them has it; nil when nobody waits
	running int
	asides  int
	closed  bool
	wg      sync.WaitGroup
}

// add puts a job into the queue unless its task has one already. One that is
// stopping is followed by another.
func (q *taskQueue) add(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if old, ok := q.jobs[j.tid]; ok {
		old.again = old.stopping
		return nil
	}
	q.enqueue(j)
	return nil
}

// enqueue and fill start waiting jobs while there is room. mu is held.
func (q *taskQueue) enqueue(j *job) {
	q.jobs[j.tid] = j
	q.waiting = append(q.waiting, j)
	q.fill()
}

func (q *taskQueue) fill() {
	for q.running < q.max && len(q.back) > 0 && !q.closed {
		q.back[0].aside = false
		q.back = slices.Delete(q.back, 0, 1)
		q.running++
		q.asides--
		close(q.resumed)
		q.resumed = make(chan struct{})
	}
	for q.running < q.max && len(q.waiting) > 0 && !q.closed {
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

// maxAside bounds the jobs that run without a place, and so the folders that
// they hold open.
const maxAside = 16

// stepAside gives the place of a running job to others, while it waits for
// something that may take long. It is false for one that keeps its place,
// because there are too many.
func (q *taskQueue) stepAside(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.aside || q.asides >= maxAside {
		return false
	}
	j.aside = true
	q.asides++
	q.running--
	q.fill()
	return true
}

// comeBack waits until a job that stepped aside has a place again. When ctx
// ends first it has none.
func (q *taskQueue) comeBack(ctx context.Context, j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.aside {
		if q.resumed == nil {
			q.resumed = make(chan struct{})
		}
		q.back = append(q.back, j)
		q.fill()
	}
	for j.aside {
		resumed := q.resumed
		q.mu.Unlock()
		select {
		case <-resumed:
		case <-ctx.Done():
		}
		q.mu.Lock()
		if err := ctx.Err(); err != nil && j.aside {
			q.back = slices.DeleteFunc(q.back, func(other *job) bool { return other == j })
			return err
		}
	}
	return ctx.Err()
}

// retire takes a job out whose run has written its final state, so that its
// task can be started again at once.
func (q *taskQueue) retire(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.jobs[j.tid] == j {
		delete(q.jobs, j.tid)
	}
}

// left is called when the run of a job has ended.
func (q *taskQueue) left(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.aside {
		q.asides--
	} else {
		q.running--
	}
	if q.jobs[j.tid] == j {
		delete(q.jobs, j.tid)
		if j.again && !q.closed {
			q.enqueue(newJob(j.live.stored()))
		}
	}
	close(j.done)
	q.fill()
}

// interrupt cancels the run of a task. It needs no turn of the task, so it also
// ends one that waits for room while it writes its final state.
func (q *taskQueue) interrupt(tid int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j, ok := q.jobs[tid]; ok && j.cancel != nil {
		j.stopping = true
		j.cancel(errStopRequested)
	}
}

// stop takes a waiting job out or cancels a running one, which is returned.
func (q *taskQueue) stop(tid int64) (ending *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, ok := q.jobs[tid]
	if !ok {
		return nil
	}
	j.again = false
	if j.cancel != nil {
		j.stopping = true
		j.cancel(errStopRequested)
		return j
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(w *job) bool { return w == j })
	delete(q.jobs, tid)
	close(j.done)
	return nil
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
		j.stopping = true
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
