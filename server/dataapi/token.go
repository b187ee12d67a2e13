package dataapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/sender"
)

// The kinds of tokens that Accounts issue for this interface.
const (
	kindAccess  = "dataapi_access"
	kindRefresh = "dataapi_refresh"
)

// tokenAnswer is the answer to the token call. Clients cut the tokens out of
// its text, so the order of its members counts: bazhuayu-dataapi, section 1.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
}

// tokenFailure spells its description in another way than the envelope.
type tokenFailure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

var (
	errGrant     = &failure{status: http.StatusBadRequest, word: "invalid_grant", text: "The user name or password is incorrect."}
	errGrantType = &failure{status: http.StatusBadRequest, word: "unsupported_grant_type"}
)

// serveToken gives out a pair of tokens. It needs no Authorization header and
// ignores one.
func (a *API) serveToken(w http.ResponseWriter, r *http.Request) {
	answer, err := a.token(r)
	if err != nil {
		f := a.asFailure(r, err)
		if f.status == http.StatusOK { // of the calls with an envelope
			f = errUnavailable
		}
		f.head(w)
		a.write(w, f.status, tokenFailure{f.word, f.text})
		return
	}
	a.write(w, http.StatusOK, answer)
}

func (a *API) token(r *http.Request) (tokenAnswer, error) {
	given, err := readBody(r)
	var f *failure
	if errors.As(err, &f) {
		return tokenAnswer{}, errGrantType // a body that nobody can read has none
	}
	if err != nil {
		return tokenAnswer{}, err
	}
	var account Account
	switch given.text("grant_type") {
	case "password":
		account, err = a.config.Accounts.Check(r.Context(), given.text("username"), given.text("password"), sender.Address(r))
	case "refresh_token":
		account, err = a.spend(r, given.text("refresh_token"))
	default:
		return tokenAnswer{}, errGrantType
	}
	if err == nil {
		var answer tokenAnswer
		if answer, err = a.issue(r, account); err == nil {
			a.quotas.begin(account.Name)
			return answer, nil
		}
	}
	if errors.Is(err, ErrWrong) {
		return tokenAnswer{}, errGrant
	}
	return tokenAnswer{}, err
}

// spend ends a refresh token. When the answer is lost, or the next tokens
// cannot be stored, a password brings new ones.
func (a *API) spend(r *http.Request, token string) (Account, error) {
	if token == "" || len(token) > sender.MaxToken {
		return Account{}, credential.ErrWrong
	}
	return a.config.Accounts.Spend(r.Context(), kindRefresh, token)
}

// issue makes a pair. Earlier access tokens live on: the vendor's own sample
// refreshes first and goes on with the old one.
func (a *API) issue(r *http.Request, account Account) (answer tokenAnswer, err error) {
	answer = tokenAnswer{TokenType: "bearer", ExpiresIn: int64(a.config.AccessTokenLife / time.Second)}
	answer.AccessToken, err = a.config.Accounts.Issue(r.Context(), account, kindAccess, a.config.AccessTokenLife)
	if err != nil {
		return answer, err
	}
	answer.RefreshToken, err = a.config.Accounts.Issue(r.Context(), account, kindRefresh, a.config.RefreshTokenLife)
	return answer, err
}
