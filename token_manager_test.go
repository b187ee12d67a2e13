package pixivoc_test

import (
	"context"
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

func ExampleTokenManager() {
	manager, err := pixivoc.NewTokenManager(pixivoc.TokenConfig{
		Store: &tokenStore{}, // any pixivoc.Store
		Exchange: func(_ context.Context, grant pixivoc.Grant) (pixivoc.Token, error) {
			// ask the site here
			now := time.Now()
			return pixivoc.Token{
				Access: "access", Refresh: grant.RefreshToken(), Issued: now, Expires: now.Add(time.Hour),
				Account: pixivoc.Account{ID: "17", Account: "somebody"},
			}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer manager.Close()

	ctx := context.Background()
	if err := manager.Load(ctx); err != nil {
		fmt.Println(err)
		return
	}
	_, err = manager.Token(ctx)
	fmt.Println("before:", err)

	account, err := manager.Login(ctx, pixivoc.RefreshToken("refresh"))
	fmt.Println("login:", account.Account, err)
	token, err := manager.Token(ctx)
	fmt.Println("after:", token, token.Access != "", err)
	// Output:
	// before: not logged in
	// login: somebody <nil>
	// after: Token(17) true <nil>
}

func TestNewTokenManager_RefusesAConfigThatCannotWork(t *testing.T) {
	t.Parallel()
	exchange := new(tokenSite).exchange
	for name, config := range map[string]pixivoc.TokenConfig{
		"Store":    {Exchange: exchange},
		"Exchange": {Store: &tokenStore{}},
		"Cooldown": {Store: &tokenStore{}, Exchange: exchange, Cooldown: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pixivoc.NewTokenManager(config)
			wrong, ok := errors.AsType[*pixivoc.FieldError](err)
			require.True(t, ok)
			assert.Equal(t, name, wrong.Field)
		})
	}
}

func TestTokenManager_NobodyLoggedIn(t *testing.T) {
	t.Parallel()
	b := newLoggedOutTokenBench(t)
	_, err := b.Token(t.Context())
	require.ErrorIs(t, err, pixivoc.ErrNoToken)
	_, err = b.Account()
	require.ErrorIs(t, err, pixivoc.ErrNoToken)
	b.Invalidate("anything")
	had, err := b.Logout(t.Context())
	require.NoError(t, err)
	assert.False(t, had)
	assert.Zero(t, b.site.calls())
}

func TestLoad_TakesWhatTheLastProcessLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		before, err := b.Token(t.Context())
		require.NoError(t, err)
		b.Close()
		b.restart(t)
		after, err := b.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, before, after)
		account, err := b.Account()
		require.NoError(t, err)
		assert.Equal(t, somebody, account)
		assert.Zero(t, b.site.calls())
	})
}

func TestLoad_RefreshTokenAlone(t *testing.T) {
	t.Parallel()
	b := newLoggedOutTokenBench(t)
	b.site.good = []string{refresh(0)}
	b.store.put(t, keptToken{Refresh: refresh(0)})
	require.NoError(t, b.Load(t.Context()))
	assert.Equal(t, access(1), b.accessNow(t))
}

func TestLoad_Errors(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"empty":      "",
		"cut":        `{"access_token":"` + canary,
		"other":      `["` + canary + `"]`,
		"no token":   `{"account":{"id":"` + canary + `"}}`,
		"wrong time": `{"access_token":"a","issued":"` + canary + `"}`,
		"null":       "null",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newLoggedOutTokenBench(t)
			b.store.values = map[string][]byte{"token": []byte(value)}
			err := b.Load(t.Context())
			require.ErrorIs(t, err, pixivoc.ErrStoreCorrupt)
			assert.NotContains(t, err.Error(), canary)
			_, err = b.Token(t.Context())
			require.ErrorIs(t, err, pixivoc.ErrNoToken)
			_, err = b.Login(t.Context(), pixivoc.AuthorizationCode("code", "verifier"))
			require.NoError(t, err, "a login mends it")
		})
	}
	t.Run("store", func(t *testing.T) {
		t.Parallel()
		b := newLoggedOutTokenBench(t)
		b.store.read = pixivoc.ErrClosed
		require.ErrorIs(t, b.Load(t.Context()), pixivoc.ErrClosed)
	})
	t.Run("context", func(t *testing.T) {
		t.Parallel()
		b := newLoggedOutTokenBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, b.Load(ctx), context.Canceled)
	})
}

