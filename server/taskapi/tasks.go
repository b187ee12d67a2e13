package taskapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// speedPause is how old the state of a running task may be in an answer.
	speedPause = time.Second
	// maxFresh bounds the tasks that are asked in one request.
	maxFresh = 64
)

// freshen asks the client how tasks stand that run or are next: no event tells
// that a large file is on its way, nor always that a task has begun. They are
// few, and each is asked once in speedPause at most.
func (a *API) freshen(ctx context.Context, running []listed) (asked bool) {
	count := 0
	for _, each := range running {
		r := each.row
		isNext := r.info.State == pixivoc.StateDownloading || r.info.State == pixivoc.StateQueued
		if !isNext || r.isCancelled() {
			continue
		}
		if count++; count > maxFresh {
			break
		}
		if time.Since(r.freshAt) < speedPause {
			continue
		}
		asked = true
		task, err := a.client.Task(ctx, r.info.TID)
		if err != nil {
			continue // it is gone, or the client is; the events say which
		}
		info, err := task.Info(ctx)
		if err != nil {
			continue
		}
		a.view.refresh(r, info)
	}
	return asked
}

// lists are those of the view with live speeds.
func (a *API) lists(ctx context.Context) (running, finished []listed) {
	running, finished = a.view.lists()
	if a.freshen(ctx, running) {
		running, finished = a.view.lists()
	}
	return running, finished
}

func (a *API) listAll(w http.ResponseWriter, r *http.Request, _ string) error {
	running, finished := a.lists(r.Context())
	out := newWriter(w)
	out.text(`{"Running":`)
	out.array(running)
	out.text(`,"Finished":`)
	out.array(finished)
	out.text(`}`)
	out.flush()
	return nil
}

func (a *API) listRunning(w http.ResponseWriter, r *http.Request, _ string) error {
	running, _ := a.lists(r.Context())
	return writeArray(w, running)
}

func (a *API) listFinished(w http.ResponseWriter, _ *http.Request, _ string) error {
	_, finished := a.view.lists()
	return writeArray(w, finished)
}

func writeArray(w http.ResponseWriter, tasks []listed) error {
	out := newWriter(w)
	out.array(tasks)
	out.flush()
	return nil
}

// find returns the task with an id: by its Aid, a running one first, and else
// by its TaskId.
func find(id string, running, finished []listed) (listed, bool) {
	all := slices.Concat(running, finished)
	for _, of := range []func(listed) string{listed.aid, listed.taskID} {
		at := slices.IndexFunc(all, func(each listed) bool { return of(each) == id })
		if at >= 0 {
			return all[at], true
		}
	}
	return listed{}, false
}

func (a *API) getTask(w http.ResponseWriter, r *http.Request, id string) error {
	ctx := r.Context()
	running, finished := a.view.lists()
	found, ok := find(id, running, finished)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if found.row != nil && a.freshen(ctx, []listed{found}) {
		if r := a.view.row(found.row.info.TID); r != nil {
			found.row = r
		}
	}
	answer := found.task()
	if found.row != nil {
		task, err := a.client.Task(ctx, found.row.info.TID)
		if err == nil {
			answer.paths, err = savePaths(ctx, task, found.row.info.SavePath, MaxPaths)
		}
		if err != nil {
			return err
		}
	}
	out := newWriter(w)
	out.buffer = answer.append(out.buffer)
	out.flush()
	return nil
}

// cancelTask cancels a running task; it ends in Finished. For one that has
// ended there is nothing to do.
func (a *API) cancelTask(w http.ResponseWriter, r *http.Request, id string) error {
	running, finished := a.view.lists()
	found, ok := find(id, running, finished)
	if !ok {
		return pixivoc.ErrTaskNotFound
	}
	if found.row != nil && !found.row.isFinished() {
		if err := a.stop(settled(r), found.row.info.TID); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// stop stops a task and marks it as cancelled.
func (a *API) stop(ctx context.Context, tid int64) error {
	task, err := a.client.Task(ctx, tid)
	if err != nil {
		return err
	}
	if err := task.Stop(ctx); err != nil {
		return err
	}
	info, err := task.Info(ctx)
	if err != nil || hasEnded(info.State) {
		return err // it ended before it could be cancelled
	}
	found := a.read(ctx, info)
	a.view.update(tid, func(r *row) { r.details = found })
	if err := a.edit(ctx, tid, func(e *entry) { e.CancelledAt = now() }); err != nil {
		return err
	}
	a.chores.add(chore{tid: tid, notify: true})
	return nil
}

// now is a time as it comes back from the store.
func now() time.Time { return time.Now().UTC().Round(0) }
