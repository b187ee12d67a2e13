package pixiv

import (
	"context"
	"encoding/json"

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
	// Text is the text with Pixiv's markup; see NovelText.
	Text string `json:"text"`
	// Novel is the object as Pixiv sent it, with everything else.
	Novel json.RawMessage `json:"novel"`
}

// novelStage is GetNovel with its place in a task type. It is no listing: what
// was saved stays so when a task is opened again.
func novelStage() pixivoc.StageSpec {
	stage := pixivoc.NewStage(StageGetNovel, getNovel)
	return pixivoc.StageSpec{Stage: stage, Paced: true, NeedsToken: true}
}

func getNovel(ctx context.Context, rt pixivoc.Runtime, item novelItem) (out pixivoc.Output, err error) {
	if item.Masked != "" {
		return out, masked(item.ID, item.Masked)
	}
	api := NewAPI(rt)
	novel, err := api.NovelDetail(ctx, item.ID)
	if err != nil {
		return out, err
	}
	if kind, hidden := novel.Masked(); hidden {
		return out, masked(novel.ID, kind)
	}
	text, err := api.NovelText(ctx, item.ID)
	if err != nil {
		return out, err
	}
	recordNovel(&out, &novel, &text)
	return out, nil
}

func recordNovel(out *pixivoc.Output, novel *Novel, text *NovelText) {
	tags := make([]string, len(novel.Tags))
	for i, tag := range novel.Tags {
		tags[i] = tag.Name
	}
	out.Record(RecordNovel, novel.ID.String(), NovelRecord{
		ID: novel.ID, Title: novel.Title, UserID: novel.User.ID, UserName: novel.User.Name, Tags: tags,
		SeriesID: novel.Series.ID, SeriesTitle: novel.Series.Title, CreateDate: novel.CreateDate,
		TextLength: novel.TextLength, XRestrict: novel.XRestrict, AIType: novel.AIType,
		Text: text.Text, Novel: novel.Raw,
	})
}
