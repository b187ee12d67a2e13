package pixivoc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestA1_ThousandCallersOneRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = time.Second
		for round := 1; round <= 10; round++ {
			elapse(time.Hour) // the token expires
			var group sync.WaitGroup
			for range 1000 {
				group.Go(func() { assert.Equal(t, access(1+round), b.accessNow(t)) })
			}
			group.Wait()
			require.Equal(t, round, b.site.calls(), "one refresh in each round")
		}
		assert.Len(t, b.changes(), 10)
	})
}

func TestA1_WaitersKeepTheirDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = 10 * time.Second
		elapse(time.Hour)
		begin := time.Now()
		var group sync.WaitGroup
		for _, patience := range []time.Duration{time.Second, 2 * time.Second, 9 * time.Second} {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := b.Token(ctx)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, patience, time.Since(begin))
			})
		}
		cancelled, cancel := context.WithCancel(t.Context())
		group.Go(func() {
			_, err := b.Token(cancelled)
			assert.ErrorIs(t, err, context.Canceled)
		})
		group.Go(func() { assert.Equal(t, access(2), b.accessNow(t)) })
		elapse(time.Millisecond)
		cancel() // the first caller of all may be this one
		group.Wait()
		assert.Equal(t, 10*time.Second, time.Since(begin))
		assert.Equal(t, 1, b.site.calls())
	})
}

func TestA1_CancelledStarterDoesNotCancelTheRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = time.Second
		elapse(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := b.Token(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, access(2), b.accessNow(t))
		assert.Equal(t, 1, b.site.calls())
	})
}

// TestToken_RefreshedAtThreeQuarters looks at Pixiv's hour: the refresh begins
// after 45 minutes, and nobody waits for it.
func TestToken_RefreshedAtThreeQuarters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = 10 * time.Second
		elapse(45*time.Minute - time.Nanosecond)
		assert.Equal(t, access(1), b.accessNow(t))
		synctest.Wait()
		assert.Zero(t, b.site.calls())
		elapse(time.Nanosecond)
		begin := time.Now()
		assert.Equal(t, access(1), b.accessNow(t))
		assert.Zero(t, time.Since(begin))
		elapse(11 * time.Second)
		assert.Equal(t, access(2), b.accessNow(t))
		assert.Equal(t, 1, b.site.calls())
	})
}

func TestA2_NetworkFaultsPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		fault := errors.New("connection reset")
		b.site.set(func(s *tokenSite) { s.fault = fault })
		elapse(time.Hour)
		begin := time.Now()
		var tries []time.Duration
		for at := time.Duration(0); at < 5*time.Minute; at = time.Since(begin) {
			before := b.site.calls()
			_, err := b.Token(t.Context())
			require.ErrorIs(t, err, fault)
			failure, ok := errors.AsType[*pixivoc.RefreshError](err)
			require.True(t, ok)
			require.NotErrorIs(t, err, pixivoc.ErrTokenRejected)
			assert.True(t, pixivoc.Retryable(err))
			assert.True(t, failure.Until.After(time.Now()))
			if b.site.calls() > before {
				tries = append(tries, at)
			}
			elapse(100 * time.Millisecond)
		}
		assert.Equal(t, []time.Duration{
			0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second,
			63 * time.Second, 123 * time.Second, 183 * time.Second, 243 * time.Second,
		}, tries)
		account, err := b.Account()
		require.NoError(t, err, "not a logout")
		assert.Equal(t, somebody, account)
		assert.Equal(t, refresh(1), b.store.token(t).Refresh)
		assert.Zero(t, b.store.writeCount())
		require.Len(t, b.changes(), len(tries))
		assert.Equal(t, somebody, b.changes()[0].account)
		require.ErrorIs(t, b.changes()[0].err, fault)

		b.site.set(func(s *tokenSite) { s.fault = nil })
		elapse(time.Minute)
		assert.Equal(t, access(2), b.accessNow(t))
		elapse(time.Hour)
		b.site.set(func(s *tokenSite) { s.fault = fault })
		_, err = b.Token(t.Context())
		require.Error(t, err)
		elapse(time.Second)
		b.site.set(func(s *tokenSite) { s.fault = nil })
		assert.Equal(t, access(3), b.accessNow(t), "the back-off begins anew after a success")
	})
}

func TestA2_OldTokenServesWhileRefreshFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.set(func(s *tokenSite) { s.fault = errors.New("no route") })
		elapse(45 * time.Minute)
		for range 14 * 60 {
			assert.Equal(t, access(1), b.accessNow(t))
			elapse(time.Second)
		}
		assert.Greater(t, b.site.calls(), 10, "tried in the background")
		assert.Less(t, b.site.calls(), 25)
		b.site.set(func(s *tokenSite) { s.fault = nil })
		elapse(time.Minute)
		assert.Equal(t, access(2), b.accessNow(t))
	})
}

