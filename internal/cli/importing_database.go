package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite", which the store uses as well

	"github.com/pixivoc/pixivoc"
)

// openForeign opens the database of another program to read it, and nothing
// else.
func openForeign(ctx context.Context, name string) (*sql.DB, error) {
	path := filepath.ToSlash(name)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/...
	}
	address := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&_pragma=query_only(1)"}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// rows yields the rows of a query of another program's database.
func rows(ctx context.Context, name, query string, scan func(*sql.Rows) ([]string, error)) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		if err := eachRow(ctx, name, query, scan, yield); err != nil {
			yield(pixivoc.ArchiveEntry{}, err)
		}
	}
}

func eachRow(ctx context.Context, name, query string, scan func(*sql.Rows) ([]string, error), yield func(pixivoc.ArchiveEntry, error) bool) (err error) {
	db, err := openForeign(ctx, name)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("it is no such database: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		keys, err := scan(found)
		if err != nil {
			return fmt.Errorf("read database: %w", err)
		}
		for _, key := range keys {
			if !yield(pixivoc.ArchiveEntry{Key: key}, nil) {
				return nil
			}
		}
	}
	return found.Err()
}

// galleryDLEntry is an entry of gallery-dl for a picture of Pixiv: the category,
// perhaps the list it was found in (bookmarks f_ID_, rankings r_MODE_DAY_,
// searches s_WORDS_), the id, the page of a work with several, the extension.
// Novels, avatars and texts have entries too.
var galleryDLEntry = regexp.MustCompile(`^pixiv(?:f_[0-9]+_|r_.+_|s_.+_)?([1-9][0-9]{0,18})(?:_p([0-9]{1,4}))?\.(?:(jpg|jpeg|png|gif|webp)|zip|webm|mp4)$`)

func readGalleryDL(ctx context.Context, name string, count *importCount) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return rows(ctx, name, "SELECT entry FROM archive", func(row *sql.Rows) ([]string, error) {
		var entry sql.NullString
		if err := row.Scan(&entry); err != nil {
			return nil, err
		}
		key, ok := galleryDLKey(entry.String)
		if !ok {
			count.foreign++
			return nil, nil
		}
		return []string{key}, nil
	})
}

func galleryDLKey(entry string) (string, bool) {
	found := galleryDLEntry.FindStringSubmatch(entry)
	if found == nil {
		return "", false
	}
	page := 0
	if found[2] != "" {
		page, _ = strconv.Atoi(found[2])
	}
	return archiveKey(found[1], page, found[3] == "")
}

// maxPages is more than a work of Pixiv has.
const maxPages = 10_000

// pixivUtil2Query lists pages: those of works with several have rows of their
// own, a work without such rows has one page. Without a file nothing was saved.
const pixivUtil2Query = `
SELECT image_id, page FROM pixiv_manga_image WHERE coalesce(save_name, '') NOT IN ('', 'N/A') AND page >= 0
UNION ALL
SELECT image_id, 0 FROM pixiv_master_image
WHERE coalesce(save_name, '') NOT IN ('', 'N/A')
AND NOT EXISTS (SELECT 1 FROM pixiv_manga_image AS page WHERE page.image_id = pixiv_master_image.image_id)`

func readPixivUtil2(ctx context.Context, name string, count *importCount) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return rows(ctx, name, pixivUtil2Query, func(row *sql.Rows) ([]string, error) {
		var id, digits sql.NullString // SQLite keeps anything in any column
		if err := row.Scan(&id, &digits); err != nil {
			return nil, err
		}
		page, err := strconv.Atoi(digits.String)
		key, ok := archiveKey(id.String, page, false)
		if !ok || err != nil || page > maxPages {
			count.foreign++
			return nil, nil
		}
		return []string{key}, nil
	})
}
