package daemon

import (
	"fmt"

	"github.com/pixivoc/pixivoc/server/console"
)

// openConsole makes the pages at /.
func openConsole(v *services) (*httpDoor, error) {
	handler, err := console.New(console.Config{Hosts: v.settings.AllowedHosts})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return &httpDoor{name: "console", path: "/", prefixes: []string{""}, handler: handler}, nil
}
