package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

// AddArchive implements pixivoc.ArchiveStore.
func (s *Store) AddArchive(ctx context.Context, entries []pixivoc.ArchiveEntry) (added int, err error) {
	if err := check.Archive(entries); err != nil {
		return 0, err
	}
	now := plain(s.clock())
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, entry := range entries {
		if s.addArchive(entry, now) {
			added++
		}
	}
	return added, nil
}

// addArchive reports whether the key was new. mu is held.
func (s *Store) addArchive(entry pixivoc.ArchiveEntry, now time.Time) bool {
	if _, known := s.archive[entry.Key]; known {
		return false
	}
	if entry.At.IsZero() {
		entry.At = now
	}
	s.archive[entry.Key] = plain(entry.At)
	return true
}

// Archived implements pixivoc.ArchiveStore.
func (s *Store) Archived(ctx context.Context, keys []string) (map[string]bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	found := map[string]bool{}
	for _, key := range keys {
		if _, known := s.archive[key]; known {
			found[key] = true
		}
	}
	return found, nil
}

// ListArchive implements pixivoc.ArchiveStore. It sorts the archive for every
// page.
func (s *Store) ListArchive(ctx context.Context, after string, limit int) ([]pixivoc.ArchiveEntry, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	keys := slices.Sorted(maps.Keys(s.archive))
	from, found := slices.BinarySearch(keys, after)
	if found {
		from++
	}
	var entries []pixivoc.ArchiveEntry
	for _, key := range keys[from:min(from+pageLimit(limit), len(keys))] {
		entries = append(entries, pixivoc.ArchiveEntry{Key: key, At: s.archive[key]})
	}
	return entries, nil
}

// CountArchive implements pixivoc.ArchiveStore.
func (s *Store) CountArchive(ctx context.Context) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return len(s.archive), nil
}
