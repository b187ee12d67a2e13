package pixiv

import (
	"context"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// novelKey is the key of the items of a novel, and of its SkippedRecord and
// TombstoneRecord.
func novelKey(id ID) string { return "novel " + id.String() }

// novelOfKey returns the digits in a novelKey.
func novelOfKey(key string) (digits string, ok bool) { return strings.CutPrefix(key, "novel ") }

// queueNovel queues a novel that a listing found, if it is wanted. One that is
// not is recorded all the same: it is known then.
func (s *saver) queueNovel(ctx context.Context, rt pixivoc.Runtime, out *pixivoc.Output, novel *Novel) error {
	kind, hidden := novel.Masked()
	if !hidden {
		settings, err := s.options.read(rt.Options())
		if err != nil {
			return err
		}
		skipped := settings.skipsNovel(out, novel)
		if !skipped {
			if skipped, err = settings.skipsArchived(ctx, rt, out, novel.ID); err != nil {
				return err
			}
		}
		if skipped {
			out.Record(RecordNovel, novel.ID.String(), novelRecord(novel))
			return nil
		}
	}
	out.QueueTo(StageGetNovel, novelKey(novel.ID), novelItem{ID: novel.ID, Masked: kind})
	return nil
}

// skipsNovel says whether a novel is not wanted, and records by which rule.
func (s *settings) skipsNovel(out *pixivoc.Output, novel *Novel) bool {
	skipped := s.works.refuses(novel.asWork(), time.Now())
	if skipped == nil {
		return false
	}
	skipped.WorkID, skipped.NovelID = 0, novel.ID
	out.Record(RecordSkipped, novelKey(novel.ID), skipped)
	return true
}

// skipsArchived says whether a novel is in the archive and to be left out then.
// What the task saved itself it does not call skipped.
func (s *settings) skipsArchived(ctx context.Context, rt pixivoc.Runtime, out *pixivoc.Output, id ID) (bool, error) {
	if !s.archive {
		return false, nil
	}
	key := ArchiveKey(TypeNovel, id, 0)
	archived, err := rt.Archived(ctx, key)
	if err != nil || !archived[key] {
		return false, err
	}
	before, err := rt.Recorded(ctx, RecordNovel, id.String())
	if err == nil && len(before) == 0 {
		out.Record(RecordSkipped, novelKey(id), SkippedRecord{NovelID: id, Rule: RuleArchive})
	}
	return true, err
}

// asWork shows a novel to a filter. It has no width and no height.
func (n *Novel) asWork() *Work {
	return &Work{
		ID: n.ID, Title: n.Title, Caption: n.Caption, Type: TypeNovel, Tags: n.Tags, User: n.User,
		CreateDate: n.CreateDate, PageCount: n.PageCount, XRestrict: n.XRestrict, AIType: n.AIType,
		TotalBookmarks: n.TotalBookmarks, TotalView: n.TotalView, Series: &n.Series,
	}
}

// entombNovel leaves a tombstone of a novel that is gone, as err says.
func entombNovel(out *pixivoc.Output, id ID, err error) {
	if isDeleted(err) {
		out.Record(RecordTombstone, novelKey(id), TombstoneRecord{NovelID: id})
	}
}
