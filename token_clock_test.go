package pixivoc

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noSettings is a store that keeps nothing.
type noSettings struct{}

func (noSettings) Setting(context.Context, string) ([]byte, error)  { return nil, fs.ErrNotExist }
func (noSettings) SetSetting(context.Context, string, []byte) error { return nil }

// clockBench is a manager whose wall clock can be set, as by a person, or by
// the sleep of the machine, in which the monotonic clock stands still.
type clockBench struct {
	*TokenManager
	shift atomic.Int64 // of the wall clock
	calls atomic.Int64
	fails atomic.Bool
}

func newClockBench(t *testing.T) *clockBench {
	t.Helper()
	b := &clockBench{}
	var err error
	b.TokenManager, err = NewTokenManager(TokenConfig{
		Store: noSettings{},
		Exchange: func(context.Context, Grant) (Token, error) {
			b.calls.Add(1)
			if b.fails.Load() {
				return Token{}, errors.New("no route")
			}
			now := b.clock()
			return Token{Access: "access", Refresh: "refresh", Issued: now, Expires: now.Add(time.Hour)}, nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	b.clock = func() time.Time { return time.Now().Add(time.Duration(b.shift.Load())) }
	_, err = b.Login(t.Context(), AuthorizationCode("code", "verifier"))
	require.NoError(t, err)
	b.calls.Store(0)
	return b
}

// sleep suspends the machine: only the wall clock goes on.
func (b *clockBench) sleep(d time.Duration) { b.shift.Add(int64(d)) }

func TestR7_ExpiryIsSeenAfterSuspend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newClockBench(t)
		b.sleep(2 * time.Hour)
		_, err := b.Token(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, b.calls.Load())
	})
}

// TestR7_TimesHaveNoMonotonicReading, or they would be compared by a clock
// that stands still in suspend. A synctest bubble has no such readings, so
// this one runs outside.
func TestR7_TimesHaveNoMonotonicReading(t *testing.T) {
	t.Parallel()
	require.Contains(t, time.Now().String(), "m=")
	b := newClockBench(t)
	token, err := b.Token(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, token.Issued.String(), "m=")
	assert.NotContains(t, token.Expires.String(), "m=")
}

func TestR5_ClockIsSet(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		by    time.Duration
		fails bool
		want  int64 // refreshes
	}{
		"a day on":                     {24 * time.Hour, false, 1},
		"a day back":                   {-24 * time.Hour, false, 1},
		"decades back":                 {-30 * 365 * 24 * time.Hour, false, 1},
		"a leap second back":           {-time.Second, false, 0},
		"a day back, site unreachable": {-24 * time.Hour, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newClockBench(t)
				b.fails.Store(test.fails)
				b.shift.Store(int64(test.by))
				for range 10 { // one refresh puts it right
					_, err := b.Token(t.Context())
					require.NoError(t, err)
					synctest.Wait()
				}
				assert.Equal(t, test.want, b.calls.Load())
			})
		})
	}
}

// TestR5_BackOffIsByMonotonicClock sets the clock while a refresh fails: that
// neither brings a try forward nor puts it off.
func TestR5_BackOffIsByMonotonicClock(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"on": 24 * time.Hour, "back": -30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newClockBench(t)
				b.fails.Store(true)
				b.sleep(2 * time.Hour)
				_, err := b.Token(t.Context())
				require.Error(t, err)
				b.shift.Add(int64(by))
				for range 100 {
					_, err := b.Token(t.Context())
					require.Error(t, err)
				}
				assert.EqualValues(t, 1, b.calls.Load())
				b.fails.Store(false)
				elapse(time.Second)
				_, err = b.Token(t.Context())
				require.NoError(t, err)
			})
		})
	}
}

// TestA7_WrongClockDoesNotLoop: by our clock the token is good, but the site
// refuses it.
func TestA7_WrongClockDoesNotLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newClockBench(t)
		b.shift.Store(int64(-365 * 24 * time.Hour))
		_, err := b.Token(t.Context()) // puts the times right
		require.NoError(t, err)
		synctest.Wait()
		b.calls.Store(0)
		for range 100 {
			if token, err := b.Token(t.Context()); err == nil {
				b.Invalidate(token.Access)
			} else {
				require.ErrorIs(t, err, ErrTokenExpired)
			}
		}
		assert.EqualValues(t, 1, b.calls.Load())
	})
}
