package taskapi

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// statusCancelled is the Status of a task that was cancelled here; all others
// are states of the client.
const statusCancelled = "Cancelled"

// row is a task in the view. It never changes: a new one takes its place.
type row struct {
	info  pixivoc.TaskInfo
	entry entry
	// aid and url are those of the entry, or made up for other doors' tasks.
	aid, url string
	details  details
	// speed is the last that was seen.
	speed int64
	// freshAt is when the client was last asked how the task stands.
	freshAt time.Time
	// titledAt is when the description was last asked for while running.
	titledAt time.Time
}

// details are what is read of a task once, when it has ended.
type details struct {
	Description
	// isRead says that they were, also when nothing was found.
	isRead bool
	paths  pathList
	// failures says how many items failed, and why.
	failures string
}

// isActive says whether a task of that state waits or runs.
func isActive(state pixivoc.State) bool {
	switch state {
	case pixivoc.StateQueued, pixivoc.StateWaitToken, pixivoc.StateDownloading, pixivoc.StateDiskFull:
		return true
	}
	return false
}

// hasEnded says whether a task of that state has ended, or a run of it has and
// the next one is not due yet.
func hasEnded(state pixivoc.State) bool { return isDone(state) || state == pixivoc.StateError }

// isDone says whether nothing is left to be done of a task of that state.
func isDone(state pixivoc.State) bool {
	return state == pixivoc.StateOver || state == pixivoc.StateScheduled
}

func (r *row) isCancelled() bool { return !r.entry.CancelledAt.IsZero() && !hasEnded(r.info.State) }
func (r *row) isFinished() bool  { return hasEnded(r.info.State) || r.isCancelled() }

func (r *row) isShown() bool {
	return r.entry.HiddenAt.IsZero() && (r.entry.Made || r.info.State != pixivoc.StateWaitStart)
}

// isOpen says whether the task counts for MaxOpenTasks: whether it waits to run,
// as one that was made here does from the first, or runs.
func (r *row) isOpen() bool {
	isBegun := r.entry.Made && r.info.State == pixivoc.StateWaitStart
	return !r.isCancelled() && (isActive(r.info.State) || isBegun)
}

func (r *row) isSuccessful() bool { return isDone(r.info.State) && r.info.Failed == 0 }

func (r *row) createdAt() time.Time {
	if r.entry.CreatedAt.IsZero() {
		return r.info.CreatedAt
	}
	return r.entry.CreatedAt
}

// finishedAt is never zero for a finished task, however little is known.
func (r *row) finishedAt() time.Time {
	switch {
	case !r.isFinished():
		return time.Time{}
	case r.isCancelled():
		return r.entry.CancelledAt
	case isDone(r.info.State) && !r.info.FinishedAt.IsZero():
		return r.info.FinishedAt
	case !r.entry.EndedAt.IsZero():
		return r.entry.EndedAt
	}
	return r.createdAt()
}

func (r *row) status() string {
	switch {
	case r.isCancelled():
		return statusCancelled
	case r.info.State == pixivoc.StateWaitStart:
		return string(pixivoc.StateQueued) // it is about to be started
	}
	return string(r.info.State)
}

// progress is that of the stage, and after the end the part of the items that
// was done.
func (r *row) progress() float64 {
	if r.isSuccessful() {
		return 1
	}
	done := r.info.Now
	if isDone(r.info.State) {
		done -= r.info.Failed
	}
	return float64(done) / float64(max(r.info.Total, 1))
}

func (r *row) meanSpeed() float64 {
	if !r.isSuccessful() {
		return float64(r.speed)
	}
	took := r.finishedAt().Sub(r.createdAt()).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(int64(float64(r.info.Bytes) / took))
}

func (r *row) reason() string {
	switch {
	case r.isCancelled():
		return "cancelled"
	case r.info.Error != "":
		return r.info.Error
	case isDone(r.info.State) && r.info.Failed > 0 && r.details.failures == "":
		return strconv.Itoa(r.info.Failed) + " items failed"
	}
	return r.details.failures
}

func (r *row) task() downloadTask {
	task := downloadTask{
		aid: r.aid, url: r.url, created: r.createdAt(), title: cmp.Or(r.details.Title, r.info.TaskName),
		pic: r.details.Cover, published: r.details.Published, finished: r.finishedAt(), progress: r.progress(),
		speed: r.meanSpeed(), bytes: r.info.Bytes, successful: r.isSuccessful(),
		taskID: strconv.FormatInt(r.info.TID, 10), status: r.status(), reason: r.reason(), stage: r.info.StageName,
	}
	if r.isFinished() {
		task.paths = r.details.paths
	}
	return task
}

