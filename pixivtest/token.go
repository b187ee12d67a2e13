package pixivtest

import (
	"encoding/base64"
	"sync"
	"time"
)

// Rotation says what becomes of a refresh token that was used.
type Rotation int

// The kinds of rotation.
const (
	// RotateNever gives the same refresh token back, as the live service does.
	RotateNever Rotation = iota
	// RotateLate gives a new one; the old one stays good until the new one was used for a refresh.
	RotateLate
	// RotateAtOnce gives a new one, and the old one is dead.
	RotateAtOnce
)

// issuer gives out tokens and codes and knows which are good.
type issuer struct {
	seed                 uint64
	accessLife, codeLife time.Duration
	rotation             Rotation

	mu            sync.Mutex
	serial        uint64
	accessTokens  map[string]time.Time // when each ends
	refreshTokens map[string]string    // good refresh tokens, each with the one that dies when it is used
	newest        string               // refresh token
	codes         map[string]pending   // authorization codes
	logins        map[string]string    // challenge by state, while a browser is at the login page
}

// pending is a code that was not exchanged yet.
type pending struct {
	challenge string
	ends      time.Time
}

func newIssuer(c Config) *issuer {
	return &issuer{
		seed: c.Seed, accessLife: c.AccessTokenLife, codeLife: c.CodeLife, rotation: c.Rotation,
		accessTokens: map[string]time.Time{}, refreshTokens: map[string]string{}, codes: map[string]pending{}, logins: map[string]string{},
	}
}

// secret is the next token: 43 characters, as the live ones have. The issuer is locked.
func (i *issuer) secret() string {
	i.serial++
	raw := hexDigits(32, i.seed, i.serial, 0x746f6b656e)
	return base64.RawURLEncoding.EncodeToString([]byte(raw))
}

// newAccess gives out an access token and forgets those that have ended. The issuer is locked.
func (i *issuer) newAccess() string {
	now := time.Now()
	for token, ends := range i.accessTokens {
		if now.After(ends) {
			delete(i.accessTokens, token)
		}
	}
	token := i.secret()
	i.accessTokens[token] = now.Add(i.accessLife)
	return token
}

// newRefresh gives out a refresh token; dies is the one that ends when it is used. The issuer is locked.
func (i *issuer) newRefresh(dies string) string {
	token := i.secret()
	i.refreshTokens[token] = dies
	i.newest = token
	return token
}

func (i *issuer) login() (access, refresh string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.newAccess(), i.newRefresh("")
}

func (i *issuer) refresh(old string) (access, refresh string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	dies, ok := i.refreshTokens[old]
	if !ok {
		return "", "", false
	}
	delete(i.refreshTokens, dies)
	i.refreshTokens[old] = ""
	switch i.rotation {
	case RotateLate:
		return i.newAccess(), i.newRefresh(old), true
	case RotateAtOnce:
		delete(i.refreshTokens, old)
		return i.newAccess(), i.newRefresh(""), true
	}
	return i.newAccess(), old, true
}

func (i *issuer) accepts(access string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	ends, ok := i.accessTokens[access]
	return ok && time.Now().Before(ends)
}

func (i *issuer) newCode(challenge string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	code := i.secret()
	i.codes[code] = pending{challenge: challenge, ends: time.Now().Add(i.codeLife)}
	return code
}

// takeCode uses a code up and says whether it was good for the verifier.
func (i *issuer) takeCode(code, verifier string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	p, ok := i.codes[code]
	delete(i.codes, code)
	return ok && time.Now().Before(p.ends) && p.challenge == challengeOf(verifier)
}

func (i *issuer) beginLogin(challenge string) (state string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	state = i.secret()
	i.logins[state] = challenge
	return state
}

func (i *issuer) endLogin(state string) (code string, ok bool) {
	i.mu.Lock()
	challenge, ok := i.logins[state]
	delete(i.logins, state)
	i.mu.Unlock()
	if !ok {
		return "", false
	}
	return i.newCode(challenge), true
}

// RefreshToken returns a good refresh token: the one given out last, or a new one when there is none, as after a login
// on another device.
func (s *Server) RefreshToken() string {
	i := s.tokens
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, good := i.refreshTokens[i.newest]; !good {
		return i.newRefresh("")
	}
	return i.newest
}

// AccessToken gives out a new access token.
func (s *Server) AccessToken() string {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return s.tokens.newAccess()
}

// AuthorizationCode gives out a code as the browser login does: good for one exchange, for [Config].CodeLife, and for
// the verifier whose PKCE challenge (method S256) is given.
func (s *Server) AuthorizationCode(challenge string) string { return s.tokens.newCode(challenge) }

// ExpireAccessTokens ends the life of every access token that was given out.
func (s *Server) ExpireAccessTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	clear(s.tokens.accessTokens)
}

// RevokeRefreshTokens makes every refresh token that was given out a bad one, as a change of the password does.
func (s *Server) RevokeRefreshTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	clear(s.tokens.refreshTokens)
}
