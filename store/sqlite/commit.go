package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

// Commit implements pixivoc.ItemStore. All elements share one transaction: an
// error that is not about a single element is the error of all of them.
func (s *Store) Commit(ctx context.Context, commits []pixivoc.Commit) []error {
	if len(commits) == 0 {
		return nil
	}
	commits = copyCommits(commits)
	weight := 0
	for _, commit := range commits {
		weight += 1 + len(commit.Items) + len(commit.Records) + len(commit.Archive)
	}
	var errs []error
	err := s.submit(ctx, &operation{write: true, weight: weight, run: func(tx *transaction) error {
		errs = make([]error, len(commits))
		now := stamp(tx.clock())
		for i := range commits {
			if errs[i] = tx.commitItem(&commits[i], now); tx.conn.failed != nil {
				return tx.conn.failed
			}
		}
		return nil
	}})
	if err != nil {
		errs = make([]error, len(commits))
		for i := range errs {
			errs[i] = err
		}
	}
	if errors.Join(errs...) == nil {
		return nil
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("commit item %d of task %d: %w", commits[i].Claim.Item, commits[i].Claim.Task, err)
		}
	}
	return errs
}

const (
	insertItem = `INSERT INTO items (id, stage, state, round, attempts, key, payload)
		VALUES (?, ?, 0, ?, ?, ?, ?) ON CONFLICT (stage, key) DO NOTHING`
	insertRecord = `INSERT INTO records (seq, kind, key, data, at, path)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key) DO NOTHING`
	finishItem = "UPDATE items SET state=1 WHERE id=?"
	failItem   = "UPDATE items SET state=2, reason=?, detail=? WHERE id=?"
	repeatItem = "UPDATE items SET round=?, attempts=attempts+1, reason=?, detail=? WHERE id=?"
)

// commitItem does one element. It refuses before it changes anything.
func (tx *transaction) commitItem(commit *pixivoc.Commit, now int64) error {
	if err := check.Commit(*commit); err != nil {
		return err
	}
	rows, err := tx.task(commit.Claim.Task)
	if err != nil {
		return err
	}
	claim := tx.claims.find(commit.Claim)
	if claim == nil {
		return pixivoc.ErrStaleClaim
	}
	tx.end(claim)
	if err := tx.settle(claim, commit); err != nil {
		return err
	}
	if _, err := tx.addItems(rows, claim.task, commit.Items); err != nil {
		return err
	}
	if err := tx.addRecords(rows, claim.task, commit.Records, now); err != nil {
		return err
	}
	for _, key := range commit.Archive {
		if _, err := tx.addArchive(key, now); err != nil {
			return err
		}
	}
	if commit.Bytes != 0 {
		tx.bytes[claim.task] += commit.Bytes
	}
	return nil
}

// settle writes the outcome of an item.
func (tx *transaction) settle(claim *claim, commit *pixivoc.Commit) error {
	var changed int64
	var err error
	switch commit.Outcome {
	case pixivoc.OutcomeDone:
		changed, err = tx.conn.exec(finishItem, claim.item)
		tx.count(claim.stage).Pending--
		tx.count(claim.stage).Done++
	case pixivoc.OutcomeFailed:
		changed, err = tx.conn.exec(failItem, commit.Reason, commit.Detail, claim.item)
		tx.count(claim.stage).Pending--
		tx.count(claim.stage).Failed++
	case pixivoc.OutcomeAgain:
		round := commit.Round + 1
		changed, err = tx.conn.exec(repeatItem, int64(round), commit.Reason, commit.Detail, claim.item)
		tx.after = append(tx.after, func() { tx.claims.offer(claim.stage, claim.item, round) })
	}
	if err == nil && changed != 1 {
		err = tx.conn.fail(&damagedError{cause: fmt.Errorf("item %d is claimed but not there", claim.item)})
	}
	return err
}

// addItems queues items and returns how many the task did not know.
func (tx *transaction) addItems(rows *taskRows, tid int64, items []pixivoc.Item) (added int, err error) {
	for i := range items {
		item := &items[i]
		stage, err := tx.addStage(rows, tid, item.Stage)
		if err != nil {
			return 0, err
		}
		inserted, err := tx.conn.exec(insertItem, tx.counters.item+1, stage,
			int64(item.Round), int64(item.Attempts), item.Key, []byte(item.Payload))
		if err != nil {
			return 0, err
		}
		if inserted == 1 {
			tx.counters.item++
			tx.count(stage).Pending++
			added++
		}
	}
	return added, nil
}

func (tx *transaction) addRecords(rows *taskRows, tid int64, records []pixivoc.Record, now int64) error {
	for i := range records {
		record := &records[i]
		kind, err := tx.addKind(rows, tid, record.Kind)
		if err != nil {
			return err
		}
		inserted, err := tx.conn.exec(insertRecord, tx.counters.seq+1, kind, record.Key, []byte(record.Data), now, filePath(record))
		if err != nil {
			return err
		}
		if inserted == 1 {
			tx.counters.seq++
		}
	}
	return nil
}

// stamp is a time as it is stored: nanoseconds since 1970, 0 for none.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unstamp(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
