package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

// AddItems implements pixivoc.ItemStore.
func (s *Store) AddItems(ctx context.Context, tid int64, items []pixivoc.Item) (int, error) {
	if err := check.Items(items); err != nil {
		return 0, err
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return 0, err
	}
	return s.addItems(t, items), nil
}

func (s *Store) addItems(t *task, items []pixivoc.Item) (added int) {
	for _, queued := range items {
		st := t.stages[queued.Stage]
		if st == nil {
			st = &stage{keys: map[string]bool{}}
			t.stages[queued.Stage] = st
		}
		if st.keys[queued.Key] {
			continue
		}
		st.keys[queued.Key] = true
		s.lastItem++
		queued.ID = s.lastItem
		queued.Payload = slices.Clone(queued.Payload)
		it := &item{ItemStatus: pixivoc.ItemStatus{Item: queued, State: pixivoc.ItemPending}}
		t.items[it.ID] = it
		st.items = append(st.items, it)
		st.count.Total++
		st.count.Pending++
		added++
	}
	return added
}

// ForgetItems implements pixivoc.ItemStore.
func (s *Store) ForgetItems(ctx context.Context, tid int64, stages []string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return err
	}
	for _, name := range stages {
		st := t.stages[name]
		if st == nil {
			continue
		}
		for _, it := range st.items {
			delete(t.items, it.ID)
		}
		delete(t.stages, name)
	}
	return nil
}

// RetryItems implements pixivoc.ItemStore.
func (s *Store) RetryItems(ctx context.Context, tid int64) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return 0, err
	}
	retried := 0
	for _, st := range t.stages {
		for _, it := range st.items {
			if it.State == pixivoc.ItemFailed {
				it.State, it.Round, it.Attempts = pixivoc.ItemPending, 0, 0
			}
		}
		retried += st.count.Failed
		st.count.Pending += st.count.Failed
		st.count.Failed = 0
		st.first = 0
	}
	return retried, nil
}

// Claim implements pixivoc.ItemStore. Owner is not kept.
func (s *Store) Claim(ctx context.Context, request pixivoc.ClaimRequest) ([]pixivoc.ClaimedItem, error) {
	if err := check.Claim(request); err != nil {
		return nil, err
	}
	now := s.clock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t, err := s.task(request.Task)
	if err != nil {
		return nil, err
	}
	st := t.stages[request.Stage]
	if st == nil {
		return nil, nil
	}
	for st.first < len(st.items) && st.items[st.first].State != pixivoc.ItemPending {
		st.first++
	}
	var claimed []pixivoc.ClaimedItem
	for _, it := range st.items[st.first:] {
		if len(claimed) == request.Limit {
			break
		}
		held := it.fence != 0 && now.Before(it.until)
		if it.State != pixivoc.ItemPending || it.Round > request.Round || held {
			continue
		}
		s.lastFence++
		it.fence, it.until = s.lastFence, now.Add(request.Lease)
		claimed = append(claimed, pixivoc.ClaimedItem{
			Item:  it.copy().Item,
			Claim: pixivoc.Claim{Task: t.TID, Item: it.ID, Fence: it.fence},
		})
	}
	return claimed, nil
}

// copy returns the item for somebody who may change it.
func (it *item) copy() pixivoc.ItemStatus {
	status := it.ItemStatus
	status.Payload = slices.Clone(status.Payload)
	return status
}

// held returns the item of a claim, or nil when the claim is stale.
func (s *Store) held(claim pixivoc.Claim) *item {
	t := s.tasks[claim.Task]
	if t == nil {
		return nil
	}
	it := t.items[claim.Item]
	if it == nil || it.fence == 0 || it.fence != claim.Fence {
		return nil
	}
	return it
}

// Renew implements pixivoc.ItemStore.
func (s *Store) Renew(ctx context.Context, claims []pixivoc.Claim, lease time.Duration) error {
	if err := check.Lease(lease); err != nil {
		return err
	}
	until := s.clock().Add(lease)
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	var stale error
	for _, claim := range claims {
		it := s.held(claim)
		if it == nil {
			stale = fmt.Errorf("item %d: %w", claim.Item, pixivoc.ErrStaleClaim)
			continue
		}
		it.until = until
	}
	return stale
}

// Release implements pixivoc.ItemStore.
func (s *Store) Release(ctx context.Context, claims []pixivoc.Claim) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, claim := range claims {
		if it := s.held(claim); it != nil {
			it.fence = 0
		}
	}
	return nil
}

// ListItems implements pixivoc.ItemStore.
func (s *Store) ListItems(ctx context.Context, query pixivoc.ItemQuery) ([]pixivoc.ItemStatus, error) {
	if err := check.State(query.State); err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t, err := s.task(query.Task)
	if err != nil {
		return nil, err
	}
	limit := pageLimit(query.Limit)
	var items []pixivoc.ItemStatus
	for name, st := range t.stages {
		if query.Stage != "" && query.Stage != name {
			continue
		}
		items = st.page(items, query, limit)
	}
	slices.SortFunc(items, func(a, b pixivoc.ItemStatus) int { return cmp.Compare(a.ID, b.ID) })
	return items[:min(limit, len(items))], nil
}

// page appends the items of one stage that fit the query.
func (st *stage) page(items []pixivoc.ItemStatus, query pixivoc.ItemQuery, limit int) []pixivoc.ItemStatus {
	from := sort.Search(len(st.items), func(i int) bool { return st.items[i].ID > query.After })
	for _, it := range st.items[from:] {
		if limit == 0 {
			break
		}
		if query.State == "" || query.State == it.State {
			items = append(items, it.copy())
			limit--
		}
	}
	return items
}

// CountItems implements pixivoc.ItemStore.
func (s *Store) CountItems(ctx context.Context, tid int64) (map[string]pixivoc.ItemCount, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return nil, err
	}
	counts := map[string]pixivoc.ItemCount{}
	for name, st := range t.stages {
		counts[name] = st.count
	}
	return counts, nil
}
