package pixivoc

import (
	"context"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hubWithCount is a hub whose events count up: event n makes the state n, and
// a snapshot shows it as Bytes of its Task.
type hubWithCount struct {
	*eventHub
	state     atomic.Int64
	snapshots atomic.Int64
}

func newHubWithCount() *hubWithCount { return &hubWithCount{eventHub: newEventHub()} }

func (h *hubWithCount) publishNext() {
	n := h.state.Add(1)
	h.publish(Event{Kind: EventTaskChanged, Task: TaskInfo{Bytes: n}})
}

func (h *hubWithCount) snapshot() Event {
	h.snapshots.Add(1)
	return Event{Task: TaskInfo{Bytes: h.state.Load()}}
}

// pull reads one event after the other.
func (h *hubWithCount) pull(ctx context.Context) (next func() (Event, bool), stop func()) {
	return iter.Pull(h.subscribe(ctx, h.snapshot))
}

func TestEventHub_SnapshotThenEveryEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHubWithCount()
		h.publishNext()
		h.publishNext()
		next, stop := h.pull(t.Context())
		defer stop()

		event, ok := next()
		require.True(t, ok)
		assert.Equal(t, Event{Seq: 2, At: time.Now().UTC(), Kind: EventSnapshot, Task: TaskInfo{Bytes: 2}}, event)

		for seq := uint64(3); seq < 10; seq++ {
			elapse(time.Second)
			h.publishNext()
			event, ok = next()
			require.True(t, ok)
			assert.Equal(t, Event{Seq: seq, At: time.Now().UTC(), Kind: EventTaskChanged, Task: TaskInfo{Bytes: int64(seq)}}, event)
		}
		assert.EqualValues(t, 1, h.snapshots.Load())
	})
}

func TestEventHub_PublishWhileTheSnapshotIsMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		seq  uint64 // that the snapshot gives itself
		want []uint64
	}{
		"says nothing":         {0, []uint64{1, 2, 3, 4}},
		"says what it has":     {3, []uint64{3, 4}},
		"says more than there": {99, []uint64{3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHubWithCount()
			h.publishNext()
			next, stop := iter.Pull(h.subscribe(t.Context(), func() Event {
				h.publishNext()
				h.publishNext()
				return Event{Seq: test.seq}
			}))
			defer stop()
			var seen []uint64
			for i := range test.want {
				if i == 1 {
					h.publishNext()
				}
				event, ok := next()
				require.True(t, ok)
				seen = append(seen, event.Seq)
			}
			assert.Equal(t, test.want, seen)
		})
	}
}

func TestC5_LaggardIsToldAndGetsASnapshot(t *testing.T) {
	t.Parallel()
	h := newHubWithCount()
	next, stop := h.pull(t.Context())
	defer stop()
	_, _ = next()

	for range eventQueue {
		h.publishNext()
	}
	event, _ := next()
	assert.Equal(t, EventTaskChanged, event.Kind, "a full queue loses nothing")
	assert.EqualValues(t, 1, event.Seq)

	h.publishNext()
	h.publishNext()
	event, _ = next()
	assert.Equal(t, EventLost, event.Kind)
	assert.EqualValues(t, eventQueue+2, event.Seq)

	h.publishNext()
	event, _ = next()
	assert.Equal(t, EventSnapshot, event.Kind)
	assert.EqualValues(t, eventQueue+3, event.Seq)
	assert.EqualValues(t, eventQueue+3, event.Task.Bytes)

	h.publishNext()
	event, _ = next()
	assert.EqualValues(t, eventQueue+4, event.Seq)
	assert.EqualValues(t, 2, h.snapshots.Load())
}

// TestC5_PublishNeverWaits is not parallel because it counts allocations.
func TestC5_PublishNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHubWithCount()
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		stuck := make(chan struct{})
		for range 10 {
			group.Go(func() {
				for range h.subscribe(ctx, h.snapshot) {
					<-stuck // a reader that never reads on
				}
			})
		}
		synctest.Wait()
		allocations := testing.AllocsPerRun(10*eventQueue, h.publishNext)
		assert.Zero(t, allocations, "nothing piles up for readers that do not read")
		cancel()
		close(stuck)
		group.Wait()
	})
}

// TestC5_ThousandSubscribersComeAndGo checks that each sees its snapshot first
// and then rising numbers without a gap, except after EventLost.
func TestC5_ThousandSubscribersComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHubWithCount()
	ctx, cancel := context.WithCancel(t.Context())
	var publisher, readers sync.WaitGroup
	publisher.Go(func() {
		for ctx.Err() == nil {
			h.publishNext()
			runtime.Gosched()
		}
	})
	for range 1000 {
		readers.Go(func() {
			var last uint64
			wantSnapshot := true
			left := 1 + rand.IntN(200)
			for event := range h.subscribe(ctx, h.snapshot) {
				switch {
				case wantSnapshot:
					assert.Equal(t, EventSnapshot, event.Kind)
					assert.GreaterOrEqual(t, event.Task.Bytes, int64(event.Seq), "the snapshot has every event up to its Seq")
					assert.GreaterOrEqual(t, event.Seq, last)
					wantSnapshot = false
				case event.Kind == EventLost:
					assert.Greater(t, event.Seq, last)
					wantSnapshot = true
				default:
					assert.Equal(t, last+1, event.Seq)
				}
				last = event.Seq
				if left--; left == 0 {
					return
				}
			}
		})
	}
	readers.Wait()
	cancel()
	publisher.Wait()
}

func TestEventHub_Ends(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(h *hubWithCount, cancel func())
		want []EventKind // after the snapshot
	}{
		"with its context": {func(h *hubWithCount, cancel func()) { h.publishNext(); cancel() }, nil},
		"with the hub, after the last event": {func(h *hubWithCount, _ func()) {
			h.publishNext()
			h.close()
			h.close()
			h.publishNext()
		}, []EventKind{EventTaskChanged}},
		"with the hub, too late": {func(h *hubWithCount, _ func()) {
			for range eventQueue + 1 {
				h.publishNext()
			}
			h.close()
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHubWithCount()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				next, stop := h.pull(ctx)
				defer stop()
				_, _ = next()
				test.end(h, cancel)
				var kinds []EventKind
				for event, ok := next(); ok; event, ok = next() {
					kinds = append(kinds, event.Kind)
				}
				assert.Equal(t, test.want, kinds)
			})
		})
	}
}

func TestEventHub_EndsWhileWaiting(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *eventHub, cancel func()){
		"context": func(_ *eventHub, cancel func()) { cancel() },
		"hub":     func(h *eventHub, _ func()) { h.close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHubWithCount()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var group sync.WaitGroup
				for range 100 {
					group.Go(func() {
						for event := range h.subscribe(ctx, h.snapshot) {
							assert.Equal(t, EventSnapshot, event.Kind)
						}
					})
				}
				synctest.Wait()
				end(h.eventHub, cancel)
				group.Wait()
			})
		})
	}
}

func TestEventHub_NothingAfterTheEnd(t *testing.T) {
	t.Parallel()
	h := newHubWithCount()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range h.subscribe(cancelled, h.snapshot) {
		t.Error("an event for a context that was cancelled before")
	}
	live, cancel := context.WithCancel(t.Context())
	for range h.subscribe(live, func() Event { cancel(); return Event{} }) {
		t.Error("a snapshot that may be cut short")
	}
	h.close()
	for range h.subscribe(t.Context(), h.snapshot) {
		t.Error("an event from a hub that was closed before")
	}
}

func BenchmarkEventHub(b *testing.B) {
	h := newHubWithCount()
	for b.Loop() {
		h.publishNext()
	}
}
