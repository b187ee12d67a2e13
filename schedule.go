package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/pixivoc/pixivoc/internal/schedule"
)

const (
	// dueTimeout bounds putting a task into the queue that is due: others wait.
	dueTimeout = 10 * time.Second
	// dueRetry is after how long that is tried again.
	dueRetry = time.Minute
)

// parseSchedule reads TaskSpec.Schedule.
func parseSchedule(text string, fromInput bool) (schedule.Schedule, error) {
	rule, err := schedule.Parse(text)
	switch {
	case err != nil:
		return rule, &FieldError{"Schedule", err.Error()}
	case !rule.IsZero() && rule.Next(time.Now()).IsZero():
		return rule, &FieldError{"Schedule", fmt.Sprintf("%q names a day that never comes", text)}
	case !rule.IsZero() && fromInput:
		return rule, &FieldError{"Schedule", "is not possible for a task that was made from an Input: its list cannot be read again"}
	}
	return rule, nil
}

// nextRun returns when a task that has come to its end is opened again, or the
// zero time.
func nextRun(stored StoredTask) (time.Time, schedule.Schedule) {
	rule, err := parseSchedule(stored.Schedule, stored.FromInput)
	if err != nil {
		return time.Time{}, rule // of a version that knew more
	}
	return rule.Next(time.Now()), rule
}

// opening is how a task changes that is put into the queue. One whose last run
// came to its end is to read its lists anew; that it is no longer Seeded makes
// its run do so, also one after a crash. First items from an Input are kept. A
// run that somebody starts, or goes on with, counts as opened by hand.
func opening(stored StoredTask, kind *TaskType, bySchedule bool) TaskChange {
	change := TaskChange{
		State: new(StateQueued), Error: new(""), ErrorReason: new(""), Idle: new(0), NextRun: new(time.Time),
	}
	again := stored.Stage == StageOver
	if again {
		change.Seeded, change.Stage, change.Round = new(stored.FromInput), new(kind.Stages[0].Stage.Name()), new(0)
	}
	if again || stored.Runs == 0 {
		change.Runs = new(stored.Runs + 1)
	}
	if again || stored.Runs == 0 || !bySchedule {
		change.BySchedule = &bySchedule
	}
	return change
}

// errorReason returns the stable word for why a task gave up.
func errorReason(cause error) string {
	if _, ok := errors.AsType[*AccountError](cause); ok {
		return ReasonAccount
	}
	for _, known := range []struct {
		err    error
		reason string
	}{
		{ErrNoToken, ReasonLogin}, {ErrTokenRejected, ReasonLogin}, {ErrSavePath, ReasonSavePath},
		{ErrProxyLogin, ReasonProxyLogin}, {errNoProgress, ReasonNoProgress},
	} {
		if errors.Is(cause, known.err) {
			return known.reason
		}
	}
	return ReasonOther
}

// closing is how a task changes whose run has come to its end.
func closing(stored StoredTask, cause error) TaskChange {
	next, _ := nextRun(stored)
	change := TaskChange{NextRun: &next}
	switch {
	case cause != nil:
		change.State, change.Error, change.ErrorReason = new(StateError), new(shorten(cause.Error())), new(errorReason(cause))
		return change
	case next.IsZero():
		change.State = new(StateOver)
	default:
		change.State = new(StateScheduled)
	}
	change.Stage, change.FinishedAt = new(StageOver), new(time.Now().UTC())
	return change
}

// plan puts a task on the agenda when its schedule opens it again.
func (c *client) plan(stored StoredTask) {
	if !c.config.AutoStart || stored.NextRun.IsZero() {
		return
	}
	at, rule := nextRun(stored)
	if at.IsZero() {
		return
	}
	if stored.NextRun.Before(at) { // else the clock was ahead when it was written
		at = stored.NextRun
	}
	c.agenda.Set(stored.TID, at, rule)
}

