package pixivoc_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func ExampleInterval() {
	var pace pixivoc.Interval
	pace.SetInterval(20 * time.Millisecond)

	begin := time.Now()
	for range 3 {
		release, err := pace.Acquire(context.Background())
		if err != nil {
			fmt.Println(err)
			return
		}
		// send the request here
		release()
	}
	fmt.Println("three starts take two intervals:", time.Since(begin) >= 40*time.Millisecond)
	// Output: three starts take two intervals: true
}

// elapse lets virtual time go by inside a synctest bubble.
func elapse(d time.Duration) { <-time.After(d) }

func TestInterval_ZeroValueHasNoInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pace pixivoc.Interval
		begin := time.Now()
		for range 100 {
			release, err := pace.Acquire(t.Context())
			require.NoError(t, err)
			release()
			release() // harmless
		}
		assert.Zero(t, time.Since(begin))
		assert.Zero(t, pace.PausedUntil())
	})
}

func TestInterval_OneAtATimeInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pace pixivoc.Interval
		pace.SetInterval(time.Second)
		var order []int
		var starts []time.Duration
		begin := time.Now()
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				release, err := pace.Acquire(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				order = append(order, i) // the turn guards it
				starts = append(starts, time.Since(begin))
				elapse(1500 * time.Millisecond)
				release()
			})
			synctest.Wait()
		}
		group.Wait()
		assert.Equal(t, []int{0, 1, 2, 3}, order)
		assert.Equal(t, []time.Duration{0, 1500 * time.Millisecond, 3 * time.Second, 4500 * time.Millisecond}, starts)
	})
}

// acquired starts an Acquire and returns a channel that gets the time it took.
func acquired(t *testing.T, pace *pixivoc.Interval) <-chan time.Duration {
	t.Helper()
	took := make(chan time.Duration, 1)
	begin := time.Now()
	go func() {
		release, err := pace.Acquire(t.Context())
		if assert.NoError(t, err) {
			release()
			took <- time.Since(begin)
		}
	}()
	synctest.Wait()
	return took
}

func TestInterval_ChangesReachTheOneThatWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*pixivoc.Interval) // one second after the first start
		want   time.Duration           // of the second start, after the first
	}{
		"shorter":               {func(i *pixivoc.Interval) { i.SetInterval(3 * time.Second) }, 3 * time.Second},
		"over already":          {func(i *pixivoc.Interval) { i.SetInterval(time.Millisecond) }, time.Second},
		"none":                  {func(i *pixivoc.Interval) { i.SetInterval(-1) }, time.Second},
		"longer":                {func(i *pixivoc.Interval) { i.SetInterval(time.Minute) }, time.Minute},
		"pause within interval": {func(i *pixivoc.Interval) { i.PauseFor(2 * time.Second) }, 10 * time.Second},
		"pause beyond interval": {func(i *pixivoc.Interval) { i.PauseFor(20 * time.Second) }, 21 * time.Second},
		"pause by wall clock":   {func(i *pixivoc.Interval) { i.Pause(time.Now().Round(0).Add(20 * time.Second)) }, 21 * time.Second},
		"later pause is shorter": {func(i *pixivoc.Interval) {
			i.PauseFor(30 * time.Second)
			i.PauseFor(20 * time.Second)
			i.PauseFor(-time.Hour)
			i.Pause(time.Time{})
		}, 31 * time.Second},
		"started late": {func(i *pixivoc.Interval) { i.Started() }, 11 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var pace pixivoc.Interval
				pace.SetInterval(10 * time.Second)
				<-acquired(t, &pace)
				took := acquired(t, &pace)
				elapse(time.Second)
				test.change(&pace)
				assert.Equal(t, test.want, <-took)
				assert.Zero(t, pace.PausedUntil())
			})
		})
	}
}

func TestU12_PauseHoldsAllTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pace pixivoc.Interval
		begin := time.Now()
		pace.PauseFor(5 * time.Minute)
		assert.Equal(t, 5*time.Minute, pace.PausedUntil().Sub(begin))
		var waiting []<-chan time.Duration
		for range 16 {
			waiting = append(waiting, acquired(t, &pace))
		}
		for _, took := range waiting {
			assert.Equal(t, 5*time.Minute, <-took)
		}
	})
}

