package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
)

// Setting implements pixivoc.SettingStore.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := s.read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT coalesce(value, x'') FROM settings WHERE name=?", name).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return fs.ErrNotExist
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read setting %q: %w", name, err)
	}
	if value == nil {
		value = []byte{} // nil would say that there is none
	}
	return value, nil
}

// SetSetting implements pixivoc.SettingStore. It is synced whatever the Options
// say, and is one of the two writes that work while the disk is full. The value
// that was there before is in no file any more, unless somebody else reads the
// store at the time; then it is in the write-ahead log until the next SetSetting
// or Close. A name that is new costs no more than any other write.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	value = bytes.Clone(value)
	op := &operation{write: true, essential: true, secret: true}
	op.run = func(tx *transaction) error {
		replaced, err := tx.conn.exec("DELETE FROM settings WHERE name=?", name)
		op.replaced = replaced > 0
		if err == nil && value != nil {
			_, err = tx.conn.exec("INSERT INTO settings (name, value) VALUES (?, ?)", name, value)
		}
		return err
	}
	err := s.submit(ctx, op)
	if err != nil {
		return fmt.Errorf("save setting %q: %w", name, err)
	}
	return nil
}
