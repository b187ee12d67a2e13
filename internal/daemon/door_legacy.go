package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pixivoc/pixivoc/server/legacyapi"
)

// openLegacy makes the door of PixivOC's later HTTP interface, or none when it
// is not wanted. The console keeps "/".
func openLegacy(v *services) (*httpDoor, error) {
	if !v.settings.LegacyHTTP {
		return nil, nil
	}
	page, err := openPage(v.settings)
	if err != nil {
		return nil, err
	}
	api, err := legacyapi.New(v.client, legacyapi.Config{
		Accounts:     v.book,
		AccountName:  owner,
		SavePath:     place(v.roots),
		Exit:         v.exit,
		Hosts:        v.settings.AllowedHosts,
		MaxOpenTasks: v.settings.MaxOpenTasks,
		Static:       page.files,
		Logger:       v.logger,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("legacy HTTP: %w", err), page.close())
	}
	return &httpDoor{
		name: "legacy HTTP", path: "/permission/hasPermission", handler: api,
		prefixes: append(legacyapi.Prefixes(), page.prefixes...),
		close:    func() error { return errors.Join(api.Close(), page.close()) },
	}, nil
}

// page is the page of the interface.
type page struct {
	files    fs.FS // nil when there are none
	prefixes []string
	close    func() error
}

// openPage opens the folder of the page, out of which no link leads.
func openPage(s *Settings) (page, error) {
	if s.LegacyStatic == "" {
		return page{close: func() error { return nil }}, nil
	}
	root, err := os.OpenRoot(s.LegacyStatic)
	if err != nil {
		return page{}, &usageError{fmt.Errorf("%s: %w", s.from("legacy-static"), err)}
	}
	return page{files: root.FS(), prefixes: []string{"static"}, close: root.Close}, nil
}
