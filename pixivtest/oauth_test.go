package pixivtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// verifier and challenge are the vector of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

type tokens struct {
	AccessToken  string  `json:"access_token"`
	ExpiresIn    int     `json:"expires_in"`
	RefreshToken string  `json:"refresh_token"`
	DeviceToken  string  `json:"device_token"`
	Response     *tokens `json:"response"`
}

func form(pairs ...string) url.Values {
	values := url.Values{
		"client_id": {"MOBrBDS8blbauoSck0ZfDbtuzpyT"}, "client_secret": {"lsACyCD94FhDUtGTXi3QzcFE2uU1hqtDaKeqrdwj"},
	}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func codeForm(code string) url.Values {
	return form("grant_type", "authorization_code", "code", code, "code_verifier", verifier,
		"redirect_uri", "https://app-api.pixiv.net/web/v1/users/auth/pixiv/callback", "include_policy", "true")
}

// decode reads a good token answer and holds that both forms of it agree.
func decode(t *testing.T, got reply) tokens {
	t.Helper()
	require.Equal(t, http.StatusOK, got.status, got.body)
	var outer tokens
	require.NoError(t, json.Unmarshal([]byte(got.body), &outer))
	require.NotNil(t, outer.Response)
	inner := *outer.Response
	outer.Response = nil
	require.Equal(t, outer, inner)
	return outer
}

func TestOAuthRefresh(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		refresh := s.RefreshToken()
		got := decode(t, post(t, client, form("grant_type", "refresh_token", "refresh_token", refresh), nil))
		require.Equal(t, refresh, got.RefreshToken, "not rotated")
		require.Equal(t, 3600, got.ExpiresIn)
		require.Len(t, got.AccessToken, 43)
		authorized := exchange(t, client, http.MethodGet, "https://app-api.pixiv.net/v1/illust/detail?illust_id=1",
			map[string]string{"Authorization": "Bearer " + got.AccessToken}, "")
		require.Equal(t, http.StatusNotFound, authorized.status)
		require.EqualValues(t, 1, s.Counts("/auth/token").Requests)
	})
}

func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{Passwords: nil})
	client := s.Client()
	revoked := s.RefreshToken()
	s.RevokeRefreshTokens()
	for name, c := range map[string]struct {
		form    url.Values
		header  map[string]string
		fixture string
	}{
		"unknown refresh token": {form("grant_type", "refresh_token", "refresh_token", "x"), nil, "oauth_error_invalid_refresh_token.json"},
		"revoked refresh token": {form("grant_type", "refresh_token", "refresh_token", revoked), nil, "oauth_error_invalid_refresh_token.json"},
		"missing refresh token": {form("grant_type", "refresh_token"), nil, "oauth_error_grant_type.json"},
		"password":              {form("grant_type", "password", "username", "a", "password", "b"), nil, "oauth_error_grant_type.json"},
		"missing grant type":    {form(), nil, "oauth_error_grant_type.json"},
		"unknown code":          {codeForm("x"), nil, "oauth_error_code_expired.json"},
		"wrong client":          {url.Values{"grant_type": {"refresh_token"}, "client_id": {"me"}}, nil, ""},
		"wrong hash": {form("grant_type", "refresh_token", "refresh_token", s.RefreshToken()),
			map[string]string{"X-Client-Time": "2024-01-01T00:00:00+00:00", "X-Client-Hash": "00"}, ""},
	} {
		got := post(t, client, c.form, c.header)
		require.Equal(t, http.StatusBadRequest, got.status, name)
		require.True(t, strings.HasPrefix(got.header.Get("Content-Type"), "application/json"), name)
		var body struct {
			HasError bool `json:"has_error"`
			Errors   struct {
				System struct {
					Message string
					Code    int
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(got.body), &body), name)
		require.True(t, body.HasError, name)
		require.Equal(t, 1508, body.Errors.System.Code, name)
		if c.fixture != "" {
			compareBody(t, c.fixture, got.body)
		}
	}
}

// TestOAuthClientHash uses the vectors that were computed from the salt.
func TestOAuthClientHash(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	for stamp, hash := range map[string]string{
		"2024-01-01T00:00:00+00:00": "2f075776ebea3e46c4741f1a188d93dc",
		"2026-09-01T12:34:56+00:00": "4bb7460799573547459bac0ac0042cc4",
	} {
		refresh := form("grant_type", "refresh_token", "refresh_token", s.RefreshToken())
		decode(t, post(t, s.Client(), refresh, map[string]string{"X-Client-Time": stamp, "X-Client-Hash": hash}))
	}
}

func TestOAuthRotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rotation               pixivtest.Rotation
		oldAfterOne, oldAfterN int // status of the old token after one refresh, and after the new one was used
	}{
		"never":   {pixivtest.RotateNever, 200, 200},
		"late":    {pixivtest.RotateLate, 200, 400},
		"at once": {pixivtest.RotateAtOnce, 400, 400},
	} {
		s := start(t, pixivtest.Config{Rotation: c.rotation})
		refresh := func(token string) reply {
			return post(t, s.Client(), form("grant_type", "refresh_token", "refresh_token", token), nil)
		}
		old := s.RefreshToken()
		fresh := decode(t, refresh(old)).RefreshToken
		require.Equal(t, c.rotation == pixivtest.RotateNever, old == fresh, name)
		require.Equal(t, fresh, s.RefreshToken(), name)
		require.Equal(t, c.oldAfterOne, refresh(old).status, name)
		require.Equal(t, 200, refresh(fresh).status, name)
		require.Equal(t, c.oldAfterN, refresh(old).status, name)
	}
}

