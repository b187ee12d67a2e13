package socketapi_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Logins, and what everybody is told of them: the outcome once, and nothing
// else.
func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		client := kernel(t, newGate())
		d := openPipe(t, client, socketapi.Config{Logger: log.logger()})
		conn := raw{t, d.dial()}
		// try begins a login and returns what came of it.
		try := func(account, password string) (reports []string) {
			content, early := conn.ask("S1", 1, "Account", account, "Password", password)
			assert.Equal(t, "true", content)
			for _, report := range append(early, conn.nothing()...) {
				reports = append(reports, report.told())
			}
			return reports
		}
		for _, step := range []struct {
			name              string
			account, password string
			want              string
			loggedIn          string
		}{
			{"wrong password", "me", "wrong", "2 false", "false"},
			{"no network", "offline", "x", "2 false", "false"},
			{"right", "me", goodPassword, "2 true", "true"},
			{"wrong password after a right one", "me", "wrong", "2 false", "true"},
			{"no network after a right one", "offline", "x", "2 false", "true"},
			{"refresh token in place of a password", "", goodToken, "2 true", "true"},
		} {
			assert.Equal(t, []string{step.want}, try(step.account, step.password), step.name)
			isLogin, reports := conn.ask("S2", 3)
			assert.Equal(t, step.loggedIn, isLogin, step.name)
			assert.Empty(t, reports, step.name)
		}
		for _, want := range []string{"true", "false"} {
			had, reports := conn.ask("S3", 2)
			assert.Equal(t, want, had)
			assert.Empty(t, append(reports, conn.nothing()...), "a logout is no report")
		}
		assert.Equal(t, []string{"2 false"}, try("me", "wrong"), "after logouts too")
		logIn(t, client)
		_, err := client.Logout(t.Context())
		require.NoError(t, err)
		reports := conn.nothing()
		require.Len(t, reports, 2)
		assert.Equal(t, "2 true", reports[0].told(), "by another door")
		assert.Equal(t, "2 false", reports[1].told())
		for _, secret := range []string{goodToken, goodPassword, "canary-access", "wrong"} {
			assert.NotContains(t, log.String(), secret)
		}
	})
}

// nothing lets everything come to rest and returns the reports that came.
func (c raw) nothing() []message {
	synctest.Wait()
	_, reports := c.ask("S98", 3)
	return reports
}

// A kernel without a login says false and not nothing.
func TestLogin_NoSite(t *testing.T) {
	t.Parallel()
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{Store: store})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Shutdown(context.Background())) })
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	conn.request("S1", 1, "Account", "a", "Password", "b")
	replies := map[string]bool{}
	for range 2 {
		m := conn.next()
		replies[m.Number[:1]+" "+string(m.Content)] = true
	}
	assert.Equal(t, map[string]bool{"R true": true, "S false": true}, replies)
}

// A client cannot start logins without end, and the server does not wait for
// them when it stops.
func TestLogin_Many(t *testing.T) {
	t.Parallel()
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Site: pixivoc.Site{
		Exchange: func(ctx context.Context, _ *http.Client, _ pixivoc.Grant) (pixivoc.Token, error) {
			<-ctx.Done()
			return pixivoc.Token{}, ctx.Err()
		},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Shutdown(context.Background())) })
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	for i := range 6 {
		content, _ := conn.ask("S1", 1, "Account", "a", "Password", "b")
		assert.Equal(t, i < 4, content == "true", "login %d", i)
	}
}
