package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

// AddItems implements pixivoc.ItemStore. The items are added in one transaction,
// which other writers wait for, so many thousands are better added in portions.
func (s *Store) AddItems(ctx context.Context, tid int64, items []pixivoc.Item) (int, error) {
	if err := check.Items(items); err != nil {
		return 0, err
	}
	items = copyItems(items)
	added := 0
	err := s.submit(ctx, &operation{write: true, weight: len(items), run: func(tx *transaction) error {
		rows, err := tx.task(tid)
		if err != nil {
			return err
		}
		added, err = tx.addItems(rows, tid, items)
		return err
	}})
	if err != nil {
		return 0, fmt.Errorf("add items to task %d: %w", tid, err)
	}
	return added, nil
}

// ForgetItems implements pixivoc.ItemStore.
func (s *Store) ForgetItems(ctx context.Context, tid int64, stages []string) error {
	stages = slices.Clone(stages)
	err := s.submit(ctx, &operation{write: true, run: func(tx *transaction) error {
		rows, err := tx.task(tid)
		if err != nil {
			return err
		}
		cut := map[int64]bool{}
		for _, name := range stages {
			id, err := tx.stage(rows, tid, name)
			if err != nil {
				return err
			}
			if id == 0 {
				continue
			}
			if _, err := tx.conn.exec("UPDATE stages SET task=NULL WHERE id=?", id); err != nil {
				return err
			}
			delete(rows.stages, name)
			cut[id] = true
		}
		tx.cutOff(cut)
		return nil
	}})
	if err != nil {
		return fmt.Errorf("forget items of task %d: %w", tid, err)
	}
	return nil
}

// cutOff ends the claims on the items of stages that belong to no task any
// more and has their rows removed.
func (tx *transaction) cutOff(stages map[int64]bool) {
	tx.end(tx.claims.ofStages(stages)...)
	tx.after = append(tx.after, func() {
		for id := range stages {
			delete(tx.claims.queues, id)
		}
		tx.leftovers = true
	})
}

// The item states as they are stored.
const (
	codePending = iota
	codeDone
	codeFailed
)

// selectItems is the query for a page of one stage. It names the index: of two
// that fit SQLite would take the one over all items.
func selectItems(state pixivoc.ItemState) string {
	var source string
	switch state {
	case pixivoc.ItemPending:
		source = "items INDEXED BY items_pending WHERE state=0 AND"
	case pixivoc.ItemDone:
		source = "items WHERE state=1 AND"
	case pixivoc.ItemFailed:
		source = "items INDEXED BY items_failed WHERE state=2 AND"
	default:
		source = "items WHERE"
	}
	return "SELECT id, state, round, attempts, key, payload, reason, detail FROM " + source + " stage=? AND id>? ORDER BY id LIMIT ?"
}

func itemState(code int64) pixivoc.ItemState {
	switch code {
	case codePending:
		return pixivoc.ItemPending
	case codeDone:
		return pixivoc.ItemDone
	}
	return pixivoc.ItemFailed
}

// ListItems implements pixivoc.ItemStore.
func (s *Store) ListItems(ctx context.Context, query pixivoc.ItemQuery) ([]pixivoc.ItemStatus, error) {
	if err := check.State(query.State); err != nil {
		return nil, err
	}
	text := selectItems(query.State)
	limit := pageLimit(query.Limit)
	var items []pixivoc.ItemStatus
	err := s.read(ctx, func(tx *sql.Tx) error {
		stages, err := listNames(ctx, tx, listStages, query.Task, query.Stage)
		if err != nil {
			return err
		}
		for _, stage := range stages {
			if items, err = listItems(ctx, tx, items, stage, text, query.After, limit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list items of task %d: %w", query.Task, err)
	}
	slices.SortFunc(items, func(a, b pixivoc.ItemStatus) int { return cmp.Compare(a.ID, b.ID) })
	return items[:min(limit, len(items))], nil
}

// listItems appends a page of one stage.
func listItems(ctx context.Context, tx *sql.Tx, items []pixivoc.ItemStatus, stage named, text string, after int64, limit int) ([]pixivoc.ItemStatus, error) {
	rows, err := tx.QueryContext(ctx, text, stage.id, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		item := pixivoc.ItemStatus{Item: pixivoc.Item{Stage: stage.name}}
		var state int64
		var reason, detail sql.NullString
		err := rows.Scan(&item.ID, &state, &item.Round, &item.Attempts, &item.Key, (*[]byte)(&item.Payload), &reason, &detail)
		if err != nil {
			return nil, err
		}
		item.State, item.Reason, item.Detail = itemState(state), reason.String, detail.String
		items = append(items, item)
	}
	return items, rows.Err()
}

// CountItems implements pixivoc.ItemStore. The numbers are kept, not counted.
func (s *Store) CountItems(ctx context.Context, tid int64) (map[string]pixivoc.ItemCount, error) {
	counts := map[string]pixivoc.ItemCount{}
	err := s.read(ctx, func(tx *sql.Tx) error {
		if err := taskExists(ctx, tx, tid); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, "SELECT name, pending, done, failed FROM stages WHERE task=?", tid)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var count pixivoc.ItemCount
			if err := rows.Scan(&name, &count.Pending, &count.Done, &count.Failed); err != nil {
				return err
			}
			count.Total = count.Pending + count.Done + count.Failed
			counts[name] = count
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("count items of task %d: %w", tid, err)
	}
	return counts, nil
}
