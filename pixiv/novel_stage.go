package pixiv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// RecordNovel is the kind of a record with a NovelRecord; its key is the ID of
// the novel.
const RecordNovel = "novel"

// NovelRecord describes a novel.
type NovelRecord struct {
	ID          ID       `json:"id"`
	Title       string   `json:"title"`
	UserID      ID       `json:"user_id"`
	UserName    string   `json:"user_name"`
	Tags        []string `json:"tags"`
	SeriesID    ID       `json:"series_id,omitempty"`
	SeriesTitle string   `json:"series_title,omitempty"`
	CreateDate  string   `json:"create_date"` // RFC 3339 as Pixiv wrote it
	TextLength  int      `json:"text_length"` // characters
	XRestrict   int      `json:"x_restrict"`
	AIType      int      `json:"novel_ai_type"`
	// LeftAsText counts the marks for pages and pictures that are text in the book,
	// for there are more of them than any novel needs (5,000 and 1,000).
	LeftAsText int `json:"left_as_text,omitempty"`
	// Novel is the object as Pixiv sent it, with everything else but the text,
	// which is in a file.
	Novel json.RawMessage `json:"novel"`
}

// novels are the stages that novels pass, with their place in a task type.
// They are no listings: what was saved stays so when a task is opened again.
func (s *saver) novels() []pixivoc.StageSpec {
	return []pixivoc.StageSpec{
		{Stage: pixivoc.NewStage(StageGetNovel, s.getNovel), Paced: true, NeedsToken: true},
		{Stage: novelPictureStage{pixivoc.NewStage(StageDownloadNovelPicture, s.downloadNovelPicture)}, NeedsToken: true},
		{Stage: novelFileStage{pixivoc.NewStage(StageSaveNovel, saveNovel)}},
	}
}

// novelFile is what SaveNovel needs.
type novelFile struct {
	NovelRecord
	Caption string `json:"caption"`
	Text    string `json:"text"`
	Cover   bool   `json:"cover"`
}

// novelPicture is what DownloadNovelPicture needs: the addresses of a picture,
// or a page of a work.
type novelPicture struct {
	Novel ID       `json:"novel"`
	Mark  string   `json:"mark"`
	URLs  []string `json:"urls,omitempty"`
	Work  ID       `json:"work,omitempty"`
	Page  int      `json:"page,omitempty"`
}

// stem is the name of a file of a novel below the folder of the task, without
// extension. It is made of digits and marks alone, never of a text of Pixiv's.
func (n novelPicture) stem(task string) string {
	return task + "/" + n.Novel.String() + "_" + strings.ReplaceAll(n.Mark, ":", "_")
}

// markCover is the mark of a cover, which no text has.
const markCover = "cover"

// getNovel is GetNovel: it describes a novel and queues its pictures and files.
func (s *saver) getNovel(ctx context.Context, rt pixivoc.Runtime, item novelItem) (out pixivoc.Output, err error) {
	if item.Masked != "" {
		return out, maskedNovel(item.ID, item.Masked)
	}
	settings, err := s.options.read(rt.Options())
	if err != nil {
		return out, err
	}
	if skipped, err := settings.skipsArchived(ctx, rt, &out, item.ID); skipped || err != nil {
		return out, err
	}
	api := NewAPI(rt)
	novel, err := api.NovelDetail(ctx, item.ID)
	if err != nil {
		entombNovel(&out, item.ID, err)
		return out, err
	}
	if kind, hidden := novel.Masked(); hidden {
		return out, maskedNovel(novel.ID, kind)
	}
	if settings.skipsNovel(&out, &novel) {
		out.Record(RecordNovel, novel.ID.String(), novelRecord(&novel))
		return out, nil
	}
	text, err := api.NovelText(ctx, item.ID)
	if err != nil {
		return out, err
	}
	pictures, beyond := novelPictures(&text)
	record := novelRecord(&novel)
	record.LeftAsText = beyond
	out.Record(RecordNovel, novel.ID.String(), record)
	cover := coverAddresses(text.CoverURL, novel.ImageURLs.Large)
	if len(cover) > 0 {
		queueNovelPicture(&out, novelPicture{Novel: novel.ID, Mark: markCover, URLs: cover})
	}
	for _, picture := range pictures {
		queueNovelPicture(&out, picture)
	}
	record.Novel = nil
	out.QueueTo(StageSaveNovel, novelKey(novel.ID), novelFile{
		NovelRecord: record, Caption: novel.Caption, Text: text.Text, Cover: len(cover) > 0,
	})
	return out, nil
}

func maskedNovel(id ID, kind string) error {
	return pixivoc.Permanent(pixivoc.ReasonMasked, fmt.Errorf("novel %s: %w", id, &MaskedError{Kind: kind}))
}