func TestLogin_SavesAndTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newLoggedOutTokenBench(t)
		b.site.good = []string{refresh(0)}
		account, err := b.Login(t.Context(), pixivoc.RefreshToken(refresh(0)))
		require.NoError(t, err)
		assert.Equal(t, somebody, account)
		assert.Equal(t, []tokenOutcome{{somebody, nil}}, b.changes())
		now := time.Now().UTC()
		assert.Equal(t, keptToken{
			Access: access(1), Refresh: refresh(1), Previous: refresh(0),
			Issued: now, Expires: now.Add(time.Hour), Account: somebody,
		}, b.store.token(t))
		assert.Equal(t, access(1), b.accessNow(t))
	})
}

func TestA8_FailedLoginLeavesTheOldToken(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx     context.Context
		grant   pixivoc.Grant
		prepare func(*tokenBench)
		want    error
	}{
		"wrong password": {t.Context(), pixivoc.Password("somebody", "wrong-"+canary), nil, pixivoc.ErrTokenRejected},
		"spent token":    {t.Context(), pixivoc.RefreshToken(refresh(99)), nil, pixivoc.ErrTokenRejected},
		"empty token":    {t.Context(), pixivoc.RefreshToken(""), nil, pixivoc.ErrTokenRejected},
		"cancelled":      {cancelled, pixivoc.AuthorizationCode("code", ""), func(b *tokenBench) { b.site.delay = time.Hour }, context.Canceled},
		"full disk": {t.Context(), pixivoc.AuthorizationCode("code", ""), func(b *tokenBench) {
			b.store.spoil(func([]byte) error { return pixivoc.ErrDiskFull })
		}, pixivoc.ErrDiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTokenBench(t)
			before := b.store.token(t)
			if test.prepare != nil {
				test.prepare(b)
			}
			_, err := b.Login(test.ctx, test.grant)
			require.ErrorIs(t, err, test.want)
			assert.Equal(t, access(1), b.accessNow(t))
			assert.Equal(t, before, b.store.token(t))
			require.Len(t, b.changes(), 1)
			require.ErrorIs(t, b.changes()[0].err, test.want)
			assert.Equal(t, somebody, b.changes()[0].account, "still logged in")
		})
	}
}

func TestLogin_OvertakesARefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.set(func(s *tokenSite) { s.delay, s.deaf = time.Minute, true })
		elapse(time.Hour)
		got := make(chan string)
		go func() { got <- b.accessNow(t) }()
		synctest.Wait()
		b.site.set(func(s *tokenSite) { s.delay = 0 })
		_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("code", "verifier"))
		require.NoError(t, err)
		assert.Equal(t, access(2), <-got, "who waited gets the new login's")
		elapse(2 * time.Minute)
		assert.Equal(t, access(2), b.accessNow(t), "what the refresh brought later is dropped")
		assert.Equal(t, access(2), b.store.token(t).Access)
		assert.Len(t, b.changes(), 1)
	})
}

// TestA9_LogoutWhileCallersWait: the site and the store answer after the
// logout, and neither may bring the token back.
func TestA9_LogoutWhileCallersWait(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*tokenBench){
		"site answers late": func(b *tokenBench) { b.site.delay, b.site.deaf = time.Minute, true },
		"site gives up":     func(b *tokenBench) { b.site.delay = time.Minute },
		"store is being written": func(b *tokenBench) {
			b.store.spoil(func(value []byte) error {
				if value != nil {
					elapse(10 * time.Second)
				}
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newTokenBench(t)
				elapse(time.Hour)
				prepare(b)
				begin := time.Now()
				var group sync.WaitGroup
				for range 64 {
					group.Go(func() {
						_, err := b.Token(t.Context())
						assert.ErrorIs(t, err, pixivoc.ErrNoToken)
						assert.Equal(t, time.Second, time.Since(begin), "at once, not when the refresh ends")
					})
				}
				elapse(time.Second)
				had, err := b.Logout(t.Context())
				require.NoError(t, err)
				assert.True(t, had)
				group.Wait()
				b.Invalidate(access(1))
				elapse(time.Hour)
				_, err = b.Token(t.Context())
				require.ErrorIs(t, err, pixivoc.ErrNoToken)
				assert.Zero(t, b.store.token(t))
				assert.Equal(t, []tokenOutcome{{pixivoc.Account{}, nil}}, b.changes())
				b.restart(t)
				_, err = b.Account()
				require.ErrorIs(t, err, pixivoc.ErrNoToken)
			})
		})
	}
}

