package dataapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pixivoc/pixivoc"
)

// listParts is how many settings the list of tasks with marks is spread over,
// so that a new task does not write all.
const listParts = 64

// taskList remembers which tasks have marks: settings cannot be listed, and a
// task may be deleted while this interface is not there to see it.
type taskList struct {
	settings pixivoc.SettingStore
	parts    *[listParts]listPart
}

// listPart lets one change at a time write a part.
type listPart struct {
	turn chan struct{} // holds one element while somebody has the turn
}

func newTaskList(settings pixivoc.SettingStore) taskList {
	list := taskList{settings: settings, parts: &[listParts]listPart{}}
	for i := range list.parts {
		list.parts[i].turn = make(chan struct{}, 1)
	}
	return list
}

func listName(part int64) string { return fmt.Sprintf("dataapi/tasks/%02d", part) }

func (t taskList) add(ctx context.Context, tid int64) error {
	return t.change(ctx, tid, func(tids []int64) []int64 {
		if slices.Contains(tids, tid) {
			return tids
		}
		return append(tids, tid)
	})
}

func (t taskList) remove(ctx context.Context, tid int64) error {
	return t.change(ctx, tid, func(tids []int64) []int64 {
		return slices.DeleteFunc(slices.Clone(tids), func(listed int64) bool { return listed == tid })
	})
}

// change writes a part anew when it is another one then.
func (t taskList) change(ctx context.Context, tid int64, change func([]int64) []int64) error {
	part := uint64(tid) % listParts
	select {
	case t.parts[part].turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.parts[part].turn }()
	tids, err := t.read(ctx, int64(part))
	if err != nil {
		return err
	}
	changed := change(tids)
	if len(changed) == len(tids) {
		return nil
	}
	var value []byte // nil removes
	if len(changed) > 0 {
		if value, err = json.Marshal(changed); err != nil {
			return err
		}
	}
	return t.settings.SetSetting(ctx, listName(int64(part)), value)
}

// has says whether anything is stored of a task.
func (t taskList) has(ctx context.Context, tid int64) (bool, error) {
	tids, err := t.read(ctx, int64(uint64(tid)%listParts))
	return slices.Contains(tids, tid), err
}

func (t taskList) read(ctx context.Context, part int64) (tids []int64, err error) {
	value, err := t.settings.Setting(ctx, listName(part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &tids)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", listName(part), err)
	}
	return tids, nil
}

// followDeletions removes the marks of tasks that were deleted: now, while
// this interface was not there, and while events were lost.
func (a *API) followDeletions(ctx context.Context) {
	for event := range a.client.Events(ctx) {
		switch event.Kind {
		case pixivoc.EventSnapshot:
			a.sweep(ctx)
		case pixivoc.EventTaskDeleted:
			a.forget(ctx, event.Task.TID)
		}
	}
}

// sweep looks at all tasks with marks.
func (a *API) sweep(ctx context.Context) {
	for part := range int64(listParts) {
		tids, err := a.ledgers.list.read(ctx, part)
		if err != nil {
			a.report(ctx, err)
			continue
		}
		for _, tid := range tids {
			if _, err := a.client.Task(ctx, tid); errors.Is(err, pixivoc.ErrTaskNotFound) {
				a.forget(ctx, tid)
			}
		}
	}
}

func (a *API) forget(ctx context.Context, tid int64) {
	if err := a.ledgers.forget(ctx, tid); err != nil {
		a.report(ctx, err)
	}
}

// report logs what nobody waits for, unless it is the end.
func (a *API) report(ctx context.Context, err error) {
	if ctx.Err() == nil && !errors.Is(err, pixivoc.ErrClosed) {
		a.log.ErrorContext(ctx, "clean marks of the data API", "error", err)
	}
}
