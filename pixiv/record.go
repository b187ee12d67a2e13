package pixiv

import (
	"encoding/json"
	"errors"

	"github.com/pixivoc/pixivoc"
)

// The kinds of the records that the task types write, with what their data is.
const (
	// RecordWork has a WorkRecord; its key is the ID of the work.
	RecordWork = "work"
	// RecordFile has a FileRecord; its key is the path, and for a revision that
	// replaced another file the path, a blank and FileRecord.Revision.
	RecordFile = pixivoc.RecordFile
	// RecordLink has a LinkRecord; its key is the address.
	RecordLink = "link"
	// RecordLimit has a LimitRecord; its key is the ID of the user.
	RecordLimit = "limit"
	// RecordTombstone has a TombstoneRecord; its key is the ID of the work, ID_pN
	// for one of its pages, "novel ID" for a novel and "user ID" for a user.
	RecordTombstone = "tombstone"
)

// WorkRecord describes a work.
type WorkRecord struct {
	ID         ID       `json:"id"`
	Title      string   `json:"title"`
	Type       string   `json:"type"`
	UserID     ID       `json:"user_id"`
	UserName   string   `json:"user_name"`
	Tags       []string `json:"tags"`
	PageCount  int      `json:"page_count"`
	CreateDate string   `json:"create_date"` // RFC 3339 as Pixiv wrote it
	XRestrict  int      `json:"x_restrict"`
	AIType     int      `json:"illust_ai_type"`
	// Illust is the object as Pixiv sent it, with everything else.
	Illust json.RawMessage `json:"illust"`
}

// FileRecord describes a file that was saved.
type FileRecord struct {
	// WorkID is 0 for files of a Links task.
	WorkID ID     `json:"work_id,omitempty"`
	Page   int    `json:"page"`
	URL    string `json:"url"`
	// Path is the file's path below the save path, with slashes.
	Path string `json:"path"`
	// Bytes is the length of the file.
	Bytes int64 `json:"bytes"`
	// Checksum is in hexadecimal; ChecksumKind is "crc32c" or "sha256".
	Checksum     string `json:"checksum"`
	ChecksumKind string `json:"checksum_kind"`
	// Existing says that the file was there before the task, which saved
	// nothing under its name.
	Existing bool `json:"existing,omitempty"`
	// Wanted is the path that the file would have, when a file of somebody else
	// stands there; see pixivoc.File.
	Wanted string `json:"wanted,omitempty"`
	// Width and Height are in pixels; Pixiv tells them of page 0 only.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Fallback says that Pixiv could not give out the original and that this
	// is its largest preview.
	Fallback bool `json:"fallback,omitempty"`
	// Revision is when the artist uploaded this picture in the place of another,
	// as digits of Japan's time (20260131210500); see Options.Revision.
	Revision string `json:"revision,omitempty"`
	// Frames tells how long each picture in the archive of a ugoira is shown.
	Frames []FrameRecord `json:"frames,omitempty"`
}

// FrameRecord is one picture of a ugoira.
type FrameRecord struct {
	File    string `json:"file"`
	DelayMS int    `json:"delay_ms"`
}

// LinkRecord is the address of an original.
type LinkRecord struct {
	URL    string `json:"url"`
	WorkID ID     `json:"work_id"`
	Page   int    `json:"page"`
	// Ugoira says that the address is the first frame of an animation.
	Ugoira bool `json:"ugoira,omitempty"`
}

// LimitRecord says that Pixiv ended the listing of a user before its end.
type LimitRecord struct {
	UserID  ID     `json:"user_id"`
	Message string `json:"message"`
}

// TombstoneRecord says that something is not at Pixiv any more that was there
// once: a list still has it, or it was asked for. It was deleted or made
// private. What was saved of it stays.
type TombstoneRecord struct {
	// WorkID is the work, NovelID the novel, UserID the user; the others are 0.
	WorkID  ID `json:"work_id,omitempty"`
	NovelID ID `json:"novel_id,omitempty"`
	UserID  ID `json:"user_id,omitempty"`
	// Page is the page of a work that lacks this page alone, from 0; nil when
	// all of it is gone.
	Page *int `json:"page,omitempty"`
}

// entomb leaves a tombstone of a work that is gone, as err says.
func entomb(out *pixivoc.Output, work ID, err error) {
	if isDeleted(err) {
		out.Record(RecordTombstone, work.String(), TombstoneRecord{WorkID: work})
	}
}

func isDeleted(err error) bool {
	verdict, ok := errors.AsType[*pixivoc.PermanentError](err)
	return ok && verdict.Reason == pixivoc.ReasonDeleted
}

// maskUnknown is MaskedError.Kind of a work that was deleted or made private.
const maskUnknown = "unknown"

func recordWork(out *pixivoc.Output, work *Work) {
	tags := make([]string, len(work.Tags))
	for i, tag := range work.Tags {
		tags[i] = tag.Name
	}
	out.Record(RecordWork, work.ID.String(), WorkRecord{
		ID:         work.ID,
		Title:      work.Title,
		Type:       work.Type,
		UserID:     work.User.ID,
		UserName:   work.User.Name,
		Tags:       tags,
		PageCount:  work.PageCount,
		CreateDate: work.CreateDate,
		XRestrict:  work.XRestrict,
		AIType:     work.AIType,
		Illust:     work.Raw,
	})
}

// fileRecord has what the download itself tells.
func fileRecord(file pixivoc.File, url string) FileRecord {
	return FileRecord{
		URL:          url,
		Path:         file.Name,
		Bytes:        file.Bytes,
		Checksum:     file.Checksum,
		ChecksumKind: file.ChecksumKind,
		Existing:     file.Existing,
		Wanted:       file.Wanted,
	}
}
