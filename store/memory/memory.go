// Package memory is a pixivoc.Store that keeps everything in memory. It honours
// the whole contract except that nothing survives the process: it is for tests,
// for trying things out, and for crawls whose results go elsewhere at once.
//
// It is simple rather than fast, and holds every item of every task, finished
// or not. For a store that outlives the process see store/sqlite.
package memory

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// pageSize is what a query without a limit gets.
const pageSize = 500

// Store is a pixivoc.Store in memory. Its methods are safe for concurrent use.
type Store struct {
	clock func() time.Time

	mu       sync.Mutex
	closed   bool
	settings map[string][]byte
	tasks    map[int64]*task
	order    []int64 // the TIDs of tasks, rising
	groups   []string
	archive  map[string]time.Time

	// The greatest numbers given out so far.
	lastTask, lastItem, lastSeq, lastFence int64
}

var _ pixivoc.Store = (*Store)(nil)

// task is a stored task with its items and records.
type task struct {
	pixivoc.StoredTask
	stages  map[string]*stage
	items   map[int64]*item
	records []pixivoc.Record
	known   map[recordKey]bool
	files   map[string]bool // the paths in records of files
}

// stage holds the items of a stage in rising order of ID.
type stage struct {
	items []*item
	keys  map[string]bool
	count pixivoc.ItemCount
	// first is the index of the first item that may be pending.
	first int
}

type item struct {
	pixivoc.ItemStatus
	fence int64 // of the claim on it, 0 when there is none
	until time.Time
}

type recordKey struct{ kind, key string }

// Option changes what New makes.
type Option func(*Store)

// WithClock lets the store take its times, and the ends of leases, from clock
// instead of time.Now. It must be safe for concurrent use.
func WithClock(clock func() time.Time) Option {
	return func(s *Store) { s.clock = clock }
}

// New returns an empty store.
func New(options ...Option) *Store {
	s := &Store{
		clock:    time.Now,
		settings: map[string][]byte{},
		tasks:    map[int64]*task{},
		archive:  map[string]time.Time{},
	}
	for _, option := range options {
		option(s)
	}
	return s
}

// Close implements pixivoc.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// enter locks the store for a call. When it returns nil the caller must unlock.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return pixivoc.ErrClosed
	}
	return nil
}

// task returns a task that exists.
func (s *Store) task(tid int64) (*task, error) {
	t := s.tasks[tid]
	if t == nil {
		return nil, fmt.Errorf("task %d: %w", tid, fs.ErrNotExist)
	}
	return t, nil
}

// Setting implements pixivoc.SettingStore.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	value, ok := s.settings[name]
	if !ok {
		return nil, fmt.Errorf("setting %q: %w", name, fs.ErrNotExist)
	}
	return slices.Clone(value), nil
}

// SetSetting implements pixivoc.SettingStore.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if value == nil {
		delete(s.settings, name)
		return nil
	}
	s.settings[name] = slices.Clone(value)
	return nil
}

func pageLimit(limit int) int {
	if limit <= 0 {
		return pageSize
	}
	return limit
}
