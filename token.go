package pixivoc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Account is who is logged in.
type Account struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"` // the login name
	Premium bool   `json:"premium"`
}

// Token is what a site gives for a login. Printing one shows no secret;
// json.Marshal shows them, because that is how it is stored. Do not keep one in
// an unexported field of something that gets printed: fmt goes past methods
// there.
type Token struct {
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	Account Account   `json:"account"`
}

// String returns a text without secrets.
func (t Token) String() string { return "Token(" + t.Account.ID + ")" }

// Format writes a text without secrets, whatever the verb.
func (t Token) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, t.String()) }

// LogValue returns a value without secrets.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Grant is what is traded for a token. Make one with RefreshToken,
// AuthorizationCode or Password. Printing one shows no secret.
type Grant struct {
	kind GrantKind
	// A function, because fmt goes past Format in unexported fields and would
	// print values and what pointers lead to.
	secret func() grantSecret
}

type grantSecret struct {
	refreshToken, code, verifier, username, password string
}

// GrantKind is the OAuth 2.0 grant type (RFC 6749, sections 4.1, 4.3 and 6).
type GrantKind string

// The grant types.
const (
	GrantRefreshToken      GrantKind = "refresh_token"
	GrantAuthorizationCode GrantKind = "authorization_code"
	GrantPassword          GrantKind = "password"
)

// RefreshToken is the grant of a refresh token.
func RefreshToken(token string) Grant {
	return Grant{GrantRefreshToken, hide(grantSecret{refreshToken: token})}
}

// AuthorizationCode is the grant of a code that the browser brought back, with
// the PKCE verifier the login began with (RFC 7636).
func AuthorizationCode(code, verifier string) Grant {
	return Grant{GrantAuthorizationCode, hide(grantSecret{code: code, verifier: verifier})}
}

// Password is the grant of a user name and a password. Pixiv has refused it
// since February 2021; other sites may take it.
func Password(username, password string) Grant {
	return Grant{GrantPassword, hide(grantSecret{username: username, password: password})}
}

// Kind returns the grant type.
func (g Grant) Kind() GrantKind { return g.kind }

// RefreshToken returns the refresh token of a GrantRefreshToken.
func (g Grant) RefreshToken() string { return g.secrets().refreshToken }

// Code returns the code and the verifier of a GrantAuthorizationCode.
func (g Grant) Code() (code, verifier string) {
	s := g.secrets()
	return s.code, s.verifier
}

// Password returns the user name and password of a GrantPassword.
func (g Grant) Password() (username, password string) {
	s := g.secrets()
	return s.username, s.password
}

func (g Grant) secrets() grantSecret {
	if g.secret == nil {
		return grantSecret{} // the zero Grant, which every site refuses
	}
	return g.secret()
}

func hide(secret grantSecret) func() grantSecret {
	return func() grantSecret { return secret }
}

// String returns a text without secrets.
func (g Grant) String() string { return "Grant(" + string(g.kind) + ")" }

// Format writes a text without secrets, whatever the verb.
func (g Grant) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, g.String()) }

// LogValue returns a value without secrets.
func (g Grant) LogValue() slog.Value { return slog.StringValue(g.String()) }

// Site is what the kernel must know of a web site: how to log in to it and how
// to read its answers. The zero value is a site without login whose answers
// are judged by their status alone. Package pixiv has Pixiv's.
type Site struct {
	// Name is used in errors and logs.
	Name string
	// Hosts are the hosts that get the token and whose answers Judge reads.
	// The token is never sent to any other, nor without TLS.
	Hosts []string
	// Exchange trades a grant for a token. client takes the road of the
	// environment; its requests are not paced. A refusal by the site is an
	// error that is ErrTokenRejected; any other error may pass.
	Exchange func(ctx context.Context, client *http.Client, grant Grant) (Token, error)
	// Authorize puts the site's headers on a request, and the token unless it
	// is the zero Token.
	Authorize func(request *http.Request, token Token)
	// Judge reads an answer by its head and the beginning of its body (at
	// most 64 KiB) and returns nil for a good one, or else ErrTokenExpired, a
	// *RateLimitError, a *BlockedError, a *PermanentError, a passing error, or,
	// when the account itself is in trouble, an *AccountError.
	Judge func(response *http.Response, body []byte) error
}

// TokenConfig makes a TokenManager.
type TokenConfig struct {
	// Store keeps the token under the setting "token". Required.
	Store SettingStore
	// Exchange trades a grant for a token, as Site.Exchange does. Required.
	Exchange func(ctx context.Context, grant Grant) (Token, error)
	// Changed, when set, is called after each login, refresh and logout that
	// ended, with nil or its error. It must not call the manager.
	Changed func(account Account, err error)
	// Cooldown is how long a refused refresh token is not tried again; zero
	// means 15 minutes.
	Cooldown time.Duration
	// Logger gets one line for each refresh, without secrets. Nil: none.
	Logger *slog.Logger
}
