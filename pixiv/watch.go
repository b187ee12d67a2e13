package pixiv

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/pixivoc/pixivoc"
)

// fullAuditEvery is Options.FullAuditEvery where it is 0.
const fullAuditEvery = 10

// maxAuditEvery bounds Options.FullAuditEvery.
const maxAuditEvery = 1000

// audits says whether this run of a task reads its lists to the end, as all do
// that were not opened by a schedule. What a list
// gets behind its newest entries, such as a work that was private before, is
// found by these runs. They fall on different runs for different tasks, so that
// many tasks with one schedule are not audited at once.
func audits(task pixivoc.TaskInfo, raw json.RawMessage) (bool, error) {
	if !task.BySchedule || task.Runs < 2 {
		return true, nil
	}
	var options struct {
		FullAuditEvery int64 `json:"full_audit_every"`
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &options); err != nil {
			return false, optionsError(err)
		}
	}
	every := cmp.Or(max(options.FullAuditEvery, 0), fullAuditEvery)
	return (int64(task.Runs)+task.TID)%every == 0, nil
}

// RecordListed is the kind of a record with a ListedRecord; its key is a name of
// the listing and the ID that it began with.
const RecordListed = "listed"

// ListedRecord says that a task with a schedule has read a listing to its end,
// so that later runs need not read on below the entry that it began with.
type ListedRecord struct {
	// Listing says what was listed, in words.
	Listing string `json:"listing"`
	// First is the work or novel that it began with.
	First ID `json:"first_id"`
}

// findMark notes what the listing begins with, and whether this page has
// something that it began with in a reading that came to its end: all below is
// known then. A page whose works are all known says less: the reading that found
// them may have broken off behind it.
func (i *pageItem) findMark(ctx context.Context, rt pixivoc.Runtime, page *Page) error {
	if i.Number == 1 && i.Listing == "" {
		i.Listing = hashOf(fmt.Sprint(i.Source, " ", i.User, " ", i.Types, " ", i.Query), 16)
	}
	if i.Marked || i.Listing == "" || rt.Task().Schedule == "" || !i.newestFirst() {
		return nil
	}
	var keys []string
	for id := range page.ids() {
		i.Top = cmp.Or(i.Top, id)
		keys = append(keys, i.markKey(id))
	}
	if len(keys) == 0 {
		return nil
	}
	marks, err := rt.Recorded(ctx, RecordListed, keys...)
	if err != nil {
		return err
	}
	i.Marked = len(marks) > 0
	if marks[i.markKey(i.Top)] {
		i.Top = 0 // need not be recorded again
	}
	return nil
}

func (i pageItem) markKey(id ID) string { return i.Listing + " " + id.String() }

// ended records that the listing was read to its end.
func (i pageItem) ended(out *pixivoc.Output) {
	if i.Top != 0 {
		out.Record(RecordListed, i.markKey(i.Top), ListedRecord{Listing: i.title(), First: i.Top})
	}
}

// atHighWater says whether a task that its schedule opened again has come to
// the page from which on it knows everything: one whose works are all recorded,
// at the mark of a reading that came to its end or below it. Only lists that
// begin with the newest have such a page. A task that was opened by other means
// reads its lists to the end.
func (i pageItem) atHighWater(ctx context.Context, rt pixivoc.Runtime, page *Page) (bool, error) {
	if !i.Marked || !i.newestFirst() {
		return false, nil
	}
	if whole, err := audits(rt.Task(), rt.Options()); whole || err != nil {
		return false, err
	}
	types, err := parseTypes(i.Types)
	if err != nil {
		return false, pixivoc.Permanent(pixivoc.ReasonPayload, err)
	}
	var works, novels []string
	for n := range page.Works {
		work := &page.Works[n]
		if _, hidden := work.Masked(); !hidden && types.wants(work.Type) {
			works = append(works, work.ID.String())
		}
	}
	for n := range page.Novels {
		if _, hidden := page.Novels[n].Masked(); !hidden {
			novels = append(novels, page.Novels[n].ID.String())
		}
	}
	if len(works)+len(novels) == 0 {
		return false, nil // says nothing
	}
	for kind, keys := range map[string][]string{RecordWork: works, RecordNovel: novels} {
		if len(keys) == 0 {
			continue
		}
		known, err := rt.Recorded(ctx, kind, keys...)
		if err != nil || len(known) < len(keys) {
			return false, err
		}
	}
	rt.Logger().Debug("nothing new from here on", "listing", i.title(), "page", i.Number)
	return true, nil
}

// newestFirst says whether the listing begins with what came last.
func (i pageItem) newestFirst() bool {
	switch i.Source {
	case "", listUserIllusts, listUserNovels, listBookmarks, listNovelBookmarks, listFeed:
		return true
	case listSearch:
		return i.Sweep != nil && !i.Sweep.Rising && i.Sweep.Meet.IsZero()
	}
	return false
}
