package schedule

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Look is how often the wall clock is read while something waits for it. A
// timer alone would stand still with a machine that sleeps, and would not
// notice that somebody set the clock.
const Look = 30 * time.Second

// Await waits until changed is closed, or for a time, but for no longer than a
// Look: then what it waits for is to be reckoned anew. It returns the error of
// ctx when that is done.
func Await(ctx context.Context, left time.Duration, changed <-chan struct{}) error {
	timer := time.NewTimer(min(left, Look))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// Agenda calls when something is due by the wall clock. What became due while
// the machine slept or the clock was wrong is due once, however often its rule
// held meanwhile. All methods are safe for concurrent use.
type Agenda struct {
	now func() time.Time
	// due is told what is due, which is in the agenda no longer; moved, that a
	// time was corrected.
	due   func(ctx context.Context, id int64)
	moved func(ctx context.Context, id int64, at time.Time)

	mu      sync.Mutex
	entries map[int64]entry
	changed chan struct{}
}

type entry struct {
	at   time.Time
	rule Schedule
}

// NewAgenda makes an empty agenda. due and moved are called by Run, one at a
// time, and may use the agenda.
func NewAgenda(now func() time.Time, due func(ctx context.Context, id int64), moved func(ctx context.Context, id int64, at time.Time)) *Agenda {
	return &Agenda{now: now, due: due, moved: moved, entries: map[int64]entry{}, changed: make(chan struct{})}
}

// Set puts something on the agenda, in place of what was there under the same
// id. The rule is what its time came from.
func (a *Agenda) Set(id int64, at time.Time, rule Schedule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries[id] = entry{at.Round(0), rule}
	a.wake()
}

// Remove takes something off the agenda.
func (a *Agenda) Remove(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.entries, id)
}

// wake rouses Run. mu is held.
func (a *Agenda) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// Run calls what is due until ctx is done.
func (a *Agenda) Run(ctx context.Context) {
	last := a.now().Round(0)
	for {
		now := a.now().Round(0)
		if now.Before(last.Add(-Look)) {
			a.correct(ctx, now)
		}
		last = now
		next, changed := a.callDue(ctx, now)
		if !next.IsZero() {
			if Await(ctx, next.Sub(now), changed) != nil {
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// callDue calls what is due, the earliest first, and returns when to look again
// and what makes that out of date. The zero time means that the agenda is empty.
func (a *Agenda) callDue(ctx context.Context, now time.Time) (next time.Time, changed <-chan struct{}) {
	for {
		due, next, changed := a.split(now)
		if len(due) == 0 || ctx.Err() != nil {
			return next, changed
		}
		for _, id := range due {
			if ctx.Err() == nil && a.take(id, now) {
				a.due(ctx, id)
			}
		}
	}
}

// split returns what is due in its order and the first time after that.
func (a *Agenda) split(now time.Time) (due []int64, next time.Time, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, entry := range a.entries {
		switch {
		case !entry.at.After(now):
			due = append(due, id)
		case next.IsZero() || entry.at.Before(next):
			next = entry.at
		}
	}
	slices.SortFunc(due, func(one, two int64) int {
		return cmp.Or(a.entries[one].at.Compare(a.entries[two].at), cmp.Compare(one, two))
	})
	return due, next, a.changed
}

// take removes what is due still; calls before it may have changed that.
func (a *Agenda) take(id int64, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	entry, there := a.entries[id]
	if !there || entry.at.After(now) {
		return false
	}
	delete(a.entries, id)
	return true
}

// correct looks at every time again after the clock was put back: a time that
// was reckoned from a clock far ahead would never come.
func (a *Agenda) correct(ctx context.Context, now time.Time) {
	a.mu.Lock()
	moved := map[int64]time.Time{}
	for id, e := range a.entries {
		if at := e.rule.Next(now); !at.IsZero() && at.Before(e.at) {
			a.entries[id] = entry{at, e.rule}
			moved[id] = at
		}
	}
	a.mu.Unlock()
	for id, at := range moved {
		a.moved(ctx, id, at)
	}
}
