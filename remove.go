package pixivoc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// FileNamer is what a Stage that downloads may implement beside Stage, so that
// nothing of an unfinished task is left when Task.Delete removes its files too.
type FileNamer interface {
	// FileNames returns each Download.Name that Run may ask for when it does
	// the item. What was begun under these names is removed.
	FileNames(task TaskInfo, item Item) []string
}

// removeFiles removes the files that a task saved, those that it began, and the
// folders that this leaves empty.
func (c *client) removeFiles(ctx context.Context, stored StoredTask) error {
	if stored.SavePath == "" {
		return nil
	}
	folder, err := fsafe.Open(stored.SavePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return savePathError(stored.SavePath, err)
	}
	defer func() { _ = folder.Close() }()
	if err := c.removeSaved(ctx, folder, stored); err != nil {
		return err
	}
	return c.removeBegun(ctx, folder, stored)
}

// removeSaved removes what the records name, was not there before the task, and
// is not named by a record of another task with the same save path.
func (c *client) removeSaved(ctx context.Context, folder *fsafe.Root, stored StoredTask) error {
	query := RecordQuery{Task: stored.TID, Kind: RecordFile, Limit: pageSize}
	for {
		page, err := c.config.Store.ListRecords(ctx, query)
		if err != nil {
			return notFound(err)
		}
		if err := c.removeRecorded(ctx, folder, stored, page); err != nil {
			return err
		}
		if len(page) < pageSize {
			return nil
		}
		query.After = page[len(page)-1].Seq
	}
}

func (c *client) removeRecorded(ctx context.Context, folder *fsafe.Root, stored StoredTask, page []Record) error {
	var names []string
	for _, record := range page {
		var file File
		if err := json.Unmarshal(record.Data, &file); err != nil {
			return fmt.Errorf("record %d: %w", record.Seq, err)
		}
		if !file.Existing {
			names = append(names, file.Name)
		}
	}
	shared, err := c.config.Store.RecordedFiles(ctx, stored.SavePath, stored.TID, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if shared[name] {
			continue
		}
		if err := removeFile(folder, name); err != nil {
			return err
		}
	}
	return nil
}

func removeFile(folder *fsafe.Root, name string) error {
	if err := fsafe.CheckPath(name); err != nil {
		return err
	}
	if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove file: %w", err)
	}
	removeEmpty(folder, path.Dir(name))
	return nil
}

// removeEmpty removes a folder below another one, and those above it, up to the
// first that is not empty.
func removeEmpty(folder *fsafe.Root, name string) {
	for ; name != "."; name = path.Dir(name) {
		if folder.Remove(name) != nil {
			return
		}
	}
}

// removeBegun removes the unfinished files of items that are pending. Those that
// another task has under way stay.
func (c *client) removeBegun(ctx context.Context, folder *fsafe.Root, stored StoredTask) error {
	kind, err := c.taskType(stored.Type)
	if err != nil {
		return nil // of a version that knew more: nobody can name its files
	}
	info := infoOf(stored, nil)
	for _, spec := range kind.Stages {
		namer, ok := spec.Stage.(FileNamer)
		if !ok {
			continue
		}
		query := ItemQuery{Stage: spec.Stage.Name(), State: ItemPending}
		for item, err := range (task{c, stored.TID}).Items(ctx, query) {
			if err != nil {
				return err
			}
			for _, name := range namer.FileNames(info, item.Item) {
				request := fetch.Request{Folder: folder, Name: name, FixExtension: true}
				if err := c.fetcher.RemovePart(request); err != nil {
					return fmt.Errorf("remove unfinished file: %w", err)
				}
				removeEmpty(folder, path.Dir(name))
			}
		}
	}
	return nil
}
