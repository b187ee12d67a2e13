package pixivoc_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestA6_OneForcedRefreshForEachToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = time.Second
		var group sync.WaitGroup
		for range 64 { // requests under way with the same token
			group.Go(func() {
				b.Invalidate(access(1))
				assert.Equal(t, access(2), b.accessNow(t))
				b.Invalidate(access(1)) // a late answer
				b.Invalidate("")
				assert.Equal(t, access(2), b.accessNow(t))
			})
		}
		group.Wait()
		assert.Equal(t, 1, b.site.calls())
	})
}

// TestA6_SiteThatRefusesEveryToken: whatever we get is called expired at once.
func TestA6_SiteThatRefusesEveryToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		begin := time.Now()
		var refreshes []time.Duration
		for time.Since(begin) < 2*time.Hour {
			before := b.site.calls()
			token, err := b.Token(t.Context())
			if b.site.calls() > before {
				refreshes = append(refreshes, time.Since(begin))
			}
			if err == nil {
				b.Invalidate(token.Access)
			} else {
				require.ErrorIs(t, err, pixivoc.ErrTokenExpired)
				assert.True(t, pixivoc.Retryable(err))
				failure, ok := errors.AsType[*pixivoc.RefreshError](err)
				require.True(t, ok)
				assert.True(t, failure.Until.After(time.Now()))
			}
			elapse(time.Second)
		}
		var gaps []string
		for i := range refreshes[1:] {
			gaps = append(gaps, fmt.Sprintf("%.0f", (refreshes[i+1]-refreshes[i]).Minutes()))
		}
		assert.Equal(t, []string{"1", "2", "4", "8", "15", "15", "15", "15", "15", "15"}, gaps)
	})
}

// TestA6_TokenThatHasWorkedIsReplacedAtOnce also after a forced refresh.
func TestA6_TokenThatHasWorkedIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		for n := 1; n < 10; n++ {
			b.Invalidate(access(n))
			assert.Equal(t, access(n+1), b.accessNow(t))
			elapse(5 * time.Minute)
		}
	})
}
