package sqlite

import (
	"context"
	"fmt"
)

// maxRetried bounds the failed items that one transaction makes pending again.
const maxRetried = 1000

const retryItems = `UPDATE items SET state=0, round=0, attempts=0 WHERE id IN
	(SELECT id FROM items INDEXED BY items_failed WHERE stage=? AND state=2 ORDER BY id LIMIT ?)`

// RetryItems implements pixivoc.ItemStore.
func (s *Store) RetryItems(ctx context.Context, tid int64) (retried int, err error) {
	counts, err := s.CountItems(ctx, tid)
	if err != nil {
		return 0, fmt.Errorf("retry items: %w", err)
	}
	for stage, count := range counts {
		// What fails meanwhile is not waited for: it could go on for ever.
		for left := count.Failed; left > 0; {
			n, err := s.retryPage(ctx, tid, stage, min(left, maxRetried))
			if err != nil {
				return retried, fmt.Errorf("retry items of task %d: %w", tid, err)
			}
			if n == 0 {
				break
			}
			retried += n
			left -= n
		}
	}
	return retried, nil
}

func (s *Store) retryPage(ctx context.Context, tid int64, stage string, limit int) (retried int, err error) {
	err = s.submit(ctx, &operation{write: true, weight: limit, run: func(tx *transaction) error {
		retried = 0
		rows, err := tx.task(tid)
		if err != nil {
			return err
		}
		id, err := tx.stage(rows, tid, stage)
		if id == 0 || err != nil {
			return err
		}
		changed, err := tx.conn.exec(retryItems, id, int64(limit))
		if err != nil {
			return err
		}
		retried = int(changed)
		tx.count(id).Failed -= retried
		tx.count(id).Pending += retried
		// They lie behind what claims have looked through.
		tx.after = append(tx.after, func() { delete(tx.claims.queues, id) })
		return nil
	}})
	return retried, err
}