func TestA2_SilentSite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = 24 * time.Hour
		elapse(time.Hour)
		begin := time.Now()
		_, err := b.Token(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, pixivoc.Retryable(err))
		assert.Equal(t, 5*time.Minute, time.Since(begin))
	})
}

func TestA3_RefusalStopsUntilLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.set(func(s *tokenSite) { s.good = nil })
		elapse(45 * time.Minute) // the old access token would still serve
		_ = b.accessNow(t)
		synctest.Wait()
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				_, err := b.Token(t.Context())
				assert.ErrorIs(t, err, pixivoc.ErrTokenRejected)
				assert.False(t, pixivoc.Retryable(err))
				failure, ok := errors.AsType[*pixivoc.RefreshError](err)
				if assert.True(t, ok) {
					assert.Equal(t, 15*time.Minute, time.Until(failure.Until))
				}
			})
		}
		group.Wait()
		require.Equal(t, 1, b.site.calls())
		require.Len(t, b.changes(), 1)
		require.ErrorIs(t, b.changes()[0].err, pixivoc.ErrTokenRejected)
		assert.Equal(t, somebody, b.changes()[0].account)
		assert.Equal(t, refresh(1), b.store.token(t).Refresh, "kept for another process to see")

		for range 59 { // one hour of asking every minute
			elapse(time.Minute)
			_, err := b.Token(t.Context())
			require.ErrorIs(t, err, pixivoc.ErrTokenRejected)
		}
		assert.Equal(t, 1+3, b.site.calls(), "one try in each cool-down")

		_, err := b.Login(t.Context(), pixivoc.Password("somebody", "right"))
		require.NoError(t, err)
		assert.Equal(t, access(2), b.accessNow(t))
	})
}

func TestA3_OtherProcessRotatedTheToken(t *testing.T) {
	t.Parallel()
	other := pixivoc.Account{ID: "18", Account: "other"}
	for name, test := range map[string]struct {
		stored    time.Duration // life of the other's access token
		want      string
		wantCalls int
		wantKept  keptToken
	}{
		"and it is valid": {
			stored: time.Hour, want: "other-access", wantCalls: 1,
			wantKept: keptToken{Access: "other-access", Refresh: "other-refresh"},
		},
		"and it has expired": {
			stored: 0, want: access(2), wantCalls: 2,
			wantKept: keptToken{Access: access(2), Refresh: refresh(2), Previous: "other-refresh"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newTokenBench(t)
				elapse(time.Hour)
				b.site.set(func(s *tokenSite) { s.good = []string{"other-refresh"} })
				issued := time.Now().UTC().Add(-time.Hour)
				b.store.put(t, keptToken{
					Access: "other-access", Refresh: "other-refresh", Account: other,
					Issued: issued, Expires: issued.Add(time.Hour + test.stored),
				})
				token, err := b.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, test.want, token.Access)
				assert.Equal(t, test.wantCalls, b.site.calls())
				stored := b.store.token(t)
				assert.Equal(t, test.wantKept, keptToken{Access: stored.Access, Refresh: stored.Refresh, Previous: stored.Previous})
				require.Len(t, b.changes(), 1)
				require.NoError(t, b.changes()[0].err)
				assert.Equal(t, token.Account, b.changes()[0].account)
			})
		})
	}
}

// TestA4_SavedBeforeUse holds the write up and looks that nobody sees the new
// token meanwhile.
func TestA4_SavedBeforeUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		synced := make(chan struct{})
		b.store.spoil(func([]byte) error { <-synced; return nil })
		elapse(time.Hour - 10*time.Second)
		assert.Equal(t, access(1), b.accessNow(t))
		synctest.Wait()
		assert.Equal(t, 1, b.site.calls(), "the site has answered")
		assert.Equal(t, access(1), b.accessNow(t), "the old one serves")
		elapse(10 * time.Second)
		got := make(chan string, 1)
		go func() { got <- b.accessNow(t) }()
		synctest.Wait()
		assert.Empty(t, got)
		assert.Empty(t, b.changes())
		assert.Empty(t, b.store.token(t).Previous)
		close(synced)
		assert.Equal(t, access(2), <-got)
		assert.Equal(t, access(2), b.store.token(t).Access)
		synctest.Wait()
		assert.Len(t, b.changes(), 1)
	})
}

func TestA4_PreviousTokenIsTheWayBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		elapse(time.Hour)
		assert.Equal(t, access(2), b.accessNow(t))
		stored := b.store.token(t)
		assert.Equal(t, refresh(2), stored.Refresh)
		assert.Equal(t, refresh(1), stored.Previous)

		// The site has lost its own write, and we are started anew.
		b.site.set(func(s *tokenSite) { s.good = []string{refresh(1)} })
		b.Close()
		b.restart(t)
		elapse(time.Hour)
		assert.Equal(t, access(3), b.accessNow(t))
		stored = b.store.token(t)
		assert.Equal(t, refresh(3), stored.Refresh)
		assert.Equal(t, refresh(1), stored.Previous)

		elapse(time.Hour)
		assert.Equal(t, access(4), b.accessNow(t))
		assert.Equal(t, refresh(3), b.store.token(t).Previous, "the new one has worked")
	})
}

