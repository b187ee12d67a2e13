package pixiv

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// Types of a work.
const (
	TypeIllust = "illust"
	TypeManga  = "manga"
	TypeUgoira = "ugoira" // an animation: a ZIP archive of frames
)

// Work is one illustration, manga or ugoira: the illust object of the App API
// (fixtures illust_detail_*.json, 2019 to 2026). Keys that Pixiv leaves out or
// sets to null are zero; keys that are not named here are found in Raw.
type Work struct {
	ID         ID        `json:"id"`
	Title      string    `json:"title"`
	Type       string    `json:"type"`
	ImageURLs  ImageURLs `json:"image_urls"`
	Caption    string    `json:"caption"`  // HTML
	Restrict   int       `json:"restrict"` // 0 public, 1 My pixiv, 2 private
	User       User      `json:"user"`
	Tags       []Tag     `json:"tags"`
	Tools      []string  `json:"tools"`
	CreateDate string    `json:"create_date"` // RFC 3339 in Japan's time zone
	PageCount  int       `json:"page_count"`
	Width      int       `json:"width"`  // pixels of page 0
	Height     int       `json:"height"` // pixels of page 0
	// SanityLevel is 0, 2, 4 or 6.
	SanityLevel int `json:"sanity_level"`
	// XRestrict is 0 for all ages, 1 for R-18, 2 for R-18G.
	XRestrict      int            `json:"x_restrict"`
	Series         *Series        `json:"series"`
	MetaSinglePage MetaSinglePage `json:"meta_single_page"`
	MetaPages      []MetaPage     `json:"meta_pages"`
	TotalView      int            `json:"total_view"`
	TotalBookmarks int            `json:"total_bookmarks"`
	TotalComments  int            `json:"total_comments"` // of IllustDetail only
	IsBookmarked   bool           `json:"is_bookmarked"`
	// Visible is false for a masked work; see Masked.
	Visible bool `json:"visible"`
	IsMuted bool `json:"is_muted"`
	// AIType is 0 when not specified, 1 for works not made by AI, 2 by AI.
	AIType int `json:"illust_ai_type"`

	// Raw is the object as Pixiv sent it.
	Raw json.RawMessage `json:"-"`
}

// ImageURLs are the addresses of one page in several sizes. Original is set in
// MetaPage only.
type ImageURLs struct {
	SquareMedium string `json:"square_medium"`
	Medium       string `json:"medium"`
	Large        string `json:"large"`
	Original     string `json:"original"`
}

// MetaSinglePage holds the original of a work with one page.
type MetaSinglePage struct {
	OriginalImageURL string `json:"original_image_url"`
}

// MetaPage is one page of a work with several.
type MetaPage struct {
	ImageURLs ImageURLs `json:"image_urls"`
}

// Tag is a tag with its translation, "" when there is none.
type Tag struct {
	Name           string `json:"name"`
	TranslatedName string `json:"translated_name"`
}

// Series is the series a work belongs to.
type Series struct {
	ID    ID     `json:"id"`
	Title string `json:"title"`
}

// User is the author of a work, or the user of a UserDetail.
type User struct {
	ID               ID               `json:"id"`
	Name             string           `json:"name"`
	Account          string           `json:"account"` // the login name
	ProfileImageURLs ProfileImageURLs `json:"profile_image_urls"`
	IsFollowed       bool             `json:"is_followed"`
	Comment          string           `json:"comment"` // of UserDetail only
}

// ProfileImageURLs holds the address of an avatar.
type ProfileImageURLs struct {
	Medium string `json:"medium"`
}

// Original is the address of one page in full quality.
type Original struct {
	Page int // from 0
	URL  string
}

// plainWork has the fields of Work without its methods.
type plainWork Work

// UnmarshalJSON reads the object and keeps it in Raw.
func (w *Work) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*plainWork)(w)); err != nil {
		return err
	}
	w.Raw = append(json.RawMessage(nil), text...)
	return nil
}

// Masked reports whether Pixiv shows a placeholder in place of the work, and
// which: see MaskedError.Kind.
func (w *Work) Masked() (kind string, masked bool) {
	addresses := []string{w.MetaSinglePage.OriginalImageURL, w.ImageURLs.Large, w.ImageURLs.Medium, w.ImageURLs.SquareMedium}
	for _, page := range w.MetaPages {
		addresses = append(addresses, page.ImageURLs.Original)
	}
	for _, text := range addresses {
		address, err := url.Parse(text)
		if err != nil {
			continue
		}
		if kind, masked := placeholder(address); masked {
			return kind, true
		}
	}
	return "", false
}

// Originals returns the address of each page in full quality, in order. Of a
// ugoira it is the first frame alone; the animation is what
// API.UgoiraMetadata names. A masked work gives a *MaskedError, an object that
// does not name every page another error: never is a page left out silently.
func (w *Work) Originals() ([]Original, error) {
	if kind, masked := w.Masked(); masked {
		return nil, &MaskedError{ID: w.ID, Kind: kind}
	}
	if len(w.MetaPages) == 0 {
		if w.PageCount > 1 {
			return nil, fmt.Errorf("work %s: page_count is %d but meta_pages is empty", w.ID, w.PageCount)
		}
		if err := checkPicture(w.MetaSinglePage.OriginalImageURL); err != nil {
			return nil, fmt.Errorf("work %s: meta_single_page.original_image_url: %w", w.ID, err)
		}
		return []Original{{URL: w.MetaSinglePage.OriginalImageURL}}, nil
	}
	if w.PageCount > len(w.MetaPages) {
		return nil, fmt.Errorf("work %s: page_count is %d but meta_pages has %d", w.ID, w.PageCount, len(w.MetaPages))
	}
	originals := make([]Original, len(w.MetaPages))
	for i, page := range w.MetaPages {
		if err := checkPicture(page.ImageURLs.Original); err != nil {
			return nil, fmt.Errorf("work %s: meta_pages[%d].image_urls.original: %w", w.ID, i, err)
		}
		originals[i] = Original{Page: i, URL: page.ImageURLs.Original}
	}
	return originals, nil
}

// imageHost holds the pictures; they are only given out to requests with a
// Referer of Pixiv's.
const imageHost = "i.pximg.net"

// isPictureHost accepts the hosts of Pixiv's pictures and no others: an answer
// must not make us visit a host of its choice.
func isPictureHost(host string) bool {
	return strings.HasSuffix(strings.ToLower(host), ".pximg.net")
}

// checkPicture accepts addresses that a picture of Pixiv's can have.
func checkPicture(text string) error {
	if text == "" {
		return errors.New("is missing")
	}
	address, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("is no address")
	case address.Scheme != "https":
		return errors.New("is no https address")
	case address.User != nil || address.Port() != "" || !isPictureHost(address.Hostname()):
		return fmt.Errorf("leads to %s, want %s", address.Host, imageHost)
	}
	if kind, found := placeholder(address); found {
		return &MaskedError{Kind: kind}
	}
	return nil
}

// placeholder recognises https://s.pximg.net/common/images/limit_KIND_360.png
// (fixtures illust_detail_limit_*.json, 2023-12).
func placeholder(address *url.URL) (kind string, found bool) {
	if !isPictureHost(address.Hostname()) {
		return "", false
	}
	folder, name := path.Split(path.Clean(address.Path))
	kind, found = strings.CutPrefix(name, "limit_")
	if !found || folder != "/common/images/" {
		return "", false
	}
	kind = strings.TrimSuffix(kind, path.Ext(kind))
	return clean(strings.TrimSuffix(kind, "_360")), true
}
