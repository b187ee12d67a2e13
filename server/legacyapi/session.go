package legacyapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/sender"
)

// kindSession is the kind of the tokens that Accounts issue for sessions.
const kindSession = "legacy_session"

// sessionCookie is the name of the cookie, as in the original.
const sessionCookie = "session"

// maxToken bounds what is looked at as a token, in bytes.
const maxToken = 512

var (
	errNoSession  = errors.New("no console session")
	errNotAllowed = errors.New("not allowed by the configuration")
)

// sessions renew the tokens of console sessions. A token cannot be prolonged,
// so it lives for twice the life of a session; one that has been in use for
// half of a life gets a successor, and the old one still serves the requests
// that are under way. What ends a session is the time since its last answer.
type sessions struct {
	accounts Accounts
	life     time.Duration
	log      *slog.Logger

	mu      sync.Mutex
	byToken map[string]*session
}

// session is what is known of a token that was recognised.
type session struct {
	born, used time.Time // born is zero for one from before a restart
	renewing   bool
	next       string // the successor
}

func newSessions(accounts Accounts, life time.Duration, log *slog.Logger) *sessions {
	return &sessions{accounts: accounts, life: life, log: log, byToken: map[string]*session{}}
}

// issue begins a session.
func (s *sessions) issue(ctx context.Context, account Account) (token string, err error) {
	token, err = s.accounts.Issue(ctx, account, kindSession, 2*s.life)
	if err != nil {
		return "", err
	}
	now := time.Now().Round(0) // the monotonic clock stands still while a machine sleeps
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, known := range s.byToken {
		if now.Sub(known.used) > 2*s.life {
			delete(s.byToken, other)
		}
	}
	s.byToken[token] = &session{born: now, used: now}
	return token, nil
}

// look returns the account of a token and the token to use from now on, or
// errNoSession.
func (s *sessions) look(ctx context.Context, token string) (Account, string, error) {
	if len(token) > maxToken {
		return Account{}, "", errNoSession
	}
	account, err := s.accounts.Look(ctx, kindSession, token)
	if errors.Is(err, ErrWrong) {
		return Account{}, "", errNoSession
	} else if err != nil {
		return Account{}, "", err
	}
	next, isOver, isDue := s.use(token)
	switch {
	case isOver:
		if err := s.accounts.Revoke(ctx, kindSession, token); err != nil {
			s.log.Error("end session", "error", err)
		}
		return Account{}, "", errNoSession
	case isDue:
		return account, s.renew(ctx, account, token), nil
	}
	return account, next, nil
}

// use notes that a token was used. next is the token to use from now on, isOver
// says that the session was left alone for too long, isDue that the caller is
// to renew the token.
func (s *sessions) use(token string) (next string, isOver, isDue bool) {
	now := time.Now().Round(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.byToken[token]
	if known == nil {
		known = &session{used: now}
		s.byToken[token] = known
	}
	if now.Sub(known.used) > s.life {
		delete(s.byToken, token)
		return "", true, false
	}
	known.used = now
	switch {
	case known.next != "":
		if successor := s.byToken[known.next]; successor != nil {
			successor.used = now
		}
		return known.next, false, false
	case known.renewing || now.Sub(known.born) <= s.life/2:
		return token, false, false
	}
	known.renewing = true
	return "", false, true
}

// renew gives a token its successor. When that fails the old one is used on,
// and the next request tries again.
func (s *sessions) renew(ctx context.Context, account Account, token string) string {
	next, err := s.issue(ctx, account)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.byToken[token]
	if err != nil {
		s.log.Error("renew session", "error", err)
		next = ""
	}
	if known != nil {
		known.renewing, known.next = false, next
	}
	if next == "" {
		return token
	}
	return next
}

// recognise returns whose session a request belongs to, and renews it.
func (a *API) recognise(w http.ResponseWriter, r *http.Request) (Account, error) {
	cookies := r.CookiesNamed(sessionCookie)
	if len(cookies) != 1 {
		return Account{}, errNoSession
	}
	account, token, err := a.sessions.look(r.Context(), cookies[0].Value)
	if err == nil {
		http.SetCookie(w, a.cookie(r, token))
	}
	return account, err
}

func (a *API) cookie(r *http.Request, token string) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(a.config.SessionLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.config.Secure || r.TLS != nil,
	}
}

// openSession says whether the password is right, and then opens a session.
func (a *API) openSession(in *input) (any, error) {
	password, err := in.text("password")
	if err != nil {
		return nil, err
	}
	ctx := in.r.Context()
	account, err := a.config.Accounts.Check(ctx, a.config.AccountName, password, sender.Address(in.r))
	if throttled, isThrottled := errors.AsType[*credential.ThrottledError](err); isThrottled {
		in.w.Header().Set("Retry-After", strconv.FormatInt(wholeSeconds(throttled.Wait), 10))
		return false, nil
	}
	if errors.Is(err, ErrWrong) {
		return false, nil
	}
	var token string
	if err == nil {
		token, err = a.sessions.issue(ctx, account)
	}
	if err != nil {
		return nil, err
	}
	in.w.Header().Del("Set-Cookie") // of the session before
	http.SetCookie(in.w, a.cookie(in.r, token))
	return true, nil
}

func (a *API) hasPermission(in *input) (any, error) { return in.hasSession, nil }

// exit orders the end of the program, once.
func (a *API) exit(in *input) (any, error) {
	if a.config.Exit == nil {
		return nil, errNotAllowed
	}
	if a.exited.CompareAndSwap(false, true) {
		a.log.Info("exit requested by a caller")
		in.after = a.config.Exit
	}
	return true, nil
}
