package pixiv

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"net/url"
	"strconv"

	"github.com/pixivoc/pixivoc"
)

// maxPages ends a listing that does not end by itself. Pixiv's own limit is
// 5000 entries, 167 pages.
const maxPages = 10_000

// Page is one page of the works of a user. A page may hold fewer works than
// others, or none, and yet not be the last.
type Page struct {
	User  User   `json:"user"` // zero in answers of before 2022
	Works []Work `json:"illusts"`
	// NextURL is what Pixiv names as the next page, "" on the last one. It is
	// not to be trusted; see Next.
	NextURL string `json:"next_url"`

	query url.Values // what this page was asked with
}

// UserIllusts returns the first page of a user's illustrations, manga and
// ugoira, newest first. For a user who is gone Pixiv answers the same as for
// one without works; UserDetail tells them apart.
func (a *API) UserIllusts(ctx context.Context, user ID) (Page, error) {
	return a.userIllusts(ctx, url.Values{"user_id": {user.String()}})
}

// UserIllustsPage returns the page that Page.Next named.
func (a *API) UserIllustsPage(ctx context.Context, query string) (Page, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return Page{}, fieldError("query", "is not a query: %v", err)
	}
	return a.userIllusts(ctx, values)
}

func (a *API) userIllusts(ctx context.Context, query url.Values) (Page, error) {
	page := Page{query: query}
	if err := a.get(ctx, pathUserIllusts, query, &page); err != nil {
		return Page{}, err
	}
	for i, work := range page.Works {
		if work.ID == 0 {
			return Page{}, answerError(pathUserIllusts, fmt.Errorf("illusts[%d].id is missing", i))
		}
	}
	return page, nil
}

// Next returns the query of the next page for API.UserIllustsPage, or "" when
// this is the last one. Of next_url it takes the query alone, and only when the
// rest fits: another host or path, another user, and an offset that does not
// rise are refused with an error that is ErrListing.
func (p *Page) Next() (query string, err error) {
	if p.NextURL == "" {
		return "", nil
	}
	next, err := url.Parse(p.NextURL)
	if err != nil {
		return "", fmt.Errorf("%w: next_url is no address", ErrListing)
	}
	if next.Scheme != "https" || next.Host != apiHost || next.Path != pathUserIllusts || next.User != nil {
		return "", fmt.Errorf("%w: next_url leads to %s", ErrListing, clean(next.Scheme+"://"+next.Host+next.Path))
	}
	values, err := url.ParseQuery(next.RawQuery)
	if err != nil {
		return "", fmt.Errorf("%w: query of next_url is broken", ErrListing)
	}
	if user := p.query.Get("user_id"); values.Get("user_id") != user {
		return "", fmt.Errorf("%w: next_url leads from user %s to user %s", ErrListing, user, clean(values.Get("user_id")))
	}
	from, to := offset(p.query), offset(values)
	if to <= from {
		return "", fmt.Errorf("%w: next_url leads from offset %d to %d", ErrListing, from, to)
	}
	return values.Encode(), nil
}

// offset returns the cursor of a page: 0 on the first page, -1 when it cannot
// be read.
func offset(query url.Values) int64 {
	text := query.Get("offset")
	if text == "" {
		return 0
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return number
}

// fingerprint tells pages with different works apart; it is "" for a page
// without any.
func (p *Page) fingerprint() string {
	if len(p.Works) == 0 {
		return ""
	}
	hash := fnv.New64a()
	for _, work := range p.Works {
		_, _ = hash.Write(strconv.AppendInt(nil, int64(work.ID), 10))
		_, _ = hash.Write([]byte{' '})
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
