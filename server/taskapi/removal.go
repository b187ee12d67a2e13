package taskapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/setting"
)

// removals are what was removed from the lists and is still to be deleted, with
// the time of it. They are kept under one name, so that removing ten thousand
// tasks is one write.
type removals struct {
	Tasks      map[int64]time.Time `json:"tasks,omitempty"`
	Unresolved map[int64]time.Time `json:"unresolved,omitempty"`
}

const removalsName = settingPrefix + "removals"

func (l removals) clone() removals {
	next := removals{maps.Clone(l.Tasks), maps.Clone(l.Unresolved)}
	if next.Tasks == nil {
		next.Tasks = map[int64]time.Time{}
	}
	if next.Unresolved == nil {
		next.Unresolved = map[int64]time.Time{}
	}
	return next
}

func (l removals) isEmpty() bool { return len(l.Tasks)+len(l.Unresolved) == 0 }

// saveRemovals keeps the list. The caller has the turn to edit.
func (a *API) saveRemovals(ctx context.Context, next removals) error {
	if !next.isEmpty() {
		return setting.Save(ctx, a.config.Settings, removalsName, next)
	}
	if err := a.config.Settings.SetSetting(ctx, removalsName, nil); err != nil {
		return fmt.Errorf("remove %s: %w", removalsName, err)
	}
	return nil
}

// choice chooses what to remove.
type choice func(running, finished []listed) []listed

func everything(_, finished []listed) []listed { return finished }

func failures(_, finished []listed) []listed {
	return slices.DeleteFunc(finished, func(each listed) bool { return each.row != nil && each.row.isSuccessful() })
}

// withID chooses by Aid, and only when no task has that Aid by TaskId: both may
// be numbers.
func withID(id string) choice {
	return func(running, finished []listed) []listed {
		for _, of := range []func(listed) string{listed.aid, listed.taskID} {
			isOther := func(each listed) bool { return of(each) != id }
			chosen := slices.DeleteFunc(slices.Clone(finished), isOther)
			if len(chosen) > 0 || len(slices.DeleteFunc(slices.Clone(running), isOther)) > 0 {
				return chosen
			}
		}
		return nil
	}
}

// remove takes finished tasks out of the lists, for good. That none is chosen is
// no error. What it takes to delete them is done afterwards.
func (a *API) remove(w http.ResponseWriter, r *http.Request, choose choice) error {
	if chosen := choose(a.view.lists()); len(chosen) > 0 {
		if err := a.hide(settled(r), chosen, now()); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a *API) hide(ctx context.Context, chosen []listed, at time.Time) error {
	release, err := a.editing.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	next := a.removals.clone()
	for _, each := range chosen {
		if each.row != nil {
			next.Tasks[each.row.info.TID] = at
		} else {
			next.Unresolved[each.unresolved.ID] = at
		}
	}
	if err := a.saveRemovals(ctx, next); err != nil {
		return err
	}
	a.removals = next
	for _, each := range chosen {
		if each.row != nil {
			a.hideTask(each.row.info.TID, at)
		} else {
			a.hideUnresolved(each.unresolved.ID)
		}
	}
	return nil
}

// hideTask takes a task out of the lists and sees to it that it is deleted.
func (a *API) hideTask(tid int64, at time.Time) {
	a.view.update(tid, func(r *row) { r.entry.HiddenAt = at })
	a.chores.add(chore{tid: tid, notify: true, remove: true})
}

func (a *API) hideUnresolved(id int64) {
	if u := a.view.findUnresolved(id); u != nil {
		hidden := *u
		hidden.isHidden = true
		a.view.setUnresolved(&hidden)
	}
	a.chores.add(chore{unresolved: id, notify: true, remove: true})
}

// restoreRemovals takes up what the last process did not come to. A task that
// ran again since it was removed stays.
func (a *API) restoreRemovals(ctx context.Context) {
	release, err := a.editing.take(ctx)
	if err != nil {
		return
	}
	defer release()
	var left removals
	if err := setting.Load(ctx, a.config.Settings, removalsName, &left); err != nil && ctx.Err() == nil {
		a.log.Error("removed tasks are shown again", "error", err)
	}
	a.removals = left.clone()
	for tid, at := range left.Tasks {
		if r := a.view.row(tid); r != nil && r.isFinished() && !r.finishedAt().After(at) {
			a.hideTask(tid, at)
		} else {
			delete(a.removals.Tasks, tid)
		}
	}
	for id := range left.Unresolved {
		a.hideUnresolved(id)
	}
}

// removed strikes off what was done.
func (a *API) removed(ctx context.Context, done []chore) {
	if len(done) == 0 {
		return
	}
	release, err := a.editing.take(ctx)
	if err != nil {
		return
	}
	defer release()
	next := a.removals.clone()
	for _, each := range done {
		delete(next.Tasks, each.tid)
		delete(next.Unresolved, each.unresolved)
	}
	a.removals = next
	if err := a.saveRemovals(context.WithoutCancel(ctx), next); err != nil {
		a.log.Error("the list of removed tasks is not kept", "error", err)
	}
}

// discard deletes a task that was removed from the lists, or keeps in mind that
// it is hidden.
func (a *API) discard(ctx context.Context, tid int64) error {
	r := a.view.row(tid)
	switch {
	case r == nil || r.entry.HiddenAt.IsZero(): // gone, or it ran again
		return nil
	case !r.isFinished():
		return a.edit(ctx, tid, func(e *entry) { e.HiddenAt = time.Time{} })
	case !r.entry.Made || r.info.Schedule != "":
		return a.edit(ctx, tid, func(*entry) {}) // with HiddenAt as the view has it
	}
	task, err := a.client.Task(ctx, tid)
	if err == nil {
		err = waitBriefly(ctx, task)
	}
	if err == nil {
		err = task.Delete(ctx, pixivoc.DeleteOptions{})
	}
	if err != nil && !errors.Is(err, pixivoc.ErrTaskNotFound) {
		return err
	}
	return a.dropEntry(context.WithoutCancel(ctx), tid)
}

// waitBriefly waits for the last requests of a task that was cancelled. Nothing
// else is done meanwhile, so those that take long are waited for again later.
func waitBriefly(ctx context.Context, task pixivoc.Task) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := task.Wait(ctx)
	return err
}
