package pixivtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// Bookmark is a work or a novel that a user has bookmarked.
type Bookmark struct {
	UserID  int64 // zero: the account of the server
	WorkID  int64 // of a work, or
	NovelID int64 // of a novel
	Private bool
	Tags    []string
}

// circle holds who follows whom and who has bookmarked what.
type circle struct {
	mu        sync.RWMutex
	follows   map[int64][]follow
	bookmarks map[int64][]bookmark // by user, rising
}

type follow struct {
	user    int64
	private bool
}

type bookmark struct {
	Bookmark
	id int64
}

// firstBookmark is the first ID of a bookmark that is given out.
const firstBookmark = 6_000_000_001

func newCircle() *circle {
	return &circle{follows: map[int64][]follow{}, bookmarks: map[int64][]bookmark{}}
}

// AddBookmark adds a bookmark; it is then the newest of its user. The work or novel need not be there: it is then shown
// as one that is gone.
func (s *Server) AddBookmark(b Bookmark) {
	if b.UserID == 0 {
		b.UserID = s.config.Account.ID
	}
	s.circle.mu.Lock()
	defer s.circle.mu.Unlock()
	mine := s.circle.bookmarks[b.UserID]
	s.circle.bookmarks[b.UserID] = append(mine, bookmark{b, firstBookmark + int64(len(mine))*7})
}

// Follow makes a user follow another one; zero is the account of the server.
func (s *Server) Follow(user, followed int64, private bool) {
	if user == 0 {
		user = s.config.Account.ID
	}
	s.circle.mu.Lock()
	defer s.circle.mu.Unlock()
	s.circle.follows[user] = append(s.circle.follows[user], follow{followed, private})
}

// followed lists whom a user follows, latest first. Anyone but the account sees the public ones.
func (s *Server) followed(user int64, restrict string) []int64 {
	s.circle.mu.RLock()
	defer s.circle.mu.RUnlock()
	var ids []int64
	for _, f := range slices.Backward(s.circle.follows[user]) {
		if restrict == "all" || f.private == (restrict == "private") {
			ids = append(ids, f.user)
		}
	}
	return ids
}

// ownOnly refuses what a user keeps private to everybody else.
func (s *Server) ownOnly(user int64, restrict string) *answer {
	if restrict == "private" && user != s.config.Account.ID {
		return apiError(http.StatusForbidden, textRestricted, "")
	}
	return nil
}

// feed lists the works of the users whom the account follows, newest first.
func (s *Server) feed(r *http.Request) *answer {
	restrict, refused := choice(r.URL.Query(), "restrict", "Restrict", "all", "public", "private")
	if refused != nil {
		return refused
	}
	followed := s.followed(s.config.Account.ID, restrict)
	return s.offsetList(r, s.catalog.all(func(w Work) bool { return slices.Contains(followed, w.UserID) }))
}

type userPreview struct {
	User    illustUser   `json:"user"`
	Illusts []illust     `json:"illusts"`
	Novels  []novelShape `json:"novels"`
	IsMuted bool         `json:"is_muted"`
}

// following lists whom a user follows.
func (s *Server) following(r *http.Request) *answer {
	query := r.URL.Query()
	id, refused := number(query, "user_id", "User Id")
	if refused != nil {
		return refused
	}
	restrict, refused := choice(query, "restrict", "Restrict", "public", "private")
	if refused == nil {
		refused = s.ownOnly(id, restrict)
	}
	if refused != nil {
		return refused
	}
	page, next, refused := s.cut(r.URL, s.followed(id, restrict))
	if refused != nil {
		return refused
	}
	previews := []userPreview{}
	for _, followed := range page {
		u, ok := s.User(followed)
		if !ok || u.Suspended {
			continue // the page gets shorter
		}
		works := s.catalog.all(func(w Work) bool { return w.UserID == followed })
		previews = append(previews, userPreview{
			User: s.authorShape(u), Illusts: s.illusts(works[:min(3, len(works))]), Novels: []novelShape{},
		})
	}
	return jsonAnswer(http.StatusOK, struct {
		Previews []userPreview `json:"user_previews"`
		NextURL  *string       `json:"next_url"`
	}{previews, next})
}

// authorShape is a user as works and lists show one.
func (s *Server) authorShape(u User) illustUser {
	no := false
	return illustUser{
		ID: u.ID, Name: u.Name, Account: u.Account,
		ProfileImageURLs: mediumURL{imageURL(avatarPath(s.config.Seed, u.ID))}, IsAcceptRequest: &no, IsFollowed: &no,
	}
}

// bookmarked cuts a page out of the bookmarks of a user, newest first. The cursor of the next page is the ID of the
// first bookmark behind this one.
func (s *Server) bookmarked(u *url.URL, novels bool) (page []Bookmark, next *string, refused *answer) {
	query := u.Query()
	id, refused := number(query, "user_id", "User Id")
	if refused != nil {
		return nil, nil, refused
	}
	restrict, refused := choice(query, "restrict", "Restrict", "public", "private")
	if refused == nil {
		refused = s.ownOnly(id, restrict)
	}
	if refused != nil {
		return nil, nil, refused
	}
	below := int64(1) << 62
	if query.Has("max_bookmark_id") {
		if below, refused = number(query, "max_bookmark_id", "Max Bookmark Id"); refused != nil {
			return nil, nil, refused
		}
	}
	s.circle.mu.RLock()
	defer s.circle.mu.RUnlock()
	for _, b := range slices.Backward(s.circle.bookmarks[id]) {
		fits := b.id <= below && b.Private == (restrict == "private") && (b.NovelID != 0) == novels &&
			(!query.Has("tag") || slices.Contains(b.Tags, query.Get("tag")))
		if !fits {
			continue
		}
		if len(page) == s.config.PageSize {
			keep := query
			keep.Set("max_bookmark_id", strconv.FormatInt(b.id, 10))
			address := fmt.Sprintf("https://%s%s?%s", HostAPI, u.Path, keep.Encode())
			return page, &address, nil
		}
		page = append(page, b.Bookmark)
	}
	return page, nil, nil
}

// illustBookmarks lists the works that a user has bookmarked. A work that is gone is shown as a placeholder.
func (s *Server) illustBookmarks(r *http.Request) *answer {
	page, next, refused := s.bookmarked(r.URL, false)
	if refused != nil {
		return refused
	}
	list := worksList{Illusts: []illust{}, NextURL: next}
	for _, b := range page {
		w, ok := s.catalog.show(b.WorkID)
		switch {
		case !ok || !s.catalog.reachable(w):
			w.ID, w.Mask = b.WorkID, MaskUnknown
			list.Illusts = append(list.Illusts, maskedIllust(w))
		case w.Unlisted:
		default:
			list.Illusts = append(list.Illusts, s.illust(w))
		}
	}
	return jsonAnswer(http.StatusOK, list)
}
