package pixivoc

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// elapse lets virtual time go by inside a synctest bubble.
func elapse(d time.Duration) { <-time.After(d) }

func TestGate_ZeroValueLetsOneIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		require.NoError(t, g.Acquire(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, g.Acquire(ctx), context.DeadlineExceeded)
		g.Release()
		require.NoError(t, g.Acquire(t.Context()))
		g.Release()
		assert.Panics(t, g.Release)
	})
}

func TestGate_KeepsTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		require.NoError(t, g.Acquire(t.Context()))
		var order []int
		for i := range 8 {
			go func() {
				if assert.NoError(t, g.Acquire(t.Context())) {
					order = append(order, i)
					g.Release()
				}
			}()
			synctest.Wait()
		}
		g.Release()
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, order)
	})
}

// TestC3_ResizeUnderLoad checks at every entry that there are no more inside
// than the newest limit, or than were inside when it was set.
func TestC3_ResizeUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		var mu sync.Mutex
		inside, limit, reached, entries := 0, 1, 0, 0
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				for g.Acquire(ctx) == nil {
					mu.Lock()
					inside++
					entries++
					reached = max(reached, inside)
					assert.LessOrEqual(t, inside, limit)
					mu.Unlock()
					elapse(time.Duration(1+rand.IntN(100)) * time.Millisecond)
					mu.Lock()
					inside--
					mu.Unlock()
					g.Release()
				}
			})
		}
		for _, size := range []int{1, 64, 1, 16, 3, 64, 0} {
			synctest.Wait()
			mu.Lock()
			was := inside
			limit = max(size, was, 1)
			mu.Unlock()
			g.Resize(size)
			elapse(time.Second) // longer than anybody stays
			mu.Lock()
			limit, reached = max(size, 1), 0
			mu.Unlock()
			elapse(time.Second)
			mu.Lock()
			assert.Equal(t, max(size, 1), reached, "the limit is used up")
			mu.Unlock()
		}
		cancel()
		group.Wait()
		assert.Zero(t, inside)
		assert.Greater(t, entries, 1000)
	})
}

// TestC4_CancelAtTheMomentOfEntry cancels a waiter at the very time at which it
// is let in, and looks that its place goes to the next.
func TestC4_CancelAtTheMomentOfEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g gate
		for range 200 {
			require.NoError(t, g.Acquire(t.Context()))
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if g.Acquire(ctx) == nil {
					g.Release()
				}
			}()
			synctest.Wait()
			entered := false
			go func() {
				if assert.NoError(t, g.Acquire(t.Context())) {
					entered = true
					g.Release()
				}
			}()
			synctest.Wait()
			cancel()
			g.Release()
			synctest.Wait()
			require.True(t, entered)
		}
	})
}
