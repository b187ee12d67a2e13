package daemon

import (
	"fmt"

	"github.com/pixivoc/pixivoc/server/legacyapi"
)

// openLegacy makes the door of PixivOC's later HTTP interface, or none when it
// is not wanted. The console keeps "/".
func openLegacy(v *services) (*httpDoor, error) {
	if !v.settings.LegacyHTTP {
		return nil, nil
	}
	api, err := legacyapi.New(v.client, legacyapi.Config{
		Accounts:     v.book,
		AccountName:  owner,
		SavePath:     place(v.roots),
		Exit:         v.exit,
		Hosts:        v.settings.AllowedHosts,
		MaxOpenTasks: v.settings.MaxOpenTasks,
		Logger:       v.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("legacy HTTP: %w", err)
	}
	return &httpDoor{name: "legacy HTTP", path: "/permission/hasPermission", prefixes: legacyapi.Prefixes(), handler: api, close: api.Close}, nil
}
