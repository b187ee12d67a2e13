package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a copy of the store to path while the store goes on working.
// The copy shows one moment, is complete without any other file, as small as
// can be, synced, and readable by its owner only; it appears under its name when
// it is whole. A path where something is already gives fs.ErrExist.
//
// To go back to it, close the store, move its files aside and put the copy in
// the place of the main file.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	err := s.backup(ctx, path)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("back up store to %s: %w", path, translate(err))
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx, s.path, busyTimeout)
	if err != nil {
		return err
	}
	return errors.Join(copyStore(ctx, conn, path), conn.close())
}

// copyStore writes a copy of the database of conn to an absolute path.
func copyStore(ctx context.Context, conn *connection, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := createEmpty(part); err != nil {
		return err
	}
	if _, err := conn.execContext(ctx, "VACUUM INTO ?", part); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := syncFile(part); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
