package legacyapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/legacyapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	hasSession = `{"result":true,"status":true}`
	noSession  = `{"result":false,"status":true}`
)

// books stands for accounts in memory, without the cost of hashing.
type books struct {
	pause  time.Duration // that Issue takes
	mu     sync.Mutex
	tokens map[string]time.Time
	fault  error // of Issue
	unread error // of Look
	looked int
	issued int
	kinds  []string
}

func (b *books) Check(_ context.Context, name, given string, _ netip.Addr) (legacyapi.Account, error) {
	if name != "admin" || given != password {
		return legacyapi.Account{}, fmt.Errorf("check: %w", legacyapi.ErrWrong)
	}
	return legacyapi.Account{Name: name, Scopes: []legacyapi.Scope{credential.ScopeAdmin}}, nil
}

func (b *books) Issue(_ context.Context, _ legacyapi.Account, kind string, life time.Duration) (string, error) {
	time.Sleep(b.pause)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault != nil {
		return "", b.fault
	}
	b.issued++
	token := fmt.Sprint("token-", b.issued)
	b.tokens[token], b.kinds = time.Now().Add(life), append(b.kinds, kind)
	return token, nil
}

func (b *books) Look(_ context.Context, _, token string) (legacyapi.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked++
	if b.unread != nil {
		return legacyapi.Account{}, b.unread
	}
	if end, ok := b.tokens[token]; !ok || !time.Now().Before(end) {
		return legacyapi.Account{}, legacyapi.ErrWrong
	}
	return legacyapi.Account{Name: "admin", Scopes: []legacyapi.Scope{credential.ScopeAdmin}}, nil
}

func (b *books) Revoke(_ context.Context, _, token string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tokens, token)
	return nil
}

// timed runs a test on accounts in memory and a clock that jumps.
func timed(t *testing.T, test func(t *testing.T, k *kit, b *books)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &books{tokens: map[string]time.Time{}}
		k := newKit(t, func(c *legacyapi.Config) { c.Accounts = b })
		test(t, k.signIn(), b)
		assert.Len(t, slices.Compact(b.kinds), 1, "tokens of one kind")
	})
}

func TestSessionIsRenewedByEveryAnswer(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		for range 48 {
			time.Sleep(59 * time.Minute)
			k.get("/permission/hasPermission").is(hasSession)
		}
		time.Sleep(61 * time.Minute)
		k.get("/permission/hasPermission").is(noSession)
		k.get("/operation/allTaskDetail").is(`{"result":"You don't have permission to access the link.","status":false}`)
	})
}

// TestSessionIsRenewedSeldom: the page asks every two seconds, and not each of
// them may write to the disk.
func TestSessionIsRenewedSeldom(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		for range 3 * 3600 / 2 {
			time.Sleep(2 * time.Second)
			k.get("/permission/hasPermission").is(hasSession)
		}
		assert.InDelta(t, 6, b.issued, 1)
	})
}

// TestSessionOfOneWhoKeepsTheFirstCookie: it gets one successor, not one with
// each request, and ends.
func TestSessionOfOneWhoKeepsTheFirstCookie(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		first := k.cookie
		var answered time.Duration
		for range 300 {
			time.Sleep(time.Minute)
			k.cookie = first
			if !strings.Contains(k.get("/permission/hasPermission").body, "true,") {
				break
			}
			answered += time.Minute
		}
		assert.InDelta(t, 2*time.Hour, answered, float64(2*time.Minute))
		assert.Equal(t, 2, b.issued)
	})
}

func TestSessionSuccessorIsUsable(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		first := k.cookie
		time.Sleep(40 * time.Minute)
		k.get("/permission/hasPermission").is(hasSession)
		second := k.cookie
		require.NotEqual(t, first, second)
		time.Sleep(50 * time.Minute)
		k.cookie = first
		k.get("/permission/hasPermission").is(hasSession)
		require.Equal(t, second, k.cookie)
		time.Sleep(50 * time.Minute)
		k.get("/permission/hasPermission").is(hasSession)
	})
}

