package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/pixivoc/pixivoc"
)

// ListRecords implements pixivoc.RecordStore.
func (s *Store) ListRecords(ctx context.Context, query pixivoc.RecordQuery) ([]pixivoc.Record, error) {
	limit := pageLimit(query.Limit)
	var records []pixivoc.Record
	err := s.read(ctx, func(tx *sql.Tx) error {
		kinds, err := listNames(ctx, tx, listKinds, query.Task, query.Kind)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if records, err = listRecords(ctx, tx, records, kind, query, limit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list records of task %d: %w", query.Task, err)
	}
	slices.SortFunc(records, func(a, b pixivoc.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return records[:min(limit, len(records))], nil
}

// CountRecords implements pixivoc.RecordStore.
func (s *Store) CountRecords(ctx context.Context, query pixivoc.RecordQuery) (int, error) {
	total := 0
	err := s.read(ctx, func(tx *sql.Tx) error {
		kinds, err := listNames(ctx, tx, listKinds, query.Task, query.Kind)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			var n int
			if err := tx.QueryRowContext(ctx, countRecords, kind.id, query.After, through(query)).Scan(&n); err != nil {
				return err
			}
			total += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count records of task %d: %w", query.Task, err)
	}
	return total, nil
}

// Recorded implements pixivoc.RecordStore.
func (s *Store) Recorded(ctx context.Context, tid int64, kind string, keys []string) (map[string]bool, error) {
	found := map[string]bool{}
	err := s.read(ctx, func(tx *sql.Tx) error {
		if err := taskExists(ctx, tx, tid); err != nil {
			return err
		}
		var id int64
		err := tx.QueryRowContext(ctx, findKind, tid, kind).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			found, err = present(ctx, tx, findRecord, keys, id)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for records of task %d: %w", tid, err)
	}
	return found, nil
}

// RecordedFiles implements pixivoc.RecordStore.
func (s *Store) RecordedFiles(ctx context.Context, savePath string, except int64, paths []string) (map[string]bool, error) {
	var found map[string]bool
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		found, err = present(ctx, tx, findFile, paths, savePath, except)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for records of files: %w", err)
	}
	return found, nil
}

// filePath is the path of the file that a record is about, nil for none.
func filePath(record *pixivoc.Record) driver.Value {
	var file pixivoc.File
	if record.Kind != pixivoc.RecordFile || json.Unmarshal(record.Data, &file) != nil || file.Name == "" {
		return nil
	}
	return file.Name
}

const (
	findFile = `SELECT 1 FROM records r INDEXED BY records_path CROSS JOIN kinds k ON k.id=r.kind CROSS JOIN tasks t ON t.tid=k.task
		WHERE t.save_path=?1 AND t.tid<>?2 AND r.path=?3 LIMIT 1`
	findKind      = "SELECT id FROM kinds WHERE task=? AND name=?"
	findRecord    = "SELECT 1 FROM records WHERE kind=? AND key=?"
	selectRecords = "SELECT seq, key, data, at FROM records WHERE kind=?1 AND seq>?2 AND seq<=?3 ORDER BY seq LIMIT ?4"
	countRecords  = "SELECT count(*) FROM records WHERE kind=?1 AND seq>?2 AND seq<=?3"
)

// through is the greatest Seq that a query wants.
func through(query pixivoc.RecordQuery) int64 {
	if query.Through <= 0 {
		return math.MaxInt64
	}
	return query.Through
}

// listRecords appends a page of one kind.
func listRecords(ctx context.Context, tx *sql.Tx, records []pixivoc.Record, kind named, query pixivoc.RecordQuery, limit int) ([]pixivoc.Record, error) {
	rows, err := tx.QueryContext(ctx, selectRecords, kind.id, query.After, through(query), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		record := pixivoc.Record{Task: query.Task, Kind: kind.name}
		var at int64
		if err := rows.Scan(&record.Seq, &record.Key, (*[]byte)(&record.Data), &at); err != nil {
			return nil, err
		}
		record.At = unstamp(at)
		records = append(records, record)
	}
	return records, rows.Err()
}

// named is a row of stages or kinds.
type named struct {
	id   int64
	name string
}

const (
	listStages = "SELECT id, name FROM stages WHERE task=?1 AND (?2='' OR name=?2)"
	listKinds  = "SELECT id, name FROM kinds WHERE task=?1 AND (?2='' OR name=?2)"
)

// listNames returns the stages or kinds of a task, only the one with that name
// unless it is empty. Each has an index in the order of a page, so a page over
// all of them is put together from one page of each.
func listNames(ctx context.Context, tx *sql.Tx, text string, tid int64, name string) ([]named, error) {
	if err := taskExists(ctx, tx, tid); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, text, tid, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []named
	for rows.Next() {
		var n named
		if err := rows.Scan(&n.id, &n.name); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}
