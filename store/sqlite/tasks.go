package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

const (
	taskColumns = `t.tid, coalesce(t.key, ''), t.name, t.type, t.keyword, t.save_path, coalesce(g.name, ''), t.options,
		t.state, t.seeded, t.stage, t.round, t.idle, t.error, t.bytes, t.created_at, t.finished_at,
		t.schedule, t.next_run, t.runs, t.from_input, t.bandwidth_limit, t.error_reason, t.by_schedule
		FROM tasks t LEFT JOIN groups g ON g.id = t.group_id `
	insertTask = `INSERT INTO tasks (tid, key, name, type, keyword, save_path, group_id, options,
		state, seeded, stage, round, idle, error, bytes, created_at, finished_at,
		schedule, next_run, runs, from_input, bandwidth_limit, error_reason, by_schedule)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// A parameter that is NULL keeps the column.
	updateTask = `UPDATE tasks SET state=coalesce(?, state), seeded=coalesce(?, seeded), stage=coalesce(?, stage),
		round=coalesce(?, round), idle=coalesce(?, idle), error=coalesce(?, error),
		finished_at=coalesce(?, finished_at), schedule=coalesce(?, schedule), next_run=coalesce(?, next_run),
		runs=coalesce(?, runs), bandwidth_limit=coalesce(?, bandwidth_limit),
		error_reason=coalesce(?, error_reason), by_schedule=coalesce(?, by_schedule) WHERE tid=?`
)

// CreateTask implements pixivoc.TaskStore.
func (s *Store) CreateTask(ctx context.Context, task pixivoc.StoredTask, items []pixivoc.Item) (pixivoc.StoredTask, bool, error) {
	if err := check.Items(items); err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	task.Options = bytes.Clone(task.Options)
	items = copyItems(items)
	for {
		stored, existed, err := s.createTask(ctx, task, items)
		if existed && errors.Is(err, fs.ErrNotExist) {
			continue // the task with that key was deleted meanwhile
		}
		if err != nil {
			return pixivoc.StoredTask{}, false, fmt.Errorf("create task %q: %w", task.Name, err)
		}
		return stored, existed, nil
	}
}

func (s *Store) createTask(ctx context.Context, task pixivoc.StoredTask, items []pixivoc.Item) (pixivoc.StoredTask, bool, error) {
	var stored pixivoc.StoredTask
	var existed bool
	err := s.submit(ctx, &operation{write: true, weight: len(items), run: func(tx *transaction) (err error) {
		stored, existed, err = tx.createTask(task, items)
		return err
	}})
	if err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	if existed {
		stored, err = s.LoadTask(ctx, stored.TID)
	}
	return stored, existed, err
}

// createTask returns the task it made, or only the TID of the one that existed.
func (tx *transaction) createTask(task pixivoc.StoredTask, items []pixivoc.Item) (pixivoc.StoredTask, bool, error) {
	var key, group driver.Value
	if task.Key != "" {
		key = task.Key
		tid, existed, err := tx.conn.number("SELECT tid FROM tasks WHERE key=?", key)
		if existed || err != nil {
			return pixivoc.StoredTask{TID: tid}, existed, err
		}
	}
	if task.Group != "" {
		id, err := tx.group(task.Group)
		if err != nil {
			return pixivoc.StoredTask{}, false, err
		}
		group = id
	}
	now := tx.clock()
	tx.counters.task = max(now.Unix(), tx.counters.task+1)
	task.TID = tx.counters.task
	task.CreatedAt = unstamp(stamp(now))
	task.FinishedAt, task.NextRun = unstamp(stamp(task.FinishedAt)), unstamp(stamp(task.NextRun))
	_, err := tx.conn.exec(insertTask, task.TID, key, task.Name, task.Type, task.Keyword, task.SavePath, group,
		[]byte(task.Options), string(task.State), task.Seeded, task.Stage, int64(task.Round), int64(task.Idle),
		task.Error, task.Bytes, stamp(task.CreatedAt), stamp(task.FinishedAt),
		task.Schedule, stamp(task.NextRun), int64(task.Runs), task.FromInput, task.BandwidthLimit, task.ErrorReason, task.BySchedule)
	if err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	rows, err := tx.task(task.TID)
	if err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	_, err = tx.addItems(rows, task.TID, items)
	return task, false, err
}

// group returns the ID of a group, made when there is none of that name.
func (tx *transaction) group(name string) (int64, error) {
	id, exists, err := tx.conn.number("SELECT id FROM groups WHERE name=?", name)
	if exists || err != nil {
		return id, err
	}
	id, _, err = tx.conn.number("INSERT INTO groups (name) VALUES (?) RETURNING id", name)
	return id, err
}

// LoadTask implements pixivoc.TaskStore.
func (s *Store) LoadTask(ctx context.Context, tid int64) (pixivoc.StoredTask, error) {
	tasks, err := s.selectTasks(ctx, "WHERE t.tid=?", tid)
	if err == nil && len(tasks) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return pixivoc.StoredTask{}, fmt.Errorf("load task %d: %w", tid, err)
	}
	return tasks[0], nil
}

// ListTasks implements pixivoc.TaskStore. A limit of 0 or less is 500.
func (s *Store) ListTasks(ctx context.Context, after int64, limit int) ([]pixivoc.StoredTask, error) {
	tasks, err := s.selectTasks(ctx, "WHERE t.tid>? ORDER BY t.tid LIMIT ?", after, pageLimit(limit))
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return tasks, nil
}

func (s *Store) selectTasks(ctx context.Context, where string, values ...any) ([]pixivoc.StoredTask, error) {
	var tasks []pixivoc.StoredTask
	err := s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT "+taskColumns+where, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var t pixivoc.StoredTask
			var created, finished, next int64
			err := rows.Scan(&t.TID, &t.Key, &t.Name, &t.Type, &t.Keyword, &t.SavePath, &t.Group, (*[]byte)(&t.Options),
				&t.State, &t.Seeded, &t.Stage, &t.Round, &t.Idle, &t.Error, &t.Bytes, &created, &finished,
				&t.Schedule, &next, &t.Runs, &t.FromInput, &t.BandwidthLimit, &t.ErrorReason, &t.BySchedule)
			if err != nil {
				return err
			}
			t.CreatedAt, t.FinishedAt, t.NextRun = unstamp(created), unstamp(finished), unstamp(next)
			tasks = append(tasks, t)
		}
		return rows.Err()
	})
	return tasks, err
}

// taskExists returns fs.ErrNotExist for a task that is not there.
func taskExists(ctx context.Context, tx *sql.Tx, tid int64) error {
	err := tx.QueryRowContext(ctx, "SELECT tid FROM tasks WHERE tid=?", tid).Scan(&tid)
	if errors.Is(err, sql.ErrNoRows) {
		return fs.ErrNotExist
	}
	return err
}

// UpdateTask implements pixivoc.TaskStore.
func (s *Store) UpdateTask(ctx context.Context, tid int64, change pixivoc.TaskChange) error {
	values := []driver.Value{
		given(change.State, func(state pixivoc.State) driver.Value { return string(state) }),
		given(change.Seeded, value), given(change.Stage, value), given(change.Round, number), given(change.Idle, number),
		given(change.Error, value), given(change.FinishedAt, moment), given(change.Schedule, value),
		given(change.NextRun, moment), given(change.Runs, number), given(change.BandwidthLimit, value),
		given(change.ErrorReason, value), given(change.BySchedule, value), tid,
	}
	err := s.submit(ctx, &operation{write: true, run: func(tx *transaction) error {
		changed, err := tx.conn.exec(updateTask, values...)
		if err == nil && changed == 0 {
			err = fs.ErrNotExist
		}
		return err
	}})
	if err != nil {
		return fmt.Errorf("update task %d: %w", tid, err)
	}
	return nil
}

// given returns a field of a change as a parameter, NULL for one that is not
// to change.
func given[T any](field *T, as func(T) driver.Value) driver.Value {
	if field == nil {
		return nil
	}
	return as(*field)
}

func value[T any](v T) driver.Value { return v }

func number(n int) driver.Value { return int64(n) }

func moment(t time.Time) driver.Value { return stamp(t) }

// DeleteTask implements pixivoc.TaskStore. It takes the same short time for a
// task of any size and works while the disk is full: the rows are cut off from
// the task at once and removed in portions afterwards.
func (s *Store) DeleteTask(ctx context.Context, tid int64) error {
	err := s.submit(ctx, &operation{write: true, essential: true, run: func(tx *transaction) error {
		deleted, err := tx.conn.exec("DELETE FROM tasks WHERE tid=?", tid)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return fs.ErrNotExist
		}
		delete(tx.tasks, tid)
		cut := map[int64]bool{}
		err = tx.conn.query("SELECT id FROM stages WHERE task=?", func(row *row) bool {
			cut[row.int64(0)] = true
			return true
		}, tid)
		if err != nil {
			return err
		}
		if _, err := tx.conn.exec("UPDATE stages SET task=NULL WHERE task=?", tid); err != nil {
			return err
		}
		if _, err := tx.conn.exec("UPDATE kinds SET task=NULL WHERE task=?", tid); err != nil {
			return err
		}
		tx.cutOff(cut)
		return nil
	}})
	if err != nil {
		return fmt.Errorf("delete task %d: %w", tid, err)
	}
	return nil
}

// ListGroups implements pixivoc.TaskStore.
func (s *Store) ListGroups(ctx context.Context) ([]pixivoc.Group, error) {
	var groups []pixivoc.Group
	err := s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, name, (SELECT count(*) FROM tasks WHERE group_id = groups.id)
			FROM groups ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var group pixivoc.Group
			if err := rows.Scan(&group.ID, &group.Name, &group.Tasks); err != nil {
				return err
			}
			groups = append(groups, group)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	return groups, nil
}
