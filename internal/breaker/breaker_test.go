package breaker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc/internal/breaker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "i.example.org"

// elapse lets virtual time go by inside a synctest bubble.
func elapse(d time.Duration) { <-time.After(d) }

// send makes one request that ends as given.
func send(t *testing.T, b *breaker.Breaker, name string, reached bool) {
	t.Helper()
	report, err := b.Allow(t.Context(), name)
	require.NoError(t, err)
	report(reached)
}

// takeDown makes a host count as down.
func takeDown(t *testing.T, b *breaker.Breaker, name string) {
	t.Helper()
	for range 3 {
		send(t, b, name, false)
	}
	_, _, down := b.Down(name)
	require.True(t, down)
}

// network is a host that can be away.
type network struct {
	up      func(since time.Duration) bool
	failure time.Duration // how long a failing request takes
	begin   time.Time

	mu       sync.Mutex
	requests []time.Duration // when each began
	answered []time.Duration // when each answer came
}

// request is one request to the host; it reports whether it was answered.
func (n *network) request() bool {
	start := time.Since(n.begin)
	n.mu.Lock()
	n.requests = append(n.requests, start)
	n.mu.Unlock()
	const answer = 200 * time.Millisecond
	if !n.up(start) || !n.up(start+answer) {
		elapse(n.failure)
		return false
	}
	elapse(answer)
	n.mu.Lock()
	n.answered = append(n.answered, time.Since(n.begin))
	n.mu.Unlock()
	return true
}

// run has workers send requests for that long.
func (n *network) run(t *testing.T, b *breaker.Breaker, workers int, length time.Duration) {
	n.begin = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				report, err := b.Allow(ctx, host)
				if err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					return
				}
				report(n.request())
			}
		})
	}
	group.Wait()
}

// between counts times in [from, to).
func between(times []time.Duration, from, to time.Duration) (n int) {
	for _, at := range times {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

func TestN8_OutageOfTenMinutes(t *testing.T) {
	t.Parallel()
	for _, failure := range []time.Duration{0, 100 * time.Millisecond, 10 * time.Second, time.Minute} {
		t.Run(fmt.Sprintf("failures take %s", failure), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const workers = 16
				const gone, back = time.Minute, 11 * time.Minute
				n := &network{failure: failure, up: func(at time.Duration) bool { return at < gone || at >= back }}
				b := breaker.New(breaker.Config{})
				time.AfterFunc(5*time.Minute, func() {
					since, next, down := b.Down(host)
					assert.True(t, down)
					assert.InDelta(t, gone+failure, since.Sub(n.begin), float64(time.Second))
					assert.Less(t, time.Until(next), 46*time.Second)
				})
				n.run(t, b, workers, 14*time.Minute)

				meanwhile := between(n.requests, gone, back)
				t.Logf("%d requests meanwhile", meanwhile)
				assert.LessOrEqual(t, meanwhile, 40)
				assert.NotZero(t, between(n.answered, back, back+time.Minute), "first success within 60 s")
				assert.Greater(t, between(n.answered, 13*time.Minute, 14*time.Minute), workers*250, "everybody is back")
				_, _, down := b.Down(host)
				assert.False(t, down)
			})
		})
	}
}

func TestN9_FlappingHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{failure: 100 * time.Millisecond, up: func(at time.Duration) bool { return at/(2*time.Second)%2 == 0 }}
		n.run(t, breaker.New(breaker.Config{}), 16, 10*time.Minute)
		t.Logf("%d answers, %d requests", len(n.answered), len(n.requests))
		const possible = 16 * 5 * 60 * 5 // workers, minutes, seconds, answers a second
		assert.Greater(t, len(n.answered), possible/4)
		assert.Less(t, len(n.requests)-len(n.answered), 16*300, "failures")
		for minute := time.Duration(0); minute < 10*time.Minute; minute += time.Minute {
			assert.NotZero(t, between(n.answered, minute, minute+time.Minute))
		}
	})
}

func TestAllow_OneProbeAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{})
		takeDown(t, b, host)
		begin := time.Now()
		var mu sync.Mutex
		var starts []time.Duration
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				report, err := b.Allow(t.Context(), host)
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				starts = append(starts, time.Since(begin))
				reached := len(starts) >= 5
				mu.Unlock()
				elapse(10 * time.Millisecond)
				report(reached)
			})
		}
		group.Wait()
		require.Len(t, starts, 8)
		delay, last := time.Second, time.Duration(0)
		for _, start := range starts[:5] {
			assert.LessOrEqual(t, start-last, delay)
			assert.GreaterOrEqual(t, start-last, delay-delay/10)
			delay, last = 2*delay, start
		}
		for _, start := range starts[5:] {
			assert.Equal(t, starts[4]+10*time.Millisecond, start, "the success lets all go")
		}
	})
}

func TestAllow_SilentProbeDoesNotHideTheReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{})
		takeDown(t, b, host)
		first, err := b.Allow(t.Context(), host)
		require.NoError(t, err)
		begin := time.Now()
		second, err := b.Allow(t.Context(), host)
		require.NoError(t, err)
		assert.Equal(t, 15*time.Second, time.Since(begin))

		_, planned, _ := b.Down(host)
		first(false)
		_, next, down := b.Down(host)
		assert.True(t, down)
		assert.Equal(t, planned, next, "only the last probe moves the next")
		second(true)
		_, _, down = b.Down(host)
		assert.False(t, down)
	})
}

