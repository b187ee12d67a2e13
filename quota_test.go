package pixivoc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func ExampleQuota() {
	born := time.Now()
	quota := pixivoc.NewQuota(pixivoc.QuotaRate, pixivoc.QuotaSeconds, born)

	admitted := 0
	for range 50 {
		if ok, _ := quota.Allow(born); ok {
			admitted++
		}
	}
	_, wait := quota.Allow(born)
	fmt.Println(admitted, "of 50 calls of a new caller, more after", wait)
	// Output: 20 of 50 calls of a new caller, more after 1s
}

// quotaPattern is one pattern of calls; a pair is a time in milliseconds and a
// number of calls at that time.
type quotaPattern struct {
	Pattern  string   `json:"pattern"`
	Born     int      `json:"counter_born_ms"`
	Offered  [][2]int `json:"offered"`
	Admitted [][2]int `json:"admitted"`
}

func (p quotaPattern) check(t *testing.T) {
	t.Helper()
	// A clock other than the machine's shows that only Allow's now counts.
	zero := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	quota := pixivoc.NewQuota(20, 5, at(p.Born))
	var admitted [][2]int
	for _, offer := range p.Offered {
		n := 0
		for range offer[1] {
			if ok, _ := quota.Allow(at(offer[0])); ok {
				n++
			}
		}
		if n > 0 {
			admitted = append(admitted, [2]int{offer[0], n})
		}
	}
	assert.Equal(t, p.Admitted, admitted)
}

// every returns one call each step from first to last.
func every(step, first, last int) (calls [][2]int) {
	for at := first; at <= last; at += step {
		calls = append(calls, [2]int{at, 1})
	}
	return calls
}

func TestG12_QuotaPatterns(t *testing.T) {
	t.Parallel()
	even20 := every(50, 0, 9950)
	for _, p := range []quotaPattern{
		{"a new caller", 0, [][2]int{{0, 200}}, [][2]int{{0, 20}}},
		{"even 20 a second", 0, even20, even20},
		{
			"even 20 a second, pause of 3 s, 150 at once", 0,
			append(every(50, 0, 9950), [2]int{12950, 150}), append(every(50, 0, 9950), [2]int{12950, 60}),
		},
		{
			"one call, 150 after 10 s, then nothing for 5 s", 0,
			append([][2]int{{0, 1}, {10000, 150}}, every(50, 10050, 15200)...),
			append([][2]int{{0, 1}, {10000, 100}}, every(50, 15000, 15200)...),
		},
		{"across a border of 5 s", 0, [][2]int{{0, 1}, {9900, 100}, {10000, 100}}, [][2]int{{0, 1}, {9900, 100}}},
		{"two idle seconds", 0, [][2]int{{0, 1}, {2000, 150}}, [][2]int{{0, 1}, {2000, 40}}},
		{"just short of two idle seconds", 0, [][2]int{{0, 1}, {1999, 150}}, [][2]int{{0, 1}, {1999, 20}}},
		{"a counter born before", 0, [][2]int{{3000, 150}}, [][2]int{{3000, 60}}},
		{"before birth", 1000, [][2]int{{0, 150}}, [][2]int{{0, 20}}},
		{"clock set back", 0, [][2]int{{5000, 100}, {1000, 5}, {9999, 1}, {10000, 1}}, [][2]int{{5000, 100}, {10000, 1}}},
	} {
		t.Run(p.Pattern, func(t *testing.T) {
			t.Parallel()
			p.check(t)
		})
	}
}

func TestG12_QuotaFixture(t *testing.T) {
	t.Parallel()
	const name = "../shared/protocols/fixtures/dataapi-ratelimit.json"
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no fixtures at " + name)
	}
	require.NoError(t, err)
	var patterns []quotaPattern
	require.NoError(t, json.Unmarshal(text, &patterns))
	require.NotEmpty(t, patterns)
	for _, p := range patterns {
		t.Run(p.Pattern, func(t *testing.T) {
			t.Parallel()
			p.check(t)
		})
	}
}

// quotaByTheBook is the rule as the protocol states it, kept simple: all
// admitted calls, and every count made anew.
type quotaByTheBook struct {
	rate, seconds int
	born          time.Duration
	admitted      []time.Duration
}

func (q *quotaByTheBook) admits(t time.Duration) bool {
	var inBucket, inSecond int
	first, previous := t, q.born
	for _, at := range q.admitted { // in rising order
		if at > t-time.Duration(q.seconds)*time.Second {
			inBucket++
		}
		if at <= t-time.Second {
			previous = at
			continue
		}
		if inSecond == 0 {
			first = at
		}
		inSecond++
	}
	n := min(max(int((first-previous)/time.Second), 1), q.seconds)
	return inBucket < q.rate*q.seconds && inSecond < q.rate*n
}

// retryAfter looks for the next admission. Nothing changes but when a call
// leaves one of the two windows.
func (q *quotaByTheBook) retryAfter(t time.Duration) time.Duration {
	next := time.Duration(-1)
	for _, at := range q.admitted {
		for _, change := range []time.Duration{at + time.Second, at + time.Duration(q.seconds)*time.Second} {
			if change > t && (next < 0 || change < next) && q.admits(change) {
				next = change
			}
		}
	}
	return next - t
}

func TestG12_QuotaIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate, seconds := rapid.IntRange(1, 6).Draw(t, "rate"), rapid.IntRange(1, 6).Draw(t, "seconds")
		zero := time.Now()
		quota := pixivoc.NewQuota(rate, seconds, zero)
		book := &quotaByTheBook{rate: rate, seconds: seconds}
		var now time.Duration
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			// Steps of 100 ms hit the borders of the windows often.
			now += time.Duration(rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 12), rapid.IntRange(0, 70)).Draw(t, "pause")) * 100 * time.Millisecond
			for range rapid.IntRange(1, 9).Draw(t, "calls") {
				ok, wait := quota.Allow(zero.Add(now))
				if want := book.admits(now); ok != want {
					t.Fatalf("at %s: admitted %t, want %t", now, ok, want)
				}
				if ok {
					book.admitted = append(book.admitted, now)
				} else if want := book.retryAfter(now); wait != want {
					t.Fatalf("at %s: retry after %s, want %s", now, wait, want)
				}
			}
		}
	})
}

func TestQuota_BelowOneCountsAsOne(t *testing.T) {
	t.Parallel()
	now := time.Now()
	quota := pixivoc.NewQuota(0, -5, now)
	ok, _ := quota.Allow(now)
	assert.True(t, ok)
	ok, wait := quota.Allow(now)
	assert.False(t, ok)
	assert.Equal(t, time.Second, wait)
}

func TestQuota_Wait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quota := pixivoc.NewQuota(20, 5, time.Time{})
		begin := time.Now()
		var group sync.WaitGroup
		for range 60 {
			group.Go(func() { assert.NoError(t, quota.Wait(t.Context())) })
		}
		group.Wait()
		assert.Equal(t, 2*time.Second, time.Since(begin))
	})
}

func TestC4_QuotaWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quota := pixivoc.NewQuota(1, 5, time.Time{})
		require.NoError(t, quota.Wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() { assert.ErrorIs(t, quota.Wait(ctx), context.DeadlineExceeded) })
		}
		group.Wait()
		assert.Equal(t, 100*time.Millisecond, time.Since(begin))
	})
}

func BenchmarkQuota(b *testing.B) {
	now := time.Now()
	quota := pixivoc.NewQuota(pixivoc.QuotaRate, pixivoc.QuotaSeconds, now)
	for b.Loop() {
		now = now.Add(time.Millisecond)
		quota.Allow(now)
	}
}
