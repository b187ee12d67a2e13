package sqlite

import (
	"context"
	"database/sql/driver"
	"io/fs"

	"github.com/pixivoc/pixivoc"
)

// HotQueries are the queries whose cost must not grow with the store, and the
// index that each must use.
func HotQueries() map[string]string {
	return map[string]string{
		claimable:                        "items_pending",
		selectItems(""):                  "items_stage",
		selectItems(pixivoc.ItemPending): "items_pending",
		selectItems(pixivoc.ItemDone):    "items_stage",
		selectItems(pixivoc.ItemFailed):  "items_failed",
		retryItems:                       "items_failed",
		selectRecords:                    "records_kind",
		countRecords:                     "COVERING INDEX records_kind",
		findKind:                         "sqlite_autoindex_kinds_1",
		findRecord:                       "COVERING INDEX records_key",
		findFile:                         "records_path",
		findArchive:                      "PRIMARY KEY",
		listArchive:                      "PRIMARY KEY",
		listStages:                       "sqlite_autoindex_stages_1",
		listKinds:                        "sqlite_autoindex_kinds_1",
		leftovers()[0].find:              "sqlite_autoindex_stages_1",
		leftovers()[1].find:              "sqlite_autoindex_kinds_1",
		leftovers()[0].remove:            "items_stage",
		leftovers()[1].remove:            "records_kind",
	}
}

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

// Queued returns how many operations wait for the writer, and how many can.
func (s *Store) Queued() (waiting, most int) { return len(s.writer.operations), queueLength }
