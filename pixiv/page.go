package pixiv

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"net/url"
	"slices"
	"strconv"

	"github.com/pixivoc/pixivoc"
)

// maxPages ends a listing that does not end by itself. Pixiv's own limit is
// 5000 entries, 167 pages.
const maxPages = 10_000

// Page is one page of a listing. A page may hold fewer entries than others, or
// none, and yet not be the last. Which of Works, Novels and Users it has follows
// from what is listed.
type Page struct {
	User   User          `json:"user"` // zero in answers of before 2022
	Works  []Work        `json:"illusts"`
	Novels []Novel       `json:"novels"`
	Users  []UserPreview `json:"user_previews"`
	// NextURL is what Pixiv names as the next page, "" on the last one. It is
	// not to be trusted; see Next.
	NextURL string `json:"next_url"`

	source source
	query  url.Values // what this page was asked with
}

// UserPreview is a user in a list of users.
type UserPreview struct {
	User    User   `json:"user"`
	Works   []Work `json:"illusts"` // the latest, three at most
	IsMuted bool   `json:"is_muted"`
}

// UserIllusts returns the first page of a user's illustrations, manga and
// ugoira, newest first. For a user who is gone Pixiv answers the same as for
// one without works; UserDetail tells them apart.
func (a *API) UserIllusts(ctx context.Context, user ID) (Page, error) {
	return a.list(ctx, listUserIllusts, url.Values{"user_id": {user.String()}})
}

// UserIllustsPage returns the page that Page.Next named.
func (a *API) UserIllustsPage(ctx context.Context, query string) (Page, error) {
	return a.listPage(ctx, listUserIllusts, query)
}

func (a *API) listPage(ctx context.Context, name, query string) (Page, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return Page{}, fieldError("query", "is not a query: %v", err)
	}
	return a.list(ctx, name, values)
}

// list asks for one page of the named listing.
func (a *API) list(ctx context.Context, name string, query url.Values) (Page, error) {
	kind, known := sourceNamed(name)
	if !known {
		return Page{}, pixivoc.Permanent(pixivoc.ReasonPayload, fmt.Errorf("there is no listing %q", clean(name)))
	}
	page := Page{source: kind, query: query}
	if err := a.get(ctx, kind.path, query, &page); err != nil {
		return Page{}, err
	}
	if err := page.check(); err != nil {
		return Page{}, answerError(kind.path, err)
	}
	return page, nil
}

// check refuses works and novels that cannot be told apart, and drops users who
// are gone.
func (p *Page) check() error {
	for i := range p.Works {
		if p.Works[i].ID == 0 {
			return fmt.Errorf("illusts[%d].id is missing", i)
		}
	}
	for i := range p.Novels {
		if p.Novels[i].ID == 0 {
			return fmt.Errorf("novels[%d].id is missing", i)
		}
	}
	// A user who is gone may stay in a list with the ID 0 (as in bookmarks).
	p.Users = slices.DeleteFunc(p.Users, func(preview UserPreview) bool { return preview.User.ID == 0 })
	return nil
}

// Next returns the query of the next page, or "" when this is the last one. Of
// next_url it takes the cursor alone, and only when the rest fits: another host
// or path, another user, and an offset that does not rise are refused with an
// error that is ErrListing.
func (p *Page) Next() (query string, err error) {
	if p.NextURL == "" {
		return "", nil
	}
	next, err := url.Parse(p.NextURL)
	if err != nil {
		return "", fmt.Errorf("%w: next_url is no address", ErrListing)
	}
	if next.Scheme != "https" || next.Host != apiHost || next.Path != p.source.path || next.User != nil {
		return "", fmt.Errorf("%w: next_url leads to %s", ErrListing, clean(next.Scheme+"://"+next.Host+next.Path))
	}
	values, err := url.ParseQuery(next.RawQuery)
	if err != nil {
		return "", fmt.Errorf("%w: query of next_url is broken", ErrListing)
	}
	if name := p.source.subject; name != "" && values.Get(name) != p.query.Get(name) {
		return "", fmt.Errorf("%w: next_url leads from %s %s to %s", ErrListing, name, p.query.Get(name), clean(values.Get(name)))
	}
	query = p.source.rebuild(p.query, values).Encode()
	if !p.source.moves {
		if query == p.query.Encode() {
			return "", fmt.Errorf("%w: next_url leads to the same page", ErrListing)
		}
		return query, nil
	}
	return query, p.source.checkMove(p.query, values)
}

