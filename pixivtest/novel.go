package pixivtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc/pixivtest/internal/paint"
)

// Novel is a novel.
type Novel struct {
	ID      int64 // zero: the next free one
	UserID  int64 // zero: the first user
	Title   string
	Caption string
	Tags    []Tag
	Series  *Series
	Created time.Time // zero: made from the ID
	// Text is the text with Pixiv's markup.
	Text string
	// Images are the IDs of the pictures that were uploaded with it; Works are the pages of works it shows, as ID-PAGE.
	Images []int64
	Works  []string

	XRestrict int
	AIType    int
	Mask      Mask
	Access    Access
}

// firstNovel is the first number of a novel that is given out.
const firstNovel = 13_000_001

// library holds all novels.
type library struct {
	mu     sync.RWMutex
	novels map[int64]Novel
	next   int64
}

func newLibrary() *library { return &library{novels: map[int64]Novel{}, next: firstNovel} }

// AddNovel adds a novel and returns it with the zero fields filled in. It panics when the ID is taken: that is a mistake
// in the test.
func (s *Server) AddNovel(n Novel) Novel {
	if n.UserID == 0 {
		if users := s.Users(); len(users) > 0 {
			n.UserID = users[0].ID
		} else {
			n.UserID = s.AddUser(User{}).ID
		}
	}
	s.library.mu.Lock()
	defer s.library.mu.Unlock()
	if n.ID == 0 {
		n.ID = s.library.next
	}
	if _, taken := s.library.novels[n.ID]; taken {
		panic(fmt.Sprintf("pixivtest: AddNovel: ID %d is taken", n.ID))
	}
	s.library.next = max(s.library.next, n.ID+1)
	if n.Title == "" {
		n.Title = fmt.Sprintf("novel %d", n.ID)
	}
	if n.Created.IsZero() {
		n.Created = time.Date(2024, time.January, 1, 0, 0, 0, 0, japan).Add(time.Duration(n.ID%1_000_000) * 31 * time.Minute)
	}
	s.library.novels[n.ID] = n
	return n
}

func (l *library) novel(id int64) (Novel, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	n, ok := l.novels[id]
	return n, ok && n.Access == Public
}

