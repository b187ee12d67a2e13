package pixiv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const code = "BB0_yneZpOzIKtRgvTZYrBQIaSPkOo2hRGhFYkdMH1I"

// The vector of RFC 7636, appendix B.
func TestLogin_Challenge(t *testing.T) {
	t.Parallel()
	login := pixiv.LoginWith("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	assert.Equal(t, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", pixiv.Challenge(login.Verifier))
	assert.Equal(t, "https://app-api.pixiv.net/web/v1/login?client=pixiv-android"+
		"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256", login.URL)
}

func TestNewLogin(t *testing.T) {
	t.Parallel()
	one, two := pixiv.NewLogin(), pixiv.NewLogin()
	assert.NotEqual(t, one.Verifier, two.Verifier)
	// RFC 7636 section 4.1: 43 to 128 unreserved characters.
	assert.Regexp(t, `^[A-Za-z0-9_-]{43}$`, one.Verifier)
	address, err := url.Parse(one.URL)
	require.NoError(t, err)
	assert.Equal(t, pixiv.Challenge(one.Verifier), address.Query().Get("code_challenge"))
}

func TestLogin_ShowsNoVerifier(t *testing.T) {
	t.Parallel()
	login := pixiv.NewLogin()
	for _, shown := range []string{
		login.String(), fmt.Sprint(login), fmt.Sprintf("%v %+v %#v %s", login, login, login, login),
		fmt.Sprint(&login), login.LogValue().String(),
	} {
		assert.NotContains(t, shown, login.Verifier)
	}
}

func TestLogin_Grant(t *testing.T) {
	t.Parallel()
	login := pixiv.NewLogin()
	grant, err := login.Grant("pixiv://account/login?code=" + code + "&via=login")
	require.NoError(t, err)
	got, verifier := grant.Code()
	assert.Equal(t, pixivoc.GrantAuthorizationCode, grant.Kind())
	assert.Equal(t, code, got)
	assert.Equal(t, login.Verifier, verifier)

	_, err = login.Grant("")
	assert.Error(t, err)
}

var callbacks = []string{
	code,
	"  " + code + "\r\n",
	`"` + code + `"`,
	"pixiv://account/login?code=" + code + "&via=login",
	"pixiv://account/login?via=login&code=" + code,
	"'pixiv://account/login?code=" + code + "'",
	"<pixiv://account/login?code=" + code + ">\n",
	"pixiv://account/login?code=\n" + code + "\n&via=login",
	"https://app-api.pixiv.net/web/v1/users/auth/pixiv/callback?state=abc&code=" + code,
	"HTTPS://APP-API.PIXIV.NET/web/v1/users/auth/pixiv/callback?code=" + code + "#x",
	"?code=" + code,
	"code=" + code + "&via=login",
}

func TestParseCallback(t *testing.T) {
	t.Parallel()
	for _, text := range callbacks {
		got, err := pixiv.ParseCallback(text)
		require.NoError(t, err, text)
		assert.Equal(t, code, got, text)
	}
}

func TestParseCallback_Refused(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                   "is empty",
		"\r\n\"\"":           "is empty",
		pixiv.NewLogin().URL: "address of the login page",
		"https://app-api.pixiv.net/web/v1/users/auth/pixiv/start?code_challenge=x":  "address of the login page",
		"https://app-api.pixiv.net/v1/illust/detail?code=" + code:                   "not the address of the callback",
		"https://accounts.pixiv.net/login?return_to=x":                              "from the middle of the login",
		"https://accounts.pixiv.net/post-redirect?code=" + code:                     "from the middle of the login",
		"https://example.com/?code=" + code:                                         "not an address of Pixiv's login",
		"https://app-api.pixiv.net.example.com/callback?code=" + code:               "not an address of Pixiv's login",
		"ftp://app-api.pixiv.net/web/v1/users/auth/pixiv/callback?code=" + code:     "middle of the login",
		"pixiv://account/login?error=access_denied&state=x":                         "refused (access_denied)",
		"https://app-api.pixiv.net/web/v1/users/auth/pixiv/callback?error=%1b[31mX": "refused ([31mX)",
		"pixiv://account/login?via=login":                                           "has no code",
		"pixiv://account/login?code=&via=login":                                     "empty code",
		"pixiv://account/login?code=%zz":                                            "not a whole address",
		"pixiv://account/login?code=a%0ab":                                          "characters that no code can have",
		"two words":                                                                 "characters that no code can have",
		"accounts.pixiv.net/login":                                                  "characters that no code can have",
		"コード":                                                                       "characters that no code can have",
		strings.Repeat("a", 513):                                                    "too many for a code",
		strings.Repeat("a", 9000):                                                   "longer than 8192 bytes",
		"https://app-api.pixiv.net:x/?":                                             "not a whole address",
	} {
		got, err := pixiv.ParseCallback(text)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%q gave %q, %v", text, got, err)
		assert.Equal(t, "Callback", field.Field)
		assert.Contains(t, field.Reason, reason, "%q", text)
		assert.NotContains(t, field.Reason, code)
	}
}

