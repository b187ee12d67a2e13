package pixiv_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tokenAddress = "oauth.secure.pixiv.net/auth/token"

const (
	topReply = `{"access_token":"acc","expires_in":3600,"token_type":"bearer","scope":"","refresh_token":"ref",` +
		`"user":{"id":"12345678","name":"testuser","account":"user_abcd1234","is_premium":true}}`
	nestedReply = `{"response":` + topReply + `}`
	bothReply   = `{"access_token":"acc","expires_in":3600,"refresh_token":"ref","user":{"id":12345678},"response":` + topReply + `}`
)

// exchange runs one exchange against one reply.
func exchange(t testing.TB, grant pixivoc.Grant, answer reply) (pixivoc.Token, *road, error) {
	t.Helper()
	road := newRoad(map[string][]reply{tokenAddress: {answer}})
	token, err := pixiv.Site().Exchange(t.Context(), &http.Client{Transport: road}, grant)
	return token, road, err
}

// The vectors of the description of Pixiv's API, computed from its salt.
func TestClientHash(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "2f075776ebea3e46c4741f1a188d93dc", pixiv.ClientHash("2024-01-01T00:00:00+00:00"))
	assert.Equal(t, "4bb7460799573547459bac0ac0042cc4", pixiv.ClientHash("2026-09-01T12:34:56+00:00"))
	at := time.Date(2024, 1, 1, 0, 0, 0, 999, time.UTC)
	assert.Equal(t, "2024-01-01T00:00:00+00:00", at.Format(pixiv.ClientTimeLayout))
}

func TestExchange_Request(t *testing.T) {
	t.Parallel()
	common := url.Values{
		"client_id": {"MOBrBDS8blbauoSck0ZfDbtuzpyT"}, "client_secret": {"lsACyCD94FhDUtGTXi3QzcFE2uU1hqtDaKeqrdwj"},
		"include_policy": {"true"},
	}
	for name, test := range map[string]struct {
		grant pixivoc.Grant
		own   url.Values
	}{
		"refresh token": {pixivoc.RefreshToken("old"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"old"}}},
		"code": {pixivoc.AuthorizationCode("the code", "the verifier"), url.Values{
			"grant_type": {"authorization_code"}, "code": {"the code"}, "code_verifier": {"the verifier"},
			"redirect_uri": {"https://app-api.pixiv.net/web/v1/users/auth/pixiv/callback"},
		}},
		"password": {pixivoc.Password("me", "secret"), url.Values{
			"grant_type": {"password"}, "username": {"me"}, "password": {"secret"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, road, err := exchange(t, test.grant, reply{body: bothReply})
			require.NoError(t, err)
			request := road.requests[0]
			assert.Equal(t, "https", request.URL.Scheme)
			assert.Equal(t, http.MethodPost, request.Method)
			assert.Equal(t, "application/x-www-form-urlencoded", request.Header.Get("Content-Type"))
			assert.Equal(t, pixiv.ClientHash(request.Header.Get("X-Client-Time")), request.Header.Get("X-Client-Hash"))
			stamp, err := time.Parse(time.RFC3339, request.Header.Get("X-Client-Time"))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), stamp, time.Minute)
			assert.Contains(t, request.Header.Get("User-Agent"), "PixivIOSApp/")
			form, err := url.ParseQuery(road.bodies[0])
			require.NoError(t, err)
			want := url.Values{}
			for _, part := range []url.Values{common, test.own} {
				for key, values := range part {
					want[key] = values
				}
			}
			assert.Equal(t, want, form)
		})
	}
}

func TestExchange_EmptyGrant(t *testing.T) {
	t.Parallel()
	for _, grant := range []pixivoc.Grant{
		{}, pixivoc.RefreshToken(""), pixivoc.AuthorizationCode("", "v"), pixivoc.AuthorizationCode("c", ""),
	} {
		_, road, err := exchange(t, grant, reply{body: bothReply})
		_, ok := errors.AsType[*pixivoc.FieldError](err)
		assert.True(t, ok, "%v", err)
		assert.Empty(t, road.requests)
	}
}