func TestAllow_FailuresMustBeInARow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Failures: 2})
		for range 100 {
			send(t, b, host, false)
			send(t, b, host, true)
		}
		_, _, down := b.Down(host)
		assert.False(t, down)
		send(t, b, host, false)
		send(t, b, "other.example.org", false)
		send(t, b, host, false)
		_, _, down = b.Down(host)
		assert.True(t, down)
		_, _, down = b.Down("other.example.org")
		assert.False(t, down, "hosts are judged one by one")
	})
}

func TestAllow_OnlyTheFirstReportCounts(t *testing.T) {
	t.Parallel()
	b := breaker.New(breaker.Config{})
	report, err := b.Allow(t.Context(), host)
	require.NoError(t, err)
	for range 10 {
		report(false)
	}
	_, _, down := b.Down(host)
	assert.False(t, down)
}

// TestAllow_CancelledRequestsProveNothing stops work while requests run, as
// Stop does: that neither takes a host down nor brings it back.
func TestAllow_CancelledRequestsProveNothing(t *testing.T) {
	t.Parallel()
	for _, reached := range []bool{true, false} {
		t.Run(fmt.Sprint(reached), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := breaker.New(breaker.Config{})
				cancelled := func() func(bool) {
					ctx, cancel := context.WithCancel(t.Context())
					report, err := b.Allow(ctx, host)
					require.NoError(t, err)
					cancel()
					return report
				}
				for range 10 {
					cancelled()(reached)
				}
				_, _, down := b.Down(host)
				assert.False(t, down)

				takeDown(t, b, host)
				probe := cancelled()
				begin := time.Now()
				next := make(chan time.Duration)
				go func() {
					send(t, b, host, true)
					next <- time.Since(begin)
				}()
				elapse(time.Second)
				_, _, down = b.Down(host)
				assert.True(t, down)
				probe(reached)
				assert.Equal(t, time.Second, <-next, "the next caller probes at once")
			})
		})
	}
}

func TestC4_AllowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{})
		takeDown(t, b, host)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		for range 2 { // the second comes with a context that is done
			_, err := b.Allow(ctx, host)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.Equal(t, 100*time.Millisecond, time.Since(begin))
	})
}

func TestAllow_ErrorNamesTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{})
		takeDown(t, b, host)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := b.Allow(ctx, host)
		assert.EqualError(t, err, "wait for i.example.org, unreachable since 2000-01-01T00:00:00Z: context deadline exceeded")
	})
}

func TestReset_LetsAllGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{})
		takeDown(t, b, host)
		probe, err := b.Allow(t.Context(), host)
		require.NoError(t, err)
		begin := time.Now()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				report, err := b.Allow(t.Context(), host)
				assert.NoError(t, err)
				report(true)
			})
		}
		synctest.Wait()
		b.Reset()
		group.Wait()
		assert.Zero(t, time.Since(begin))
		probe(false) // of an outage that is no more
		_, _, down := b.Down(host)
		assert.False(t, down)
	})
}

func TestBreaker_HoldOutlastsASuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{})
		report, err := b.Allow(t.Context(), host)
		require.NoError(t, err)
		begin := time.Now()
		b.Hold(host, begin.Add(time.Minute))
		b.Hold(host, begin.Add(time.Second))
		report(true)
		_, err = b.Allow(t.Context(), "other.example.org")
		require.NoError(t, err)
		assert.Zero(t, time.Since(begin), "other hosts are not held")
		_, err = b.Allow(t.Context(), host)
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(begin))

		b.Hold(host, time.Now().Add(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = b.Allow(ctx, host)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestBreaker_RemembersABoundedNumberOfHosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Hosts: 10})
		takeDown(t, b, "waited.example.org")
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = b.Allow(ctx, "waited.example.org") }()
		synctest.Wait()
		for i := range 1000 {
			takeDown(t, b, fmt.Sprintf("h%d.example.org", i))
			elapse(time.Microsecond)
		}
		var remembered []string
		for i := range 1000 {
			name := fmt.Sprintf("h%d.example.org", i)
			if _, _, down := b.Down(name); down {
				remembered = append(remembered, name)
			}
		}
		assert.Len(t, remembered, 9)
		assert.Equal(t, "h991.example.org", remembered[0], "the oldest are forgotten first")
		_, _, down := b.Down("waited.example.org")
		assert.True(t, down, "never one that somebody waits for")
		cancel()
	})
}

func TestBreaker_ManyHostsManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Hosts: 4})
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				for range 200 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Millisecond)
					report, err := b.Allow(ctx, fmt.Sprint(rand.IntN(8)))
					if err == nil {
						elapse(time.Duration(rand.IntN(100)) * time.Millisecond)
						report(rand.IntN(3) == 0)
					}
					cancel()
				}
			})
		}
		time.AfterFunc(10*time.Second, b.Reset)
		group.Wait()
	})
}

func BenchmarkAllow(b *testing.B) {
	hosts := breaker.New(breaker.Config{})
	for b.Loop() {
		report, err := hosts.Allow(b.Context(), host)
		if err != nil {
			b.Fatal(err)
		}
		report(true)
	}
}
