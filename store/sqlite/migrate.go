package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// loadMigrations returns the scripts that lead from one schema version to the
// next, the first one from an empty file to version 1. nil files: the
// embedded ones.
func loadMigrations(files fs.FS) ([]string, error) {
	if files == nil {
		files = migrationFiles
	}
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var scripts []string
	for i, name := range names {
		var number int
		if _, err := fmt.Sscanf(name, "migrations/%d_", &number); err != nil || number != i+1 {
			return nil, fmt.Errorf("migration %s: should have number %d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, string(text))
	}
	return scripts, nil
}

// migrate runs the scripts after version, each in a transaction together with
// the new version number.
func migrate(ctx context.Context, conn *connection, schema []string, version int) error {
	for _, script := range schema[version:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		version++
		if err := migrateTo(conn, script, version); err != nil {
			return fmt.Errorf("migrate to version %d: %w", version, err)
		}
	}
	return nil
}

func migrateTo(conn *connection, script string, version int) error {
	if _, err := conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := conn.script(script)
	if err == nil {
		err = conn.script(fmt.Sprintf("PRAGMA user_version=%d", version))
	}
	if err == nil {
		_, err = conn.exec("COMMIT")
	}
	if err != nil {
		_, _ = conn.exec("ROLLBACK")
	}
	return err
}

// upgrade brings a store of an older version up to date and keeps a copy of it
// as it was.
func (s *Store) upgrade(ctx context.Context, conn *connection, schema []string, version int) error {
	copied := fmt.Sprintf("%s.v%d.backup", s.path, version)
	if err := os.Remove(copied); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // of an upgrade that was cut short
	}
	if err := copyStore(ctx, conn, copied); err != nil {
		return fmt.Errorf("copy before migration: %w", err)
	}
	if err := migrate(ctx, conn, schema, version); err != nil {
		return err
	}
	s.options.Logger.Info("store was brought up to date", "path", s.path, "from", version, "to", len(schema), "copy", copied)
	// The head of the file tells the version only when the log is folded in.
	return conn.script("PRAGMA wal_checkpoint(TRUNCATE)")
}
