package pixivoc_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// errStore is what a spoiled store says.
var errStore = errors.New("the store is out of order")

// spoiledStore is a Store in front of another one that fails or waits as a test
// wants. All methods that the kernel uses while a task runs ask before first.
type spoiledStore struct {
	pixivoc.Store

	mu     sync.Mutex
	calls  map[string]int
	before func(method string, call int) error // call counts from 1; nil lets everything pass
	commit func(commits []pixivoc.Commit) []error
}

func newSpoiledStore(t *testing.T, inner pixivoc.Store) *spoiledStore {
	t.Helper()
	if inner == nil {
		inner = memory.New()
	}
	t.Cleanup(func() { _ = inner.Close() })
	return &spoiledStore{Store: inner, calls: map[string]int{}}
}

// spoil changes what happens before each method, at once.
func (s *spoiledStore) spoil(before func(method string, call int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
	clear(s.calls)
}

func (s *spoiledStore) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *spoiledStore) ask(method string) error {
	s.mu.Lock()
	s.calls[method]++
	call, before := s.calls[method], s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(method, call)
}

func (s *spoiledStore) CreateTask(ctx context.Context, task pixivoc.StoredTask, items []pixivoc.Item) (pixivoc.StoredTask, bool, error) {
	if err := s.ask("CreateTask"); err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	return s.Store.CreateTask(ctx, task, items)
}

func (s *spoiledStore) LoadTask(ctx context.Context, tid int64) (pixivoc.StoredTask, error) {
	if err := s.ask("LoadTask"); err != nil {
		return pixivoc.StoredTask{}, err
	}
	return s.Store.LoadTask(ctx, tid)
}

func (s *spoiledStore) UpdateTask(ctx context.Context, tid int64, change pixivoc.TaskChange) error {
	if err := s.ask("UpdateTask"); err != nil {
		return err
	}
	err := s.Store.UpdateTask(ctx, tid, change)
	return errors.Join(err, s.ask("UpdateTask done"))
}

func (s *spoiledStore) DeleteTask(ctx context.Context, tid int64) error {
	if err := s.ask("DeleteTask"); err != nil {
		return err
	}
	return s.Store.DeleteTask(ctx, tid)
}

func (s *spoiledStore) AddItems(ctx context.Context, tid int64, items []pixivoc.Item) (int, error) {
	if err := s.ask("AddItems"); err != nil {
		return 0, err
	}
	return s.Store.AddItems(ctx, tid, items)
}

func (s *spoiledStore) CountItems(ctx context.Context, tid int64) (map[string]pixivoc.ItemCount, error) {
	if err := s.ask("CountItems"); err != nil {
		return nil, err
	}
	return s.Store.CountItems(ctx, tid)
}

func (s *spoiledStore) Claim(ctx context.Context, request pixivoc.ClaimRequest) ([]pixivoc.ClaimedItem, error) {
	if err := s.ask("Claim"); err != nil {
		return nil, err
	}
	return s.Store.Claim(ctx, request)
}

func (s *spoiledStore) Renew(ctx context.Context, claims []pixivoc.Claim, lease time.Duration) error {
	if err := s.ask("Renew"); err != nil {
		return err
	}
	return s.Store.Renew(ctx, claims, lease)
}

func (s *spoiledStore) Release(ctx context.Context, claims []pixivoc.Claim) error {
	if err := s.ask("Release"); err != nil {
		return err
	}
	return s.Store.Release(ctx, claims)
}

// Commit fails as a whole when before says so; commit, when set, may refuse
// single elements with the error in their place.
func (s *spoiledStore) Commit(ctx context.Context, commits []pixivoc.Commit) []error {
	errs := make([]error, len(commits))
	if err := s.ask("Commit"); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	s.mu.Lock()
	refuse := s.commit
	s.mu.Unlock()
	if refuse == nil {
		return s.Store.Commit(ctx, commits)
	}
	failed := false
	for i, err := range refuse(commits) {
		if errs[i] = err; err == nil {
			errs[i] = errors.Join(s.Store.Commit(ctx, commits[i:i+1])...)
		}
		failed = failed || errs[i] != nil
	}
	if !failed {
		return nil
	}
	return errs
}

// failures of one method: the calls from first on, times of them, fail with err.
func failing(method string, first, times int, err error) func(string, int) error {
	return func(called string, call int) error {
		if called == method && call >= first && call < first+times {
			return err
		}
		return nil
	}
}

// notForEver makes a run that goes round in circles end: a step of a run counts
// items once, so a run that does so thousands of times in a test is stuck.
func notForEver(before func(string, int) error) func(string, int) error {
	return func(method string, call int) error {
		if method == "CountItems" && call > 5000 {
			return errors.New("the run goes round in circles")
		}
		if before == nil {
			return nil
		}
		return before(method, call)
	}
}

// seqOfItems is what TaskType.First returns.
type seqOfItems = iter.Seq2[pixivoc.Item, error]

// greetings answers every request with a short text of its own.
var greetings = road(func(request *http.Request) (*http.Response, error) {
	return answer(request, http.StatusOK, "hello from "+request.URL.Path), nil
})

// createIn makes a task of type Count that saves files and starts it.
func createIn(t *testing.T, client pixivoc.Client, folder string) pixivoc.Task {
	t.Helper()
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "numbers", SavePath: folder})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if err := task.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return task
}

// filesBelow lists all files below a folder, with slashes.
func filesBelow(t *testing.T, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// wantFiles wants exactly these files below a folder.
func wantFiles(t *testing.T, folder string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := filesBelow(t, folder); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}
