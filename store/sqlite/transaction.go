package sqlite

import (
	"io/fs"

	"github.com/pixivoc/pixivoc"
)

// counters are the greatest numbers given out so far.
type counters struct {
	opens, task, item, seq int64
}

const (
	loadCounters = "SELECT opens, task, item, seq FROM counters"
	saveCounters = "UPDATE counters SET opens=?, task=?, item=?, seq=?"
)

// transaction is a write transaction. What it changes in memory takes effect
// when it is committed and is forgotten when it is rolled back.
type transaction struct {
	*writer
	counters counters
	counts   map[int64]*pixivoc.ItemCount // changes, by stage row; Total is not used
	bytes    map[int64]int64              // growth, by task
	ended    []*claim
	after    []func()
}

func (w *writer) begin() (*transaction, error) {
	w.conn.failed = nil
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	return &transaction{
		writer:   w,
		counters: w.counters,
		counts:   map[int64]*pixivoc.ItemCount{},
		bytes:    map[int64]int64{},
	}, nil
}

func (tx *transaction) rollback() {
	failed := tx.conn.failed
	// After some errors SQLite has rolled back already and refuses this.
	_, _ = tx.conn.exec("ROLLBACK")
	tx.conn.failed = failed
	for _, claim := range tx.ended {
		claim.ended = false
	}
	tx.tasks.clear()
}

func (tx *transaction) commit() error {
	err := tx.flush()
	if err == nil {
		_, err = tx.conn.exec("COMMIT")
	}
	if err != nil {
		tx.rollback()
		return err
	}
	tx.writer.counters = tx.counters
	for _, claim := range tx.ended {
		tx.claims.drop(claim)
	}
	for _, apply := range tx.after {
		apply()
	}
	return nil
}

// flush writes what was gathered over all operations.
func (tx *transaction) flush() error {
	if tx.counters != tx.writer.counters {
		c := tx.counters
		if _, err := tx.conn.exec(saveCounters, c.opens, c.task, c.item, c.seq); err != nil {
			return err
		}
	}
	for stage, count := range tx.counts {
		_, err := tx.conn.exec("UPDATE stages SET pending=pending+?, done=done+?, failed=failed+? WHERE id=?",
			int64(count.Pending), int64(count.Done), int64(count.Failed), stage)
		if err != nil {
			return err
		}
	}
	for tid, bytes := range tx.bytes {
		if _, err := tx.conn.exec("UPDATE tasks SET bytes=bytes+? WHERE tid=?", bytes, tid); err != nil {
			return err
		}
	}
	return nil
}

// count returns the changes of the numbers of items of a stage.
func (tx *transaction) count(stage int64) *pixivoc.ItemCount {
	count := tx.counts[stage]
	if count == nil {
		count = &pixivoc.ItemCount{}
		tx.counts[stage] = count
	}
	return count
}

// end marks claims as over, so that the rest of the transaction refuses them.
func (tx *transaction) end(claims ...*claim) {
	for _, claim := range claims {
		claim.ended = true
		tx.ended = append(tx.ended, claim)
	}
}

// maxCachedTasks bounds the memory for tasks that are no longer worked on.
const maxCachedTasks = 1024

// taskCache knows the row ids of the stages and kinds of tasks that exist.
type taskCache map[int64]*taskRows

type taskRows struct {
	stages, kinds map[string]int64
}

func (c taskCache) clear() { clear(c) }

func (c taskCache) trim() {
	if len(c) > maxCachedTasks {
		clear(c)
	}
}

// task returns the cached rows of a task, or fs.ErrNotExist.
func (w *writer) task(tid int64) (*taskRows, error) {
	if rows := w.tasks[tid]; rows != nil {
		return rows, nil
	}
	_, exists, err := w.conn.number("SELECT tid FROM tasks WHERE tid=?", tid)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fs.ErrNotExist
	}
	rows := &taskRows{stages: map[string]int64{}, kinds: map[string]int64{}}
	w.tasks[tid] = rows
	return rows, nil
}

// stage returns the row id of a stage of a task, 0 when it has none yet.
func (w *writer) stage(rows *taskRows, tid int64, name string) (int64, error) {
	return w.row(rows.stages, "SELECT id FROM stages WHERE task=? AND name=?", tid, name)
}

func (w *writer) row(known map[string]int64, text string, tid int64, name string) (int64, error) {
	if id := known[name]; id != 0 {
		return id, nil
	}
	id, _, err := w.conn.number(text, tid, name)
	if err == nil && id != 0 {
		known[name] = id
	}
	return id, err
}

// addStage is stage, but makes the row when there is none.
func (tx *transaction) addStage(rows *taskRows, tid int64, name string) (int64, error) {
	id, err := tx.stage(rows, tid, name)
	if id != 0 || err != nil {
		return id, err
	}
	id, _, err = tx.conn.number("INSERT INTO stages (task, name) VALUES (?, ?) RETURNING id", tid, name)
	if err == nil {
		rows.stages[name] = id
	}
	return id, err
}

// addKind returns the row id of a kind of records, made when there is none.
func (tx *transaction) addKind(rows *taskRows, tid int64, name string) (int64, error) {
	id, err := tx.row(rows.kinds, findKind, tid, name)
	if id != 0 || err != nil {
		return id, err
	}
	id, _, err = tx.conn.number("INSERT INTO kinds (task, name) VALUES (?, ?) RETURNING id", tid, name)
	if err == nil {
		rows.kinds[name] = id
	}
	return id, err
}
