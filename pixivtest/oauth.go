package pixivtest

import (
	"crypto/md5" //nolint:gosec // the service demands it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The public constants of the mobile apps, the same in every client (recorded 2021 to 2026).
const (
	clientID     = "MOBrBDS8blbauoSck0ZfDbtuzpyT"
	clientSecret = "lsACyCD94FhDUtGTXi3QzcFE2uU1hqtDaKeqrdwj"
	hashSalt     = "28c1fdd170a5204386cb1313c7077b34f83e4aaf4aa829ce78c231e05b0bae2c"
	redirectURI  = "https://app-api.pixiv.net/web/v1/users/auth/pixiv/callback"
)

// maxForm bounds the body of a token request.
const maxForm = 64 << 10

// Account is the user that tokens belong to.
type Account struct {
	ID          int64  // zero: 12345678
	Name        string // zero: testuser
	Account     string // zero: user_abcd1234
	MailAddress string // zero: testuser@example.com
	Premium     bool
	XRestrict   int // 0 none, 1 R-18, 2 R-18G
}

func (a Account) complete() Account {
	if a.ID == 0 {
		a.ID = 12345678
	}
	if a.Name == "" {
		a.Name = "testuser"
	}
	if a.Account == "" {
		a.Account = "user_abcd1234"
	}
	if a.MailAddress == "" {
		a.MailAddress = "testuser@example.com"
	}
	return a
}

// tokenReply is a good answer of the token endpoint. Its whole content comes once more under "response" (recorded
// 2021-02).
type tokenReply struct {
	AccessToken  string      `json:"access_token"`
	ExpiresIn    int64       `json:"expires_in"`
	TokenType    string      `json:"token_type"`
	Scope        string      `json:"scope"`
	RefreshToken string      `json:"refresh_token"`
	User         tokenUser   `json:"user"`
	DeviceToken  string      `json:"device_token,omitempty"`
	Response     *tokenReply `json:"response,omitempty"`
}

type tokenUser struct {
	ProfileImageURLs tokenImages `json:"profile_image_urls"`
	ID               string      `json:"id"`
	Name             string      `json:"name"`
	Account          string      `json:"account"`
	MailAddress      string      `json:"mail_address"`
	IsPremium        bool        `json:"is_premium"`
	XRestrict        int         `json:"x_restrict"`
	IsMailAuthorized bool        `json:"is_mail_authorized"`
	RequirePolicy    bool        `json:"require_policy_agreement"`
}

type tokenImages struct {
	Px16  string `json:"px_16x16"`
	Px50  string `json:"px_50x50"`
	Px170 string `json:"px_170x170"`
}

// oauth answers for the token host.
func (s *Server) oauth(r *http.Request) *answer {
	if r.URL.Path != "/auth/token" {
		return notFound()
	}
	if r.Method != http.MethodPost {
		return oauthError("invalid_request", textInvalidGrantType)
	}
	form, err := readForm(r)
	if err != nil {
		return oauthError("invalid_request", textInvalidGrantType)
	}
	if !clientHashFits(r.Header) {
		return oauthError("invalid_request", "Invalid client hash") // no recording of this refusal is known
	}
	if form.Get("client_id") != clientID || form.Get("client_secret") != clientSecret {
		return oauthError("invalid_client", "Invalid client") // no recording of this refusal is known
	}
	switch form.Get("grant_type") {
	case "refresh_token":
		if form.Get("refresh_token") == "" {
			return oauthError("invalid_grant", textInvalidGrantType)
		}
		access, refresh, ok := s.tokens.refresh(form.Get("refresh_token"))
		if !ok {
			return oauthError("invalid_grant", textInvalidRefreshToken)
		}
		return s.tokenAnswer(access, refresh, "")
	case "authorization_code":
		if form.Get("redirect_uri") != redirectURI || !s.tokens.takeCode(form.Get("code"), form.Get("code_verifier")) {
			return oauthError("invalid_grant", textCodeExpired)
		}
		access, refresh := s.tokens.login()
		return s.tokenAnswer(access, refresh, "")
	case "password":
		return s.passwordGrant(form)
	}
	return oauthError("invalid_grant", textInvalidGrantType)
}

func (s *Server) passwordGrant(form url.Values) *answer {
	if s.config.Passwords == nil {
		return oauthError("invalid_grant", textInvalidGrantType)
	}
	password, known := s.config.Passwords[form.Get("username")]
	if !known || password != form.Get("password") {
		return oauthError("invalid_grant", textBadPassword)
	}
	access, refresh := s.tokens.login()
	return s.tokenAnswer(access, refresh, hexDigits(32, s.config.Seed, mixText(form.Get("username"))))
}

func (s *Server) tokenAnswer(access, refresh, device string) *answer {
	account := s.config.Account
	inner := tokenReply{
		AccessToken: access, ExpiresIn: int64(s.config.AccessTokenLife / time.Second), TokenType: "bearer",
		RefreshToken: refresh, DeviceToken: device,
		User: tokenUser{
			ProfileImageURLs: tokenImages{
				Px16: staticURL("no_profile_ss.png"), Px50: staticURL("no_profile_s.png"), Px170: staticURL("no_profile.png"),
			},
			ID: strconv.FormatInt(account.ID, 10), Name: account.Name, Account: account.Account,
			MailAddress: account.MailAddress, IsPremium: account.Premium, XRestrict: account.XRestrict, IsMailAuthorized: true,
		},
	}
	outer := inner
	outer.Response = &inner
	return jsonAnswer(http.StatusOK, outer)
}

// readForm reads the form of a token request.
func readForm(r *http.Request) (url.Values, error) {
	encoded, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	if len(encoded) > maxForm {
		return nil, fmt.Errorf("read the form: more than %d bytes", maxForm)
	}
	return url.ParseQuery(string(encoded))
}

// clientHashFits checks X-Client-Hash where it is present: the MD5 of X-Client-Time and a salt, in small hexadecimal
// digits.
func clientHashFits(header http.Header) bool {
	hash := header.Get("X-Client-Hash")
	if hash == "" {
		return true
	}
	sum := md5.Sum([]byte(header.Get("X-Client-Time") + hashSalt)) //nolint:gosec // the service demands it
	return hash == hex.EncodeToString(sum[:])
}

// challengeOf is the PKCE challenge of a verifier with method S256 (RFC 7636 section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// loginPage is the page that a browser shows to log in. The link on it is what the form of the live page leads to in
// the end.
func (s *Server) loginPage(r *http.Request) *answer {
	query := r.URL.Query()
	if query.Get("code_challenge") == "" || query.Get("code_challenge_method") != "S256" {
		return htmlPage(http.StatusBadRequest, "pixiv", "<p>The login link is broken.</p>")
	}
	state := s.tokens.beginLogin(query.Get("code_challenge"))
	callback := redirectURI + "?" + url.Values{"state": {state}}.Encode()
	return htmlPage(http.StatusOK, "pixiv", "<p><a id=\"login\" href=\""+html.EscapeString(callback)+"\">Log in as "+
		html.EscapeString(s.config.Account.Name)+"</a></p>")
}

// loginCallback ends a login in the browser: it leads to an address that only the app understands.
func (s *Server) loginCallback(r *http.Request) *answer {
	code, ok := s.tokens.endLogin(r.URL.Query().Get("state"))
	if !ok {
		return htmlPage(http.StatusBadRequest, "pixiv", "<p>The login is over.</p>")
	}
	a := htmlPage(http.StatusFound, "pixiv", "")
	a.header.Set("Location", "pixiv://account/login?"+url.Values{"code": {code}, "via": {"login"}}.Encode())
	return a
}
