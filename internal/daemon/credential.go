package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/sender"
)

// owner is the account of whoever runs the daemon.
const owner = "admin"

// openBook opens the accounts. When there are none it makes the owner's and
// returns the password, which is kept nowhere else; otherwise the password is
// empty.
func openBook(ctx context.Context, store pixivoc.SettingStore, s *Settings, logger *slog.Logger) (book *credential.Book, made string, err error) {
	book, err = credential.Open(ctx, store, credential.Options{
		Refused: func(_ string, remote netip.Addr) { // the name may be a password in the wrong field
			logger.Warn("login refused", "client", remote)
		},
	})
	if err != nil {
		return nil, "", fmt.Errorf("accounts: %w", err)
	}
	password := s.password
	if password == "" {
		if len(book.Accounts()) > 0 {
			return book, "", nil
		}
		made = credential.NewPassword()
		password = made
	}
	if err := book.Set(ctx, owner, password, credential.ScopeAdmin); err != nil {
		return nil, "", fmt.Errorf("account %s: %w", owner, err)
	}
	return book, made, nil
}

// recognise returns the account of a bearer token, or of a name and a password
// with a colon between them, which is what a program can send that knows no
// tokens.
func recognise(ctx context.Context, book *credential.Book, secret string, remote netip.Addr) (credential.Account, error) {
	account, err := book.Look(ctx, credential.KindBearer, secret)
	if err == nil {
		return account, nil
	}
	if name, password, ok := strings.Cut(secret, ":"); ok {
		return book.Check(ctx, name, password, remote)
	}
	return account, err
}

// isPassword says whether a secret is a name and a password: no token has a
// colon in it.
func isPassword(secret string) bool { return strings.Contains(secret, ":") }

// caller returns the account that the Authorization header of a request
// names: a bearer token, or the name and password of Basic.
func caller(r *http.Request, book *credential.Book) (credential.Account, error) {
	if name, password, ok := r.BasicAuth(); ok {
		return book.Check(r.Context(), name, password, sender.Address(r))
	}
	token, ok := sender.Bearer(r.Header)
	if !ok {
		return credential.Account{}, credential.ErrWrong
	}
	return book.Look(r.Context(), credential.KindBearer, token)
}

// refuseCaller answers a request whose caller may not.
func refuseCaller(w http.ResponseWriter, err error) {
	throttled, isThrottled := errors.AsType[*credential.ThrottledError](err)
	switch {
	case isThrottled:
		w.Header().Set("Retry-After", fmt.Sprint(int64(throttled.Wait.Seconds())+1))
		http.Error(w, throttled.Error(), http.StatusTooManyRequests)
	case errors.Is(err, credential.ErrWrong):
		w.Header().Set("WWW-Authenticate", `Basic realm="pixivoc"`)
		http.Error(w, "a login is required", http.StatusUnauthorized)
	default:
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}