func TestA9_LogoutWinsOverALoginUnderWay(t *testing.T) {
	t.Parallel()
	for name, writing := range map[string]bool{"at the site": false, "in the store": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newLoggedOutTokenBench(t)
				if writing {
					b.store.spoil(func(value []byte) error {
						if value != nil {
							elapse(10 * time.Second)
						}
						return nil
					})
				} else {
					b.site.delay = time.Minute
				}
				result := make(chan error)
				go func() {
					_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("code", "verifier"))
					result <- err
				}()
				elapse(time.Second)
				_, err := b.Logout(t.Context())
				require.NoError(t, err)
				require.ErrorIs(t, <-result, pixivoc.ErrNoToken)
				_, err = b.Account()
				require.ErrorIs(t, err, pixivoc.ErrNoToken)
				assert.Zero(t, b.store.token(t))
			})
		})
	}
}

func TestLogout_KeepsALaterLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		// Two logins are in the store's queue before the logout.
		b.store.spoil(func([]byte) error { elapse(10 * time.Second); return nil })
		var group sync.WaitGroup
		group.Go(func() {
			_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("1", ""))
			assert.ErrorIs(t, err, pixivoc.ErrNoToken, "before the logout")
		})
		elapse(time.Second)
		b.site.set(func(s *tokenSite) { s.delay = time.Second })
		group.Go(func() {
			_, err := b.Logout(t.Context())
			assert.NoError(t, err)
		})
		elapse(time.Second)
		group.Go(func() {
			_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("2", ""))
			assert.NoError(t, err, "after it")
		})
		group.Wait()
		assert.Equal(t, access(3), b.accessNow(t))
		assert.Equal(t, access(3), b.store.token(t).Access)
	})
}

func TestLogout_ThatCouldNotBeSaved(t *testing.T) {
	t.Parallel()
	b := newTokenBench(t)
	b.store.spoil(func([]byte) error { return pixivoc.ErrDiskFull })
	had, err := b.Logout(t.Context())
	require.ErrorIs(t, err, pixivoc.ErrDiskFull)
	assert.True(t, had)
	_, err = b.Token(t.Context())
	require.ErrorIs(t, err, pixivoc.ErrNoToken)
	b.store.spoil(nil)
	_, err = b.Logout(t.Context())
	require.NoError(t, err)
	assert.Zero(t, b.store.token(t))
}

func TestC4_LogoutEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.store.spoil(func([]byte) error { elapse(time.Minute); return nil })
		go func() { _, _ = b.Login(t.Context(), pixivoc.AuthorizationCode("code", "")) }()
		elapse(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		had, err := b.Logout(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, had)
		assert.Equal(t, 100*time.Millisecond, time.Since(begin))
		elapse(time.Hour)
		_, err = b.Token(t.Context())
		require.ErrorIs(t, err, pixivoc.ErrNoToken)
	})
}

func TestClose_EndsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.delay = time.Minute
		elapse(time.Hour)
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				_, err := b.Token(t.Context())
				assert.ErrorIs(t, err, pixivoc.ErrClosed)
			})
		}
		group.Go(func() {
			_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("code", ""))
			assert.ErrorIs(t, err, pixivoc.ErrClosed)
		})
		elapse(time.Second)
		begin := time.Now()
		b.Close()
		b.Close()
		assert.Zero(t, time.Since(begin))
		group.Wait()
		_, err := b.Logout(t.Context())
		require.ErrorIs(t, err, pixivoc.ErrClosed)
		_, err = b.Login(t.Context(), pixivoc.AuthorizationCode("code", ""))
		require.ErrorIs(t, err, pixivoc.ErrClosed)
		assert.Equal(t, refresh(1), b.store.token(t).Refresh, "the stored token stays")
	})
}

// TestA4_CloseKeepsWhatTheSiteGave: the site has answered when Close comes.
func TestA4_CloseKeepsWhatTheSiteGave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.site.set(func(s *tokenSite) { s.delay, s.deaf = time.Second, true })
		elapse(45 * time.Minute)
		_ = b.accessNow(t)
		synctest.Wait()
		b.Close()
		assert.Equal(t, access(2), b.store.token(t).Access)
	})
}
