package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

const (
	// defaultCooldown is TokenConfig.Cooldown's default.
	defaultCooldown = 15 * time.Minute
	// A site may say nonsense about the life of a token; it is believed
	// within these bounds.
	minLifetime = time.Minute
	maxLifetime = 24 * time.Hour
	// defaultLifetime is for a site that does not say; Pixiv's is 3600 s.
	defaultLifetime = time.Hour
	// refreshTimeout ends a refresh whose Exchange does not come back.
	refreshTimeout = 5 * time.Minute
	// saveTimeout ends a write to a store that does not come back.
	saveTimeout = 30 * time.Second
	// clockSlack is how far the clock may go back behind the making of a
	// token before its life can no longer be told.
	clockSlack = time.Minute
	// provenAge is how old a token must be to count as one that worked.
	provenAge = 5 * time.Minute
	// maxRetryDelay bounds the pause after refreshes that failed in passing.
	maxRetryDelay = time.Minute
)

// flight is one refresh, from its start until its result is in use.
type flight struct {
	cancel context.CancelFunc
	done   chan struct{} // closed at the end, and when something overtook it
	err    error         // the failure, set before done is closed
}

// depart begins a refresh. The caller holds mu, and there is no other flight.
func (m *TokenManager) depart(s *session) {
	ctx, cancel := context.WithTimeout(context.Background(), refreshTimeout)
	f := &flight{cancel: cancel, done: make(chan struct{})}
	m.flight = f
	from, unsaved := s.storedToken, s.unsaved
	m.running.Go(func() {
		defer cancel()
		m.fly(ctx, f, from, unsaved)
	})
}

// fly gets a new token, saves it and puts it to use.
func (m *TokenManager) fly(ctx context.Context, f *flight, from storedToken, unsaved *storedToken) {
	var next storedToken
	var isStored bool
	var err error
	if unsaved != nil {
		next = *unsaved
	} else {
		next, isStored, err = m.renew(ctx, from)
	}
	release := m.settle(ctx)
	defer release()
	if !m.flying(f) {
		return
	}
	unsaved = nil
	if err == nil && !isStored {
		if err = m.save(ctx, next); err != nil {
			unsaved = &next
		}
	}
	if m.land(f, next, unsaved, err) {
		m.tell("refresh", err)
	}
}

// settle takes turn. It goes on when ctx is cancelled: nobody holds turn for
// longer than a write takes, and a token that the site has given must be saved.
func (m *TokenManager) settle(ctx context.Context) (release func()) {
	_ = m.turn.Acquire(context.WithoutCancel(ctx)) // which has no error then
	return m.turn.Release
}

func (m *TokenManager) flying(f *flight) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.flight == f
}

// land ends a flight and reports whether there is anything to tell. It has no
// effect when something overtook it (then a logout, which waits for turn,
// removes what the flight saved) and when Close cut it off.
func (m *TokenManager) land(f *flight, next storedToken, unsaved *storedToken, err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.flight != f {
		return false
	}
	m.flight = nil
	defer close(f.done)
	now, s := time.Now(), m.session
	switch {
	case err == nil:
		m.session = &session{storedToken: next, obtained: now}
		if s.refused {
			m.session.forced = s.forced + 1
		}
	case m.closed:
		return false
	default:
		delay := min(time.Second<<min(s.failures, 30), maxRetryDelay)
		if errors.Is(err, ErrTokenRejected) {
			delay = m.config.Cooldown
		}
		s.unsaved = unsaved
		s.failures++
		s.failure = &RefreshError{Until: now.Add(delay), Err: err}
		f.err = s.failure
	}
	return true
}

// renew trades the refresh token. When the site refuses it, another process
// may have traded it before, so the stored token is looked at, and then the
// previous refresh token is tried. isStored says that next is what the store
// has already.
func (m *TokenManager) renew(ctx context.Context, from storedToken) (next storedToken, isStored bool, err error) {
	next, refusal := m.trade(ctx, RefreshToken(from.Refresh), from.Account)
	if !errors.Is(refusal, ErrTokenRejected) {
		return next, false, refusal
	}
	others := []string{from.Previous}
	if stored, err := m.read(ctx); err == nil && stored.Refresh != from.Refresh {
		if now := m.clock(); stored.Access != from.Access && stored.valid(now) {
			return stored, true, nil
		}
		from.Account = stored.Account
		others = []string{stored.Refresh, stored.Previous, from.Previous}
	}
	tried := map[string]bool{"": true, from.Refresh: true}
	for _, refresh := range others {
		if tried[refresh] {
			continue
		}
		tried[refresh] = true
		next, err := m.trade(ctx, RefreshToken(refresh), from.Account)
		if !errors.Is(err, ErrTokenRejected) {
			return next, false, err
		}
	}
	return storedToken{}, false, refusal
}

