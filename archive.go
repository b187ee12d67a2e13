package pixivoc

import (
	"context"
	"fmt"
	"iter"
)

// MaxArchiveKey is the greatest length of a key of the archive in bytes.
const MaxArchiveKey = 512

// ArchiveImport says what Client.ImportArchive came to.
type ArchiveImport struct {
	// Read counts the entries that were taken in and Added those that were new.
	Read  int `json:"read"`
	Added int `json:"added"`
}

func checkArchiveKey(key string) error {
	switch {
	case key == "":
		return &FieldError{"Key", "of an archive entry is empty"}
	case len(key) > MaxArchiveKey:
		return &FieldError{"Key", fmt.Sprintf("of an archive entry is longer than %d bytes: %.40q …", MaxArchiveKey, key)}
	}
	return nil
}

func (c *client) Archived(ctx context.Context, keys ...string) (map[string]bool, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	return c.config.Store.Archived(ctx, keys)
}

func (c *client) Archive(ctx context.Context, after string) iter.Seq2[ArchiveEntry, error] {
	return pages(func() ([]ArchiveEntry, error) {
		if c.isClosed() {
			return nil, ErrClosed
		}
		page, err := c.config.Store.ListArchive(ctx, after, pageSize)
		if len(page) > 0 {
			after = page[len(page)-1].Key
		}
		return page, err
	})
}

func (c *client) ImportArchive(ctx context.Context, entries iter.Seq2[ArchiveEntry, error]) (ArchiveImport, error) {
	var done ArchiveImport
	var page []ArchiveEntry
	save := func() error {
		if c.isClosed() {
			return ErrClosed
		}
		added, err := c.config.Store.AddArchive(ctx, page)
		if err != nil {
			return err
		}
		done.Read += len(page)
		done.Added += added
		page = page[:0]
		return nil
	}
	for entry, err := range entries {
		if err == nil {
			err = checkArchiveKey(entry.Key)
		}
		if err != nil {
			if saved := save(); saved != nil {
				err = saved
			}
			return done, fmt.Errorf("import archive after entry %d: %w", done.Read, err)
		}
		if page = append(page, entry); len(page) == pageSize {
			if err := save(); err != nil {
				return done, fmt.Errorf("import archive after entry %d: %w", done.Read, err)
			}
		}
	}
	if err := save(); err != nil {
		return done, fmt.Errorf("import archive after entry %d: %w", done.Read, err)
	}
	return done, nil
}
