package pixivtest

import (
	"fmt"
	"time"
)

// User is an artist.
type User struct {
	ID      int64  // zero: the next free one
	Name    string // zero: made from the ID
	Account string // zero: made from the ID
	Comment string
	// Background says that the profile has a picture behind it.
	Background bool

	// Suspended users are gone: their detail is refused with 403, their list of works is that of an unknown user, and
	// their works answer 404.
	Suspended bool

	// ListShift makes every page of the user's list of works after the first begin that many entries early, so that
	// entries repeat, as they do on the live service when works come in while a client reads the list.
	ListShift int
}

// WorkType is the kind of a work, as the App API names it.
type WorkType string

// The types of works.
const (
	Illust WorkType = "illust"
	Manga  WorkType = "manga"
	Ugoira WorkType = "ugoira" // an animation: frames in a zip file
)

// Format is the format of a picture, named by the extension of its file.
type Format string

// The formats that Pixiv keeps originals in.
const (
	JPEG Format = "jpg"
	PNG  Format = "png"
	GIF  Format = "gif"
)

// Mask says why a work that is there shows only a placeholder.
type Mask string

// The placeholders, named by their files on [HostStatic].
const (
	Unmasked        Mask = ""
	MaskSanityLevel Mask = "limit_sanity_level" // held back from apps by content policy
	MaskUnviewable  Mask = "limit_unviewable"   // not for this account or region
	MaskMyPixiv     Mask = "limit_mypixiv"      // for friends of the artist
	MaskUnknown     Mask = "limit_unknown"      // gone, but kept in a list
)

// Access says who can ask for a work.
type Access string

// The kinds of access. Pixiv answers alike for deleted and private works.
const (
	Public  Access = ""
	Deleted Access = "deleted"
	Private Access = "private"
)

// Tag is a tag of a work.
type Tag struct {
	Name       string
	Translated string // empty: none
}

// Series is a series that a work belongs to.
type Series struct {
	ID    int64
	Title string
}

// Between is a range of numbers with both ends in it.
type Between struct{ Min, Max int64 }

// MinSize is the smallest size in bytes that a picture can be told to have.
const MinSize = 2048

// Page describes one picture of a work.
type Page struct {
	Format Format // zero: JPEG

	// Width and Height in pixels; both zero: about 160, or less where Size is small.
	Width, Height int

	// Size is the exact size of the original in bytes, at least [MinSize] and enough for the dimensions; zero: as
	// large as the picture comes.
	Size int64

	Broken  bool // the original answers 500 for good
	Missing bool // the original answers 404, though the API names it
}

// Work is an illustration, a manga or an animation.
type Work struct {
	ID     int64    // zero: the next free one
	UserID int64    // zero: the first user; a user who is not there yet is made
	Type   WorkType // zero: [Illust]

	Title       string // zero: made from the ID
	Caption     string
	Tags        []Tag
	Tools       []string
	Series      *Series
	Created     time.Time // zero: made from the ID
	XRestrict   int       // 0 all ages, 1 R-18, 2 R-18G
	SanityLevel int       // zero: 2
	AIType      int       // 0 not said, 1 no, 2 yes

	// PageCount is the number of pictures; zero: the length of Pages, or one.
	PageCount int
	// Pages describes single pictures; what is zero there, or not in there, is as in AllPages.
	Pages []Page
	// AllPages describes every picture that Pages does not.
	AllPages Page
	// Sizes draws the size of each picture without one from a range.
	Sizes Between
	// Frames of an ugoira; zero: 6.
	Frames int

	// HashedNames puts 32 hexadecimal digits behind the ID in file names, as for unlisted works since 2025.
	HashedNames bool
	Mask        Mask
	Access      Access
	// StillListed keeps a deleted or private work in the list of its user, as when it goes between the listing and
	// the download.
	StillListed bool
	// Unlisted works take a place in the list of their user but are not shown there: the service filters after it
	// has cut the page, so the page becomes shorter.
	Unlisted bool
	// StaleAnswers makes a work that was replaced: the first so many API answers that show it (details and lists
	// together) give the old addresses of its pictures, which answer 404; later answers give the new ones.
	StaleAnswers int
}

