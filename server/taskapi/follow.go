package taskapi

import (
	"context"
	"errors"
	"time"

	"github.com/pixivoc/pixivoc"
)

// titlePause is the least time between two questions what a running task is
// about.
const titlePause = 2 * time.Second

// follow keeps the view current until ctx is done or the client is shut down.
// It alone changes what the view knows of the client.
func (a *API) follow(ctx context.Context) {
	defer a.view.open()
	a.loadUnresolved(ctx)
	isFirst := true
	for event := range a.client.Events(ctx) {
		switch {
		case event.Kind == pixivoc.EventSnapshot:
			a.takeSnapshot(ctx, event)
			if isFirst {
				a.restoreRemovals(ctx)
				a.resume(ctx)
			}
			isFirst = false
			a.view.open()
		case event.Kind == pixivoc.EventTaskDeleted:
			a.forget(ctx, event.Task.TID)
			a.view.buried(event.Task.TID)
		case event.Task.TID != 0:
			a.takeTask(ctx, event.At, event.Task)
		}
	}
}

// takeSnapshot takes up the whole state: at the start, and after events were
// lost.
func (a *API) takeSnapshot(ctx context.Context, event pixivoc.Event) {
	isFirst := len(a.view.tids()) == 0
	seen := make(map[int64]bool, len(event.Tasks))
	for _, info := range event.Tasks {
		seen[info.TID] = true
		if a.view.isGone(info.TID) {
			continue
		}
		if a.view.row(info.TID) != nil {
			a.takeTask(ctx, event.At, info)
			continue
		}
		r := a.meet(ctx, info)
		a.chores.add(chore{
			tid: info.TID, describe: r.isFinished(), notify: r.isFinished() && r.entry.Webhook != "",
			// The last process died between making the task and starting it.
			start: isFirst && r.entry.Made && info.State == pixivoc.StateWaitStart && !r.isCancelled(),
		})
	}
	a.view.keepGone(seen)
	for _, tid := range a.view.tids() {
		if seen[tid] {
			continue
		}
		// Gone, or made since the snapshot was.
		if _, err := a.client.Task(ctx, tid); errors.Is(err, pixivoc.ErrTaskNotFound) {
			a.forget(ctx, tid)
		}
	}
}

// meet adds a task that the view does not know.
func (a *API) meet(ctx context.Context, info pixivoc.TaskInfo) *row {
	e, err := a.loadEntry(ctx, info.TID)
	if err != nil && ctx.Err() == nil {
		a.log.Error("what was kept of a task is lost", "task", info.TID, "error", err)
	}
	r := &row{info: info, entry: e, aid: e.Aid, url: e.URL}
	if !e.Made {
		r.aid, r.url = a.config.Aid(info)
	}
	a.view.put(r)
	return r
}

// takeTask takes up a change of a task.
func (a *API) takeTask(ctx context.Context, at time.Time, info pixivoc.TaskInfo) {
	if a.view.isGone(info.TID) {
		return
	}
	r := a.view.row(info.TID)
	if r == nil {
		r = a.meet(ctx, info)
	}
	isMarked := !r.entry.CancelledAt.IsZero() || !r.entry.HiddenAt.IsZero()
	if isActive(info.State) && isMarked && a.runsAgain(ctx, info.TID) {
		a.tryEdit(ctx, info.TID, func(e *entry) { e.CancelledAt, e.HiddenAt, e.EndedAt = time.Time{}, time.Time{}, time.Time{} })
	}
	if hasEnded(info.State) {
		if !hasEnded(r.info.State) || r.info.Runs != info.Runs || !r.details.isRead {
			a.finish(ctx, at, info)
		}
		a.view.update(info.TID, func(r *row) { r.info = info })
		a.chores.add(chore{tid: info.TID, notify: r.entry.Webhook != ""})
		return
	}
	a.view.update(info.TID, func(r *row) {
		r.info = info
		if info.Speed > 0 || isActive(info.State) {
			r.speed = info.Speed
		}
	})
	if info.State == pixivoc.StateDownloading && r.details.Title == "" && at.Sub(r.titledAt) >= titlePause {
		description := a.askDescription(ctx, info.TID)
		a.view.update(info.TID, func(r *row) { r.details.Description, r.titledAt = description, at })
	}
}

// runsAgain says whether a task that was marked as cancelled or hidden was
// started since. An event alone does not say so: it may tell what was true
// before the task was stopped, and come late.
func (a *API) runsAgain(ctx context.Context, tid int64) bool {
	task, err := a.client.Task(ctx, tid)
	if err != nil {
		return false
	}
	info, err := task.Info(ctx)
	return err == nil && isActive(info.State)
}

// finish learns what there is to know of a task that has ended. Only after it
// the lists show the task as finished.
func (a *API) finish(ctx context.Context, at time.Time, info pixivoc.TaskInfo) {
	found := a.read(ctx, info)
	if r := a.view.row(info.TID); r != nil && r.entry.Made && info.State == pixivoc.StateError {
		a.tryEdit(ctx, info.TID, func(e *entry) { e.EndedAt = at })
	}
	a.view.update(info.TID, func(r *row) {
		r.details = found
		if info.State == pixivoc.StateError && r.entry.EndedAt.IsZero() {
			r.entry.EndedAt = at // of another door; not kept
		}
	})
}

// forget takes a task that was deleted out of the view.
func (a *API) forget(ctx context.Context, tid int64) {
	if a.view.row(tid) == nil {
		return
	}
	if err := a.dropEntry(ctx, tid); err != nil && ctx.Err() == nil {
		a.log.Error("what was kept of a deleted task stays", "task", tid, "error", err)
	}
}

// tryEdit is edit where nobody waits for an error.
func (a *API) tryEdit(ctx context.Context, tid int64, change func(*entry)) {
	if err := a.edit(ctx, tid, change); err != nil && ctx.Err() == nil {
		a.log.Error("a change of a task is not kept", "task", tid, "error", err)
	}
}
