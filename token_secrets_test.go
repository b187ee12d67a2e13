package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestP6_PanicsAreContained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		panics := true
		exchange := new(tokenSite)
		manager, err := pixivoc.NewTokenManager(pixivoc.TokenConfig{
			Store: &tokenStore{},
			Exchange: func(ctx context.Context, grant pixivoc.Grant) (pixivoc.Token, error) {
				if panics {
					panic("no " + grant.RefreshToken())
				}
				return exchange.exchange(ctx, grant)
			},
			Changed: func(pixivoc.Account, error) { panic("a callback") },
		})
		require.NoError(t, err)
		defer manager.Close()
		_, err = manager.Login(t.Context(), pixivoc.RefreshToken(refresh(0)))
		require.EqualError(t, err, "login: token exchange panicked: no [secret]")
		panics = false
		_, err = manager.Login(t.Context(), pixivoc.AuthorizationCode("code", ""))
		require.NoError(t, err)
		elapse(time.Hour)
		panics = true
		_, err = manager.Token(t.Context())
		require.ErrorContains(t, err, "token exchange panicked")
	})
}

// TestG15_NoSecretInAnyText has a site and a store that put secrets into their
// errors, and looks at everything that can be printed.
func TestG15_NoSecretInAnyText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		var seen strings.Builder
		show := func(values ...any) {
			for _, value := range values {
				for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
					fmt.Fprintf(&seen, format+"\n", value)
				}
				slog.New(slog.NewJSONHandler(&seen, nil)).Info("", "value", value)
			}
		}
		show(b.TokenManager)
		elapse(time.Hour)
		leak := func(text string) error {
			return &url.Error{Op: "Post", URL: "https://oauth.example.org/?a=" + url.QueryEscape(text), Err: errors.New(text)}
		}
		b.site.set(func(s *tokenSite) { s.fault = leak(refresh(1)) })
		_, err := b.Token(t.Context())
		require.Error(t, err)
		show(err)

		b.site.set(func(s *tokenSite) { s.fault = nil })
		b.store.spoil(func(value []byte) error { return fmt.Errorf("write %s", value) })
		elapse(time.Minute)
		_, err = b.Token(t.Context())
		require.Error(t, err)
		show(err)

		password := "p&ss wörd " + canary
		for _, grant := range []pixivoc.Grant{
			pixivoc.Password("somebody", password),
			pixivoc.AuthorizationCode("code-"+canary, "verifier-"+canary),
			pixivoc.RefreshToken("refresh-of-" + canary),
		} {
			b.site.set(func(s *tokenSite) {
				code, verifier := grant.Code()
				_, password := grant.Password()
				s.fault = leak(grant.RefreshToken() + " " + code + " " + verifier + " " + password)
			})
			_, err := b.Login(t.Context(), grant)
			require.Error(t, err)
			show(err)
		}
		for _, change := range b.changes() {
			show(change.account, change.err)
		}
		b.Close()
		show(b.TokenManager, b.logged())
		assert.NotContains(t, seen.String(), canary)
		assert.Contains(t, seen.String(), "[secret]")
	})
}