// work is a Work with what happened to it. Values are copied freely: nothing that a copy shares is ever changed.
type work struct {
	Work
	uploaded time.Time   // the date in the addresses of its pictures
	version  int         // how often the artist replaced it
	changes  map[int]int // how often a page changed under the same address
}

// complete checks w and fills in what is zero. It names the field that cannot stay.
func (w *Work) complete() error {
	if w.Type == "" {
		w.Type = Illust
	}
	if w.Type != Illust && w.Type != Manga && w.Type != Ugoira {
		return fmt.Errorf("field Type is %q, want illust, manga or ugoira", w.Type)
	}
	if w.PageCount == 0 {
		w.PageCount = max(1, len(w.Pages))
	}
	if w.PageCount < len(w.Pages) || w.PageCount < 0 {
		return fmt.Errorf("field PageCount is %d, less than the length of Pages, %d", w.PageCount, len(w.Pages))
	}
	if w.Type == Ugoira && w.PageCount > 1 {
		return fmt.Errorf("field PageCount is %d, but an ugoira has one page", w.PageCount)
	}
	if w.Frames == 0 {
		w.Frames = 6
	}
	if w.Sizes != (Between{}) && (w.Sizes.Min < MinSize || w.Sizes.Max < w.Sizes.Min) {
		return fmt.Errorf("field Sizes is %v, want a range that begins at %d or higher", w.Sizes, MinSize)
	}
	if w.Title == "" {
		w.Title = fmt.Sprintf("work %d", w.ID)
	}
	if w.SanityLevel == 0 {
		w.SanityLevel = 2
	}
	if w.Created.IsZero() {
		w.Created = time.Date(2024, time.January, 1, 0, 0, 0, 0, japan).Add(time.Duration(w.ID%1_000_000) * 17 * time.Minute)
	}
	for i := range max(1, len(w.Pages)) {
		if err := w.checkPage(i); err != nil {
			return err
		}
	}
	return nil
}

func (w *Work) checkPage(n int) error {
	p := w.describe(n)
	switch p.Format {
	case JPEG, PNG, GIF:
	default:
		return fmt.Errorf("page %d: Format is %q, want jpg, png or gif", n, p.Format)
	}
	if p.Width < 0 || p.Height < 0 || (p.Width == 0) != (p.Height == 0) {
		return fmt.Errorf("page %d: Width and Height are %d and %d, want both or neither", n, p.Width, p.Height)
	}
	smallest := p.Size
	if smallest == 0 {
		smallest = w.Sizes.Min
	}
	if smallest == 0 {
		return nil
	}
	if smallest < MinSize {
		return fmt.Errorf("page %d: Size is %d, want at least %d", n, smallest, MinSize)
	}
	if need := paintSize(p.Format, max(1, p.Width), max(1, p.Height)); smallest < need {
		return fmt.Errorf("page %d: Size is %d, but a %s of %dx%d pixels may need %d", n, smallest, p.Format, p.Width, p.Height, need)
	}
	return nil
}

// describe is page n with what Pages says about it laid over AllPages.
func (w *Work) describe(n int) Page {
	p := w.AllPages
	if n < len(w.Pages) {
		own := w.Pages[n]
		if own.Format != "" {
			p.Format = own.Format
		}
		if own.Width != 0 || own.Height != 0 {
			p.Width, p.Height = own.Width, own.Height
		}
		if own.Size != 0 {
			p.Size = own.Size
		}
		p.Broken = p.Broken || own.Broken
		p.Missing = p.Missing || own.Missing
	}
	if p.Format == "" {
		p.Format = JPEG
	}
	return p
}
