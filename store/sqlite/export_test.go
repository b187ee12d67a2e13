package sqlite

import (
	"context"
	"database/sql/driver"
	"io/fs"
)

// WithConnector lets every connection of the store pass through wrap.
func (o Options) WithConnector(wrap func(driver.Connector) driver.Connector) Options {
	o.seams.connector = wrap
	return o
}

// WithMigrations replaces the embedded migrations.
func (o Options) WithMigrations(files fs.FS) Options {
	o.seams.migrations = files
	return o
}

// WithNetwork replaces what finds out the file system.
func (o Options) WithNetwork(network func(folder string) string) Options {
	o.seams.network = network
	return o
}

// Migrations are the embedded ones.
func Migrations() fs.FS { return migrationFiles }

// Purged reports whether nothing is left of what was deleted.
func (s *Store) Purged(ctx context.Context) (purged bool, err error) {
	err = s.inspect(ctx, func(w *writer) error {
		purged = !w.leftovers
		return nil
	}, nil)
	return purged, err
}