func TestExchange_Success(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []string{topReply, nestedReply, bothReply} {
			token, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{body: body})
			require.NoError(t, err)
			assert.Equal(t, "acc", token.Access)
			assert.Equal(t, "ref", token.Refresh)
			assert.Equal(t, "12345678", token.Account.ID)
			assert.Equal(t, time.Now().UTC(), token.Issued)
			assert.Equal(t, time.Now().Add(time.Hour).UTC(), token.Expires)
		}
		token, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{body: topReply})
		require.NoError(t, err)
		assert.Equal(t, pixivoc.Account{ID: "12345678", Name: "testuser", Account: "user_abcd1234", Premium: true}, token.Account)
		assert.NotContains(t, token.Expires.String(), "m=", "the monotonic clock stands still in suspend")
	})
}

func TestExchange_Recorded(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures(t, "oauth_token_success*.json") {
		token, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{body: fixture(t, name)})
		require.NoError(t, err, name)
		assert.Equal(t, "REDACTED", token.Access, name)
		assert.Equal(t, "testuser", token.Account.Name, name)
		assert.Equal(t, time.Hour, token.Expires.Sub(token.Issued), name)
	}
}

// A refresh may leave the refresh token as it is; a login must bring one.
func TestExchange_NoRefreshToken(t *testing.T) {
	t.Parallel()
	const body = `{"access_token":"acc","expires_in":3600}`
	token, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{body: body})
	require.NoError(t, err)
	assert.Equal(t, "old", token.Refresh)
	_, _, err = exchange(t, pixivoc.AuthorizationCode("c", "v"), reply{body: body})
	assert.ErrorContains(t, err, "refresh_token is missing")
}

