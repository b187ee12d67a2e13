package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// maxBatch is how many operations share a transaction at most, maxWeight
	// how many items and records, so that nobody waits long for his answer.
	maxBatch  = 512
	maxWeight = 4096
	// purgePause is how long removing leftovers rests after a failure.
	purgePause = time.Minute
)

// operation is something to be done by the writer's goroutine.
type operation struct {
	// run does it. For a write it runs inside a transaction, perhaps more than
	// once, and must look at everything that can refuse before it changes
	// anything; for the others tx is nil.
	run func(tx *transaction) error
	// undo takes back what run did when nobody waits for the answer any more.
	undo func()
	// write says that run changes the database.
	write bool
	// essential operations must work while the disk is full.
	essential bool
	// secret makes the transaction survive a power cut even with NoSync, and
	// what it replaced be forgotten before the answer.
	secret bool
	// replaced is set by run when there is something to forget.
	replaced bool
	// weight is about how many rows are written.
	weight int

	phase  atomic.Int32
	answer chan error
	result error
}

// The phases of an operation. It is abandoned when its caller gave up.
const (
	waiting int32 = iota
	running
	answered
	abandoned
)

// begin reports whether somebody still wants the operation to run.
func (o *operation) begin() bool {
	return o.phase.CompareAndSwap(waiting, running) || o.phase.Load() == running
}

// finish answers the caller, or takes back what was done for one who left.
func (o *operation) finish(err error) {
	if o.phase.CompareAndSwap(running, answered) || o.phase.CompareAndSwap(waiting, answered) {
		o.answer <- err
	} else if o.undo != nil && err == nil {
		o.undo()
	}
}

// abandon reports whether the caller may leave; otherwise the answer is there.
func (o *operation) abandon() bool {
	return o.phase.CompareAndSwap(waiting, abandoned) || o.phase.CompareAndSwap(running, abandoned)
}

// writer owns the connection that writes, and all state that goes with it.
// Everything but operations, damage and do is used by its goroutine alone.
type writer struct {
	operations chan *operation
	conn       *connection
	clock      func() time.Time
	log        *slog.Logger
	reserve    *reserve
	noSync     bool
	remembers  bool // the log holds what a forget could not take out of it

	counters counters
	claims   claims
	tasks    taskCache
	// damage is the first damage that was found, by whoever reads or writes.
	// It ends all writing.
	damage atomic.Pointer[error]
	// leftovers says that rows may wait for removal, since purgeAfter.
	leftovers  bool
	purgeAfter time.Time
}

// do hands an operation to the writer and waits for the answer. When ctx ends
// first the operation may still take effect.
func (w *writer) do(ctx context.Context, op *operation) error {
	op.answer = make(chan error, 1)
	select {
	case w.operations <- op:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-op.answer:
		return err
	case <-ctx.Done():
		if op.abandon() {
			return ctx.Err()
		}
		return <-op.answer
	}
}

// work answers operations until their channel is closed.
func (w *writer) work() {
	var batch []*operation
	for {
		op, open := w.next()
		if !open {
			return
		}
		if op == nil {
			w.purge()
			continue
		}
		batch = w.collect(batch[:0], op)
		w.commit(batch)
		clear(batch)
		w.tasks.trim()
		w.claims.trim()
	}
}

// next waits for an operation. It returns nil when there is none and leftovers
// can be removed meanwhile.
func (w *writer) next() (op *operation, open bool) {
	if !w.leftovers || w.damage.Load() != nil {
		op, open = <-w.operations
		return op, open
	}
	wait := time.Until(w.purgeAfter)
	if wait <= 0 {
		select {
		case op, open = <-w.operations:
			return op, open
		default:
			return nil, true
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case op, open = <-w.operations:
		return op, open
	case <-timer.C:
		return nil, true
	}
}

// collect gathers the writes that are waiting, beginning with op, and runs at
// once what needs no transaction.
func (w *writer) collect(batch []*operation, op *operation) []*operation {
	weight := 0
	for op != nil {
		if op.write {
			batch = append(batch, op)
			weight += max(op.weight, 1)
		} else if op.begin() {
			op.finish(op.run(nil))
		}
		if len(batch) >= maxBatch || weight >= maxWeight {
			break
		}
		op = w.another()
	}
	return batch
}

// another returns an operation that is waiting, or nil. It lets other
// goroutines run first when there is none: those who were just answered may
// come again and share the transaction.
func (w *writer) another() *operation {
	for range 2 {
		select {
		case op := <-w.operations:
			return op
		default:
			runtime.Gosched()
		}
	}
	return nil
}

// commit runs the operations in one transaction and answers them. When that
// fails as a whole, each gets a transaction of its own.
func (w *writer) commit(batch []*operation) {
	if len(batch) == 0 {
		return
	}
	if damage := w.damage.Load(); damage != nil {
		for _, op := range batch {
			op.finish(*damage)
		}
		return
	}
	err := w.transact(batch)
	if err != nil && len(batch) > 1 {
		for _, op := range batch {
			w.commit([]*operation{op})
		}
		return
	}
	if err != nil {
		if op := batch[0]; op.essential && errors.Is(err, pixivoc.ErrDiskFull) && w.reserve.release() {
			err = w.transact(batch)
		}
	} else {
		w.reserve.restore()
	}
	if err == nil && (replaced(batch) || w.remembers && secret(batch)) {
		w.forget()
	}
	for _, op := range batch {
		if err != nil {
			op.result = err
		}
		op.finish(op.result)
	}
	w.suspect(err)
}

// suspect ends all writing when err tells of damage.
func (w *writer) suspect(err error) {
	if errors.Is(err, pixivoc.ErrStoreCorrupt) && w.damage.CompareAndSwap(nil, &err) {
		w.log.Error("store is damaged; nothing more is written", "error", err)
	}
}

// transact runs the operations in one transaction. The error is that of the
// transaction; the operations have results of their own.
func (w *writer) transact(batch []*operation) error {
	if w.noSync && secret(batch) {
		if err := w.conn.script(syncFull); err != nil {
			return err
		}
		defer func() { _ = w.conn.script(syncNormal) }()
	}
	tx, err := w.begin()
	if err != nil {
		return err
	}
	for _, op := range batch {
		if !op.begin() {
			continue
		}
		op.result = op.run(tx)
		if w.conn.failed != nil {
			tx.rollback()
			return w.conn.failed
		}
	}
	return tx.commit()
}

func secret(batch []*operation) bool {
	return slices.ContainsFunc(batch, func(op *operation) bool { return op.secret })
}

func replaced(batch []*operation) bool {
	return slices.ContainsFunc(batch, func(op *operation) bool { return op.replaced })
}

const (
	syncFull   = "PRAGMA synchronous=FULL"
	syncNormal = "PRAGMA synchronous=NORMAL"
)