func TestOAuthCode(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		code := s.AuthorizationCode(challenge)
		decode(t, post(t, client, codeForm(code), nil))
		require.Equal(t, 400, post(t, client, codeForm(code), nil).status, "a code is good once")

		wrong := codeForm(s.AuthorizationCode(challenge))
		wrong.Set("code_verifier", verifier+"x")
		require.Equal(t, 400, post(t, client, wrong, nil).status, "the verifier must fit")

		elsewhere := codeForm(s.AuthorizationCode(challenge))
		elsewhere.Set("redirect_uri", "https://example.com/")
		require.Equal(t, 400, post(t, client, elsewhere, nil).status, "the redirect must be the app's")
	})
}

// TestOAuthLifetimes lets codes and access tokens run out, in virtual time.
func TestOAuthLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := pixivtest.NewUnstartedServer(pixivtest.Config{AccessTokenLife: time.Minute, CodeLife: 30 * time.Second})
		defer s.Close()
		client := &http.Client{Transport: s.RoundTripper()}
		late := s.AuthorizationCode(challenge)
		time.Sleep(31 * time.Second)
		got := post(t, client, codeForm(late), nil)
		compareBody(t, "oauth_error_code_expired.json", got.body)

		fresh := decode(t, post(t, client, codeForm(s.AuthorizationCode(challenge)), nil))
		require.Equal(t, 60, fresh.ExpiresIn)
		detail := func() reply {
			return exchange(t, client, http.MethodGet, "https://app-api.pixiv.net/v1/illust/detail?illust_id=1",
				map[string]string{"Authorization": "Bearer " + fresh.AccessToken}, "")
		}
		time.Sleep(59 * time.Second)
		require.Equal(t, http.StatusNotFound, detail().status)
		time.Sleep(2 * time.Second)
		got = detail()
		require.Equal(t, http.StatusBadRequest, got.status)
		compareBody(t, "error_expired_token.json", got.body)
	})
}

func TestOAuthPassword(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{Passwords: map[string]string{"me": "secret"}})
	good := form("grant_type", "password", "username", "me", "password", "secret")
	require.NotEmpty(t, decode(t, post(t, s.Client(), good, nil)).DeviceToken)
	for _, bad := range []url.Values{
		form("grant_type", "password", "username", "me", "password", "guess"),
		form("grant_type", "password", "username", "", "password", ""),
	} {
		got := post(t, s.Client(), bad, nil)
		require.Equal(t, 400, got.status)
		compareBody(t, "oauth_error_bad_password.json", got.body)
	}
}

// TestOAuthBrowser follows the pages of a login as a browser does, up to the address that only the app understands.
func TestOAuthBrowser(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		get := func(address string) reply { return exchange(t, client, http.MethodGet, address, nil, "") }
		page := get("https://app-api.pixiv.net/web/v1/login?code_challenge=" + challenge + "&code_challenge_method=S256&client=pixiv-android")
		require.Equal(t, 200, page.status)
		link := regexp.MustCompile(`href="([^"]+)"`).FindStringSubmatch(page.body)
		require.Len(t, link, 2)
		back := get(strings.ReplaceAll(link[1], "&amp;", "&"))
		require.Equal(t, http.StatusFound, back.status)
		app, err := url.Parse(back.header.Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "pixiv", app.Scheme)
		require.Equal(t, "login", app.Query().Get("via"))
		decode(t, post(t, client, codeForm(app.Query().Get("code")), nil))
		require.Equal(t, 400, get(link[1]).status, "a login ends once")
		require.Equal(t, 400, get("https://app-api.pixiv.net/web/v1/login").status)
	})
}

func TestOAuthExpireAndRevoke(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	access := map[string]string{"Authorization": "Bearer " + s.AccessToken()}
	detail := func(header map[string]string) reply {
		return exchange(t, s.Client(), http.MethodGet, "https://app-api.pixiv.net/v1/user/detail?user_id=1", header, "")
	}
	require.Equal(t, 404, detail(access).status)
	s.ExpireAccessTokens()
	compareBody(t, "error_expired_token.json", detail(access).body)
	missing := detail(nil)
	require.Equal(t, 400, missing.status)
	compareBody(t, "error_missing_token.json", missing.body)
	compareBody(t, "error_missing_token.json", detail(map[string]string{"Authorization": "Basic eDp5"}).body)

	old := s.RefreshToken()
	require.Equal(t, old, s.RefreshToken())
	s.RevokeRefreshTokens()
	require.NotEqual(t, old, s.RefreshToken())
}

// TestOAuthAnswersEdited shows how a broken token answer is scripted.
func TestOAuthAnswersEdited(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	s.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/auth/token"}, Do: pixivtest.EditJSON{
		Set: map[string]any{"expires_in": -5, "response.expires_in": "soon"}, Remove: []string{"access_token", "response.access_token"},
	}})
	got := post(t, s.Client(), form("grant_type", "refresh_token", "refresh_token", s.RefreshToken()), nil)
	require.Equal(t, 200, got.status)
	require.NotContains(t, got.body, "access_token")
	require.Contains(t, got.body, `"expires_in":-5`)
	require.Contains(t, got.body, `"expires_in":"soon"`)
}