// all are the novels that a condition holds for, oldest first.
func (l *library) all(holds func(Novel) bool) []Novel {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []Novel
	for _, n := range l.novels {
		if n.Access == Public && holds(n) {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, func(a, b Novel) int { return int(a.ID - b.ID) })
	return found
}

type novelShape struct {
	ID           int64      `json:"id"`
	Title        string     `json:"title"`
	Caption      string     `json:"caption"`
	Restrict     int        `json:"restrict"`
	XRestrict    int        `json:"x_restrict"`
	IsOriginal   bool       `json:"is_original"`
	ImageURLs    imageURLs  `json:"image_urls"`
	CreateDate   string     `json:"create_date"`
	Tags         []tagShape `json:"tags"`
	PageCount    int        `json:"page_count"`
	TextLength   int        `json:"text_length"`
	User         illustUser `json:"user"`
	Series       any        `json:"series"` // {} when there is none
	IsBookmarked bool       `json:"is_bookmarked"`
	Visible      bool       `json:"visible"`
	IsMuted      bool       `json:"is_muted"`
	NovelAIType  int        `json:"novel_ai_type"`
}

// novelShape is a novel as the API shows it.
func (s *Server) novelShape(n Novel) novelShape {
	if n.Mask != Unmasked {
		placeholder := staticURL(string(n.Mask) + "_360.png")
		return novelShape{
			ID: n.ID, ImageURLs: imageURLs{placeholder, placeholder, placeholder, ""}, Tags: []tagShape{}, Series: struct{}{},
			CreateDate: n.Created.In(japan).Format(time.RFC3339), User: illustUser{ProfileImageURLs: mediumURL{staticURL("no_profile.png")}},
		}
	}
	u, _ := s.User(n.UserID)
	cover := imageURL("/c/240x480_80" + strings.Replace(s.coverPath(n), "-original/", "-master/", 1))
	shape := novelShape{
		ID: n.ID, Title: n.Title, Caption: n.Caption, XRestrict: n.XRestrict, ImageURLs: imageURLs{cover, cover, cover, ""},
		CreateDate: n.Created.In(japan).Format(time.RFC3339), Tags: tagShapes(n.Tags),
		PageCount: 1 + strings.Count(n.Text, "[newpage]"), TextLength: len([]rune(n.Text)), User: s.authorShape(u),
		Series: struct{}{}, Visible: true, NovelAIType: n.AIType,
	}
	if n.Series != nil {
		shape.Series = seriesShape{n.Series.ID, n.Series.Title}
	}
	return shape
}

// coverPath is the path of the cover in full size.
func (s *Server) coverPath(n Novel) string {
	return fmt.Sprintf("/novel-cover-original/img/%s/%d_%s.jpg", date(n.Created), n.ID, hexDigits(32, s.config.Seed, uint64(n.ID), 0x636f7665))
}

// uploadPath is the path of a picture that was uploaded with a novel.
func (s *Server) uploadPath(n Novel, image int64) string {
	return fmt.Sprintf("/novel-cover-original/img/%s/tei%d_%s.jpg", date(n.Created), image, hexDigits(32, s.config.Seed, uint64(image), 0x746569))
}

// findNovelPicture looks up a cover or an uploaded picture in full size.
func (s *Server) findNovelPicture(path string) (found, int) {
	for _, n := range s.library.all(func(Novel) bool { return true }) {
		paths := map[string]int64{s.coverPath(n): n.ID}
		for _, image := range n.Images {
			paths[s.uploadPath(n, image)] = image
		}
		if id, ok := paths[path]; ok {
			body := s.gallery.paint(paint.Spec{
				Seed: mix(s.config.Seed, uint64(id), 0x6e6f76), Label: path, Format: paint.JPEG, Width: 120, Height: 160,
			})
			return found{body, "jpg", n.Created, path}, http.StatusOK
		}
	}
	return found{}, http.StatusNotFound
}

type novelsList struct {
	Novels  []novelShape `json:"novels"`
	NextURL *string      `json:"next_url"`
}

func (s *Server) novelShapes(ids []int64) []novelShape {
	shapes := []novelShape{}
	for _, id := range ids {
		if n, ok := s.library.novel(id); ok {
			shapes = append(shapes, s.novelShape(n))
		}
	}
	return shapes
}

// userNovels lists the novels of a user, newest first.
func (s *Server) userNovels(r *http.Request) *answer {
	id, refused := number(r.URL.Query(), "user_id", "User Id")
	if refused != nil {
		return refused
	}
	var ids []int64
	for _, n := range slices.Backward(s.library.all(func(n Novel) bool { return n.UserID == id })) {
		ids = append(ids, n.ID)
	}
	page, next, refused := s.cut(r.URL, ids)
	if refused != nil {
		return refused
	}
	return jsonAnswer(http.StatusOK, novelsList{s.novelShapes(page), next})
}

// novelBookmarks lists the novels that a user has bookmarked.
func (s *Server) novelBookmarks(r *http.Request) *answer {
	page, next, refused := s.bookmarked(r.URL, true)
	if refused != nil {
		return refused
	}
	list := novelsList{Novels: []novelShape{}, NextURL: next}
	for _, b := range page {
		n, ok := s.library.novel(b.NovelID)
		if !ok {
			n = Novel{ID: b.NovelID, Mask: MaskUnknown}
		}
		list.Novels = append(list.Novels, s.novelShape(n))
	}
	return jsonAnswer(http.StatusOK, list)
}

// novelSeries lists the novels of a series in their order. The cursor is how many came before.
func (s *Server) novelSeries(r *http.Request) *answer {
	query := r.URL.Query()
	id, refused := number(query, "series_id", "Series Id")
	if refused != nil {
		return refused
	}
	all := s.library.all(func(n Novel) bool { return n.Series != nil && n.Series.ID == id })
	if len(all) == 0 {
		return notFound()
	}
	before := int64(0)
	if query.Has("last_order") {
		if before, refused = number(query, "last_order", "Last Order"); refused != nil {
			return refused
		}
	}
	list := novelsList{Novels: []novelShape{}}
	for place, n := range all {
		if place < int(before) {
			continue
		}
		if len(list.Novels) == s.config.PageSize {
			next := fmt.Sprintf("https://%s%s?%s", HostAPI, r.URL.Path, url.Values{"series_id": {query.Get("series_id")}, "last_order": {strconv.Itoa(place)}}.Encode())
			list.NextURL = &next
			break
		}
		list.Novels = append(list.Novels, s.novelShape(n))
	}
	first := s.novelShape(all[0])
	return jsonAnswer(http.StatusOK, struct {
		Detail map[string]any `json:"novel_series_detail"`
		First  novelShape     `json:"novel_series_first_novel"`
		Latest novelShape     `json:"novel_series_latest_novel"`
		novelsList
	}{
		map[string]any{"id": id, "title": all[0].Series.Title, "caption": "", "user": first.User, "is_concluded": false},
		first, s.novelShape(all[len(all)-1]), list,
	})
}

func (s *Server) novelDetail(query url.Values) *answer {
	id, refused := number(query, "novel_id", "Novel Id")
	if refused != nil {
		return refused
	}
	n, ok := s.library.novel(id)
	if !ok {
		return notFound()
	}
	return jsonAnswer(http.StatusOK, struct {
		Novel novelShape `json:"novel"`
	}{s.novelShape(n)})
}

// novelPage is the page that the app shows a novel in: the object stands in a script.
func (s *Server) novelPage(query url.Values) *answer {
	id, refused := number(query, "id", "Id")
	if refused != nil {
		return refused
	}
	n, ok := s.library.novel(id)
	if !ok || n.Mask != Unmasked {
		return notFound()
	}
	object, err := json.Marshal(s.novelObject(n))
	if err != nil {
		panic(fmt.Sprintf("pixivtest: novel %d: %v", id, err)) // strings and numbers always encode
	}
	script := "<script>Object.defineProperty(window,'pixiv',{value:{viewerVersion: '20221031_ai',\n novel: " + string(object) + ",\n isOwnWork: false}})</script>"
	return htmlPage(http.StatusOK, "pixiv", script)
}

// novelObject has the keys of the page's script. Empty objects are written as lists, as on the live service.
func (s *Server) novelObject(n Novel) map[string]any {
	var images, works any = []any{}, []any{}
	if len(n.Images) > 0 {
		uploaded := map[string]any{}
		for _, image := range n.Images {
			uploaded[strconv.FormatInt(image, 10)] = map[string]any{
				"novelImageId": strconv.FormatInt(image, 10), "sl": "2",
				"urls": map[string]string{"original": imageURL(s.uploadPath(n, image))},
			}
		}
		images = uploaded
	}
	if len(n.Works) > 0 {
		shown := map[string]any{}
		for _, key := range n.Works {
			shown[key] = s.shownWork(key)
		}
		works = shown
	}
	tags := []string{}
	for _, tag := range n.Tags {
		tags = append(tags, tag.Name)
	}
	return map[string]any{
		"id": strconv.FormatInt(n.ID, 10), "title": n.Title, "userId": strconv.FormatInt(n.UserID, 10),
		"coverUrl": imageURL(s.coverPath(n)), "tags": tags, "caption": n.Caption, "cdate": n.Created.In(japan).Format(time.RFC3339),
		"text": n.Text, "marker": nil, "illusts": works, "images": images, "seriesNavigation": nil,
		"glossaryItems": []any{}, "replaceableItemIds": []any{}, "aiType": n.AIType, "isOriginal": false,
	}
}

// shownWork is a page of a work inside of a novel, named ID-PAGE with pages from 1.
func (s *Server) shownWork(key string) map[string]any {
	id, page, _ := strings.Cut(key, "-")
	number, _ := strconv.ParseInt(id, 10, 64)
	place, _ := strconv.Atoi(page)
	w, ok := s.catalog.work(number)
	if !ok || !s.catalog.reachable(w) {
		return map[string]any{"visible": false, "availableMessage": "gone", "illust": nil, "user": nil, "id": id, "page": place}
	}
	return map[string]any{"visible": true, "availableMessage": nil, "id": id, "page": place, "illust": map[string]any{
		"title": w.Title,
		"images": map[string]any{
			"small": nil, "medium": s.thumbnails(w, max(0, min(place, w.PageCount)-1)).Medium, "original": nil,
		},
	}}
}
