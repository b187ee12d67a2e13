package pixiv

import (
	"context"
	"fmt"
	"strconv"

	"github.com/pixivoc/pixivoc"
)

// RuleArchive is SkippedRecord.Rule of a work that is in the archive; see
// Options.Archive. Detail is empty, or how many of its pages are when others
// are not.
const RuleArchive = "archive"

// ArchiveKey returns the key under which what was saved is in the archive; see
// pixivoc.Client.Archived. The kind is the type of a work or TypeNovel, and page
// counts from 0:
//
//	pixiv:59580629_p0       a page
//	pixiv:44298467_ugoira   the archive of a ugoira
//	pixiv:novel:12438689    a novel
//
// The task types put there what they save: a page when its original is there, a
// novel with its text and book. A page that was uploaded anew and saved as a
// revision has its key, "_r" and FileRecord.Revision as well.
func ArchiveKey(kind string, id ID, page int) string {
	switch kind {
	case TypeNovel:
		return "pixiv:novel:" + id.String()
	case TypeUgoira:
		return "pixiv:" + id.String() + "_ugoira"
	}
	return "pixiv:" + id.String() + "_p" + strconv.Itoa(page)
}

// archiveKey is the key of what the item saves.
func (p picture) archiveKey() string {
	kind := TypeIllust
	if p.Ugoira {
		kind = TypeUgoira
	}
	key := ArchiveKey(kind, p.Work, p.Page)
	if p.Revision != "" {
		key += "_r" + p.Revision
	}
	return key
}

// archiveKeys are the keys that stand for the item, any of them. What other
// programs know of an animation is page 0.
func (p picture) archiveKeys() []string {
	if p.Ugoira {
		return []string{p.archiveKey(), ArchiveKey(TypeIllust, p.Work, 0)}
	}
	return []string{p.archiveKey()}
}

// archive puts what the item saved into the archive. A preview in the place of
// an original is not what others would miss.
func (p picture) archive(out *pixivoc.Output, record *FileRecord) {
	if record.Fallback {
		return
	}
	if out.Archive(p.archiveKey()); p.Revision != "" {
		out.Archive(ArchiveKey(TypeIllust, p.Work, p.Page))
	}
}

// found is what is to be downloaded of a work.
type found struct {
	picture picture
	key     string // of the item
}

// dropArchived takes out of what is to be downloaded of a work what is in the
// archive, and records that it did.
func dropArchived(ctx context.Context, rt pixivoc.Runtime, out *pixivoc.Output, work ID, wanted []found) ([]found, error) {
	var keys []string
	for _, item := range wanted {
		keys = append(keys, item.picture.archiveKeys()...)
	}
	if len(keys) == 0 {
		return wanted, nil
	}
	archived, err := rt.Archived(ctx, keys...)
	if err != nil || len(archived) == 0 {
		return wanted, err
	}
	// What the task recorded before it has saved itself, or skipped then.
	before, err := rt.Recorded(ctx, RecordWork, work.String())
	if err != nil {
		return wanted, err
	}
	var left []found
	for _, item := range wanted {
		if !anyOf(archived, item.picture.archiveKeys()) {
			left = append(left, item)
		}
	}
	if dropped := len(wanted) - len(left); dropped > 0 && len(before) == 0 {
		skipped := SkippedRecord{WorkID: work, Rule: RuleArchive}
		if len(left) > 0 {
			skipped.Detail = fmt.Sprintf("%d of %d pages", dropped, len(wanted))
		}
		out.Record(RecordSkipped, work.String(), skipped)
	}
	return left, nil
}

func anyOf(known map[string]bool, keys []string) bool {
	for _, key := range keys {
		if known[key] {
			return true
		}
	}
	return false
}
