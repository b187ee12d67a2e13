package restapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNew_RefusesWrongConfigs(t *testing.T) {
	t.Parallel()
	place := func(string) (string, error) { return "", nil }
	k := newKit(t)
	for field, config := range map[string]restapi.Config{
		"Accounts":   {SavePath: place},
		"Anyone":     {Accounts: k.book, Anyone: true, SavePath: place},
		"SavePath":   {Accounts: k.book},
		"MaxStreams": {Accounts: k.book, SavePath: place, MaxStreams: -1},
		"TokenLife":  {Accounts: k.book, SavePath: place, TokenLife: restapi.MaxTokenLife + 1},
	} {
		_, err := restapi.New(k.client, config)
		var wrong *pixivoc.FieldError
		require.ErrorAs(t, err, &wrong, field)
		assert.Equal(t, field, wrong.Field)
	}
}

// signIn makes a session and returns its cookie.
func (k *kit) signIn() *http.Cookie {
	k.t.Helper()
	k.token = ""
	answer := k.call("POST", "/session", map[string]any{"name": "admin", "password": password}).is(201)
	cookies := (&http.Response{Header: answer.header}).Cookies()
	require.Len(k.t, cookies, 1)
	return cookies[0]
}

func TestSession_CookieOpensAndCloses(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.token = ""
	k.call("GET", "/session", nil).problem(401, "not_signed_in")
	cookie := k.signIn()
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	assert.Equal(t, "/api/v1", cookie.Path)
	assert.False(t, cookie.Secure)

	var view struct {
		Name   string
		Scopes []string
		Login  bool
	}
	k.call("GET", "/session", nil, "Cookie", cookie.String()).is(200).into(&view)
	assert.Equal(t, "admin", view.Name)
	assert.Equal(t, []string{"admin"}, view.Scopes)
	assert.True(t, view.Login)
	answer := k.call("DELETE", "/session", nil, "Cookie", cookie.String()).is(204)
	assert.Contains(t, answer.header.Get("Set-Cookie"), "Max-Age=0")
	k.call("GET", "/session", nil, "Cookie", cookie.String()).problem(401, "not_signed_in")
}

func TestSession_SecureBehindTLS(t *testing.T) {
	t.Parallel()
	assert.True(t, newKit(t, func(c *restapi.Config) { c.Secure = true }).signIn().Secure)
}

func TestSession_WrongPasswordSaysNothingMore(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	one := k.call("POST", "/session", map[string]any{"name": "admin", "password": "wrong"}).problem(401, "wrong_credentials")
	two := k.call("POST", "/session", map[string]any{"name": "nobody", "password": "wrong"}).problem(401, "wrong_credentials")
	assert.Equal(t, one, two)
}

func TestT8_GuessingIsSlowed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for i := range 40 {
		answer := k.call("POST", "/session", map[string]any{"name": "admin", "password": strings.Repeat("x", i+1)})
		if answer.status == http.StatusTooManyRequests {
			answer.problem(429, "too_many_attempts")
			assert.NotEmpty(t, answer.header.Get("Retry-After"))
			return
		}
		answer.problem(401, "wrong_credentials")
	}
	t.Error("40 guesses in a row were looked at")
}

func TestT4_WrongTokens(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	good := k.token
	cookie := k.signIn()
	for name, header := range map[string]http.Header{
		"none":                 {},
		"flipped":              {"Authorization": {"Bearer " + good[:42] + "!"}},
		"cut":                  {"Authorization": {"Bearer " + good[:42]}},
		"empty":                {"Authorization": {"Bearer "}},
		"no scheme":            {"Authorization": {good}},
		"basic":                {"Authorization": {"Basic " + good}},
		"two headers":          {"Authorization": {"Bearer " + good, "Bearer " + good}},
		"session as bearer":    {"Authorization": {"Bearer " + cookie.Value}},
		"bearer as session":    {"Cookie": {cookie.Name + "=" + good}},
		"two cookies":          {"Cookie": {cookie.String() + "; " + cookie.String()}},
		"wrong bearer, cookie": {"Authorization": {"Bearer x"}, "Cookie": {cookie.String()}},
		"endless":              {"Authorization": {"Bearer " + strings.Repeat("a", 5000)}},
	} {
		k.t = t
		k.token = ""
		request := k.request("GET", "/tasks", nil)
		request.Header = header
		answer := k.send(request)
		answer.problem(401, "not_signed_in")
		assert.Contains(t, answer.header.Get("WWW-Authenticate"), "Bearer", name)
	}
	k.call("GET", "/tasks?access_token="+good, nil).problem(401, "not_signed_in")
	k.token = good
	request := k.request("GET", "/tasks", nil)
	request.Header.Set("Authorization", "bEARER "+good) // schemes are free of case, RFC 9110 section 11.1
	k.send(request).is(200)
	k.call("DELETE", "/tokens/current", nil).is(204)
	k.call("GET", "/tasks", nil).problem(401, "not_signed_in")
}

func TestScopes_EachOperationWantsItsOwn(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.token = k.issue("reader")
	for _, route := range k.api.Routes() {
		method, path, scope := route[0], strings.NewReplacer("{tid}", "1", "{seq}", "1", "{id}", "x").Replace(route[1]), route[2]
		if path == "/events" || scope == "" {
			continue
		}
		answer := k.send(k.request(method, path, nil))
		if scope == "control" || scope == "admin" {
			answer.problem(403, "forbidden")
		} else {
			assert.NotEqual(t, http.StatusForbidden, answer.status, path)
		}
	}
}

