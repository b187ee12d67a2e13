package schedule_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc/internal/schedule"
)

// wallClock is a clock that is set by hand while time goes on.
type wallClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *wallClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Round(0).Add(c.ahead)
}

func (c *wallClock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

// elapse lets virtual time go by inside a synctest bubble.
func elapse(d time.Duration) { <-time.After(d) }

// diary runs an agenda and writes down what it calls.
type diary struct {
	clock  wallClock
	agenda *schedule.Agenda

	mu    sync.Mutex
	due   []int64
	moved map[int64]time.Time
}

func newDiary(t *testing.T) *diary {
	d := &diary{moved: map[int64]time.Time{}}
	d.agenda = schedule.NewAgenda(d.clock.now, func(_ context.Context, id int64) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.due = append(d.due, id)
	}, func(_ context.Context, id int64, at time.Time) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.moved[id] = at
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.agenda.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return d
}

func (d *diary) called() []int64 {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	called := d.due
	d.due = nil
	return called
}

func TestAgenda(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, hourly := newDiary(t), parse(t, "every 1h")
		start := d.clock.now()
		d.agenda.Set(1, start.Add(3*time.Hour), hourly)
		d.agenda.Set(2, start.Add(time.Hour), hourly)
		d.agenda.Set(3, start.Add(time.Hour), hourly)
		d.agenda.Set(4, start.Add(time.Hour), hourly)
		d.agenda.Remove(4)
		d.agenda.Set(5, start, hourly)
		assert.Equal(t, []int64{5}, d.called())
		elapse(time.Hour - time.Second)
		assert.Empty(t, d.called())
		elapse(time.Second)
		assert.Equal(t, []int64{2, 3}, d.called())
		d.agenda.Set(1, start.Add(90*time.Minute), hourly)
		elapse(30 * time.Minute)
		assert.Equal(t, []int64{1}, d.called())
		elapse(100 * time.Hour)
		assert.Empty(t, d.called())
	})
}

// R6: a machine that slept for a week finds one run due, at once.
func TestR6_AgendaAfterSuspend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDiary(t)
		d.agenda.Set(1, d.clock.now().Add(time.Hour), parse(t, "every 1h"))
		elapse(10 * time.Minute)
		d.clock.jump(7 * 24 * time.Hour)
		elapse(30 * time.Second)
		assert.Equal(t, []int64{1}, d.called())
		elapse(time.Hour)
		assert.Empty(t, d.called())
	})
}

// R5: a clock that was far ahead, and was put back, does not put things off for
// years.
func TestR5_AgendaClockPutBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, rule := newDiary(t), parse(t, "every 6h")
		right := d.clock.now()
		d.clock.jump(4 * 365 * 24 * time.Hour)
		d.agenda.Set(1, rule.Next(d.clock.now()), rule)
		elapse(time.Minute)
		d.clock.jump(-4 * 365 * 24 * time.Hour)
		elapse(time.Minute)
		synctest.Wait()
		assert.WithinDuration(t, right.Add(6*time.Hour), d.moved[1], 2*time.Minute)
		elapse(6 * time.Hour)
		assert.Equal(t, []int64{1}, d.called())
	})
}

func TestAwait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		assert.NoError(t, schedule.Await(t.Context(), 5*time.Second, nil))
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.NoError(t, schedule.Await(t.Context(), 5*time.Hour, nil))
		assert.Equal(t, 5*time.Second+schedule.Look, time.Since(start))

		changed := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(changed) })
		start = time.Now()
		assert.NoError(t, schedule.Await(t.Context(), time.Hour, changed))
		assert.Equal(t, time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, schedule.Await(ctx, time.Hour, nil), context.DeadlineExceeded)
	})
}

// What is due may change the agenda: a task that runs may stop another one.
func TestAgenda_ChangedByWhatIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var clock wallClock
		var called []int64
		var agenda *schedule.Agenda
		hourly := parse(t, "every 1h")
		agenda = schedule.NewAgenda(clock.now, func(_ context.Context, id int64) {
			if called = append(called, id); id == 1 {
				agenda.Remove(2)
				agenda.Set(3, clock.now().Add(time.Hour), hourly)
				agenda.Set(5, clock.now(), hourly)
			}
		}, nil)
		for id := range int64(4) {
			agenda.Set(id+1, clock.now(), hourly)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute)
		defer cancel()
		agenda.Run(ctx)
		assert.Equal(t, []int64{1, 4, 5, 3}, called)
	})
}
