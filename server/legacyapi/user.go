package legacyapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// maxLogins is how many logins may be under way.
	maxLogins    = 4
	loginTimeout = 2 * time.Minute
)

// The texts of /user/tokenMsg (PixivOC's HTTP version of 2021-02-01).
const (
	textNoLogin = "You haven't logged in yet."
	textHidden  = "********"
	textUnknown = "unknown"
)

// isLoggedIn says whether the client holds a login.
func (a *API) isLoggedIn() (bool, error) {
	_, err := a.client.Account()
	if errors.Is(err, pixivoc.ErrNoToken) {
		return false, nil
	}
	return err == nil, err
}

func (a *API) hasLogin(*input) (any, error) {
	has, err := a.isLoggedIn()
	return has, err
}

// login begins a login to the site; hasLogin tells the outcome. It is false
// while too many are under way.
func (a *API) login(in *input) (any, error) {
	grant, err := a.grant(in)
	if err != nil {
		return nil, err
	}
	return a.logins.start(maxLogins, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, loginTimeout)
		defer cancel()
		if _, err := a.client.Login(ctx, grant); err != nil {
			a.log.Warn("login for a caller", "error", err)
		}
	}), nil
}

func (a *API) grant(in *input) (pixivoc.Grant, error) {
	if secret, err := in.text("refreshToken"); err == nil && secret != "" {
		return pixivoc.RefreshToken(secret), nil
	}
	account, err := in.text("account")
	if err != nil {
		return pixivoc.Grant{}, err
	}
	password, err := in.text("password")
	if err != nil {
		return pixivoc.Grant{}, err
	}
	return a.config.Grant(account, password), nil
}

// logout says whether there was a login to forget.
func (a *API) logout(in *input) (any, error) {
	had, err := a.client.Logout(in.r.Context())
	if err != nil {
		return nil, err
	}
	return had, nil
}

func (a *API) refreshToken(in *input) (any, error) {
	has, err := a.isLoggedIn()
	if err != nil || !has || a.config.RefreshToken == nil {
		return has, err
	}
	ctx, cancel := context.WithTimeout(in.r.Context(), loginTimeout)
	defer cancel()
	if err := a.config.RefreshToken(ctx); err != nil {
		a.log.Warn("refresh token for a caller", "error", err)
		return false, nil
	}
	return true, nil
}

// tokenMessage describes the login in three lines.
func (a *API) tokenMessage(in *input) (any, error) {
	has, err := a.isLoggedIn()
	if err != nil {
		return nil, err
	}
	if !has {
		return textNoLogin, nil
	}
	access, refresh, changed := textHidden, textHidden, textUnknown
	if a.config.Token != nil {
		token, err := a.config.Token(in.r.Context())
		if errors.Is(err, pixivoc.ErrNoToken) {
			return textNoLogin, nil // meanwhile
		} else if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		if !token.Issued.IsZero() {
			changed = token.Issued.Local().Format(time.DateTime)
		}
		if a.config.ShowTokens {
			access, refresh = token.Access, token.Refresh
		}
	}
	return fmt.Sprintf("AccessToken: %s\nRefreshToken: %s\nAccessTokenUpdateTime: %s", access, refresh, changed), nil
}
