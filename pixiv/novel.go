package pixiv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// Novel is the novel object of the App API (fixtures novel_detail.json and
// novel_series.synthetic.json, 2025-26). Keys that Pixiv leaves out are zero.
type Novel struct {
	ID         ID        `json:"id"`
	Title      string    `json:"title"`
	Caption    string    `json:"caption"` // HTML
	Restrict   int       `json:"restrict"`
	XRestrict  int       `json:"x_restrict"`
	IsOriginal bool      `json:"is_original"`
	ImageURLs  ImageURLs `json:"image_urls"` // of the cover
	CreateDate string    `json:"create_date"`
	Tags       []Tag     `json:"tags"`
	PageCount  int       `json:"page_count"`
	TextLength int       `json:"text_length"` // characters
	User       User      `json:"user"`
	Series     Series    `json:"series"` // zero when there is none
	Visible    bool      `json:"visible"`
	AIType     int       `json:"novel_ai_type"` // as Work.AIType

	TotalBookmarks int `json:"total_bookmarks"`
	TotalView      int `json:"total_view"`

	// Raw is the object as Pixiv sent it.
	Raw json.RawMessage `json:"-"`
}

const pathNovelDetail = "/v2/novel/detail"

// plainNovel has the fields of Novel without its methods.
type plainNovel Novel

// UnmarshalJSON reads the object and keeps it in Raw.
func (n *Novel) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*plainNovel)(n)); err != nil {
		return err
	}
	n.Raw = append(json.RawMessage(nil), text...)
	return nil
}

// Masked reports whether Pixiv shows a placeholder in place of the novel, and
// which: see MaskedError.Kind.
func (n *Novel) Masked() (kind string, masked bool) {
	return maskedBy(n.ImageURLs.Large, n.ImageURLs.Medium, n.ImageURLs.SquareMedium)
}

func maskedBy(addresses ...string) (kind string, masked bool) {
	for _, text := range addresses {
		if address, err := url.Parse(text); err == nil {
			if kind, masked := placeholder(address); masked {
				return kind, true
			}
		}
	}
	return "", false
}

// NovelDetail returns what Pixiv tells of one novel, without its text. A novel
// that is deleted, private or was never there is a *pixivoc.PermanentError with
// pixivoc.ReasonDeleted.
func (a *API) NovelDetail(ctx context.Context, novel ID) (Novel, error) {
	var answer struct {
		Novel *Novel `json:"novel"`
	}
	if err := a.get(ctx, pathNovelDetail, url.Values{"novel_id": {novel.String()}}, &answer); err != nil {
		return Novel{}, err
	}
	if answer.Novel == nil {
		return Novel{}, answerError(pathNovelDetail, errors.New("novel is missing"))
	}
	if answer.Novel.ID != novel {
		return Novel{}, answerError(pathNovelDetail, fmt.Errorf("novel.id is %s, want %s", answer.Novel.ID, novel))
	}
	return *answer.Novel, nil
}

// novelItem is what GetNovel needs.
type novelItem struct {
	ID ID `json:"id"`
	// Masked is MaskedError.Kind, as a listing told it.
	Masked string `json:"masked,omitempty"`
}
