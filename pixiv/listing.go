package pixiv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// collector adds to out what a task type wants of a work that was found.
type collector func(out *pixivoc.Output, work *Work) error

// detailsStage is GetWorkDetails.
func detailsStage(collect collector) pixivoc.Stage {
	return pixivoc.NewStage(StageGetWorkDetails, func(ctx context.Context, rt pixivoc.Runtime, item workItem) (out pixivoc.Output, err error) {
		work, err := NewAPI(rt).IllustDetail(ctx, item.ID)
		if err != nil {
			entomb(&out, item.ID, err)
			return out, err
		}
		err = collect(&out, &work)
		return out, err
	})
}

// requireVisible records the description of a work that can be seen; that of a
// masked one is empty.
func requireVisible(out *pixivoc.Output, work *Work) error {
	if kind, hidden := work.Masked(); hidden {
		return masked(work.ID, kind)
	}
	recordWork(out, work)
	return nil
}

// recordLinks records a work and the addresses of its originals. A work without
// any is queued for GetPageUrls, where it fails without a request.
func recordLinks(out *pixivoc.Output, work *Work) error {
	if kind, hidden := work.Masked(); hidden {
		out.QueueTo(StageGetPageUrls, "work "+work.ID.String(), pageItem{Work: work.ID, Masked: kind})
		return nil
	}
	recordWork(out, work)
	originals, err := work.Originals()
	if err != nil {
		out.QueueTo(StageGetPageUrls, "work "+work.ID.String(), pageItem{Work: work.ID, Broken: err.Error()})
		return nil
	}
	for _, original := range originals {
		out.Record(RecordLink, original.URL, LinkRecord{
			URL: original.URL, WorkID: work.ID, Page: original.Page, Ugoira: work.Type == TypeUgoira,
		})
	}
	return nil
}

// sink says what becomes of what a listing finds. What has no function is
// passed over.
type sink struct {
	work  collector
	novel func(ctx context.Context, rt pixivoc.Runtime, out *pixivoc.Output, novel *Novel) error
	user  func(out *pixivoc.Output, user *UserPreview) error
}

// numberStage is GetWorksNumber: it tells a user without works from one who is
// gone, and reads the first page.
func numberStage(to sink) pixivoc.Stage {
	return pixivoc.NewStage(StageGetWorksNumber, func(ctx context.Context, rt pixivoc.Runtime, item userItem) (out pixivoc.Output, err error) {
		types, err := parseTypes(item.Types)
		if err != nil {
			return out, pixivoc.Permanent(pixivoc.ReasonPayload, err)
		}
		api := NewAPI(rt)
		detail, err := api.UserDetail(ctx, item.User)
		if err != nil {
			if isDeleted(err) {
				out.Record(RecordTombstone, "user "+item.User.String(), TombstoneRecord{UserID: item.User})
			}
			return out, err
		}
		rt.Logger().Debug("user found", "user", item.User, "illusts", detail.Profile.TotalIllusts, "manga", detail.Profile.TotalManga)
		if types.Novel {
			first := firstPage(listUserNovels, url.Values{"user_id": {item.User.String()}})
			first.User = item.User
			out.QueueTo(StageGetPageUrls, first.key(), first)
		}
		if !types.pictures() {
			return out, nil
		}
		listed := pageItem{User: item.User, Types: item.Types, Number: 1}
		page, err := api.list(ctx, listUserIllusts, types.query(item.User))
		if err != nil {
			return out, err
		}
		err = collectPage(ctx, rt, &out, &page, listed, to)
		return out, err
	})
}

// query asks for the works of those types and for as few others as possible.
// Pixiv lists animations among the illustrations, by all reports; a listing for
// animations alone asks for everything, in case that it does not.
func (t userTypes) query(user ID) url.Values {
	query := url.Values{"user_id": {user.String()}}
	switch t {
	case userTypes{Manga: true}, userTypes{Manga: true, Novel: true}:
		query.Set("type", TypeManga)
	case userTypes{Illust: true}, userTypes{Illust: true, Novel: true}:
		query.Set("type", TypeIllust)
	}
	return query
}

// pageItem is what GetPageUrls needs: a page to ask for, or a reason to fail.
type pageItem struct {
	User ID `json:"user,omitempty"`
	// Source names the listing; "" is that of a user's works.
	Source string `json:"source,omitempty"`
	Query  string `json:"query,omitempty"`
	// Number counts the pages of the listing from 1.
	Number int `json:"number,omitempty"`
	// Last is the fingerprint of the page before.
	Last string `json:"last,omitempty"`
	// Types are those that a user's works are picked by; "" is all.
	Types string `json:"types,omitempty"`
	// Left is how many works a listing without an end may still give; 0 is no
	// bound.
	Left int `json:"left,omitempty"`
	// Sweep is set for a search.
	Sweep *sweep `json:"sweep,omitempty"`
	// Listing names the listing in RecordListed; "" in items of before there
	// were any. Top is the first entry of it, 0 when it need not be recorded.
	// Marked is set from the page on that has a mark.
	Listing string `json:"listing,omitempty"`
	Top     ID     `json:"top,omitempty"`
	Marked  bool   `json:"marked,omitempty"`

	// Work is masked or broken; there is nothing to ask for.
	Work   ID     `json:"work,omitempty"`
	Masked string `json:"masked,omitempty"`
	Broken string `json:"broken,omitempty"`
}

// firstPage is the item of the first page of a listing.
func firstPage(source string, query url.Values) pageItem {
	return pageItem{Source: source, Query: query.Encode(), Number: 1}
}

