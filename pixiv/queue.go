package pixiv

import (
	"context"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/ugoira"
)

// queueWork records a work and queues its pages for DownloadPicture, as the
// options of the task say. A work without usable pages is queued too, so that it
// fails where it can be seen.
func queueWork(ctx context.Context, rt pixivoc.Runtime, s *settings, out *pixivoc.Output, work *Work) error {
	if kind, hidden := work.Masked(); hidden {
		if kind == maskUnknown {
			out.Record(RecordTombstone, work.ID.String(), TombstoneRecord{WorkID: work.ID})
		}
		out.QueueTo(StageDownloadPicture, work.ID.String(), picture{Work: work.ID, Masked: kind})
		return nil
	}
	recordWork(out, work)
	if skipped := s.works.refuses(work, time.Now()); skipped != nil {
		out.Record(RecordSkipped, work.ID.String(), skipped)
		return nil
	}
	pictures, keys, err := picturesOf(work)
	if err != nil {
		out.QueueTo(StageDownloadPicture, work.ID.String(), picture{Work: work.ID, Broken: err.Error()})
		return nil
	}
	return s.queuePictures(ctx, rt, out, work, pictures, keys)
}

// queuePictures queues those pages of a work that are wanted and not in the
// archive.
func (s *settings) queuePictures(ctx context.Context, rt pixivoc.Runtime, out *pixivoc.Output, work *Work, pictures []picture, keys []string) error {
	var wanted []found
	for i, item := range pictures {
		if !s.pages.has(item.Page, len(pictures)) {
			continue
		}
		var err error
		if item.Name, err = s.nameOf(ctx, rt, work, item.Page); err != nil {
			return err
		}
		if s.uploadTime {
			item.Published = work.CreateDate
		}
		if item.Ugoira && slices.Contains(s.formats, string(ugoira.CBZ)) {
			item.Comic = comicOf(work)
		}
		key := s.revise(&item, keys[i], work.CreateDate)
		wanted = append(wanted, found{item, key})
	}
	if len(wanted) == 0 {
		out.Record(RecordSkipped, work.ID.String(), SkippedRecord{WorkID: work.ID, Rule: RulePages})
		return nil
	}
	first := wanted[0].picture.Name
	if s.archive {
		var err error
		if wanted, err = dropArchived(ctx, rt, out, work.ID, wanted); err != nil || len(wanted) == 0 {
			return err
		}
	}
	for _, item := range wanted {
		out.QueueTo(StageDownloadPicture, item.key, item.picture)
	}
	s.queueMetadata(out, work, first)
	return nil
}

// picturesOf returns what there is to download of a work, with the keys of the
// items.
func picturesOf(work *Work) (pictures []picture, keys []string, err error) {
	if work.Type == TypeUgoira {
		return []picture{{Work: work.ID, Ugoira: true}}, []string{work.ID.String() + "_ugoira"}, nil
	}
	originals, err := work.Originals()
	if err != nil {
		return nil, nil, err
	}
	for _, original := range originals {
		item := picture{Work: work.ID, Page: original.Page, URL: original.URL}
		if item.Page == 0 {
			item.Width, item.Height = work.Width, work.Height
		}
		pictures, keys = append(pictures, item), append(keys, item.key())
	}
	return pictures, keys, nil
}

// nameOf returns the path of a page below the save path, without extension, or
// "" for the names as ever.
func (s *settings) nameOf(ctx context.Context, rt pixivoc.Runtime, work *Work, page int) (string, error) {
	if s.paths == nil {
		return "", nil
	}
	values := newPathValues(rt.Task().TaskName, work)
	values.page = page
	for field, value := range map[string]*string{fieldUserName: &values.userName, fieldUserAccount: &values.userAccount} {
		if !s.paths.needs(field) {
			continue
		}
		kept, err := rt.Pin(ctx, "pixiv/user/"+work.User.ID.String()+"/"+field, *value)
		if err != nil {
			return "", err
		}
		*value = kept
	}
	return s.paths.of(work).render(&values), nil
}
