package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

const (
	insertArchive = "INSERT INTO archive (key, at) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
	findArchive   = "SELECT 1 FROM archive WHERE key=?"
	listArchive   = "SELECT key, at FROM archive WHERE key>? ORDER BY key LIMIT ?"
)

// AddArchive implements pixivoc.ArchiveStore. The entries are added in one
// transaction, which other writers wait for, so many thousands are better added
// in portions.
func (s *Store) AddArchive(ctx context.Context, entries []pixivoc.ArchiveEntry) (int, error) {
	if err := check.Archive(entries); err != nil {
		return 0, err
	}
	entries = slices.Clone(entries)
	added := 0
	err := s.submit(ctx, &operation{write: true, weight: len(entries), run: func(tx *transaction) error {
		added = 0
		now := stamp(tx.clock())
		for _, entry := range entries {
			at := now
			if !entry.At.IsZero() {
				at = stamp(entry.At)
			}
			inserted, err := tx.addArchive(entry.Key, at)
			if err != nil {
				return err
			}
			added += int(inserted)
		}
		return nil
	}})
	if err != nil {
		return 0, fmt.Errorf("add to the archive: %w", err)
	}
	return added, nil
}

// addArchive returns 1 for a new key and 0 for one that is there.
func (tx *transaction) addArchive(key string, at int64) (int64, error) {
	return tx.conn.exec(insertArchive, key, at)
}

// Archived implements pixivoc.ArchiveStore.
func (s *Store) Archived(ctx context.Context, keys []string) (map[string]bool, error) {
	var found map[string]bool
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		found, err = present(ctx, tx, findArchive, keys)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the archive: %w", err)
	}
	return found, nil
}

// present returns the keys for which a query that ends in one has a row.
func present(ctx context.Context, tx *sql.Tx, query string, keys []string, values ...any) (map[string]bool, error) {
	statement, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer statement.Close()
	found := map[string]bool{}
	for _, key := range keys {
		var one int
		err := statement.QueryRowContext(ctx, append(values[:len(values):len(values)], key)...).Scan(&one)
		switch {
		case err == nil:
			found[key] = true
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	return found, nil
}

// ListArchive implements pixivoc.ArchiveStore.
func (s *Store) ListArchive(ctx context.Context, after string, limit int) ([]pixivoc.ArchiveEntry, error) {
	var entries []pixivoc.ArchiveEntry
	err := s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, listArchive, after, pageLimit(limit))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var entry pixivoc.ArchiveEntry
			var at int64
			if err := rows.Scan(&entry.Key, &at); err != nil {
				return err
			}
			entry.At = unstamp(at)
			entries = append(entries, entry)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list the archive: %w", err)
	}
	return entries, nil
}

// CountArchive implements pixivoc.ArchiveStore.
func (s *Store) CountArchive(ctx context.Context) (n int, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM archive").Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count the archive: %w", err)
	}
	return n, nil
}