// TestSessionIsRenewedOnce: many requests that come together with an old
// cookie get one successor between them, and all are answered.
func TestSessionIsRenewedOnce(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		time.Sleep(45 * time.Minute)
		b.pause = time.Second
		var given sync.Map
		var callers sync.WaitGroup
		for i := range 200 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				request := k.request(http.MethodGet, "/permission/hasPermission", "")
				request.AddCookie(&http.Cookie{Name: "session", Value: k.cookie})
				w := httptest.NewRecorder()
				k.api.ServeHTTP(w, request)
				assert.Equal(t, hasSession+"\n", w.Body.String())
				given.Store(w.Result().Cookies()[0].Value, true)
			})
		}
		callers.Wait()
		assert.Equal(t, 2, b.issued)
		for _, token := range []string{"token-1", "token-2"} {
			_, ok := given.Load(token)
			assert.True(t, ok, token)
		}
	})
}

func TestSessionThatCannotBeRenewedGoesOn(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		b.fault = errors.New("disk full")
		time.Sleep(45 * time.Minute)
		k.get("/permission/hasPermission").is(hasSession)
		b.fault = nil
		time.Sleep(45 * time.Minute)
		k.get("/permission/hasPermission").is(hasSession)
		time.Sleep(59 * time.Minute)
		k.get("/permission/hasPermission").is(hasSession)
	})
}

func TestSessionOutlivesARestart(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		before := k.api
		k.api = k.newAPI(func(c *legacyapi.Config) { c.Accounts = b })
		require.NoError(t, before.Close())
		time.Sleep(time.Minute)
		k.get("/permission/hasPermission").is(hasSession)
		assert.Equal(t, 2, b.issued, "its age is not known, so it is renewed")
	})
}

func TestSessionsAreForgotten(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		for range 50 {
			time.Sleep(30 * time.Minute)
			k.post("/permission/login", "password="+password).is(hasSession)
		}
		assert.Less(t, k.api.Sessions(), 10)
	})
}

func TestAccountsThatCannotBeRead(t *testing.T) {
	timed(t, func(t *testing.T, k *kit, b *books) {
		good := k.cookie
		before := b.looked
		k.cookie = strings.Repeat("a", 5000)
		k.get("/permission/hasPermission").is(noSession)
		assert.Equal(t, before, b.looked, "no token is so long")
		k.cookie, b.unread = good, errors.New("disk")
		for _, path := range []string{"/permission/hasPermission", "/user/hasLogin", "/nothing"} {
			k.get(path).is(exception)
		}
		b.unread = nil
		k.get("/permission/hasPermission").is(hasSession)
		k.cookie, b.fault = "", errors.New("disk full")
		k.post("/permission/login", "password="+password).is(exception)
		assert.Empty(t, k.cookie)
	})
}

func TestSessionEndsWithThePassword(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	require.NoError(t, k.book.Set(t.Context(), "admin", "another password", credential.ScopeAdmin))
	k.get("/permission/hasPermission").is(noSession)
}

func TestStaleSessions(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	good := k.cookie
	flipped := []byte(good)
	flipped[0] ^= 1
	for _, bad := range []string{"x", good[:len(good)-1], good + "A", string(flipped), strings.Repeat("a", 5000)} {
		k.cookie = bad
		k.get("/permission/hasPermission").is(noSession)
		k.get("/user/hasLogin").is(`{"result":"You don't have permission to access the link.","status":false}`)
	}
	for _, values := range [][]string{{good, "other"}, {"other", good}, {good, good}} { // whose is it?
		k.cookie = ""
		request := k.request(http.MethodGet, "/permission/hasPermission", "")
		for _, value := range values {
			request.AddCookie(&http.Cookie{Name: "session", Value: value})
		}
		k.send(request).is(noSession)
	}
	k.cookie = good
	k.get("/permission/hasPermission").is(hasSession)
}

