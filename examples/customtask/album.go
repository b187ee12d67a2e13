package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"path"

	"github.com/pixivoc/pixivoc"
)

// The names are stored with tasks and records, so they never change. A type
// that gets a better name keeps the old one in TaskType.Aliases.
const (
	typeAlbum     = "GalleryAlbum"
	stageList     = "ListAlbum"
	stageSave     = "SavePicture"
	recordPicture = "picture"
)

// albumOptions are TaskSpec.Options of an album, as JSON.
type albumOptions struct {
	// Limit is how many pictures to take, from the front; 0 means all.
	Limit int `json:"limit"`
}

// pageItem is what ListAlbum needs to know of an item, and picture what
// SavePicture does. The kernel stores them as JSON.
type pageItem struct {
	Album string `json:"album"`
	Page  int    `json:"page"`
}

// album is the type of tasks that save an album of the gallery at address. The
// keyword is the name of the album.
func album(address string) pixivoc.TaskType {
	g := gallerySite{address}
	return pixivoc.TaskType{
		Name:  typeAlbum,
		Title: "Save an album of the gallery",
		Files: true,
		First: first,
		Stages: []pixivoc.StageSpec{
			// Paced: one request at a time, IntervalTime apart. Relist: when the
			// task is opened again, the list is read anew.
			{Stage: pixivoc.NewStage(stageList, g.list), Paced: true, Relist: true},
			// Otherwise ConcurrencyNumber pictures at a time.
			{Stage: saveStage{pixivoc.NewStage(stageSave, g.save)}},
		},
	}
}

// first makes the first item of a task, or refuses what it is told with the
// name of the field. It runs in Client.Create, so the caller hears of it.
func first(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		var options albumOptions
		switch {
		case pixivoc.CheckName(spec.Keyword) != nil:
			yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Keyword", Reason: "is no name of an album"})
		case len(spec.Options) > 0 && json.Unmarshal(spec.Options, &options) != nil:
			yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Options", Reason: `are not like {"limit": 10}`})
		case options.Limit < 0:
			yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Options.limit", Reason: "is negative"})
		default:
			yield(pixivoc.NewItem("1", pageItem{spec.Keyword, 1}), nil)
		}
	}
}

// gallerySite is the gallery at an address.
type gallerySite struct{ address string }

// list reads one page of an album. It queues the next page for itself and the
// pictures for the stage after it; what has the key of an item that is known
// is dropped, so reading a page twice does no harm.
func (g gallerySite) list(ctx context.Context, rt pixivoc.Runtime, in pageItem) (pixivoc.Output, error) {
	var out pixivoc.Output
	address := fmt.Sprintf("%s/albums/%s?page=%d", g.address, url.PathEscape(in.Album), in.Page)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return out, pixivoc.Permanent(pixivoc.ReasonContent, err)
	}
	// Do is paced and repeated. An album that is gone comes as an error which
	// is permanent already; a fault of the network as one that is not.
	response, err := rt.Do(request)
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	var page albumPage
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return out, fmt.Errorf("album %s, page %d: %w", in.Album, in.Page, err)
	}
	var options albumOptions
	if len(rt.Options()) > 0 {
		if err := json.Unmarshal(rt.Options(), &options); err != nil {
			return out, pixivoc.Permanent(pixivoc.ReasonRefused, err)
		}
	}
	for _, p := range page.Pictures {
		if options.Limit > 0 && p.Number > options.Limit {
			return out, nil
		}
		out.Queue(p.ID, p)
	}
	if page.Next > 0 {
		out.QueueTo(stageList, fmt.Sprint(page.Next), pageItem{in.Album, page.Next})
	}
	return out, nil
}

// save fetches a picture: resumed where it stopped, verified, and given its
// name together with the record.
func (g gallerySite) save(ctx context.Context, rt pixivoc.Runtime, p picture) (pixivoc.Output, error) {
	var out pixivoc.Output
	if p.Withdrawn {
		return out, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("the artist withdrew it"))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.address+p.Path, nil)
	if err != nil {
		return out, pixivoc.Permanent(pixivoc.ReasonContent, err)
	}
	file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: fileName(rt.Task(), p)})
	if err != nil {
		return out, err
	}
	out.Record(pixivoc.RecordFile, file.Name, file) // so that Delete and the console know the file
	out.Record(recordPicture, p.ID, p)
	return out, nil
}

// fileName puts a picture into the folder named like the task.
func fileName(task pixivoc.TaskInfo, p picture) string {
	return path.Join(task.TaskName, pixivoc.CleanName(fmt.Sprintf("%03d %s", p.Number, p.Title))+".png")
}

// saveStage tells the names of files that were begun, so that deleting a task
// with its files leaves none of them.
type saveStage struct{ pixivoc.Stage }

// FileNames implements pixivoc.FileNamer.
func (saveStage) FileNames(task pixivoc.TaskInfo, item pixivoc.Item) []string {
	var p picture
	if err := json.Unmarshal(item.Payload, &p); err != nil {
		return nil
	}
	return []string{fileName(task, p)}
}
