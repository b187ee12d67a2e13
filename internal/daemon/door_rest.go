package daemon

import (
	"fmt"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/restapi"
)

// The quota of an account at /api/v1: far above what the console needs to show a
// gallery, far below what would keep the others waiting.
const (
	restQuotaRate    = 200 // calls a second
	restQuotaSeconds = 5
)

// openREST makes the door at /api/v1.
func openREST(v *services) (*httpDoor, error) {
	api, err := restapi.New(v.client, restapi.Config{
		Accounts: v.book,
		SavePath: place(v.roots),
		Resolve:  pixiv.Resolve,
		BeginLogin: func() (string, func(string) (pixivoc.Grant, error)) {
			login := pixiv.NewLogin()
			return login.URL, login.Grant
		},
		ParseRefreshToken: pixiv.ParseRefreshToken,
		Settings:          v.store,
		Hosts:             v.settings.AllowedHosts,
		Origins:           v.settings.AllowedOrigins,
		QuotaRate:         restQuotaRate,
		QuotaSeconds:      restQuotaSeconds,
		MaxOpenTasks:      v.settings.MaxOpenTasks,
		Logger:            v.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("REST: %w", err)
	}
	return &httpDoor{name: "REST", path: "/api/v1/openapi.json", prefixes: []string{"api/v1"}, handler: api, close: api.Close}, nil
}
