package pixivoc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// tokenSetting is the name of the setting that keeps the token.
const tokenSetting = "token"

// TokenManager keeps a site's token valid. It trades the refresh token in time
// for a new pair, saves that before anybody sees it, and stops asking when the
// site refuses. However many callers need a token, one refresh is under way.
//
// It works without a Client. Make one with NewTokenManager, call Load once,
// and Close at the end. All methods are safe for concurrent use. Printing a
// TokenManager shows no secret.
type TokenManager struct {
	config TokenConfig
	// clock is the wall clock. Tokens expire by it, because the monotonic one
	// stands still while the machine sleeps; back-off uses the monotonic one.
	clock func() time.Time

	// turn is held by whoever changes the stored token, until memory and
	// Changed have followed, so that all three see changes in one order. No
	// other method ever waits for it.
	turn gate

	running sync.WaitGroup // the goroutine of a refresh

	mu      sync.Mutex
	session *session // nil: nobody is logged in
	flight  *flight  // the refresh under way
	logouts int
	closed  bool
}

// storedToken is the value of tokenSetting.
type storedToken struct {
	Token
	// Previous is the refresh token that was traded for this token. It is the
	// way back until Token.Refresh has been traded in its turn.
	Previous string `json:"previous_refresh_token,omitempty"`
}

// session is a login with the token it stands at. It is only held by pointer,
// which keeps it out of print.
type session struct {
	storedToken
	obtained time.Time // with the monotonic reading
	// refused says that the site called the access token expired. forced
	// counts the refreshes in a row that were made for that reason and gave a
	// token which did not last either.
	refused bool
	forced  int
	// unsaved is a token that the site gave and the store would not take. The
	// refresh token it was traded for may be spent, so it is kept to be saved
	// by the next try.
	unsaved  *storedToken
	failures int           // of refreshes, in a row
	failure  *RefreshError // the last of them
}

