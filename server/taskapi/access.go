package taskapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pixivoc/pixivoc/internal/sender"
)

var (
	errNoToken = errors.New("send a token, as Authorization: Bearer or X-Token")
	errScope   = errors.New("the account may not do this")
)

// authorize says whether the caller may do things of a scope.
func (a *API) authorize(r *http.Request, scope Scope) error {
	if a.config.Anyone {
		return refuseForwarded(r.Header)
	}
	token, ok := tokenOf(r.Header)
	if !ok || token == "" || len(token) > sender.MaxToken {
		return errNoToken
	}
	account, err := a.config.Accounts.Look(r.Context(), TokenKind, token)
	switch {
	case errors.Is(err, ErrWrong):
		return errNoToken
	case err != nil:
		return err
	case !account.May(scope):
		return errScope
	}
	return nil
}

// refuseForwarded refuses what a proxy says it passes on: behind one everybody
// comes from this machine, so loopback keeps nobody out.
func refuseForwarded(header http.Header) error {
	for name := range header {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return &refusal{http.StatusForbidden, name + ": without a login nothing is done for a proxy; name it, as with --trusted-proxy of the daemon"}
		}
	}
	return nil
}

// tokenOf returns the token of a request. Of the two headers only one may be
// there, and only once: what is in the other is somebody's mistake.
func tokenOf(header http.Header) (token string, ok bool) {
	bearers, plain := header.Values("Authorization"), header.Values("X-Token")
	if len(bearers)+len(plain) != 1 {
		return "", false
	}
	if len(plain) == 1 {
		return strings.TrimSpace(plain[0]), true
	}
	return sender.Bearer(header)
}