// title names the listing in errors and records.
func (i pageItem) title() string {
	switch {
	case i.Sweep != nil:
		return i.Sweep.title()
	case i.Source == "" || i.Source == listUserIllusts:
		return "works of user " + i.User.String()
	case i.User != 0:
		return strings.ReplaceAll(i.Source, "_", " ") + " of user " + i.User.String()
	}
	return strings.ReplaceAll(i.Source, "_", " ")
}

// pageStage is GetPageUrls.
func pageStage(to sink) pixivoc.Stage {
	return pixivoc.NewStage(StageGetPageUrls, func(ctx context.Context, rt pixivoc.Runtime, item pageItem) (out pixivoc.Output, err error) {
		switch {
		case item.Masked != "":
			return out, masked(item.Work, item.Masked)
		case item.Broken != "":
			return out, content(errors.New(item.Broken))
		}
		page, err := NewAPI(rt).listPage(ctx, item.Source, item.Query)
		if offsetLimited(err) {
			item.cutOff(rt, &out, err)
			return out, nil
		}
		if err != nil {
			return out, err
		}
		err = collectPage(ctx, rt, &out, &page, item, to)
		return out, err
	})
}

// cutOff goes on with another listing where Pixiv lists no further, or records
// that there is more than can be listed.
func (i pageItem) cutOff(rt pixivoc.Runtime, out *pixivoc.Output, cause error) {
	if i.Sweep != nil {
		if i.split(out) {
			return
		}
		cause = fmt.Errorf("%s: %w", i.title(), cause)
	}
	if i.splitByType(out) {
		return
	}
	rt.Logger().Warn("listing cut off", "listing", i.title(), "page", i.Number, "cause", cause)
	key := i.title()
	if i.Source == "" || i.Source == listUserIllusts {
		key = i.User.String()
	}
	out.Record(RecordLimit, key, LimitRecord{UserID: i.User, Message: cause.Error()})
	i.ended(out) // there is no more to be had
}

// splitByType queues the listing of a user's works anew, by type: Pixiv's limit
// counts for each of them alone. False means that it is one of a type already.
func (i pageItem) splitByType(out *pixivoc.Output) bool {
	query, err := url.ParseQuery(i.Query)
	if err != nil || i.User == 0 || query.Has("type") || i.Source != "" && i.Source != listUserIllusts {
		return false
	}
	types, err := parseTypes(i.Types)
	if err != nil {
		return false
	}
	for _, kind := range []string{TypeIllust, TypeManga} {
		if kind == TypeManga && !types.Manga || kind == TypeIllust && !types.Illust && !types.Ugoira {
			continue
		}
		next := firstPage(i.Source, url.Values{"user_id": {i.User.String()}, "type": {kind}})
		next.User, next.Types = i.User, i.Types
		out.QueueTo(StageGetPageUrls, next.key(), next)
	}
	return true
}

// collectPage adds what a page has and queues the page after it. A listing
// that cannot go on keeps what it found and leaves a failed item.
func collectPage(ctx context.Context, rt pixivoc.Runtime, out *pixivoc.Output, page *Page, item pageItem, to sink) error {
	if err := item.findMark(ctx, rt, page); err != nil {
		return err
	}
	known, err := item.atHighWater(ctx, rt, page)
	if err != nil {
		return err
	}
	types, err := parseTypes(item.Types)
	if err != nil {
		return pixivoc.Permanent(pixivoc.ReasonPayload, err)
	}
	entries := len(page.Works) + len(page.Novels) + len(page.Users)
	if item.Left > 0 {
		page.Works = page.Works[:min(len(page.Works), item.Left)]
	}
	for i := range page.Works {
		work := &page.Works[i]
		// Of a masked work Pixiv does not tell the type.
		if _, hidden := work.Masked(); to.work == nil || !hidden && !types.wants(work.Type) {
			continue
		}
		if err := to.work(out, work); err != nil {
			return err
		}
	}
	for i := range page.Novels {
		if to.novel != nil {
			err = errors.Join(err, to.novel(ctx, rt, out, &page.Novels[i]))
		}
	}
	for i := range page.Users {
		if to.user != nil {
			err = errors.Join(err, to.user(out, &page.Users[i]))
		}
	}
	if err == nil && known {
		item.ended(out)
	}
	if err != nil || known || item.Left > 0 && entries >= item.Left {
		return err
	}
	item.Left -= min(item.Left, entries)
	item.goOn(out, page)
	return nil
}

// goOn queues the page after this one, when there is one and it is wanted.
func (i pageItem) goOn(out *pixivoc.Output, page *Page) {
	query, err := page.follow(i.Number, i.Last)
	if err != nil {
		broken := pageItem{User: i.User, Broken: fmt.Sprintf("%s: %v", i.title(), err)}
		out.QueueTo(StageGetPageUrls, "listing "+i.listingKey(), broken)
		return
	}
	if i.Sweep != nil {
		after := i.Sweep.after(page)
		if after.met(page) {
			return
		}
		i.Sweep = &after
	}
	if query != "" {
		i.Query, i.Number, i.Last = query, i.Number+1, page.fingerprint()
		out.QueueTo(StageGetPageUrls, i.key(), i)
		return
	}
	i.ended(out)
}

// listingKey tells the listings of a task apart.
func (i pageItem) listingKey() string {
	if i.Source == "" {
		return i.User.String()
	}
	return i.Source + " " + hashOf(i.Query, 8)
}

// key is the key of the item: short, and another one for each page.
func (i pageItem) key() string {
	const longest = 200
	if i.Source == "" && len(i.Query) <= longest {
		return i.Query
	}
	if key := i.Source + " " + i.Query; len(key) <= longest {
		return key
	}
	return fmt.Sprintf("%s page %d %s", i.Source, i.Number, hashOf(i.Query, 16))
}