func TestA4_SiteThatDoesNotRotate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(pixivoc.Token) pixivoc.Token{
		"and says so":      func(t pixivoc.Token) pixivoc.Token { return t },
		"and says nothing": func(t pixivoc.Token) pixivoc.Token { t.Refresh, t.Account = "", pixivoc.Account{}; return t },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newTokenBench(t)
				b.site.set(func(s *tokenSite) { s.stay, s.change = true, change })
				for n := 2; n < 5; n++ {
					elapse(time.Hour)
					token, err := b.Token(t.Context())
					require.NoError(t, err)
					assert.Equal(t, access(n), token.Access)
					assert.Equal(t, somebody, token.Account)
					stored := b.store.token(t)
					assert.Equal(t, refresh(1), stored.Refresh)
					assert.Empty(t, stored.Previous)
					assert.Equal(t, somebody, stored.Account)
				}
			})
		})
	}
}

// TestA4_TokenThatCouldNotBeSaved: the old refresh token is spent, so the new
// one must neither be thrown away nor used before it is safe.
func TestA4_TokenThatCouldNotBeSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.store.spoil(func([]byte) error { return pixivoc.ErrDiskFull })
		elapse(45 * time.Minute)
		for range 10 * 60 {
			assert.Equal(t, access(1), b.accessNow(t), "the old one serves")
			elapse(time.Second)
		}
		elapse(time.Hour)
		_, err := b.Token(t.Context())
		require.ErrorIs(t, err, pixivoc.ErrDiskFull)
		assert.True(t, pixivoc.Retryable(err))
		require.ErrorIs(t, b.changes()[0].err, pixivoc.ErrDiskFull)
		b.store.spoil(nil)
		elapse(time.Minute)
		before := b.site.calls()
		assert.Equal(t, 1, before, "the site is not asked again")
		assert.Equal(t, access(3), b.accessNow(t), "the second had expired by now")
		assert.Equal(t, refresh(3), b.store.token(t).Refresh)
		assert.Equal(t, refresh(2), b.store.token(t).Previous)
	})
}

func TestA4_StoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		elapse(time.Hour)
		b.store.spoil(func([]byte) error { elapse(time.Minute); return nil })
		_, err := b.Token(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, refresh(1), b.store.token(t).Refresh)
	})
}

func TestA5_LifeOfATokenIsBounded(t *testing.T) {
	t.Parallel()
	hour := func(from time.Time) time.Time { return from.Add(time.Hour) }
	for name, test := range map[string]struct {
		issued  func(now time.Time) time.Time
		expires func(now time.Time) time.Time
		want    time.Duration
	}{
		"an hour":           {nil, hour, time.Hour},
		"nothing":           {nil, func(now time.Time) time.Time { return now }, time.Minute},
		"negative":          {nil, func(now time.Time) time.Time { return now.Add(-time.Hour) }, time.Minute},
		"ten years":         {nil, func(now time.Time) time.Time { return now.AddDate(10, 0, 0) }, 24 * time.Hour},
		"not said":          {nil, func(time.Time) time.Time { return time.Time{} }, time.Hour},
		"issue not said":    {func(time.Time) time.Time { return time.Time{} }, hour, time.Hour + time.Second}, // the second of the request
		"the site's clock":  {func(now time.Time) time.Time { return now.Add(-72 * time.Hour) }, func(now time.Time) time.Time { return now.Add(-70 * time.Hour) }, 2 * time.Hour},
		"centuries of life": {nil, func(now time.Time) time.Time { return now.AddDate(5000, 0, 0) }, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newLoggedOutTokenBench(t)
				b.site.change = func(token pixivoc.Token) pixivoc.Token {
					token.Expires = test.expires(token.Issued)
					if test.issued != nil {
						token.Issued = test.issued(token.Issued)
					}
					return token
				}
				asked := time.Now()
				b.site.delay = time.Second
				_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("code", "verifier"))
				require.NoError(t, err)
				token, err := b.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, asked.UTC().Round(0), token.Issued, "counted from before the request")
				assert.Equal(t, test.want, token.Expires.Sub(token.Issued))
			})
		})
	}
}

func TestA5_AnswerWithoutAccessToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		elapse(time.Hour)
		b.site.set(func(s *tokenSite) {
			s.change = func(token pixivoc.Token) pixivoc.Token { token.Access = ""; return token }
		})
		_, err := b.Token(t.Context())
		require.EqualError(t, err, "refresh token: the site's answer has no access token")
		assert.True(t, pixivoc.Retryable(err))
		assert.Equal(t, access(1), b.store.token(t).Access)
	})
}
