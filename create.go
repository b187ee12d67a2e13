package pixivoc

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"time"
)

func (c *client) Create(ctx context.Context, spec TaskSpec) (Task, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	kind, err := c.taskType(spec.Type)
	if err != nil {
		return nil, err
	}
	if err := spec.check(kind); err != nil {
		return nil, err
	}
	if spec.Key != "" { // so that the tasks of two makers are not mixed up
		unlock, err := c.makers.lock(ctx, spec.Key)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	next, stop := iter.Pull2(c.first(ctx, kind, spec))
	defer stop()
	items, more, err := firstItems(next, kind)
	if err != nil {
		return nil, err
	}
	stored, existed, err := c.config.Store.CreateTask(ctx, StoredTask{
		Key: spec.Key, Name: spec.Name, Type: kind.Name, Keyword: spec.Keyword,
		SavePath: spec.SavePath, Group: spec.Group, Options: spec.Options,
		Schedule: spec.Schedule, BandwidthLimit: spec.BandwidthLimit, FromInput: spec.Input != nil,
		State: StateWaitStart, Stage: kind.Stages[0].Stage.Name(), Seeded: !more,
	}, items)
	if err != nil {
		return nil, fmt.Errorf("create task %q: %w", spec.Name, err)
	}
	switch {
	case !existed:
		err = c.seed(ctx, stored, kind, next, more)
	case !spec.Once:
		err = c.addFirst(ctx, stored, kind, items, next, more)
	}
	if err != nil {
		return nil, err
	}
	if !existed {
		c.publishTask(ctx, EventTaskCreated, stored.TID)
	}
	return task{c, stored.TID}, nil
}

// check refuses wrong fields and makes SavePath absolute, so that it means the
// same folder after a restart.
func (s *TaskSpec) check(kind *TaskType) error {
	if err := CheckName(s.Name); err != nil {
		return &FieldError{"TaskName", err.Error()}
	}
	rule, err := parseSchedule(s.Schedule, s.Input != nil)
	if err != nil {
		return err
	}
	s.Schedule = rule.String()
	if err := checkBandwidth(s.BandwidthLimit); err != nil {
		return err
	}
	if !kind.Files {
		s.SavePath = ""
		return nil
	}
	if s.SavePath == "" {
		return &FieldError{"SavePath", "is required for " + kind.Name}
	}
	path, err := filepath.Abs(s.SavePath)
	if err != nil {
		return &FieldError{"SavePath", err.Error()}
	}
	s.SavePath = path
	return nil
}

// firstItems takes up to a page of items; more says that there may be others.
func firstItems(next func() (Item, error, bool), kind *TaskType) (items []Item, more bool, err error) {
	for len(items) < pageSize {
		item, err, ok := next()
		if !ok {
			return items, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if item.Stage == "" {
			item.Stage = kind.Stages[0].Stage.Name()
		}
		if err := kind.checkItem(item, 0); err != nil {
			return nil, false, err
		}
		items = append(items, item)
	}
	return items, true, nil
}

// checkItem refuses an item that the task type cannot do, or not any more.
func (t *TaskType) checkItem(item Item, from int) error {
	at := t.stageIndex(item.Stage)
	switch {
	case item.Key == "":
		return fmt.Errorf("task type %s: item for stage %q has no key", t.Name, item.Stage)
	case at < 0:
		return fmt.Errorf("task type %s: item %q is for stage %q, which it does not have", t.Name, item.Key, item.Stage)
	case at < from:
		return fmt.Errorf("task type %s: item %q is for stage %q, which is past", t.Name, item.Key, item.Stage)
	}
	return nil
}

func (t *TaskType) stageIndex(name string) int {
	return slices.IndexFunc(t.Stages, func(s StageSpec) bool { return s.Stage.Name() == name })
}

// seed stores the rest of the first items. A list with an error in it leaves
// no task behind.
func (c *client) seed(ctx context.Context, stored StoredTask, kind *TaskType, next func() (Item, error, bool), more bool) error {
	if !more {
		return nil
	}
	if err := c.addPages(ctx, stored.TID, kind, next); err != nil {
		if removal := c.config.Store.DeleteTask(context.WithoutCancel(ctx), stored.TID); removal != nil {
			err = fmt.Errorf("%w; and remove task %d: %w", err, stored.TID, removal)
		}
		return err
	}
	return c.config.Store.UpdateTask(ctx, stored.TID, TaskChange{Seeded: new(true)})
}

func (c *client) addPages(ctx context.Context, tid int64, kind *TaskType, next func() (Item, error, bool)) error {
	for more := true; more; {
		var items []Item
		var err error
		if items, more, err = firstItems(next, kind); err != nil {
			return err
		}
		if _, err := c.config.Store.AddItems(ctx, tid, items); err != nil {
			return fmt.Errorf("add items to task %d: %w", tid, notFound(err))
		}
	}
	return nil
}

// addFirst gives an existing task the first items that it does not know, and
// opens it again when it was over. One that is scheduled does them in its next
// run.
func (c *client) addFirst(ctx context.Context, stored StoredTask, kind *TaskType, items []Item, next func() (Item, error, bool), more bool) error {
	if stored.Type != kind.Name {
		return &FieldError{"Key", fmt.Sprintf("belongs to task %d of type %s", stored.TID, stored.Type)}
	}
	unlock, err := c.locks.lock(ctx, stored.TID)
	if err != nil {
		return err
	}
	defer unlock()
	if stored, err = c.loadTask(ctx, stored.TID); err != nil {
		return err
	}
	if stored.State == StateOver {
		if err := c.config.Store.ForgetItems(ctx, stored.TID, kind.relisted()); err != nil {
			return fmt.Errorf("open task %d again: %w", stored.TID, notFound(err))
		}
	}
	if _, err := c.config.Store.AddItems(ctx, stored.TID, items); err != nil {
		return fmt.Errorf("add items to task %d: %w", stored.TID, notFound(err))
	}
	if more {
		if err := c.addPages(ctx, stored.TID, kind, next); err != nil {
			return err
		}
	}
	return c.reopen(ctx, stored, kind)
}

// reopen makes a task that was over ready to start when it has items again.
func (c *client) reopen(ctx context.Context, stored StoredTask, kind *TaskType) error {
	change := TaskChange{}
	if stored.Runs == 0 { // else a run may be listing them
		change.Seeded = new(true)
	}
	if stored.State == StateOver {
		counts, err := c.config.Store.CountItems(ctx, stored.TID)
		if err != nil {
			return fmt.Errorf("open task %d again: %w", stored.TID, notFound(err))
		}
		if stage := kind.nextStage(counts); stage != nil {
			change.State, change.Stage = new(StateWaitStart), new(stage.Stage.Name())
			change.Round, change.Idle, change.Error = new(0), new(0), new("")
			change.FinishedAt, change.Runs, change.BySchedule = new(time.Time), new(stored.Runs+1), new(false)
		}
	}
	if err := c.config.Store.UpdateTask(ctx, stored.TID, change); err != nil {
		return fmt.Errorf("open task %d again: %w", stored.TID, notFound(err))
	}
	c.publishTask(ctx, EventTaskChanged, stored.TID)
	return nil
}

// relisted names the stages whose items are dropped when a task is opened
// again.
func (t *TaskType) relisted() []string {
	var names []string
	for _, spec := range t.Stages {
		if spec.Relist {
			names = append(names, spec.Stage.Name())
		}
	}
	return names
}

// nextStage returns the first stage that has something to do, or nil.
func (t *TaskType) nextStage(counts map[string]ItemCount) *StageSpec {
	for i := range t.Stages {
		if counts[t.Stages[i].Stage.Name()].Pending > 0 {
			return &t.Stages[i]
		}
	}
	return nil
}
