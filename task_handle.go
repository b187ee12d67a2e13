package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"time"
)

// task is the Task that a client hands out.
type task struct {
	client *client
	tid    int64
}

func (t task) ID() int64 { return t.tid }

func (t task) Info(ctx context.Context) (TaskInfo, error) {
	if t.client.isClosed() {
		return TaskInfo{}, ErrClosed
	}
	return t.client.taskInfo(ctx, t.tid)
}

func (t task) Start(ctx context.Context) error {
	return t.start(ctx, func(stored StoredTask) (bool, error) { return stored.State != StateOver, nil })
}

func (t task) Reopen(ctx context.Context) error {
	c := t.client
	return t.start(ctx, func(stored StoredTask) (bool, error) {
		if j, _ := c.queue.find(t.tid); j != nil && stored.State == StateQueued {
			return false, nil
		}
		// Before its state, so that it is over still when this comes to nothing.
		_, err := c.config.Store.RetryItems(ctx, t.tid)
		return true, notFound(err)
	})
}

// start puts the task into the queue when ready, which is asked with the task's
// lock held, says that there is something to start.
func (t task) start(ctx context.Context, ready func(StoredTask) (bool, error)) error {
	c := t.client
	if c.isClosed() {
		return ErrClosed
	}
	unlock, err := c.locks.lock(ctx, t.tid)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := c.loadTask(ctx, t.tid)
	if err != nil {
		return err
	}
	if !stored.Seeded && stored.Schedule == "" && stored.Runs == 0 {
		return fmt.Errorf("start task %d: its list was not read to the end; create it again with the same key: %w", t.tid, ErrState)
	}
	if is, err := ready(stored); err != nil || !is {
		return err
	}
	c.endTrouble()
	return c.startTask(ctx, stored, false)
}

// startTask puts a task that may run into the queue, for a caller that holds
// the task's lock. bySchedule says that the schedule of the task does so.
func (c *client) startTask(ctx context.Context, stored StoredTask, bySchedule bool) error {
	kind, err := c.taskType(stored.Type)
	if err != nil {
		return fmt.Errorf("start task %d: %w", stored.TID, err)
	}
	if j, _ := c.queue.find(stored.TID); j == nil || stored.State != StateQueued {
		change := opening(stored, kind, bySchedule)
		if err := c.config.Store.UpdateTask(ctx, stored.TID, change); err != nil {
			return fmt.Errorf("start task %d: %w", stored.TID, notFound(err))
		}
		stored.apply(change)
	}
	c.agenda.Remove(stored.TID)
	// Told before the run can tell anything itself.
	if info, err := c.describe(ctx, stored); err == nil && !info.Running {
		info.State = StateQueued
		c.events.publish(Event{Kind: EventTaskChanged, Task: info})
	}
	return c.queue.add(newJob(stored))
}

func (t task) Stop(ctx context.Context) error {
	c := t.client
	if c.isClosed() {
		return ErrClosed
	}
	c.queue.interrupt(t.tid)
	unlock, err := c.locks.lock(ctx, t.tid)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := c.loadTask(ctx, t.tid)
	if err != nil {
		return err
	}
	_, err = c.stopTask(ctx, stored)
	return err
}

// stopTask does the work of Stop for a caller that holds the task's lock. The
// job, when there is one, still runs.
func (c *client) stopTask(ctx context.Context, stored StoredTask) (*job, error) {
	ending := c.queue.stop(stored.TID)
	c.agenda.Remove(stored.TID)
	if stored.State != StateQueued && stored.NextRun.IsZero() {
		return ending, nil
	}
	if ending != nil {
		ending.live.change(func(l *liveTask) { l.state, l.waiting = StateStopped, "" })
	}
	change := TaskChange{State: new(StateStopped), NextRun: new(time.Time)}
	if err := c.config.Store.UpdateTask(ctx, stored.TID, change); err != nil {
		return ending, fmt.Errorf("stop task %d: %w", stored.TID, notFound(err))
	}
	c.publishTask(ctx, EventTaskChanged, stored.TID)
	return ending, nil
}

func (t task) Delete(ctx context.Context, options DeleteOptions) error {
	c := t.client
	if c.isClosed() {
		return ErrClosed
	}
	c.queue.interrupt(t.tid)
	unlock, err := c.locks.lock(ctx, t.tid)
	if err != nil {
		return err
	}
	defer unlock()
	stored, err := c.loadTask(ctx, t.tid)
	if err != nil {
		return err
	}
	// That the task was stopped need not be written, and cannot be when the
	// disk is full.
	ending, _ := c.stopTask(ctx, stored)
	if ending != nil {
		select {
		case <-ending.done:
		case <-ctx.Done():
			return fmt.Errorf("delete task %d: stage %s has not ended: %w", t.tid, ending.live.stageName(), ctx.Err())
		}
	}
	if options.Files {
		if err := c.removeFiles(ctx, stored); err != nil {
			return fmt.Errorf("delete task %d: %w", t.tid, err)
		}
	}
	if err := c.config.Store.DeleteTask(ctx, t.tid); err != nil {
		return fmt.Errorf("delete task %d: %w", t.tid, notFound(err))
	}
	c.events.publish(Event{Kind: EventTaskDeleted, Task: TaskInfo{TID: t.tid, TaskName: stored.Name}})
	return nil
}

func (t task) Wait(ctx context.Context) (TaskInfo, error) {
	for {
		j, _ := t.client.queue.find(t.tid)
		if j == nil {
			return t.Info(ctx)
		}
		select {
		case <-j.done:
		case <-ctx.Done():
			return TaskInfo{}, ctx.Err()
		}
	}
}

func (t task) Items(ctx context.Context, query ItemQuery) iter.Seq2[ItemStatus, error] {
	query.Task, query.Limit = t.tid, pageSize
	return pages(func() ([]ItemStatus, error) {
		page, err := t.client.config.Store.ListItems(ctx, query)
		if len(page) > 0 {
			query.After = page[len(page)-1].ID
		}
		return page, notFound(err)
	})
}

func (t task) Records(ctx context.Context, query RecordQuery) iter.Seq2[Record, error] {
	query.Task, query.Limit = t.tid, pageSize
	return pages(func() ([]Record, error) {
		page, err := t.client.config.Store.ListRecords(ctx, query)
		if len(page) > 0 {
			query.After = page[len(page)-1].Seq
		}
		return page, notFound(err)
	})
}

func (t task) CountRecords(ctx context.Context, query RecordQuery) (int, error) {
	query.Task = t.tid
	n, err := t.client.config.Store.CountRecords(ctx, query)
	return n, notFound(err)
}

// pageSize is how much of a list is held in memory.
const pageSize = 500

// pages yields what next returns, until it returns less than a page.
func pages[T any](next func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := next()
			for _, entry := range page {
				if !yield(entry, nil) {
					return
				}
			}
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// notFound turns a store's fs.ErrNotExist about a task into ErrTaskNotFound.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrTaskNotFound) {
		return fmt.Errorf("%w: %w", ErrTaskNotFound, err)
	}
	return err
}