const refreshToken = "u_Aq3rZbYBzR1mZ2Jq0sGmQpT0xqv8aXw5XyJw8Nc4k"

var refreshTokenTexts = []string{
	refreshToken,
	"\ufeff " + refreshToken + "\r\n",
	`"` + refreshToken + `"`,
	"refresh_token=" + refreshToken,
	"refresh_token = '" + refreshToken + "'\r\naccess_token=x\n",
	"# a comment\nexport PIXIV_REFRESH_TOKEN=" + refreshToken + "\n",
	"access_token: abc\nrefresh_token: " + refreshToken + "\n",
	"pixiv:\n  refresh-token: " + refreshToken + "\n",
	"[pixiv]\nrefresh-token = '" + refreshToken + "'\n",
	`{"refresh_token":"` + refreshToken + `"}`,
	`{"extractor":{"pixiv":{"refresh-token":"` + refreshToken + `"}}}`,
	`[{"a":1},{"response":{"refresh_token":"` + refreshToken + `"},"refresh_token":"` + refreshToken + `"}]`,
	`{"refresh_token":"","response":{"refreshToken":"` + refreshToken + `"}}`,
}

func TestParseRefreshToken(t *testing.T) {
	t.Parallel()
	for _, text := range refreshTokenTexts {
		got, err := pixiv.ParseRefreshToken(text)
		require.NoError(t, err, text)
		assert.Equal(t, refreshToken, got, text)
	}
}

func TestParseRefreshToken_Stored(t *testing.T) {
	t.Parallel()
	stored, err := json.Marshal(pixivoc.Token{Access: "access", Refresh: refreshToken})
	require.NoError(t, err)
	got, err := pixiv.ParseRefreshToken(string(stored))
	require.NoError(t, err)
	assert.Equal(t, refreshToken, got)
}

func TestParseRefreshToken_Refused(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("x", 43)
	for text, reason := range map[string]string{
		"":                           "is empty",
		" \n":                        "is empty",
		"short":                      "too few",
		strings.Repeat("a", 513):     "too many",
		"a token of several words!!": "characters",
		"refresh_token=":             "no refresh_token",
		"access_token=" + other:      "no refresh_token",
		"https://www.pixiv.net/":     "no refresh_token",
		"refresh_token=" + refreshToken + "\nrefresh_token=" + other + "\n":                    "several different",
		`{"refresh_token":"` + refreshToken + `"`:                                              "looks like JSON",
		`{"refresh_token":"` + refreshToken + `"} {}`:                                          "looks like JSON",
		`{"access_token":"` + other + `"}`:                                                     "no refresh_token",
		`{"refresh_token":12}`:                                                                 "no refresh_token",
		`{"refresh_token":"a b"}`:                                                              "characters",
		`{"a":{"refresh_token":"` + refreshToken + `"},"b":{"refresh_token":"` + other + `"}}`: "several different",
		strings.Repeat("a", 1<<20+1):                                                           "longer than",
		strings.Repeat("[", 20_000):                                                            "looks like JSON",
	} {
		got, err := pixiv.ParseRefreshToken(text)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%.80q gave %q, %v", text, got, err)
		assert.Equal(t, "RefreshToken", field.Field)
		assert.Contains(t, field.Reason, reason, "%.80q", text)
		assert.NotContains(t, field.Reason, refreshToken)
	}
}

func FuzzParseCallback(f *testing.F) {
	for _, seed := range callbacks {
		f.Add(seed)
	}
	f.Add("pixiv://account/login?error=access_denied")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pixiv.ParseCallback(text)
		if err != nil {
			if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok {
				t.Fatalf("%q gave a %T", text, err)
			}
			return
		}
		if got == "" || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q gave the code %q", text, got)
		}
	})
}

func FuzzParseRefreshToken(f *testing.F) {
	for _, seed := range refreshTokenTexts {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pixiv.ParseRefreshToken(text)
		if err != nil {
			if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok {
				t.Fatalf("%q gave a %T", text, err)
			}
			return
		}
		if len(got) < 20 || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q gave the token %q", text, got)
		}
	})
}