// checkMove refuses a cursor that does not lead on.
func (s source) checkMove(asked, next url.Values) error {
	name := s.cursors[0]
	from, to := cursor(asked, name), cursor(next, name)
	if s.falls && !asked.Has(name) {
		from = math.MaxInt64
	}
	if s.falls && to > 0 && to < from || !s.falls && to > from {
		return nil
	}
	return fmt.Errorf("%w: next_url leads from %s %d to %d", ErrListing, name, from, to)
}

// cursor returns a parameter that is a number: 0 on the first page, -1 when it
// cannot be read.
func cursor(query url.Values, name string) int64 {
	text := query.Get(name)
	if text == "" {
		return 0
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return number
}

// ids yields what identifies the entries, in order.
func (p *Page) ids() iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for i := range p.Works {
			if !yield(p.Works[i].ID) {
				return
			}
		}
		for i := range p.Novels {
			if !yield(p.Novels[i].ID) {
				return
			}
		}
		for i := range p.Users {
			if !yield(p.Users[i].User.ID) {
				return
			}
		}
	}
}

// fingerprint tells pages with different entries apart; it is "" for a page
// without any.
func (p *Page) fingerprint() string {
	hash, any := fnv.New64a(), false
	for id := range p.ids() {
		any = true
		_, _ = hash.Write(strconv.AppendInt(nil, int64(id), 10))
		_, _ = hash.Write([]byte{' '})
	}
	if !any {
		return ""
	}
	return strconv.FormatUint(hash.Sum64(), 16)
}

// follow returns the query of the page after this one, which is the number-th
// of its listing, or "" at its end. last is the fingerprint of the page before.
func (p *Page) follow(number int, last string) (query string, err error) {
	query, err = p.Next()
	switch {
	case err != nil || query == "":
		return "", err
	case last != "" && p.fingerprint() == last:
		return "", fmt.Errorf("%w: page %d has the same works as the one before", ErrListing, number)
	case number >= maxPages:
		return "", fmt.Errorf("%w: no end after %d pages", ErrListing, number)
	}
	return query, nil
}

// AllUserIllusts lists all works of a user, newest first, page by page, each
// once. An error ends the listing; what came before it is good. A listing that
// Pixiv cuts off ends with an error that is ErrOffsetLimit, so that nobody
// takes it for complete. A user who is gone has no works; see UserIllusts.
func (a *API) AllUserIllusts(ctx context.Context, user ID) iter.Seq2[Work, error] {
	return func(yield func(Work, error) bool) {
		seen := make(map[ID]struct{})
		page, err := a.UserIllusts(ctx, user)
		last := ""
		for number := 1; err == nil; number++ {
			for _, work := range page.Works {
				if _, again := seen[work.ID]; again {
					continue
				}
				seen[work.ID] = struct{}{}
				if !yield(work, nil) {
					return
				}
			}
			var query string
			query, err = page.follow(number, last)
			if err == nil && query == "" {
				return
			}
			if err == nil {
				last = page.fingerprint()
				page, err = a.UserIllustsPage(ctx, query)
			}
		}
		yield(Work{}, err)
	}
}

// offsetLimited says that Pixiv lists no further, which is no fault of ours.
func offsetLimited(err error) bool {
	_, permanent := errors.AsType[*pixivoc.PermanentError](err)
	return permanent && errors.Is(err, ErrOffsetLimit)
}
