package memory

import (
	"context"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

// CreateTask implements pixivoc.TaskStore.
func (s *Store) CreateTask(ctx context.Context, stored pixivoc.StoredTask, items []pixivoc.Item) (pixivoc.StoredTask, bool, error) {
	if err := check.Items(items); err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	now := s.clock()
	if err := s.enter(ctx); err != nil {
		return pixivoc.StoredTask{}, false, err
	}
	defer s.mu.Unlock()
	if stored.Key != "" {
		for _, t := range s.tasks {
			if t.Key == stored.Key {
				return t.copy(), true, nil
			}
		}
	}
	s.lastTask = max(now.Unix(), s.lastTask+1)
	stored.TID = s.lastTask
	stored.Options = slices.Clone(stored.Options)
	stored.CreatedAt = plain(now)
	stored.FinishedAt, stored.NextRun = plain(stored.FinishedAt), plain(stored.NextRun)
	if stored.Group != "" && !slices.Contains(s.groups, stored.Group) {
		s.groups = append(s.groups, stored.Group)
	}
	t := &task{
		StoredTask: stored,
		stages:     map[string]*stage{},
		items:      map[int64]*item{},
		known:      map[recordKey]bool{},
		files:      map[string]bool{},
	}
	s.tasks[t.TID] = t
	s.order = append(s.order, t.TID)
	s.addItems(t, items)
	return t.copy(), false, nil
}

// plain returns a time in UTC without its monotonic part, as a durable store
// would.
func plain(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}

// copy returns the task for somebody who may change it.
func (t *task) copy() pixivoc.StoredTask {
	stored := t.StoredTask
	stored.Options = slices.Clone(stored.Options)
	return stored
}

// LoadTask implements pixivoc.TaskStore.
func (s *Store) LoadTask(ctx context.Context, tid int64) (pixivoc.StoredTask, error) {
	if err := s.enter(ctx); err != nil {
		return pixivoc.StoredTask{}, err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return pixivoc.StoredTask{}, err
	}
	return t.copy(), nil
}

// ListTasks implements pixivoc.TaskStore. A limit of 0 or less is 500.
func (s *Store) ListTasks(ctx context.Context, after int64, limit int) ([]pixivoc.StoredTask, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	from, found := slices.BinarySearch(s.order, after)
	if found {
		from++
	}
	var tasks []pixivoc.StoredTask
	for _, tid := range s.order[from:] {
		if len(tasks) == pageLimit(limit) {
			break
		}
		tasks = append(tasks, s.tasks[tid].copy())
	}
	return tasks, nil
}

// UpdateTask implements pixivoc.TaskStore.
func (s *Store) UpdateTask(ctx context.Context, tid int64, change pixivoc.TaskChange) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return err
	}
	set(&t.State, change.State)
	set(&t.Seeded, change.Seeded)
	set(&t.Stage, change.Stage)
	set(&t.Round, change.Round)
	set(&t.Idle, change.Idle)
	set(&t.Error, change.Error)
	set(&t.ErrorReason, change.ErrorReason)
	set(&t.Runs, change.Runs)
	set(&t.BySchedule, change.BySchedule)
	set(&t.Schedule, change.Schedule)
	set(&t.BandwidthLimit, change.BandwidthLimit)
	set(&t.FinishedAt, change.FinishedAt)
	set(&t.NextRun, change.NextRun)
	t.FinishedAt, t.NextRun = plain(t.FinishedAt), plain(t.NextRun)
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// DeleteTask implements pixivoc.TaskStore.
func (s *Store) DeleteTask(ctx context.Context, tid int64) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, err := s.task(tid); err != nil {
		return err
	}
	delete(s.tasks, tid)
	at, _ := slices.BinarySearch(s.order, tid)
	s.order = slices.Delete(s.order, at, at+1)
	return nil
}

// ListGroups implements pixivoc.TaskStore.
func (s *Store) ListGroups(ctx context.Context) ([]pixivoc.Group, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	tasks := map[string]int{}
	for _, t := range s.tasks {
		tasks[t.Group]++
	}
	var groups []pixivoc.Group
	for i, name := range s.groups {
		groups = append(groups, pixivoc.Group{ID: int64(i) + 1, Name: name, Tasks: tasks[name]})
	}
	return groups, nil
}