// NewTokenManager returns a manager that knows no token yet. A missing field
// gives a *FieldError.
func NewTokenManager(config TokenConfig) (*TokenManager, error) {
	switch {
	case config.Store == nil:
		return nil, &FieldError{"Store", "is required"}
	case config.Exchange == nil:
		return nil, &FieldError{"Exchange", "is required"}
	case config.Cooldown < 0:
		return nil, &FieldError{"Cooldown", "must not be negative"}
	}
	if config.Cooldown == 0 {
		config.Cooldown = defaultCooldown
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &TokenManager{config: config, clock: time.Now}, nil
}

// Load takes the token from the store, where the last process left it. No
// token there is no error. A value that is no token gives ErrStoreCorrupt.
func (m *TokenManager) Load(ctx context.Context) error {
	if err := m.turn.Acquire(ctx); err != nil {
		return fmt.Errorf("load token: %w", err)
	}
	defer m.turn.Release()
	stored, err := m.read(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load token: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.overtake(&session{storedToken: stored, obtained: time.Now()})
	return nil
}

// read returns the stored token. What is wrong with an unreadable one is not
// told, since the text could quote it.
func (m *TokenManager) read(ctx context.Context) (storedToken, error) {
	value, err := m.config.Store.Setting(ctx, tokenSetting)
	if err != nil {
		return storedToken{}, err
	}
	var stored storedToken
	if json.Unmarshal(value, &stored) != nil || stored.Access == "" && stored.Refresh == "" {
		return storedToken{}, fmt.Errorf("setting %q is no token: %w", tokenSetting, ErrStoreCorrupt)
	}
	stored.Expires = stored.Issued.Add(lifetime(stored.Token))
	return stored, nil
}

// save writes a token durably. It goes on when ctx is cancelled, because the
// refresh token that is in the store may be spent.
func (m *TokenManager) save(ctx context.Context, token storedToken) error {
	value, err := json.Marshal(token)
	if err != nil {
		return fmt.Errorf("save token: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := m.config.Store.SetSetting(ctx, tokenSetting, value); err != nil {
		return fmt.Errorf("save token: %w", scrub(err, token.Access, token.Refresh, token.Previous))
	}
	return nil
}

// Token returns a valid access token. When three quarters of its life are over
// a refresh is begun, and the old token serves until it ends. Without a valid
// token Token waits for the refresh; the refresh goes on when ctx is done.
//
// It returns ErrNoToken when nobody is logged in, and a *RefreshError when no
// token can be had: one that is ErrTokenRejected until the next Login if the
// site refuses the refresh token, otherwise one that passes. Until its time
// the same error is returned again and the site is not asked.
func (m *TokenManager) Token(ctx context.Context) (Token, error) {
	for {
		token, flight, err := m.look()
		if flight == nil {
			return token, err
		}
		select {
		case <-flight.done:
			if flight.err != nil {
				return Token{}, flight.err
			}
		case <-ctx.Done():
			return Token{}, fmt.Errorf("wait for token: %w", ctx.Err())
		}
	}
}

// look returns a usable token, or the refresh to wait for, or an error. It
// begins a refresh when one is due.
func (m *TokenManager) look() (Token, *flight, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Token{}, nil, ErrClosed
	}
	s := m.session
	if s == nil {
		return Token{}, nil, ErrNoToken
	}
	now := m.clock()
	usable := s.usable(now)
	if usable && s.fresh(now) {
		return s.Token, nil, nil
	}
	var hold *RefreshError
	if m.flight == nil {
		if hold = s.hold(time.Now()); hold == nil {
			m.depart(s)
		}
	}
	switch {
	case usable:
		return s.Token, nil, nil
	case hold != nil:
		return Token{}, nil, hold
	}
	return Token{}, m.flight, nil
}

// Account returns who is logged in, or ErrNoToken. It asks nobody, so the site
// may refuse the login meanwhile.
func (m *TokenManager) Account() (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.session == nil {
		return Account{}, ErrNoToken
	}
	return m.session.Account, nil
}

// Invalidate says that the site calls this access token expired. The next
// Token makes a new one. A token that came from such a refresh and is called
// expired too is not replaced at once: Token then returns a *RefreshError that
// is ErrTokenExpired, for a minute at first and for longer each time. An
// access token that is no longer in use is ignored, so it does no harm when
// many requests report the same one.
func (m *TokenManager) Invalidate(access string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.session
	if s == nil || s.refused || s.Access != access {
		return
	}
	s.refused = true
	if time.Since(s.obtained) >= provenAge {
		s.forced = 0
	}
}

// Login trades grant for a token, saves it and puts it in the place of the one
// before. When it fails, the one before stays in use; an error that is
// ErrTokenRejected means that the site refuses the grant. A Logout that comes
// while Login runs wins.
func (m *TokenManager) Login(ctx context.Context, grant Grant) (Account, error) {
	m.mu.Lock()
	logouts, closed := m.logouts, m.closed
	m.mu.Unlock()
	if closed {
		return Account{}, ErrClosed
	}
	next, err := m.trade(ctx, grant, Account{})
	release := m.settle(ctx)
	defer release()
	if err == nil {
		err = m.enter(ctx, next, logouts)
	}
	if err != nil {
		err = fmt.Errorf("login: %w", err)
		m.tell("login", err)
		return Account{}, err
	}
	m.tell("login", nil)
	return next.Account, nil
}

// enter saves the token of a login and puts it to use, unless there was a
// logout. The caller holds turn.
func (m *TokenManager) enter(ctx context.Context, next storedToken, logouts int) error {
	m.mu.Lock()
	err := m.mayEnter(logouts)
	m.mu.Unlock()
	if err == nil {
		err = m.save(ctx, next)
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.mayEnter(logouts); err != nil {
		return err // and the logout, which waits for turn, removes what was saved
	}
	m.overtake(&session{storedToken: next, obtained: time.Now()})
	return nil
}

func (m *TokenManager) mayEnter(logouts int) error {
	switch {
	case m.closed:
		return ErrClosed
	case m.logouts != logouts:
		return fmt.Errorf("logged out meanwhile: %w", ErrNoToken)
	}
	return nil
}

// Logout forgets the token, here and in the store. Calls of Token that wait
// end with ErrNoToken at once, and a refresh or login under way comes to
// nothing. It reports whether there was a token. After an error the token may
// still be in the store; call Logout again.
func (m *TokenManager) Logout(ctx context.Context) (bool, error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false, ErrClosed
	}
	had := m.session != nil
	m.logouts++
	m.overtake(nil)
	m.mu.Unlock()

	if err := m.turn.Acquire(ctx); err != nil {
		return had, fmt.Errorf("logout: %w", err)
	}
	defer m.turn.Release()
	if _, err := m.Account(); err == nil {
		return had, nil // a later login was faster
	}
	err := m.config.Store.SetSetting(ctx, tokenSetting, nil)
	if err != nil {
		err = fmt.Errorf("logout: %w", err)
	}
	m.tell("logout", err)
	return had, err
}

// overtake puts another session, or none, in the place of the one in use. A
// refresh under way is left to end without effect. The caller holds mu.
func (m *TokenManager) overtake(s *session) {
	m.session = s
	if f := m.flight; f != nil {
		m.flight = nil
		f.cancel()
		close(f.done)
	}
}

// tell logs how a login, refresh or logout ended and calls Changed, which is
// not ours and may panic. The caller holds turn.
func (m *TokenManager) tell(operation string, err error) {
	account, _ := m.Account() // nobody logged in is the zero Account
	defer func() {
		if cause := recover(); cause != nil {
			m.config.Logger.Error("TokenConfig.Changed panicked", "cause", cause, "stack", string(debug.Stack()))
		}
	}()
	if err != nil {
		m.config.Logger.Warn("token "+operation, "account", account.ID, "error", err)
	} else {
		m.config.Logger.Info("token "+operation, "account", account.ID)
	}
	if m.config.Changed != nil {
		m.config.Changed(account, err)
	}
}

// Close ends the manager: a refresh under way is cancelled and waited for, and
// from now on Token, Login and Logout return ErrClosed. The stored token
// stays. Closing twice does no harm.
func (m *TokenManager) Close() {
	m.mu.Lock()
	m.closed = true
	if m.flight != nil {
		m.flight.cancel()
	}
	m.mu.Unlock()
	m.running.Wait()
}

// String returns a text without secrets.
func (m *TokenManager) String() string {
	account, _ := m.Account()
	return "TokenManager(" + account.ID + ")"
}

// GoString returns a text without secrets.
func (m *TokenManager) GoString() string { return m.String() }

// LogValue returns a value without secrets.
func (m *TokenManager) LogValue() slog.Value { return slog.StringValue(m.String()) }