// listed is an element of a list: a row, or an address nobody understood.
type listed struct {
	row        *row
	unresolved *unresolved
}

func (l listed) task() downloadTask {
	if l.row != nil {
		return l.row.task()
	}
	return l.unresolved.task()
}

func (l listed) aid() string {
	if l.row != nil {
		return l.row.aid
	}
	return l.unresolved.Aid
}

func (l listed) taskID() string {
	if l.row != nil {
		return strconv.FormatInt(l.row.info.TID, 10)
	}
	return l.unresolved.taskID()
}

// order is when an element came into its list.
func (l listed) order() (at time.Time, id int64) {
	if l.row != nil {
		return l.row.finishedAt(), l.row.info.TID
	}
	return l.unresolved.At, l.unresolved.ID
}

func compare(x, y listed) int {
	xAt, xID := x.order()
	yAt, yID := y.order()
	return cmp.Or(xAt.Compare(yAt), cmp.Compare(xID, yID))
}

// view is what the lists are made of. Nothing is done under its lock but
// looking and putting.
type view struct {
	ready chan struct{} // closed once there is something to see
	once  sync.Once

	mu         sync.Mutex
	rows       map[int64]*row
	unresolved map[int64]*unresolved
	last       int64 // the greatest ID of an unresolved
	// gone are tasks that were removed here and whose last events are still
	// to come.
	gone map[int64]bool
}

func newView() *view {
	return &view{ready: make(chan struct{}), rows: map[int64]*row{}, unresolved: map[int64]*unresolved{}, gone: map[int64]bool{}}
}

// wait waits until what the client has was read.
func (v *view) wait(ctx context.Context) error {
	select {
	case <-v.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *view) open() { v.once.Do(func() { close(v.ready) }) }

func (v *view) row(tid int64) *row {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rows[tid]
}

// put adds a row unless there is one.
func (v *view) put(r *row) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rows[r.info.TID] == nil {
		v.rows[r.info.TID] = r
	}
}

// register adds the row of a task that was made here. The events of the client
// may have brought one already, which does not know that.
func (v *view) register(info pixivoc.TaskInfo, e entry) {
	v.put(&row{info: info, entry: e, aid: e.Aid, url: e.URL})
	v.update(info.TID, func(r *row) { r.entry = e })
}

// update changes a row, if there is one.
func (v *view) update(tid int64, change func(*row)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.rows[tid]
	if old == nil {
		return
	}
	next := *old
	change(&next)
	if next.entry.Made {
		next.aid, next.url = next.entry.Aid, next.entry.URL
	}
	v.rows[tid] = &next
}

// refresh takes up what the client answered, unless an event came meanwhile or
// the task has ended, which is for the events to tell.
func (v *view) refresh(old *row, info pixivoc.TaskInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rows[info.TID] != old {
		return
	}
	next := *old
	next.freshAt = time.Now()
	if isActive(info.State) {
		next.info, next.speed = info, info.Speed
	}
	v.rows[info.TID] = &next
}

// drop removes a row and returns it. What events still say of the task counts
// no more.
func (v *view) drop(tid int64) *row {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.rows[tid]
	if old != nil {
		delete(v.rows, tid)
		v.gone[tid] = true
	}
	return old
}

func (v *view) isGone(tid int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.gone[tid]
}

// buried says that no more events of a task will come.
func (v *view) buried(tid int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.gone, tid)
}

// keepGone forgets the removed tasks that a snapshot does not have.
func (v *view) keepGone(seen map[int64]bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.gone, func(tid int64, _ bool) bool { return !seen[tid] })
}

func (v *view) tids() []int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Collect(maps.Keys(v.rows))
}

// lists returns both lists, in the order in which tasks came into them.
func (v *view) lists() (running, finished []listed) {
	v.mu.Lock()
	for _, r := range v.rows {
		switch {
		case !r.isShown():
		case r.isFinished():
			finished = append(finished, listed{row: r})
		default:
			running = append(running, listed{row: r})
		}
	}
	for _, u := range v.unresolved {
		if !u.isHidden {
			finished = append(finished, listed{unresolved: u})
		}
	}
	v.mu.Unlock()
	slices.SortFunc(running, compare)
	slices.SortFunc(finished, compare)
	return running, finished
}

// running returns the running task of an Aid and type that was made here, and
// counts the tasks that wait or run. What a task of another door was asked for
// is not known, so it is not taken for what is asked for here.
func (v *view) running(aid, typeName string) (found *row, open int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.rows {
		if r.isOpen() {
			open++
		}
		isSame := r.entry.Made && r.aid == aid && r.info.TypeName == typeName
		if isSame && r.isShown() && !r.isFinished() && (found == nil || r.info.TID < found.info.TID) {
			found = r
		}
	}
	return found, open
}
