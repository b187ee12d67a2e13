package daemon

import (
	"fmt"

	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/dataapi"
)

// openData makes the door in the shape of the Octopus data API: the token call
// and everything below /api that is not REST.
func openData(v *services) (*httpDoor, error) {
	columns := map[string][]string{}
	for _, kind := range v.client.Types() {
		if names := pixiv.RecordColumns(kind.Name); names != nil {
			// Pixiv sends more than it is known for.
			columns[kind.Name] = append(names, "other")
		}
	}
	api, err := dataapi.New(v.client, dataapi.Config{
		Accounts:        v.book,
		Settings:        v.store,
		AccessTokenLife: v.settings.AccessTokenLife,
		Columns:         func(typeName string) []string { return columns[typeName] },
		Hosts:           v.settings.AllowedHosts,
		Origins:         v.settings.AllowedOrigins,
		Logger:          v.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("data API: %w", err)
	}
	return &httpDoor{name: "data API", path: "/api/TaskGroup", prefixes: []string{"token", "api"}, handler: api, close: api.Close}, nil
}
