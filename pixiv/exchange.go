package pixiv

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // Pixiv's protocol wants it; it protects nothing.
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Constants of Pixiv's apps, the same in every client (gallery-dl, gppt and
// others, 2026-08). They name the app and are no secret of anybody.
const (
	clientID     = "MOBrBDS8blbauoSck0ZfDbtuzpyT"
	clientSecret = "lsACyCD94FhDUtGTXi3QzcFE2uU1hqtDaKeqrdwj" //nolint:gosec // public, see above
	hashSalt     = "28c1fdd170a5204386cb1313c7077b34f83e4aaf4aa829ce78c231e05b0bae2c"
)

const (
	tokenHost   = "oauth.secure.pixiv.net"
	tokenURL    = "https://" + tokenHost + "/auth/token"
	redirectURI = apiBase + "/web/v1/users/auth/pixiv/callback"

	maxTokenReply = 1 << 20 // bytes; a reply has 1 KB
)

// exchange trades a grant for a token; it is pixivoc.Site.Exchange.
func (o SiteOptions) exchange(ctx context.Context, client *http.Client, grant pixivoc.Grant) (pixivoc.Token, error) {
	form, err := grantForm(grant)
	if err != nil {
		return pixivoc.Token{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return pixivoc.Token{}, err
	}
	now := time.Now()
	o.present(request.Header)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	stamp := now.UTC().Format(clientTimeLayout)
	request.Header.Set("X-Client-Time", stamp)
	request.Header.Set("X-Client-Hash", clientHash(stamp))

	// A redirect that keeps the method would carry the secrets elsewhere.
	straight := *client
	straight.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := straight.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return pixivoc.Token{}, fmt.Errorf("ask %s for a token: %w", tokenHost, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenReply+1))
	if err != nil {
		return pixivoc.Token{}, fmt.Errorf("read token reply of %s: %w", tokenHost, err)
	}
	if err := judgeExchange(response, body, grant); err != nil {
		return pixivoc.Token{}, err
	}
	token, err := readToken(body, now)
	if err != nil {
		return pixivoc.Token{}, fmt.Errorf("token reply of %s: %w", tokenHost, err)
	}
	if token.Refresh == "" {
		// RFC 6749 section 6: the old one goes on then.
		if token.Refresh = grant.RefreshToken(); token.Refresh == "" {
			return pixivoc.Token{}, fmt.Errorf("token reply of %s: refresh_token is missing", tokenHost)
		}
	}
	return token, nil
}

// clientTimeLayout is ISO 8601 with an offset and without a fraction.
const clientTimeLayout = "2006-01-02T15:04:05-07:00"

// clientHash signs an X-Client-Time.
func clientHash(stamp string) string {
	sum := md5.Sum([]byte(stamp + hashSalt)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// grantForm returns the fields of a token request (RFC 6749 sections 4.1.3,
// 4.3.2 and 6, with Pixiv's own).
func grantForm(grant pixivoc.Grant) (url.Values, error) {
	form := url.Values{
		"client_id":      {clientID},
		"client_secret":  {clientSecret},
		"grant_type":     {string(grant.Kind())},
		"include_policy": {"true"},
	}
	switch grant.Kind() {
	case pixivoc.GrantRefreshToken:
		if grant.RefreshToken() == "" {
			return nil, fieldError("RefreshToken", "is empty")
		}
		form.Set("refresh_token", grant.RefreshToken())
	case pixivoc.GrantAuthorizationCode:
		code, verifier := grant.Code()
		switch {
		case code == "":
			return nil, fieldError("Code", "is empty")
		case verifier == "":
			return nil, fieldError("Verifier", "is empty; the login must end with the verifier it began with")
		}
		form.Set("code", code)
		form.Set("code_verifier", verifier)
		form.Set("redirect_uri", redirectURI)
	case pixivoc.GrantPassword:
		username, password := grant.Password()
		form.Set("username", username)
		form.Set("password", password)
	default:
		return nil, fieldError("Grant", "%q is no grant of Pixiv's", string(grant.Kind()))
	}
	return form, nil
}

// judgeExchange reads an answer of the token endpoint. It is nil for a good
// one.
func judgeExchange(response *http.Response, body []byte, grant pixivoc.Grant) error {
	code := response.StatusCode
	body = bytes.TrimSpace(body)
	said, known := readTokenError(body)
	shown := clean(string(body))
	if known {
		shown = clean(said.message)
	}
	status := statusError(response, redact(shown, grant))
	page := isHTML(response.Header, body)
	switch {
	case code >= 200 && code < 300 && !known && !page:
		return nil
	case code == http.StatusTooManyRequests, strings.Contains(strings.ToLower(said.message), "rate limit"):
		return &pixivoc.RateLimitError{Wait: limitWait(response, time.Now()), Err: status}
	case page && (code < 500 || isChallenge(response.Header, body)):
		return blocked(response, status)
	case known && code < 500 && said.refuses(code):
		return fmt.Errorf("%w%s: %w; %s", pixivoc.ErrTokenRejected, clockHint(response.Header, time.Now()), status, said.next(grant))
	}
	return status
}

// tokenError is an error of the token endpoint (fixtures oauth_error_*.json).
type tokenError struct {
	word    string // RFC 6749 section 5.2; "" before November 2020
	message string
}

func readTokenError(body []byte) (said tokenError, known bool) {
	var answer struct {
		HasError bool `json:"has_error"`
		Error    any  `json:"error"`
		Errors   struct {
			System struct {
				Message any `json:"message"`
			} `json:"system"`
		} `json:"errors"`
	}
	err := json.Unmarshal(body, &answer)
	if _, wrongType := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !wrongType {
		return tokenError{}, false
	}
	said.word, _ = answer.Error.(string)
	said.message, _ = answer.Errors.System.Message.(string)
	if said.message == "" {
		said.message = said.word
	}
	return said, answer.HasError || said.word != ""
}

// refuses tells a refusal from a fault that may pass. All refusals seen came
// with status 400.
func (e tokenError) refuses(code int) bool {
	switch e.word {
	case "temporarily_unavailable", "server_error":
		return false
	case "":
		return code == http.StatusBadRequest || code == http.StatusUnauthorized
	}
	return true
}

// next says what the person in front of the machine can do.
func (e tokenError) next(grant pixivoc.Grant) string {
	switch {
	case e.word == "invalid_client" || e.word == "unauthorized_client":
		return "Pixiv no longer knows this app; a newer version of pixivoc is needed"
	case grant.Kind() == pixivoc.GrantPassword:
		return "Pixiv takes no passwords from apps since February 2021; log in with the browser or with a refresh token"
	case grant.Kind() == pixivoc.GrantAuthorizationCode:
		return "a code can be used once and lives for about 30 seconds; begin the login again"
	}
	return "the refresh token was revoked, or the password of the account was changed; log in again"
}

// redact removes the grant's secrets from a text of the server's.
func redact(text string, grant pixivoc.Grant) string {
	code, verifier := grant.Code()
	username, password := grant.Password()
	for _, secret := range []string{grant.RefreshToken(), code, verifier, username, password} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}
