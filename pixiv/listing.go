package pixiv

import (
	"context"
	"errors"
	"fmt"

	"github.com/pixivoc/pixivoc"
)

// collector adds to out what a task type wants of a work that was found.
type collector func(out *pixivoc.Output, work *Work) error

// detailsStage is GetWorkDetails.
func detailsStage(collect collector) pixivoc.Stage {
	return pixivoc.NewStage(StageGetWorkDetails, func(ctx context.Context, rt pixivoc.Runtime, item workItem) (out pixivoc.Output, err error) {
		work, err := NewAPI(rt).IllustDetail(ctx, item.ID)
		if err != nil {
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

// queuePictures records a work and queues its pages for DownloadPicture. A work
// without usable pages is queued too, so that it fails where it can be seen.
func queuePictures(out *pixivoc.Output, work *Work) error {
	if kind, hidden := work.Masked(); hidden {
		out.QueueTo(StageDownloadPicture, work.ID.String(), picture{Work: work.ID, Masked: kind})
		return nil
	}
	recordWork(out, work)
	if work.Type == TypeUgoira {
		out.QueueTo(StageDownloadPicture, work.ID.String()+"_ugoira", picture{Work: work.ID, Ugoira: true})
		return nil
	}
	originals, err := work.Originals()
	if err != nil {
		out.QueueTo(StageDownloadPicture, work.ID.String(), picture{Work: work.ID, Broken: err.Error()})
		return nil
	}
	for _, original := range originals {
		item := picture{Work: work.ID, Page: original.Page, URL: original.URL}
		if item.Page == 0 {
			item.Width, item.Height = work.Width, work.Height
		}
		out.QueueTo(StageDownloadPicture, item.key(), item)
	}
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

// numberStage is GetWorksNumber: it tells a user without works from one who is
// gone, and reads the first page.
func numberStage(collect collector) pixivoc.Stage {
	return pixivoc.NewStage(StageGetWorksNumber, func(ctx context.Context, rt pixivoc.Runtime, item userItem) (out pixivoc.Output, err error) {
		api := NewAPI(rt)
		detail, err := api.UserDetail(ctx, item.User)
		if err != nil {
			return out, err
		}
		rt.Logger().Debug("user found", "user", item.User, "illusts", detail.Profile.TotalIllusts, "manga", detail.Profile.TotalManga)
		page, err := api.UserIllusts(ctx, item.User)
		if err != nil {
			return out, err
		}
		err = collectPage(&out, &page, pageItem{User: item.User, Number: 1}, collect)
		return out, err
	})
}

// pageItem is what GetPageUrls needs: a page to ask for, or a reason to fail.
type pageItem struct {
	User  ID     `json:"user,omitempty"`
	Query string `json:"query,omitempty"`
	// Number counts the pages of the listing from 1.
	Number int `json:"number,omitempty"`
	// Last is the fingerprint of the page before.
	Last string `json:"last,omitempty"`

	// Work is masked or broken; there is nothing to ask for.
	Work   ID     `json:"work,omitempty"`
	Masked string `json:"masked,omitempty"`
	Broken string `json:"broken,omitempty"`
}

// pageStage is GetPageUrls.
func pageStage(collect collector) pixivoc.Stage {
	return pixivoc.NewStage(StageGetPageUrls, func(ctx context.Context, rt pixivoc.Runtime, item pageItem) (out pixivoc.Output, err error) {
		switch {
		case item.Masked != "":
			return out, masked(item.Work, item.Masked)
		case item.Broken != "":
			return out, content(errors.New(item.Broken))
		}
		page, err := NewAPI(rt).UserIllustsPage(ctx, item.Query)
		if offsetLimited(err) {
			rt.Logger().Warn("listing cut off", "user", item.User, "page", item.Number, "cause", err)
			out.Record(RecordLimit, item.User.String(), LimitRecord{UserID: item.User, Message: err.Error()})
			return out, nil
		}
		if err != nil {
			return out, err
		}
		err = collectPage(&out, &page, item, collect)
		return out, err
	})
}

// collectPage adds the works of a page and queues the page after it. A listing
// that cannot go on keeps what it found and leaves a failed item.
func collectPage(out *pixivoc.Output, page *Page, item pageItem, collect collector) error {
	for i := range page.Works {
		if err := collect(out, &page.Works[i]); err != nil {
			return err
		}
	}
	query, err := page.follow(item.Number, item.Last)
	if err != nil {
		broken := fmt.Sprintf("works of user %s: %v", item.User, err)
		out.QueueTo(StageGetPageUrls, "listing "+item.User.String(), pageItem{User: item.User, Broken: broken})
		return nil
	}
	if query != "" {
		out.QueueTo(StageGetPageUrls, query, pageItem{
			User: item.User, Query: query, Number: item.Number + 1, Last: page.fingerprint(),
		})
	}
	return nil
}