func TestA5_TokenReply(t *testing.T) {
	t.Parallel()
	life := func(expires string) string { return `{"access_token":"acc","refresh_token":"ref"` + expires + `}` }
	for body, want := range map[string]time.Duration{
		life(``):                            time.Hour,
		life(`,"expires_in":null`):          time.Hour,
		life(`,"expires_in":3600`):          time.Hour,
		life(`,"expires_in":"3600"`):        time.Hour,
		life(`,"expires_in":90.5`):          90*time.Second + 500*time.Millisecond,
		life(`,"expires_in":0`):             time.Minute,
		life(`,"expires_in":-5`):            time.Minute,
		life(`,"expires_in":315360000`):     24 * time.Hour,
		life(`,"expires_in":"1e300"`):       24 * time.Hour,
		life(`,"expires_in":-1e300`):        time.Minute,
		life(`,"expires_in":9223372036854`): 24 * time.Hour,
	} {
		token, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{body: body})
		require.NoError(t, err, body)
		assert.Equal(t, want, token.Expires.Sub(token.Issued), body)
	}
	for body, reason := range map[string]string{
		`{"expires_in":3600,"refresh_token":"r"}`:    "access_token is missing",
		`{"access_token":null,"response":{}}`:        "access_token is missing",
		`{"access_token":"a\r\nX: y"}`:               "access_token has characters",
		`{"access_token":"a","refresh_token":"b c"}`: "refresh_token has characters",
		`{"access_token":"a","token_type":"mac"}`:    "token_type",
		life(`,"expires_in":"soon"`):                 "expires_in",
		life(`,"expires_in":{}`):                     "expires_in",
		life(`,"expires_in":"NaN"`):                  "expires_in",
		`{"access_token":12}`:                        "access_token",
		`{"response":{"access_token":[]}}`:           "response.access_token",
		`{"access_token":"a","user":{"id":true}}`:    "user.id",
		`{"access_token":"a","user":[]}`:             "user",
		`{"access_token":"acc`:                       "unexpected end",
		`[]`:                                         "no JSON object",
		``:                                           "is empty",
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`: "longer than",
		`{"a":` + strings.Repeat("[", 20_000):        "depth",
		`{"has_error":true,"errors":{"system":{"message":"\u0007no"}}}`: "no",
	} {
		token, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{body: body})
		require.ErrorContains(t, err, reason, "%.80s", body)
		assert.NotErrorIs(t, err, pixivoc.ErrTokenRejected, "%.80s", body)
		assert.True(t, pixivoc.Retryable(err), "%.80s", body)
		assert.Zero(t, token)
	}
}

func TestA3_Refused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fixture string
		grant   pixivoc.Grant
		said    string
		next    string
	}{
		"refresh token": {"oauth_error_invalid_refresh_token.json", pixivoc.RefreshToken("old"), "Invalid refresh token", "log in again"},
		"code":          {"oauth_error_code_expired.json", pixivoc.AuthorizationCode("c0de", "v"), "The authorization code has expired", "begin the login again"},
		"grant type":    {"oauth_error_grant_type.json", pixivoc.Password("me", "hunter2"), "Invalid grant_type", "since February 2021; log in with the browser or with a refresh token"},
		"bad password":  {"oauth_error_bad_password.json", pixivoc.Password("me", "hunter2"), "103:pixiv ID", "log in with the browser or with a refresh token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := exchange(t, test.grant, reply{status: 400, body: fixture(t, test.fixture)})
			require.ErrorIs(t, err, pixivoc.ErrTokenRejected)
			assert.ErrorContains(t, err, test.said)
			assert.ErrorContains(t, err, test.next)
			status, ok := errors.AsType[*pixivoc.StatusError](err)
			require.True(t, ok)
			assert.Equal(t, 400, status.Code)
			assert.Equal(t, "https://oauth.secure.pixiv.net/auth/token", status.URL)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestA3_RefusedInOtherForms(t *testing.T) {
	t.Parallel()
	for body, status := range map[string]int{
		`{"has_error":true,"errors":{"system":{"message":"104:x","code":1508}}}`: 400, // before 2020-11
		`{"error":"invalid_grant"}`:                          401,
		`{"error":"invalid_request"}`:                        400,
		`{"error":"access_denied"}`:                          403,
		`{"error":"invalid_grant","errors":{"system":null}}`: 400,
		`{"has_error":true,"error":{"a":1},"errors":[]}`:     400,
	} {
		_, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{status: status, body: body})
		assert.ErrorIs(t, err, pixivoc.ErrTokenRejected, body)
	}
	_, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{status: 401, body: `{"error":"invalid_client"}`})
	assert.ErrorIs(t, err, pixivoc.ErrTokenRejected)
	assert.ErrorContains(t, err, "newer version of pixivoc")
}

// What is no refusal must never be taken for one: the login would be lost.
func TestA2_PassingFaults(t *testing.T) {
	t.Parallel()
	page := "<html><head><title>Attention Required! | Cloudflare</title><script>var x='<b>'</script></head><body>no</body></html>"
	for name, test := range map[string]struct {
		answer  reply
		blocked bool
	}{
		"Cloudflare":           {reply{status: 403, body: page, header: html("cloudflare")}, true},
		"challenge of 503":     {reply{status: 503, body: page, header: html("cloudflare")}, true},
		"page with status 200": {reply{status: 200, body: page, header: html("")}, true},
		"page typed as JSON":   {reply{status: 400, body: "\n" + page}, true},
		"nginx 421":            {reply{status: 421, body: "<html>Misdirected Request</html>", header: html("nginx")}, true},
		"maintenance":          {reply{status: 503, body: "<html>maintenance</html>", header: html("nginx")}, false},
		"JSON 500":             {reply{status: 500, body: `{"error":"server_error"}`}, false},
		"refusal with 502":     {reply{status: 502, body: `{"error":"invalid_grant","has_error":true}`}, false},
		"unavailable":          {reply{status: 400, body: `{"error":"temporarily_unavailable"}`}, false},
		"empty 400":            {reply{status: 400}, false},
		"cut 400":              {reply{status: 400, body: `{"has_error":true,"err`}, false},
		"403 without a word":   {reply{status: 403, body: `{"has_error":true}`}, false},
		"redirect":             {reply{status: 307, header: http.Header{"Location": {"https://evil.example/auth/token"}}}, false},
		"network":              {reply{err: io.ErrUnexpectedEOF}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, road, err := exchange(t, pixivoc.RefreshToken("old"), test.answer)
			require.Error(t, err)
			assert.NotErrorIs(t, err, pixivoc.ErrTokenRejected)
			assert.True(t, pixivoc.Retryable(err), "%v", err)
			_, blocked := errors.AsType[*pixivoc.BlockedError](err)
			assert.Equal(t, test.blocked, blocked, "%v", err)
			assert.NotContains(t, err.Error(), "<")
			assert.NotContains(t, err.Error(), "var x")
			assert.Equal(t, []string{tokenAddress}, road.addresses(), "one request, no redirect followed")
		})
	}
}