func TestCookie(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tls, secure, want bool
	}{
		"plain": {false, false, false}, "TLS": {true, false, true}, "behind a proxy": {false, true, true},
	} {
		k := newKit(t, func(config *legacyapi.Config) { config.Secure = c.secure })
		request := k.request(http.MethodPost, "/permission/login", "password="+password)
		if c.tls {
			request.TLS = &tls.ConnectionState{}
		}
		answer := k.send(request)
		lines := answer.header.Values("Set-Cookie")
		require.Len(t, lines, 1, name)
		cookie, err := http.ParseSetCookie(lines[0])
		require.NoError(t, err)
		assert.Equal(t, c.want, cookie.Secure, name)
		assert.True(t, cookie.HttpOnly, name)
		assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite, name)
		assert.Equal(t, "/", cookie.Path, name)
		assert.Equal(t, 3600, cookie.MaxAge, name)
		assert.Len(t, k.get("/user/hasLogin").header.Values("Set-Cookie"), 1, "renewed by every answer")
		assert.Len(t, k.post("/permission/login", "password="+password).header.Values("Set-Cookie"), 1, "not two cookies of one name")
		k.cookie = ""
		assert.Empty(t, k.get("/permission/hasPermission").header.Values("Set-Cookie"), name)
	}
}

// TestT8_GuessingIsSlowed: the attempts of an address, and not those of others.
func TestT8_GuessingIsSlowed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	slowed := 0
	for i := range 20 {
		answer := k.post("/permission/login", fmt.Sprint("password=guess", i)).is(noSession)
		if answer.header.Get("Retry-After") != "" {
			slowed++
		}
	}
	assert.Greater(t, slowed, 5)
	k.post("/permission/login", "password="+password).is(noSession)
	request := k.request(http.MethodPost, "/permission/login", "password="+password)
	request.RemoteAddr = "[2001:db8::7]:999"
	k.send(request).is(hasSession) // the owner, from elsewhere
}

func TestScopes(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.AccountName = "reader" }).signIn()
	k.get("/operation/allTaskDetail").is(`{"result":[],"status":true}`)
	k.get("/environment/getEnvironment").is(`{"result":["Direct","",60,3,3],"status":true}`)
	const no = `{"result":"You don't have permission to access the link.","status":false}`
	k.get("/user/tokenMsg").is(no)
	for _, path := range []string{"/sys/exit", "/user/login", "/user/logout", "/user/refreshToken", "/environment/setTimeout", "/operation/deleteTask", "/operation/startTask", "/create/singleWork"} {
		k.post(path, "").is(no)
	}
	assert.Zero(t, k.exits)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	place := func(wish string) (string, error) { return wish, nil }
	for field, config := range map[string]legacyapi.Config{
		"Accounts":     {SavePath: place},
		"SavePath":     {Accounts: &books{}},
		"ShowTokens":   {Accounts: &books{}, SavePath: place, ShowTokens: true},
		"SessionLife":  {Accounts: &books{}, SavePath: place, SessionLife: time.Millisecond},
		"MaxOpenTasks": {Accounts: &books{}, SavePath: place, MaxOpenTasks: -1},
	} {
		_, err := legacyapi.New(nil, config)
		refused, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, field)
		assert.Equal(t, field, refused.Field)
	}
}

// TestStandingAlone serves over a connection, with a browser's cookie jar.
func TestStandingAlone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	server := httptest.NewServer(k.api)
	defer server.Close()
	answer, err := server.Client().PostForm(server.URL+"/permission/login", map[string][]string{"password": {password}})
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Len(t, answer.Cookies(), 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/sys/exit", nil)
	require.NoError(t, err)
	request.AddCookie(answer.Cookies()[0])
	ordered, err := server.Client().Do(request)
	require.NoError(t, err)
	defer ordered.Body.Close()
	assert.Equal(t, "application/json", ordered.Header.Get("Content-Type"))
}
