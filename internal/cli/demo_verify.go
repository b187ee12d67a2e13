package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

// fileRecords returns what a task has saved.
func fileRecords(ctx context.Context, task pixivoc.Task) ([]pixiv.FileRecord, error) {
	var files []pixiv.FileRecord
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordFile}) {
		if err != nil {
			return nil, err
		}
		var file pixiv.FileRecord
		if err := json.Unmarshal(record.Data, &file); err != nil {
			return nil, fmt.Errorf("record %d: %w", record.Seq, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// comparison is what the demo found on disk.
type comparison struct {
	want, same int
	wrong      []string
}

func (c comparison) verdict() error {
	if c.same == c.want && len(c.wrong) == 0 {
		return nil
	}
	return &exitError{ExitPartial, errors.New("not as it should be: " + strings.Join(c.wrong, "; "))}
}

// verify compares every file with its original: none may be missing, none may
// differ, and nothing else may be there.
func (d *demo) verify(ctx context.Context, records []pixiv.FileRecord) (comparison, error) {
	type page struct {
		work pixiv.ID
		page int
	}
	d.site.ClearScript()
	d.site.SetLatency(0)
	var c comparison
	saved := map[page]pixiv.FileRecord{}
	onDisk, err := listFiles(d.spec.SavePath)
	if err != nil {
		return c, err
	}
	for _, record := range records {
		saved[page{record.WorkID, record.Page}] = record
		delete(onDisk, record.Path)
	}
	for name := range onDisk {
		c.wrong = append(c.wrong, name+" should not be there")
	}
	for _, work := range d.site.Works(demoArtistID) {
		if work.Access != pixivtest.Public || work.Mask != pixivtest.Unmasked {
			continue
		}
		for n := range work.PageCount {
			if err := ctx.Err(); err != nil {
				return c, err
			}
			c.want++
			record, ok := saved[page{pixiv.ID(work.ID), n}]
			if !ok {
				c.wrong = append(c.wrong, fmt.Sprintf("page %d of work %d is missing", n, work.ID))
				continue
			}
			if err := d.compare(ctx, work, n, record); err != nil {
				c.wrong = append(c.wrong, err.Error())
				continue
			}
			c.same++
		}
	}
	return c, nil
}

func (d *demo) compare(ctx context.Context, work pixivtest.Work, page int, record pixiv.FileRecord) error {
	got, err := os.ReadFile(filepath.Join(d.spec.SavePath, filepath.FromSlash(record.Path)))
	if err != nil {
		return err
	}
	want, err := d.original(ctx, work, page, record)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s differs from its original", record.Path)
	}
	return nil
}

// original returns the bytes as they are at the site. An animation is the
// archive of its frames, which is fetched once more by other means.
func (d *demo) original(ctx context.Context, work pixivtest.Work, page int, record pixiv.FileRecord) ([]byte, error) {
	if work.Type != pixivtest.Ugoira {
		return d.site.Picture(work.ID, page).Bytes(), nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, record.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("original of %s: %w", record.Path, err)
	}
	request.Header.Set("Referer", pixiv.DefaultReferer)
	response, err := d.site.Client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("original of %s: %w", record.Path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("original of %s: status %d", record.Path, response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

// listFiles returns the files below a folder, by paths with slashes.
func listFiles(folder string) (map[string]bool, error) {
	files := map[string]bool{}
	err := filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		files[filepath.ToSlash(relative)] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	return files, nil
}
