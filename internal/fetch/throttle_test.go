package fetch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

// limited fetches a file of that size under limits and returns how long it took.
func limited(ctx context.Context, t *testing.T, size int, limiters ...*rate.Limiter) time.Duration {
	t.Helper()
	s := &site{body: jpeg(size, 1), cut: []func([]byte) []piece{at1}}
	start := time.Now()
	staged, err := from(ctx, fetch.New(fetch.Options{}), fsafetest.NewMemory(), s, func(r *fetch.Request) {
		r.Limiters, r.Timeout = limiters, 2*time.Second
	})
	if assert.NoError(t, err) {
		assert.Equal(t, 1, staged.Requests, "waiting for our own limit is no silence of the other side")
		assert.NoError(t, staged.Discard())
	}
	return time.Since(start)
}

func TestLimiters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size     int
		limiters []*rate.Limiter
		want     time.Duration
	}{
		"none":            {1 << 20, nil, 0},
		"no limit":        {1 << 20, []*rate.Limiter{rate.NewLimiter(rate.Inf, 0)}, 0},
		"one":             {1 << 20, []*rate.Limiter{rate.NewLimiter(64<<10, 4<<10)}, 16 * time.Second},
		"smallest of two": {1 << 20, []*rate.Limiter{rate.NewLimiter(64<<10, 4<<10), rate.NewLimiter(32<<10, 2<<10)}, 32 * time.Second},
		"very slow":       {20 << 10, []*rate.Limiter{rate.NewLimiter(1<<10, 1<<10)}, 19 * time.Second},
		"tiny burst":      {2000, []*rate.Limiter{rate.NewLimiter(1000, 1)}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took := limited(t.Context(), t, test.size, test.limiters...)
				assert.InDelta(t, test.want.Seconds(), took.Seconds(), 0.05*test.want.Seconds()+1.01, "%s", took)
			})
		})
	}
}

// Transfers share a limit, all of them get on, and a change is felt at once.
func TestLimiters_SharedAndChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := rate.NewLimiter(64<<10, 4<<10)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				took := limited(t.Context(), t, 256<<10, shared)
				assert.InDelta(t, 18, took.Seconds(), 3, "%s", took)
			})
		}
		time.AfterFunc(16*time.Second, func() { shared.SetLimit(rate.Inf) })
		group.Wait()

		shared = rate.NewLimiter(rate.Inf, 1)
		time.AfterFunc(1500*time.Millisecond, func() { shared.SetBurst(4 << 10); shared.SetLimit(64 << 10) })
		s := &site{body: jpeg(1<<20, 1), cut: []func([]byte) []piece{func(rest []byte) []piece { return drip(rest, 256<<10, time.Second) }}}
		start := time.Now()
		staged, err := from(t.Context(), fetch.New(fetch.Options{}), fsafetest.NewMemory(), s, func(r *fetch.Request) { r.Limiters = []*rate.Limiter{shared} })
		require.NoError(t, err)
		require.NoError(t, staged.Discard())
		assert.InDelta(t, 16, time.Since(start).Seconds(), 1.5)
	})
}

// C4: a transfer that waits for its limit ends with its context.
func TestC4_CancelledWhileLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &site{body: jpeg(1<<20, 1), cut: []func([]byte) []piece{at1}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start, folder := time.Now(), fsafetest.NewMemory()
		_, err := from(ctx, fetch.New(fetch.Options{}), folder, s, func(r *fetch.Request) {
			r.Limiters = []*rate.Limiter{rate.NewLimiter(1<<10, 1<<10)}
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.GreaterOrEqual(t, len(folder.Files()["p.jpg.part"]), 10<<10, "what came is kept")
	})
}

// N4: a floor rate does not cut a body that our own limit holds back.
func TestN4_FloorRateUnderALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &site{body: jpeg(100_000, 1), cut: []func([]byte) []piece{at1}}
		staged, err := from(t.Context(), fetch.New(fetch.Options{Tries: 1}), fsafetest.NewMemory(), s, func(r *fetch.Request) {
			r.MinRate, r.Timeout, r.Limiters = 5000, 2*time.Second, []*rate.Limiter{rate.NewLimiter(2000, 1000)}
		})
		require.NoError(t, err)
		require.NoError(t, staged.Discard())
	})
}