func TestQuota_IsPerAccount(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.QuotaRate, c.QuotaSeconds = 1, 1 })
	reader := k.issue("reader")
	k.token = k.issue("admin")
	k.call("GET", "/types", nil).is(200)
	assert.NotEmpty(t, k.call("GET", "/types", nil).problem(429, "quota"))
	k.token = reader
	k.call("GET", "/types", nil).is(200)
}

func TestAnyone_NeedsNoLogin(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	open := k.newAPI(func(c *restapi.Config) { c.Accounts, c.Anyone = nil, true })
	t.Cleanup(func() { require.NoError(t, open.Close()) })
	k.server.Config.Handler = open
	k.token = ""
	var view struct{ Login bool }
	k.call("GET", "/session", nil).is(200).into(&view)
	assert.False(t, view.Login)
	k.call("PATCH", "/environment", map[string]any{"increment": false}).is(200)
	k.call("POST", "/session", map[string]any{"name": "a", "password": "b"}).problem(409, "no_login")
}

func TestAccount_LoginsAndLogout(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	k := newKit(t, func(c *restapi.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	var answers []response
	call := func(method, path string, body any) response {
		answer := k.call(method, path, body)
		answers = append(answers, answer)
		return answer
	}
	var view struct {
		LoggedIn bool `json:"logged_in"`
		Account  *pixivoc.Account
	}
	call("GET", "/account", nil).is(200).into(&view)
	assert.False(t, view.LoggedIn)
	call("POST", "/account/login", map[string]any{"refresh_token": "bad-canary"}).problem(422, "login_refused")
	call("POST", "/account/login", map[string]any{"refresh_token": ""}).problem(400, "invalid_field")
	call("POST", "/account/login", map[string]any{"refresh_token": " good\n"}).is(200).into(&view)
	assert.Equal(t, "somebody", view.Account.Name)
	call("DELETE", "/account", nil).is(204)
	call("DELETE", "/account", nil).is(204)

	var begun struct{ ID, URL string }
	call("POST", "/account/browser-logins", nil).is(201).into(&begun)
	assert.Equal(t, "https://site.test/login", begun.URL)
	path := "/account/browser-logins/" + begun.ID
	call("POST", path, map[string]any{"callback": "canary-callback"}).problem(400, "invalid_field")
	view.Account = nil
	call("POST", path, map[string]any{"callback": "good"}).is(200).into(&view)
	require.NotNil(t, view.Account)
	call("POST", path, map[string]any{"callback": "good"}).problem(404, "login_not_found")
	call("GET", "/account", nil).is(200)

	// G15: no token and nothing that was pasted in any answer or log line.
	for _, answer := range answers {
		for _, secret := range []string{"secret-access", "secret-refresh", "canary"} {
			assert.NotContains(t, string(answer.body), secret)
		}
	}
	assert.NotContains(t, log.String(), "canary")
}

func TestEnvironment_PatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.call("GET", "/environment", nil).is(200)
	p := k.call("PATCH", "/environment", map[string]any{"concurrency_number": 5, "timeout_ms": 10}).problem(400, "invalid_field")
	assert.Equal(t, "timeout_ms", p.Field)
	assert.Equal(t, string(before.body), string(k.call("GET", "/environment", nil).body))
	var env struct {
		TimeoutMS int64 `json:"timeout_ms"`
		Number    int   `json:"concurrency_number"`
		Proxy     string
	}
	k.call("PATCH", "/environment", map[string]any{"concurrency_number": 5, "timeout_ms": 90000, "proxy_mode": 1, "proxy": "http://user:canary@127.0.0.1:1080"}).is(200).into(&env)
	assert.Equal(t, int64(90000), env.TimeoutMS)
	assert.Equal(t, 5, env.Number)
	assert.NotContains(t, env.Proxy, "canary")
	assert.NotContains(t, string(k.call("GET", "/environment", nil).body), "canary")
}

func TestClosed_ClientIsUnavailable(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	require.NoError(t, k.client.Shutdown(context.Background()))
	k.call("GET", "/tasks", nil).problem(503, "closing")
}

// A token for a script need not be able to do all that its maker can.
func TestTokens_WithFewerScopes(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	create := func(name string, scopes ...string) response {
		k.token = ""
		return k.call("POST", "/tokens", map[string]any{"name": name, "password": password, "scopes": append([]string{}, scopes...)})
	}
	var made struct {
		Token  string
		Scopes []string
	}
	create("admin", "read", "export").is(201).into(&made)
	assert.Equal(t, []string{"read", "export"}, made.Scopes)
	k.token = made.Token
	k.call("GET", "/tasks", nil).is(200)
	k.call("GET", "/session", nil).is(200).into(&made)
	assert.Equal(t, []string{"read", "export"}, made.Scopes)
	k.call("POST", "/tasks", map[string]any{"type": "Count", "name": "n", "keyword": "1"}).problem(403, "forbidden")
	k.call("PATCH", "/environment", map[string]any{"increment": true}).problem(403, "forbidden")

	for _, wrong := range [][]string{{}, {"everything"}, {"read", ""}} {
		p := create("admin", wrong...).problem(400, "invalid_field")
		assert.Equal(t, "scopes", p.Field)
	}
	p := create("reader", "control").problem(400, "invalid_field")
	assert.Equal(t, "scopes", p.Field)
}
