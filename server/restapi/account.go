package restapi

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// loginLife is how long a person may take to log in in the browser.
	loginLife = 15 * time.Minute
	// maxLogins is how many such logins can be open; the oldest one gives way.
	maxLogins = 16
	// maxSecret bounds what somebody pastes as a refresh token or callback.
	maxSecret = 8 << 10
)

type accountView struct {
	LoggedIn bool             `json:"logged_in"`
	Account  *pixivoc.Account `json:"account,omitempty"`
}

func (a *API) getAccount(w http.ResponseWriter, _ *http.Request) error {
	account, err := a.client.Account()
	switch {
	case errors.Is(err, pixivoc.ErrNoToken):
		return writeJSON(w, http.StatusOK, accountView{})
	case err != nil:
		return err
	}
	return writeJSON(w, http.StatusOK, accountView{true, &account})
}

func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.client.Logout(r.Context()); err != nil {
		return err
	}
	return writeNothing(w)
}

type loginRequest struct {
	RefreshToken string `json:"refresh_token"`
}

func (a *API) login(w http.ResponseWriter, r *http.Request) error {
	var given loginRequest
	if err := decode(r, &given); err != nil {
		return err
	}
	token := strings.TrimSpace(given.RefreshToken)
	if token == "" || len(token) > maxSecret {
		return fieldError("refresh_token", "must have 1 to %d bytes", maxSecret)
	}
	if a.config.ParseRefreshToken != nil {
		var err error
		if token, err = a.config.ParseRefreshToken(token); err != nil {
			return err
		}
	}
	return a.logIn(w, r, pixivoc.RefreshToken(token))
}

func (a *API) logIn(w http.ResponseWriter, r *http.Request, grant pixivoc.Grant) error {
	account, err := a.client.Login(r.Context(), grant)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, accountView{true, &account})
}

// logins are the logins in the browser that have begun.
type logins struct {
	mu   sync.Mutex
	open []openLogin // oldest first
}

type openLogin struct {
	id      string
	expires time.Time
	finish  func(callback string) (pixivoc.Grant, error)
}

func (l *logins) add(login openLogin) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(time.Now())
	if len(l.open) >= maxLogins {
		l.open = l.open[1:]
	}
	l.open = append(l.open, login)
}

func (l *logins) find(id string) (openLogin, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(time.Now())
	for _, login := range l.open {
		if login.id == id {
			return login, true
		}
	}
	return openLogin{}, false
}

func (l *logins) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, login := range l.open {
		if login.id == id {
			l.open = append(l.open[:i:i], l.open[i+1:]...)
			return
		}
	}
}

// drop forgets logins that took too long. The caller holds mu.
func (l *logins) drop(now time.Time) {
	for len(l.open) > 0 && !now.Before(l.open[0].expires) {
		l.open = l.open[1:]
	}
}

type browserLoginView struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *API) beginLogin(w http.ResponseWriter, _ *http.Request) error {
	if a.config.BeginLogin == nil {
		return &problem{Status: http.StatusNotFound, word: "no_browser_login", Title: "There is no login in the browser here"}
	}
	page, finish := a.config.BeginLogin()
	login := openLogin{id: rand.Text(), expires: time.Now().Add(loginLife), finish: finish}
	a.logins.add(login)
	return writeJSON(w, http.StatusCreated, browserLoginView{login.id, page, login.expires.UTC().Truncate(time.Second)})
}

type callbackRequest struct {
	Callback string `json:"callback"`
}

func (a *API) finishLogin(w http.ResponseWriter, r *http.Request) error {
	var given callbackRequest
	if err := decode(r, &given); err != nil {
		return err
	}
	if given.Callback == "" || len(given.Callback) > maxSecret {
		return fieldError("callback", "must have 1 to %d bytes", maxSecret)
	}
	login, ok := a.logins.find(r.PathValue("id"))
	if !ok {
		return &problem{Status: http.StatusNotFound, word: "login_not_found", Title: "This login is over", Detail: "begin a new one"}
	}
	grant, err := login.finish(given.Callback)
	if err != nil {
		return err // the person may have copied the wrong thing and can try again
	}
	a.logins.remove(login.id) // a code is good for one exchange
	return a.logIn(w, r, grant)
}
