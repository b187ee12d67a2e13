package pixiv

import (
	"context"

	"github.com/pixivoc/pixivoc"
)

// auditEvery is which of the runs of a task with a schedule read their lists to
// the end. The others stop at the first page that shows nothing new. What a
// list gets behind its newest entries, such as a work that was private before,
// is found by these.
const auditEvery = 10

// atHighWater says whether a task that its schedule opened again has come to
// the page from which on it knows everything: one whose works are all recorded.
// Only lists that begin with the newest have such a page. A task that was
// opened by other means reads its lists to the end.
func (i pageItem) atHighWater(ctx context.Context, rt pixivoc.Runtime, page *Page) (bool, error) {
	task := rt.Task()
	if task.Schedule == "" || task.Runs < 2 || task.Runs%auditEvery == 0 || !i.newestFirst() {
		return false, nil
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