func queueNovelPicture(out *pixivoc.Output, picture novelPicture) {
	out.QueueTo(StageDownloadNovelPicture, picture.Novel.String()+" "+picture.Mark, picture)
}

func novelRecord(novel *Novel) NovelRecord {
	tags := make([]string, len(novel.Tags))
	for i, tag := range novel.Tags {
		tags[i] = tag.Name
	}
	return NovelRecord{
		ID: novel.ID, Title: novel.Title, UserID: novel.User.ID, UserName: novel.User.Name, Tags: tags,
		SeriesID: novel.Series.ID, SeriesTitle: novel.Series.Title, CreateDate: novel.CreateDate,
		TextLength: novel.TextLength, XRestrict: novel.XRestrict, AIType: novel.AIType, Novel: novel.Raw,
	}
}

// coverAddresses are the addresses of a cover, the best first. Pixiv names a
// small one; the original lies beside it, with an extension that is not told.
func coverAddresses(addresses ...string) []string {
	for _, small := range addresses {
		_, place, found := strings.Cut(small, "/novel-cover-master/")
		if !found || checkPicture(small) != nil {
			continue
		}
		stem, _, found := strings.Cut(place, "_master1200.")
		if !found {
			stem = strings.TrimSuffix(place, pictureExtension(place))
		}
		original := "https://" + imageHost + "/novel-cover-original/" + stem
		return []string{original + ".jpg", original + ".png", small}
	}
	return nil
}

// novelPictures are the pictures that the text shows, each once, and how many
// marks are beyond what a book takes.
func novelPictures(text *NovelText) (pictures []novelPicture, beyond int) {
	seen := map[string]bool{}
	_, beyond = novelPages(text.Text, func(mark string) string {
		if seen[mark] {
			return ""
		}
		seen[mark] = true
		kind, id, _ := strings.Cut(mark, ":")
		picture := novelPicture{Novel: text.ID, Mark: mark}
		if kind == "uploadedimage" {
			// One that the page does not name fails where it can be seen.
			if original := text.Images[id].URLs["original"]; original != "" {
				picture.URLs = []string{original}
			}
		} else {
			work, page, _ := strings.Cut(id, "-")
			picture.Work, _ = parseDigits(work)
			number, _ := parseDigits(page)
			picture.Page = max(0, int(number)-1)
		}
		pictures = append(pictures, picture)
		return ""
	})
	return pictures, beyond
}

// downloadNovelPicture is DownloadNovelPicture.
func (s *saver) downloadNovelPicture(ctx context.Context, rt pixivoc.Runtime, item novelPicture) (out pixivoc.Output, err error) {
	if item.Work != 0 {
		work, err := NewAPI(rt).IllustDetail(ctx, item.Work)
		if err != nil {
			return out, err
		}
		if kind, hidden := work.Masked(); hidden {
			return out, masked(work.ID, kind)
		}
		originals, err := work.Originals()
		if err != nil {
			return out, content(err)
		}
		if item.Page >= len(originals) {
			return out, pixivoc.Permanent(pixivoc.ReasonDeleted, fmt.Errorf("work %s has %d pages", item.Work, len(originals)))
		}
		item.URLs = []string{originals[item.Page].URL}
	}
	if len(item.URLs) == 0 {
		return out, content(errors.New("the page of the novel does not name the picture"))
	}
	settings, err := s.options.read(rt.Options())
	if err == nil {
		err = s.turn(ctx, rt, item.Novel.String()+" "+item.Mark, settings.delay)
	}
	if err != nil {
		return out, err
	}
	record, err := fetchPicture(ctx, rt, item.stem(rt.Task().TaskName), item.URLs...)
	if err != nil {
		return out, err
	}
	record.WorkID, record.Page = item.Work, item.Page
	out.Record(RecordFile, record.Path, record)
	return out, nil
}

// novelPictureStage and novelFileStage name the files of their items.
type novelPictureStage struct{ pixivoc.Stage }

// FileNames implements pixivoc.FileNamer.
func (novelPictureStage) FileNames(task pixivoc.TaskInfo, item pixivoc.Item) []string {
	var picture novelPicture
	if json.Unmarshal(item.Payload, &picture) != nil {
		return nil
	}
	return withExtensions(picture.stem(task.TaskName))
}

type novelFileStage struct{ pixivoc.Stage }

// FileNames implements pixivoc.FileNamer.
func (novelFileStage) FileNames(task pixivoc.TaskInfo, item pixivoc.Item) []string {
	var novel novelFile
	if json.Unmarshal(item.Payload, &novel) != nil {
		return nil
	}
	stem := task.TaskName + "/" + novel.ID.String()
	return []string{stem + ".txt", stem + ".epub"}
}
