package pixivoc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/require"
)

// canary is part of every secret in these tests, so that one look finds any of
// them.
const canary = "canary"

// tokenStore is a SettingStore whose writes a test can watch and spoil.
type tokenStore struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
	write  func(value []byte) error // nil: every write succeeds
	read   error
}

func (s *tokenStore) Setting(ctx context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.read != nil {
		return nil, s.read
	}
	if value, ok := s.values[name]; ok {
		return value, nil
	}
	return nil, fmt.Errorf("setting %q: %w", name, fs.ErrNotExist)
}

func (s *tokenStore) SetSetting(ctx context.Context, name string, value []byte) error {
	s.mu.Lock()
	write := s.write
	s.mu.Unlock()
	if write != nil {
		if err := write(value); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writes++
	if value == nil {
		delete(s.values, name)
		return nil
	}
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[name] = slices.Clone(value)
	return nil
}

// spoil makes every write call f from now on.
func (s *tokenStore) spoil(f func(value []byte) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write = f
}

func (s *tokenStore) writeCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// keptToken is what the store keeps of a token.
type keptToken struct {
	Access   string          `json:"access_token"`
	Refresh  string          `json:"refresh_token"`
	Previous string          `json:"previous_refresh_token"`
	Issued   time.Time       `json:"issued"`
	Expires  time.Time       `json:"expires"`
	Account  pixivoc.Account `json:"account"`
}

// token returns the stored token, or the zero value.
func (s *tokenStore) token(t *testing.T) (value keptToken) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.values["token"]; ok {
		require.NoError(t, json.Unmarshal(text, &value))
	}
	return value
}

// put stores a token as another process would.
func (s *tokenStore) put(t *testing.T, value keptToken) {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values["token"] = text
}

// tokenSite is a token endpoint that gives a new pair for each refresh token that
// it knows, once: access n and refresh n for its n-th success.
type tokenSite struct {
	mu     sync.Mutex
	grants []pixivoc.Grant
	given  int
	good   []string // refresh tokens that it takes
	life   time.Duration
	delay  time.Duration
	fault  error                             // instead of an answer
	stay   bool                              // refresh tokens are not rotated
	change func(pixivoc.Token) pixivoc.Token // of a good answer
	deaf   bool                              // does not notice the end of its context
}

var somebody = pixivoc.Account{ID: "17", Name: "Some Body", Account: "somebody", Premium: true}

func access(n int) string { return fmt.Sprintf("access-%s-%d", canary, n) }

func refresh(n int) string { return fmt.Sprintf("refresh-%s-%d", canary, n) }

func (s *tokenSite) exchange(ctx context.Context, grant pixivoc.Grant) (pixivoc.Token, error) {
	s.mu.Lock()
	s.grants = append(s.grants, grant)
	delay, deaf := s.delay, s.deaf
	s.mu.Unlock()
	end := ctx.Done()
	if deaf {
		end = nil
	}
	select {
	case <-time.After(delay):
	case <-end:
		return pixivoc.Token{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(grant)
}

func (s *tokenSite) answer(grant pixivoc.Grant) (pixivoc.Token, error) {
	if s.fault != nil {
		return pixivoc.Token{}, s.fault
	}
	if _, password := grant.Password(); password == "wrong-"+canary {
		return pixivoc.Token{}, fmt.Errorf("103: %w", pixivoc.ErrTokenRejected)
	}
	if grant.Kind() == pixivoc.GrantRefreshToken {
		i := slices.Index(s.good, grant.RefreshToken())
		if i < 0 {
			return pixivoc.Token{}, fmt.Errorf("invalid refresh token: %w", pixivoc.ErrTokenRejected)
		}
		if !s.stay {
			s.good = slices.Delete(s.good, i, i+1)
		}
	}
	s.given++
	life := s.life
	if life == 0 {
		life = time.Hour
	}
	now := time.Now()
	token := pixivoc.Token{Access: access(s.given), Refresh: refresh(s.given), Issued: now, Expires: now.Add(life), Account: somebody}
	if s.stay {
		token.Refresh = grant.RefreshToken()
	} else {
		s.good = append(s.good, token.Refresh)
	}
	if s.change != nil {
		token = s.change(token)
	}
	return token, nil
}

func (s *tokenSite) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.grants)
}

func (s *tokenSite) set(f func(*tokenSite)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// tokenOutcome is one call of TokenConfig.Changed.
type tokenOutcome struct {
	account pixivoc.Account
	err     error
}

// tokenBench is a TokenManager with everything around it.
type tokenBench struct {
	*pixivoc.TokenManager
	site  *tokenSite
	store *tokenStore

	mu       sync.Mutex
	outcomes []tokenOutcome
	log      bytes.Buffer
}

// newTokenBench makes a manager that is logged in with access 1 and refresh 1.
func newTokenBench(t *testing.T) *tokenBench {
	t.Helper()
	b := newLoggedOutTokenBench(t)
	_, err := b.Login(t.Context(), pixivoc.AuthorizationCode("code-"+canary, "verifier-"+canary))
	require.NoError(t, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = nil
	b.site.grants = nil
	b.store.writes = 0
	return b
}

func newLoggedOutTokenBench(t *testing.T) *tokenBench {
	t.Helper()
	b := &tokenBench{site: &tokenSite{}, store: &tokenStore{}}
	b.restart(t)
	return b
}

// restart is a new process with the same site and store.
func (b *tokenBench) restart(t *testing.T) {
	t.Helper()
	manager, err := pixivoc.NewTokenManager(pixivoc.TokenConfig{
		Store:    b.store,
		Exchange: b.site.exchange,
		Changed: func(account pixivoc.Account, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.outcomes = append(b.outcomes, tokenOutcome{account, err})
		},
		Logger: slog.New(slog.NewTextHandler(&tokenLog{b}, nil)),
	})
	require.NoError(t, err)
	require.NoError(t, manager.Load(t.Context()))
	t.Cleanup(manager.Close)
	b.TokenManager = manager
}

type tokenLog struct{ b *tokenBench }

func (w *tokenLog) Write(p []byte) (int, error) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return w.b.log.Write(p)
}

func (b *tokenBench) changes() []tokenOutcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.outcomes)
}

func (b *tokenBench) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.log.String())
}

// accessNow returns the access token that Token gives.
func (b *tokenBench) accessNow(t *testing.T) string {
	t.Helper()
	token, err := b.Token(t.Context())
	require.NoError(t, err)
	return token.Access
}