func TestC4_AcquireEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, *pixivoc.Interval){
		"waiting for the turn": func(t *testing.T, i *pixivoc.Interval) {
			release, err := i.Acquire(t.Context())
			require.NoError(t, err)
			t.Cleanup(release)
		},
		"waiting for the interval": func(t *testing.T, i *pixivoc.Interval) { <-acquired(t, i) },
		"waiting for a pause":      func(_ *testing.T, i *pixivoc.Interval) { i.PauseFor(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var pace pixivoc.Interval
				pace.SetInterval(time.Hour)
				prepare(t, &pace)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				begin := time.Now()
				_, err := pace.Acquire(ctx)
				require.ErrorIs(t, err, context.Canceled)
				assert.Equal(t, time.Second, time.Since(begin))
				_, err = pace.Acquire(ctx)
				require.ErrorIs(t, err, context.Canceled)
			})
		})
	}
}

func TestC4_CancelledWaiterGivesItsTurnAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var pace pixivoc.Interval
		pace.SetInterval(10 * time.Second)
		<-acquired(t, &pace)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := pace.Acquire(ctx)
			assert.ErrorIs(t, err, context.Canceled)
		}()
		synctest.Wait()
		next := acquired(t, &pace)
		cancel()
		assert.Equal(t, 10*time.Second, <-next)
	})
}

// paceLog is what TestG14 writes down about an Interval.
type paceLog struct {
	mu        sync.Mutex
	intervals []paceChange
	pauses    [][2]time.Time
	starts    []time.Time
	breaches  int
}

type paceChange struct {
	at       time.Time
	interval time.Duration
}

// allowed returns the least interval that was in force at that time; two were
// when it changed at that very time.
func (l *paceLog) allowed(at time.Time) time.Duration {
	i := len(l.intervals) - 1
	for ; l.intervals[i].at.After(at); i-- {
	}
	least := l.intervals[i].interval
	for ; i > 0 && l.intervals[i].at.Equal(at); i-- {
		least = min(least, l.intervals[i-1].interval)
	}
	return least
}

func (l *paceLog) start(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.starts); n > 0 && now.Sub(l.starts[n-1]) < l.allowed(now) {
		l.breaches++
	}
	for _, pause := range l.pauses {
		if now.After(pause[0]) && now.Before(pause[1]) {
			l.breaches++
		}
	}
	l.starts = append(l.starts, now)
}

// TestG14_TenThousandPacedRequests has 8 goroutines send 10,000 requests while
// the interval changes and pauses come.
func TestG14_TenThousandPacedRequests(t *testing.T) {
	t.Parallel()
	const goroutines, requests = 8, 10_000
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		var pace pixivoc.Interval
		log := &paceLog{intervals: []paceChange{{time.Now(), 0}}}
		var left, inside atomic.Int64
		left.Store(requests)
		var group sync.WaitGroup
		for range goroutines {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					release, err := pace.Acquire(t.Context())
					if !assert.NoError(t, err) {
						return
					}
					log.start(time.Now())
					assert.EqualValues(t, 1, inside.Add(1), "requests at a time")
					elapse(time.Duration(rand.IntN(400)) * time.Millisecond)
					inside.Add(-1)
					release()
				}
			})
		}
		for left.Load() > 0 {
			elapse(time.Duration(random.IntN(20_000)) * time.Millisecond)
			interval := time.Duration(random.IntN(3000)) * time.Millisecond
			pause := time.Duration(random.IntN(30)) * time.Second
			log.mu.Lock()
			if random.IntN(8) == 0 {
				log.pauses = append(log.pauses, [2]time.Time{time.Now(), time.Now().Add(pause)})
				pace.PauseFor(pause)
			} else {
				log.intervals = append(log.intervals, paceChange{time.Now(), interval})
				pace.SetInterval(interval)
			}
			log.mu.Unlock()
		}
		group.Wait()
		assert.Len(t, log.starts, requests)
		assert.Zero(t, log.breaches)
		assert.Greater(t, len(log.intervals), 100)
		assert.Greater(t, len(log.pauses), 10)
	})
}