func TestA2_RateLimited(t *testing.T) {
	t.Parallel()
	for _, answer := range []reply{
		{status: 429, body: "slow", header: http.Header{"Content-Type": {"text/plain"}, "Retry-After": {"7"}}},
		{status: 403, body: `{"has_error":true,"errors":{"system":{"message":"Rate limit"}}}`, header: http.Header{"Retry-After": {"7"}}},
	} {
		_, _, err := exchange(t, pixivoc.RefreshToken("old"), answer)
		limit, ok := errors.AsType[*pixivoc.RateLimitError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, 7*time.Second, limit.Wait)
	}
}

func TestA7_ClockHint(t *testing.T) {
	t.Parallel()
	body := `{"error":"invalid_grant"}`
	for shift, hint := range map[time.Duration]string{
		-20 * time.Minute: "20m0s ahead of Pixiv's", 20 * time.Minute: "20m0s behind Pixiv's", 0: "",
	} {
		date := time.Now().Add(shift).UTC().Format(http.TimeFormat)
		_, _, err := exchange(t, pixivoc.RefreshToken("old"), reply{status: 400, body: body, header: http.Header{"Date": {date}}})
		require.ErrorIs(t, err, pixivoc.ErrTokenRejected)
		if hint == "" {
			assert.NotContains(t, err.Error(), "clock")
		} else {
			assert.ErrorContains(t, err, hint)
		}
	}
}

// G15: a server that repeats what it was sent does not get it into an error.
func TestExchange_ShowsNoSecret(t *testing.T) {
	t.Parallel()
	for secret, grant := range map[string]pixivoc.Grant{
		"canary-refresh":  pixivoc.RefreshToken("canary-refresh"),
		"canary-code":     pixivoc.AuthorizationCode("canary-code", "canary-verifier"),
		"canary-verifier": pixivoc.AuthorizationCode("canary-code", "canary-verifier"),
		"canary-password": pixivoc.Password("me", "canary-password"),
	} {
		for _, answer := range []reply{
			{status: 400, body: `{"error":"invalid_grant","errors":{"system":{"message":"bad canary: ` + secret + `"}}}`},
			{status: 500, body: "bad canary: " + secret, header: http.Header{"Content-Type": {"text/plain"}}},
			{status: 400, body: "<p>bad canary: " + secret},
		} {
			_, _, err := exchange(t, grant, answer)
			require.ErrorContains(t, err, "bad canary: ***")
			assert.NotContains(t, err.Error(), secret)
		}
	}
}

func TestExchange_Cancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pixiv.Site().Exchange(ctx, &http.Client{Transport: newRoad(nil)}, pixivoc.RefreshToken("old"))
	assert.ErrorIs(t, err, context.Canceled)
}

func FuzzTokenReply(f *testing.F) {
	for _, seed := range []string{topReply, nestedReply, bothReply, `{"has_error":true,"error":"invalid_grant"}`, `{"access_token":"a","expires_in":"1e9","user":{"id":5}}`} {
		f.Add(200, seed)
		f.Add(400, seed)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 999 {
			return
		}
		token, _, err := exchange(t, pixivoc.RefreshToken("canary-refresh"), reply{status: status, body: body})
		if err != nil {
			if strings.Contains(err.Error(), "canary-refresh") || len(err.Error()) > 2000 {
				t.Fatalf("error shows too much: %v", err)
			}
			return
		}
		if life := token.Expires.Sub(token.Issued); life < time.Minute || life > 24*time.Hour {
			t.Fatalf("token lives %s", life)
		}
		if token.Access == "" || token.Refresh == "" || strings.ContainsAny(token.Access, "\r\n") {
			t.Fatalf("token is %q, %q", token.Access, token.Refresh)
		}
		if _, err := json.Marshal(token); err != nil {
			t.Fatal(err)
		}
	})
}