// trade asks the site and checks its answer. The token's times become those of
// our own clock, counted from before the request. account is whose token it
// is when the answer does not say.
func (m *TokenManager) trade(ctx context.Context, grant Grant, account Account) (next storedToken, err error) {
	if grant.kind == GrantRefreshToken && grant.secrets().refreshToken == "" {
		return next, fmt.Errorf("there is no refresh token: %w", ErrTokenRejected)
	}
	asked := m.clock().Round(0).UTC()
	token, err := m.exchange(ctx, grant)
	if err != nil {
		return next, err
	}
	if token.Access == "" {
		return next, errors.New("the site's answer has no access token")
	}
	if token.Issued.IsZero() {
		token.Issued = asked
	}
	token.Issued, token.Expires = asked, asked.Add(lifetime(token))
	if token.Refresh == "" {
		token.Refresh = grant.secrets().refreshToken // RFC 6749, section 6: it may stay
	}
	if token.Account == (Account{}) {
		token.Account = account
	}
	next = storedToken{Token: token}
	if token.Refresh != grant.secrets().refreshToken {
		next.Previous = grant.secrets().refreshToken
	}
	return next, nil
}

// exchange calls TokenConfig.Exchange, which is not ours: a panic becomes an
// error, and secrets are taken out of its errors.
func (m *TokenManager) exchange(ctx context.Context, grant Grant) (token Token, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			m.config.Logger.Error("token exchange panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("token exchange panicked: %v", cause)
		}
		if err != nil {
			err = scrub(err, grant.secrets().refreshToken, grant.secrets().code, grant.secrets().verifier, grant.secrets().password, token.Access, token.Refresh)
		}
	}()
	return m.config.Exchange(ctx, grant)
}

// lifetime returns for how long a token is believed to be valid.
func lifetime(token Token) time.Duration {
	if token.Expires.IsZero() {
		return defaultLifetime
	}
	return min(max(token.Expires.Sub(token.Issued), minLifetime), maxLifetime)
}

// valid says whether the token has not expired.
func (t storedToken) valid(now time.Time) bool {
	return t.Access != "" && now.Before(t.Expires)
}

// usable says whether the token may be sent.
func (s *session) usable(now time.Time) bool {
	rejected := s.failure != nil && errors.Is(s.failure, ErrTokenRejected)
	return s.valid(now) && !s.refused && !rejected
}

// fresh says whether it is too early for a refresh: less than three quarters
// of the token's life are over, and the clock was not set back.
func (s *session) fresh(now time.Time) bool {
	due := s.Issued.Add(s.Expires.Sub(s.Issued) / 4 * 3)
	return now.Before(due) && now.After(s.Issued.Add(-clockSlack))
}

// hold returns why no refresh may begin at now, or nil.
func (s *session) hold(now time.Time) *RefreshError {
	if s.failure != nil && now.Before(s.failure.Until) {
		return s.failure
	}
	if !s.refused || s.forced == 0 {
		return nil
	}
	until := s.obtained.Add(min(time.Minute<<min(s.forced-1, 30), defaultCooldown))
	if now.Before(until) {
		return &RefreshError{Until: until, Err: fmt.Errorf("the site refuses the token that it has just given: %w", ErrTokenExpired)}
	}
	return nil
}

// scrub takes secrets out of the text of an error.
func scrub(err error, secrets ...string) error {
	text := err.Error()
	clean := text
	for _, secret := range secrets {
		if secret != "" {
			clean = strings.ReplaceAll(clean, secret, "[secret]")
			clean = strings.ReplaceAll(clean, url.QueryEscape(secret), "[secret]")
		}
	}
	if clean == text {
		return err
	}
	return &scrubbedError{text: clean, err: err}
}

// scrubbedError is an error with another text.
type scrubbedError struct {
	text string
	err  error
}

func (e *scrubbedError) Error() string { return e.text }

// Unwrap returns the error as it was.
func (e *scrubbedError) Unwrap() error { return e.err }