// runDue starts a task whose time has come.
func (c *client) runDue(ctx context.Context, tid int64) {
	ctx, cancel := context.WithTimeout(ctx, dueTimeout)
	defer cancel()
	err := c.startDue(ctx, tid)
	if err == nil || errors.Is(err, ErrTaskNotFound) || errors.Is(err, ErrClosed) || c.isClosed() {
		return
	}
	c.log.Warn("start a task that is due", "task", tid, "error", err)
	c.agenda.Set(tid, time.Now().Add(dueRetry), schedule.Schedule{})
}

func (c *client) startDue(ctx context.Context, tid int64) error {
	unlock, err := c.locks.lock(ctx, tid)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := c.loadTask(ctx, tid)
	if err != nil || stored.NextRun.IsZero() {
		return err // somebody started or stopped it
	}
	return c.startTask(ctx, stored, true)
}

// moveRun notes a time that was corrected because the clock was put back.
func (c *client) moveRun(ctx context.Context, tid int64, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, dueTimeout)
	defer cancel()
	unlock, err := c.locks.lock(ctx, tid)
	if err != nil {
		return
	}
	defer unlock()
	stored, err := c.loadTask(ctx, tid)
	if err != nil || stored.NextRun.IsZero() {
		return
	}
	if err := c.config.Store.UpdateTask(ctx, tid, TaskChange{NextRun: &at}); err != nil {
		c.log.Warn("correct the next run of a task", "task", tid, "error", err)
		return
	}
	c.publishTask(ctx, EventTaskChanged, tid)
}

func (t task) SetSchedule(ctx context.Context, text string) error {
	c := t.client
	return c.changeTask(ctx, t.tid, "set schedule", func(stored StoredTask) (TaskChange, error) {
		rule, err := parseSchedule(text, stored.FromInput)
		if err != nil {
			return TaskChange{}, err
		}
		stored.Schedule = rule.String()
		next, _ := nextRun(stored)
		change := TaskChange{Schedule: &stored.Schedule}
		switch stored.State {
		case StateOver, StateScheduled:
			if change.State, change.NextRun = new(StateScheduled), &next; next.IsZero() {
				change.State = new(StateOver)
			}
		case StateError:
			change.NextRun = &next
		}
		return change, nil
	})
}

// changeTask changes a stored task, its run and its place on the agenda.
func (c *client) changeTask(ctx context.Context, tid int64, what string, decide func(StoredTask) (TaskChange, error)) error {
	if c.isClosed() {
		return ErrClosed
	}
	unlock, err := c.locks.lock(ctx, tid)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := c.loadTask(ctx, tid)
	if err != nil {
		return err
	}
	change, err := decide(stored)
	if err != nil {
		return err
	}
	if err := c.config.Store.UpdateTask(ctx, tid, change); err != nil {
		return fmt.Errorf("%s of task %d: %w", what, tid, notFound(err))
	}
	stored.apply(change)
	if j, _ := c.queue.find(tid); j != nil {
		j.live.change(func(l *liveTask) { l.apply(change) })
	}
	c.agenda.Remove(tid)
	c.plan(stored)
	c.publishTask(ctx, EventTaskChanged, tid)
	return nil
}

// reseed opens a task again: what its lists brought is forgotten, and its first
// items are listed anew. Items that it has done stay done.
func (r *taskRun) reseed(ctx context.Context) error {
	store := r.client.config.Store
	if err := store.ForgetItems(ctx, r.task.TID, r.kind.relisted()); err != nil {
		return fmt.Errorf("open task again: %w", notFound(err))
	}
	next, stop := iter.Pull2(r.client.first(ctx, r.kind, TaskSpec{
		Type: r.task.Type, Name: r.task.Name, Keyword: r.task.Keyword, SavePath: r.task.SavePath, Group: r.task.Group,
		Options: r.task.Options, Schedule: r.task.Schedule, BandwidthLimit: r.task.BandwidthLimit, Key: r.task.Key,
	}))
	defer stop()
	if err := r.client.addPages(ctx, r.task.TID, r.kind, next); err != nil {
		return fmt.Errorf("open task again: %w", err)
	}
	return r.update(ctx, TaskChange{Seeded: new(true)})
}
