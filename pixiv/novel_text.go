package pixiv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// NovelText is the text of a novel with what belongs to it: the object in the
// page that Pixiv's app shows (fixture novel_webview.synthetic.json).
type NovelText struct {
	ID       ID     `json:"id"`
	Title    string `json:"title"`
	CoverURL string `json:"coverUrl"`
	// Text has Pixiv's markup: [newpage], [chapter:TITLE], [[rb:BASE > RUBY]],
	// [[jumpuri:TEXT > URL]], [jump:PAGE], [pixivimage:ID-PAGE] and
	// [uploadedimage:ID].
	Text string `json:"text"`
	// Illusts are the works that the text shows, by what stands in the markup.
	Illusts map[string]NovelIllust `json:"illusts"`
	// Images are the pictures that were uploaded with the text, by ID.
	Images map[string]NovelImage `json:"images"`
}

// UnmarshalJSON reads the object. Pixiv writes an empty list where Illusts or
// Images has nothing in it.
func (n *NovelText) UnmarshalJSON(text []byte) error {
	type plain NovelText
	read := struct {
		*plain
		Illusts keyed[NovelIllust] `json:"illusts"`
		Images  keyed[NovelImage]  `json:"images"`
	}{plain: (*plain)(n)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	n.Illusts, n.Images = read.Illusts, read.Images
	return nil
}

// NovelIllust is a work that a novel shows.
type NovelIllust struct {
	Visible bool `json:"visible"`
	Illust  *struct {
		Images struct {
			Medium   string `json:"medium"`
			Original string `json:"original"` // "" for other people's works
		} `json:"images"`
	} `json:"illust"`
}

// NovelImage is a picture that was uploaded with a novel.
type NovelImage struct {
	// URLs are its addresses by size; the largest is "original".
	URLs map[string]string `json:"urls"`
}

// keyed is a JSON object that is written as an empty list when it is empty.
type keyed[T any] map[string]T

// UnmarshalJSON reads both forms.
func (k *keyed[T]) UnmarshalJSON(text []byte) error {
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte{'['}) {
		*k = nil
		var none []json.RawMessage
		if err := json.Unmarshal(text, &none); err != nil || len(none) > 0 {
			return errors.New("is a list that is not empty, want an object")
		}
		return nil
	}
	return json.Unmarshal(text, (*map[string]T)(k))
}

const (
	pathNovelPage = "/webview/v2/novel"
	// viewerVersion is what gallery-dl and pixivpy send (2025).
	viewerVersion = "20221031_ai"
)

// NovelText returns the text of one novel. Pixiv answers with a web page; the
// object in it is what is read.
func (a *API) NovelText(ctx context.Context, novel ID) (NovelText, error) {
	page, err := a.ask(ctx, pathNovelPage, url.Values{"id": {novel.String()}, "viewer_version": {viewerVersion}})
	if err != nil {
		return NovelText{}, err
	}
	text, err := readNovelPage(page)
	if err == nil && text.ID != novel {
		err = fmt.Errorf("novel.id is %s, want %s", text.ID, novel)
	}
	if err != nil {
		return NovelText{}, answerError(pathNovelPage, err)
	}
	return text, nil
}

// readNovelPage finds the object behind "novel:" in the script of a page.
func readNovelPage(page []byte) (NovelText, error) {
	if len(page) > maxAnswer {
		return NovelText{}, fmt.Errorf("is longer than %d bytes", maxAnswer)
	}
	const mark = "novel:"
	for rest := page; ; {
		at := bytes.Index(rest, []byte(mark))
		if at < 0 {
			return NovelText{}, errors.New("has no novel in it")
		}
		rest = rest[at+len(mark):]
		object := bytes.TrimLeft(rest, " \t\r\n")
		if !bytes.HasPrefix(object, []byte{'{'}) {
			continue
		}
		var raw json.RawMessage
		if json.NewDecoder(bytes.NewReader(object)).Decode(&raw) != nil {
			continue
		}
		var text NovelText
		if err := decode(raw, &text); err != nil {
			return NovelText{}, fmt.Errorf("novel: %w", err)
		}
		return text, nil
	}
}
