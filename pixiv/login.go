package pixiv

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// Login is a login in the browser that has begun (authorization code with
// PKCE, RFC 7636). Printing one does not show the verifier.
type Login struct {
	// Verifier must come back together with the code. Keep it until then and
	// show it to nobody.
	Verifier string
	// URL is the page at which a person logs in.
	URL string
}

// NewLogin begins a login. It lasts until the person is done with the page in
// the browser; then there are some 30 seconds to trade the code for a token.
func NewLogin() Login {
	// 32 random bytes, as RFC 7636 section 4.1 recommends.
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails; it ends the program instead
	return loginWith(base64.RawURLEncoding.EncodeToString(secret))
}

const (
	loginPath    = "/web/v1/login"
	callbackPath = "/web/v1/users/auth/pixiv/callback"
)

func loginWith(verifier string) Login {
	query := url.Values{
		"code_challenge":        {challenge(verifier)},
		"code_challenge_method": {"S256"},
		"client":                {"pixiv-android"},
	}
	return Login{Verifier: verifier, URL: apiBase + loginPath + "?" + query.Encode()}
}

// challenge is code_challenge of RFC 7636 section 4.2, method S256.
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Grant makes the grant for Client.Login of what the browser brought back; see
// ParseCallback.
func (l Login) Grant(callback string) (pixivoc.Grant, error) {
	code, err := ParseCallback(callback)
	if err != nil {
		return pixivoc.Grant{}, err
	}
	return pixivoc.AuthorizationCode(code, l.Verifier), nil
}

// String returns the address without the verifier.
func (l Login) String() string { return "Login(" + l.URL + ")" }

// GoString returns what String returns.
func (l Login) GoString() string { return l.String() }

// LogValue returns what String returns.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.String()) }

const (
	fieldCallback = "Callback"
	// maxCallbackBytes bounds what is looked at; a callback has some 200.
	maxCallbackBytes = 8192
	// maxCodeBytes bounds a code; Pixiv's have 43 characters.
	maxCodeBytes = 512
)

// ParseCallback returns the code of a login from what a person copied: the
// address of the callback (https://app-api.pixiv.net/... or pixiv://...), its
// query, or the code alone. Blanks and quotes around it and line breaks in it do
// not matter. The error is a *pixivoc.FieldError of the field Callback which
// says what was copied instead, and never repeats it.
func ParseCallback(text string) (code string, err error) {
	if len(text) > maxCallbackBytes {
		return "", fieldError(fieldCallback, "is longer than %d bytes", maxCallbackBytes)
	}
	text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
	text = strings.Trim(text, " \t\u00a0\ufeff\"'`<>“”‘’")
	switch {
	case text == "":
		return "", fieldError(fieldCallback, "is empty; paste the address that the browser ended at, or the code in it")
	case strings.Contains(text, "://"):
		return codeOfAddress(text)
	case strings.Contains(text, "="):
		_, query, found := strings.Cut(text, "?")
		if !found {
			query = text
		}
		return codeOfQuery(query)
	}
	return checkCode(text)
}

func codeOfAddress(text string) (string, error) {
	address, err := url.Parse(text)
	if err != nil {
		return "", fieldError(fieldCallback, "is not a whole address; copy it again, or the code alone")
	}
	host := strings.ToLower(address.Hostname())
	switch {
	case address.Scheme == "pixiv" && host == "account":
		return codeOfQuery(address.RawQuery)
	case !isWeb(address) || host != apiHost:
		if strings.HasSuffix(host, ".pixiv.net") {
			return "", fieldError(fieldCallback, "is an address from the middle of the login; go on in the browser until an address with code= appears")
		}
		return "", fieldError(fieldCallback, "is not an address of Pixiv's login; want one that begins with pixiv://account/login?code= or %s", redirectURI)
	case address.Path == loginPath || address.Query().Has("code_challenge"):
		return "", fieldError(fieldCallback, "is the address of the login page; log in there, then copy the address that the browser ends at")
	case address.Path != callbackPath:
		return "", fieldError(fieldCallback, "is not the address of the callback; want one that begins with pixiv://account/login?code= or %s", redirectURI)
	}
	return codeOfQuery(address.RawQuery)
}

func codeOfQuery(query string) (string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", fieldError(fieldCallback, "is not a whole address; copy it again, or the code alone")
	}
	if refusal := values.Get("error"); refusal != "" {
		return "", fieldError(fieldCallback, "tells that the login was refused (%s); begin it again", clean(refusal))
	}
	if !values.Has("code") {
		return "", fieldError(fieldCallback, "has no code; copy the address that has code= in it")
	}
	return checkCode(values.Get("code"))
}

// checkCode accepts the characters a code may have (RFC 6749 appendix A.11
// without the blank) save those that only an address has.
func checkCode(code string) (string, error) {
	switch {
	case code == "":
		return "", fieldError(fieldCallback, "has an empty code; begin the login again")
	case len(code) > maxCodeBytes:
		return "", fieldError(fieldCallback, "has more than %d characters, too many for a code", maxCodeBytes)
	case !isPlain(code) || strings.ContainsAny(code, `/\?&#%@`):
		return "", fieldError(fieldCallback, "has characters that no code can have; copy it again")
	}
	return code, nil
}
