package restapi

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/sender"
)

// The kinds of tokens that Accounts issue for this interface.
const (
	kindSession = "console_session"
	kindBearer  = credential.KindBearer
)

// sessionCookie is the name of the cookie of the console.
const sessionCookie = "pixivoc_session"

// caller is who sends a request, and with what.
type caller struct {
	account     Account
	kind, token string // empty with Config.Anyone
}

// authenticate returns who sends a request. A bearer token goes before a
// cookie, and a wrong one is not made up for by a cookie.
func (a *API) authenticate(r *http.Request) (caller, error) {
	if a.config.Anyone {
		return caller{account: Account{Scopes: []Scope{credential.ScopeAdmin}}}, nil
	}
	who := caller{}
	if len(r.Header.Values("Authorization")) > 0 {
		token, ok := sender.Bearer(r.Header)
		if !ok {
			return who, errNotSignedIn
		}
		who.kind, who.token = kindBearer, token
	} else if cookies := r.CookiesNamed(sessionCookie); len(cookies) == 1 {
		who.kind, who.token = kindSession, cookies[0].Value
	}
	return who, a.recognise(r, &who)
}

// recognise looks the token of who up, now and again in long requests.
func (a *API) recognise(r *http.Request, who *caller) error {
	switch {
	case a.config.Anyone:
		return nil
	case who.token == "" || len(who.token) > sender.MaxToken:
		return errNotSignedIn
	}
	account, err := a.config.Accounts.Look(r.Context(), who.kind, who.token)
	if errors.Is(err, ErrWrong) {
		return errNotSignedIn
	}
	who.account = account
	return err
}

type credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

type sessionView struct {
	Name   string  `json:"name"`
	Scopes []Scope `json:"scopes"`
	// Login says whether there is a login at all.
	Login bool `json:"login"`
	// BrowserLogin and Resolve say what this server can do.
	BrowserLogin bool       `json:"browser_login"`
	Resolve      bool       `json:"resolve"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`
}

func (a *API) sessionView(account Account) sessionView {
	return sessionView{
		Name: account.Name, Scopes: account.Scopes, Login: !a.config.Anyone,
		BrowserLogin: a.config.BeginLogin != nil, Resolve: a.config.Resolve != nil,
	}
}

// check returns the account of a name and password.
func (a *API) check(r *http.Request, given credentials) (Account, error) {
	if a.config.Anyone {
		return Account{}, &problem{Status: http.StatusConflict, word: "no_login", Title: "This server has no login", Detail: "send requests without one"}
	}
	return a.config.Accounts.Check(r.Context(), given.Name, given.Password, sender.Address(r))
}

func (a *API) createSession(w http.ResponseWriter, r *http.Request) error {
	var given credentials
	if err := decode(r, &given); err != nil {
		return err
	}
	account, err := a.check(r, given)
	if err != nil {
		return err
	}
	token, err := a.config.Accounts.Issue(r.Context(), account, kindSession, a.config.SessionLife)
	if err != nil {
		return err
	}
	http.SetCookie(w, a.cookie(r, token, a.config.SessionLife))
	view := a.sessionView(account)
	view.ExpiresAt = new(time.Now().Add(a.config.SessionLife).UTC().Truncate(time.Second))
	return writeJSON(w, http.StatusCreated, view)
}

// cookie makes the cookie of a session; a life of 0 ends it.
func (a *API) cookie(r *http.Request, token string, life time.Duration) *http.Cookie {
	cookie := &http.Cookie{
		Name: sessionCookie, Value: token, Path: base, MaxAge: int(life / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.config.Secure || r.TLS != nil,
	}
	if life == 0 {
		cookie.MaxAge = -1
	}
	return cookie
}

func (a *API) getSession(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, a.sessionView(callerOf(r).account))
}

// deleteSession signs out. A session that is over already is no error.
func (a *API) deleteSession(w http.ResponseWriter, r *http.Request) error {
	if !a.config.Anyone {
		for _, cookie := range r.CookiesNamed(sessionCookie) {
			if len(cookie.Value) > sender.MaxToken {
				continue
			}
			if err := a.config.Accounts.Revoke(r.Context(), kindSession, cookie.Value); err != nil {
				return err
			}
		}
	}
	http.SetCookie(w, a.cookie(r, "", 0))
	return writeNothing(w)
}

type tokenRequest struct {
	Name     string  `json:"name"`
	Password string  `json:"password"`
	LifeMS   *int64  `json:"life_ms"`
	Scopes   []Scope `json:"scopes"`
}

type tokenView struct {
	Token     string    `json:"token"`
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	ExpiresAt time.Time `json:"expires_at"`
}

// createToken gives out a bearer token for scripts. It wants the password
// every time: a token cannot make further ones.
func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	var given tokenRequest
	if err := decode(r, &given); err != nil {
		return err
	}
	life := a.config.TokenLife
	if given.LifeMS != nil {
		if *given.LifeMS < 1000 || *given.LifeMS > MaxTokenLife.Milliseconds() {
			return fieldError("life_ms", "must be from 1000 to %d", MaxTokenLife.Milliseconds())
		}
		life = time.Duration(*given.LifeMS) * time.Millisecond
	}
	account, err := a.check(r, credentials{given.Name, given.Password})
	if err != nil {
		return err
	}
	if given.Scopes != nil {
		if account, err = account.Narrow(given.Scopes...); err != nil {
			return fieldError("scopes", "%v", err)
		}
	}
	token, err := a.config.Accounts.Issue(r.Context(), account, kindBearer, life)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, tokenView{token, account.Name, account.Scopes, time.Now().Add(life).UTC().Truncate(time.Second)})
}

// deleteToken ends the bearer token that the request carries.
func (a *API) deleteToken(w http.ResponseWriter, r *http.Request) error {
	token, ok := sender.Bearer(r.Header)
	if !ok || a.config.Anyone {
		return errNotSignedIn
	}
	if err := a.config.Accounts.Revoke(r.Context(), kindBearer, token); err != nil {
		return err
	}
	return writeNothing(w)
}

// maxQuotas bounds the accounts that are counted. Their number is bounded by
// the book of accounts; this is for embedders whose accounts are made up.
const maxQuotas = 4096

// quotas count the calls of each account.
type quotas struct {
	rate, seconds int
	born          time.Time

	mu        sync.Mutex
	byAccount map[string]*pixivoc.Quota
}

func newQuotas(rate, seconds int) *quotas {
	return &quotas{rate: rate, seconds: orDefault(seconds, pixivoc.QuotaSeconds), born: time.Now(), byAccount: map[string]*pixivoc.Quota{}}
}

// admit counts a call, or says when to come back.
func (q *quotas) admit(name string) error {
	if q.rate == 0 {
		return nil
	}
	now := time.Now()
	if ok, wait := q.of(name).Allow(now); !ok {
		return &problem{Status: http.StatusTooManyRequests, word: "quota", Title: "Too many calls", Detail: "the quota of this account is used up for now", retryAfter: wait}
	}
	return nil
}

func (q *quotas) of(name string) *pixivoc.Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	quota := q.byAccount[name]
	if quota == nil {
		if len(q.byAccount) >= maxQuotas {
			clear(q.byAccount)
		}
		quota = pixivoc.NewQuota(q.rate, q.seconds, q.born)
		q.byAccount[name] = quota
	}
	return quota
}
