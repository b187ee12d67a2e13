package pixivtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

type illust struct {
	ID         int64
	Type       string
	Title      string
	Visible    bool
	PageCount  int `json:"page_count"`
	User       struct{ ID int64 }
	CreateDate string `json:"create_date"`
	Width      int
	Height     int
	ImageURLs  struct {
		SquareMedium string `json:"square_medium"`
		Medium       string
		Large        string
	} `json:"image_urls"`
	MetaSinglePage struct {
		Original string `json:"original_image_url"`
	} `json:"meta_single_page"`
	MetaPages []struct {
		ImageURLs struct{ Original, Medium string } `json:"image_urls"`
	} `json:"meta_pages"`
}

// originals are the addresses of all pages.
func (i illust) originals() []string {
	if i.MetaSinglePage.Original != "" {
		return []string{i.MetaSinglePage.Original}
	}
	var all []string
	for _, page := range i.MetaPages {
		all = append(all, page.ImageURLs.Original)
	}
	return all
}

type page struct {
	User    struct{ ID int64 }
	Illusts []illust
	NextURL *string `json:"next_url"`
}

func detailOf(t *testing.T, s *pixivtest.Server, client *http.Client, id int64) illust {
	t.Helper()
	got := ask(t, s, client, fmt.Sprintf("/v1/illust/detail?illust_id=%d", id))
	require.Equal(t, 200, got.status, got.body)
	var answer struct{ Illust illust }
	require.NoError(t, json.Unmarshal([]byte(got.body), &answer))
	return answer.Illust
}

func pageOf(t *testing.T, s *pixivtest.Server, client *http.Client, path string) page {
	t.Helper()
	got := ask(t, s, client, path)
	require.Equal(t, 200, got.status, got.body)
	var answer page
	require.NoError(t, json.Unmarshal([]byte(got.body), &answer))
	require.NotNil(t, answer.Illusts, "never null")
	return answer
}

// walkList follows next_url to the end and returns the number of entries in each page and all IDs.
func walkList(t *testing.T, s *pixivtest.Server, client *http.Client, path string) (lengths []int, ids []int64) {
	t.Helper()
	for range 1000 {
		p := pageOf(t, s, client, path)
		lengths = append(lengths, len(p.Illusts))
		for _, i := range p.Illusts {
			ids = append(ids, i.ID)
		}
		if p.NextURL == nil {
			return lengths, ids
		}
		next, err := url.Parse(*p.NextURL)
		require.NoError(t, err)
		require.Equal(t, "https://app-api.pixiv.net", next.Scheme+"://"+next.Host)
		path = next.RequestURI()
	}
	require.Fail(t, "the list has no end")
	return nil, nil
}

func TestDetail(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		one := s.AddWork(pixivtest.Work{ID: 126839540, AllPages: pixivtest.Page{Format: pixivtest.PNG, Width: 40, Height: 30}})
		many := s.AddWork(pixivtest.Work{Type: pixivtest.Manga, PageCount: 3})
		got := detailOf(t, s, client, one.ID)
		require.Equal(t, "illust", got.Type)
		require.Equal(t, []int{40, 30}, []int{got.Width, got.Height})
		require.True(t, got.Visible)
		require.Len(t, got.originals(), 1)
		require.Regexp(t, `^https://i\.pximg\.net/img-original/img/\d{4}(/\d\d){5}/126839540_p0\.png$`, got.originals()[0])
		require.Regexp(t, `\+09:00$`, got.CreateDate)
		manga := detailOf(t, s, client, many.ID)
		require.Equal(t, "manga", manga.Type)
		require.Equal(t, 3, manga.PageCount)
		require.Len(t, manga.originals(), 3)
		for n, address := range manga.originals() {
			require.Equal(t, s.Picture(many.ID, n).URL, address)
			require.Equal(t, 200, fetch(t, client, address, nil).status)
			require.Equal(t, 200, fetch(t, client, manga.MetaPages[n].ImageURLs.Medium, nil).status)
		}
		for _, address := range []string{got.ImageURLs.SquareMedium, got.ImageURLs.Medium, got.ImageURLs.Large} {
			thumbnail := fetch(t, client, address, nil)
			require.Equal(t, 200, thumbnail.status, address)
			require.Equal(t, "image/jpeg", thumbnail.header.Get("Content-Type"))
		}
	})
}

func TestAPIRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	gone := s.AddWork(pixivtest.Work{Access: pixivtest.Deleted})
	private := s.AddWork(pixivtest.Work{Access: pixivtest.Private, StillListed: true})
	suspended := s.AddUser(pixivtest.User{Suspended: true})
	still := s.AddWork(pixivtest.Work{})
	lost := s.AddWork(pixivtest.Work{UserID: suspended.ID})
	for _, c := range []struct {
		path    string
		status  int
		fixture string
	}{
		{fmt.Sprintf("/v1/illust/detail?illust_id=%d", gone.ID), 404, "error_404.json"},
		{fmt.Sprintf("/v1/illust/detail?illust_id=%d", private.ID), 404, "error_404.json"},
		{fmt.Sprintf("/v1/illust/detail?illust_id=%d", lost.ID), 404, "error_404.json"},
		{"/v1/illust/detail?illust_id=5", 404, "error_404.json"},
		{"/v9/unknown", 404, "error_404.json"},
		{"/v1/illust/detail?illust_id=five", 400, ""},
		{"/v1/illust/detail", 400, ""},
		{fmt.Sprintf("/v1/ugoira/metadata?illust_id=%d", still.ID), 404, "error_404.json"},
		{fmt.Sprintf("/v1/user/detail?user_id=%d", suspended.ID), 403, "error_user_restricted.json"},
		{"/v1/user/detail?user_id=7", 404, "error_404.json"},
		{"/v1/user/illusts?user_id=7&offset=5001", 400, "error_offset_limit.json"},
		{"/v1/user/illusts?user_id=7&offset=-1", 400, ""},
		{"/v1/user/illusts?user_id=7&type=novel", 400, ""},
		{"/v1/user/illusts", 400, ""},
	} {
		got := ask(t, s, s.Client(), c.path)
		require.Equal(t, c.status, got.status, c.path)
		require.Contains(t, got.body, `{"error":{"user_message":`, c.path)
		if c.fixture != "" {
			compareBody(t, c.fixture, got.body)
		}
	}
	unknown := pageOf(t, s, s.Client(), fmt.Sprintf("/v1/user/illusts?user_id=%d", suspended.ID))
	require.Zero(t, unknown.User.ID)
	require.Empty(t, unknown.Illusts)
	require.Equal(t, 404, fetch(t, s.Client(), s.Picture(lost.ID, 0).URL, nil).status)
	for p := range s.Pictures(suspended.ID) {
		require.Fail(t, "a picture of a user who is gone", p.Path)
	}
}

// TestBadParameter compares the form of the complaint, whose text is JSON in a string.
func TestBadParameter(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	got := ask(t, s, s.Client(), "/v1/user/illusts?user_id=7&type=novel")
	want, ok := recording(t, "error_bad_parameter.json")
	if !ok {
		t.Skip("the recordings are not beside the repository")
	}
	require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(want, "search_target", "type"), "Search Target", "Type"), got.body)
}

func TestList(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		u := s.AddUser(pixivtest.User{})
		other := s.AddUser(pixivtest.User{})
		s.AddWork(pixivtest.Work{UserID: other.ID})
		for n := range 65 {
			w := pixivtest.Work{UserID: u.ID}
			switch n % 5 {
			case 1:
				w.Type = pixivtest.Manga
			case 2:
				w.Type = pixivtest.Ugoira
			}
			s.AddWork(w)
		}
		all := fmt.Sprintf("/v1/user/illusts?user_id=%d", u.ID)
		lengths, ids := walkList(t, s, client, all)
		require.Equal(t, []int{30, 30, 5}, lengths)
		for i := range len(ids) - 1 {
			require.Greater(t, ids[i], ids[i+1], "newest first")
		}
		first := pageOf(t, s, client, all+"&type=illust&filter=for_ios")
		require.Equal(t, fmt.Sprintf("https://app-api.pixiv.net/v1/user/illusts?user_id=%d&type=illust&filter=for_ios&offset=30", u.ID), *first.NextURL)
		_, illusts := walkList(t, s, client, all+"&type=illust")
		require.Len(t, illusts, 52, "with animations")
		_, manga := walkList(t, s, client, all+"&type=manga")
		require.Len(t, manga, 13)
	})
}

// TestListFiltersAfterCutting has pages that are short, and one that is empty, although there are more behind them.
func TestListFiltersAfterCutting(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{PageSize: 4})
	u := s.AddUser(pixivtest.User{})
	var want []int64
	for n := range 14 { // the newest has the highest number
		w := pixivtest.Work{UserID: u.ID}
		switch n {
		case 13:
			w.Access = pixivtest.Deleted
		case 12:
			w.Access, w.StillListed = pixivtest.Deleted, true
		case 11:
			w.Mask = pixivtest.MaskUnknown
		case 6, 7, 8, 9:
			w.Unlisted = true
		}
		added := s.AddWork(w)
		if n != 13 && (n < 6 || n > 9) {
			want = append([]int64{added.ID}, want...)
		}
	}
	path := fmt.Sprintf("/v1/user/illusts?user_id=%d", u.ID)
	lengths, ids := walkList(t, s, s.Client(), path)
	require.Equal(t, []int{3, 0, 4, 2}, lengths)
	require.Equal(t, want, ids)
	first := pageOf(t, s, s.Client(), path)
	require.True(t, first.Illusts[0].Visible)
	masked := first.Illusts[1]
	require.False(t, masked.Visible)
	require.Zero(t, masked.User.ID)
	require.Equal(t, []string{"https://s.pximg.net/common/images/limit_unknown_360.png"}, masked.originals())
	require.Equal(t, 200, exchange(t, s.Client(), http.MethodGet, masked.originals()[0], nil, "").status)
}

func TestListShifts(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{PageSize: 10})
	u := s.AddUser(pixivtest.User{ListShift: 2})
	for range 25 {
		s.AddWork(pixivtest.Work{UserID: u.ID})
	}
	lengths, ids := walkList(t, s, s.Client(), fmt.Sprintf("/v1/user/illusts?user_id=%d", u.ID))
	require.Equal(t, []int{10, 10, 9}, lengths)
	require.Equal(t, ids[8:10], ids[10:12], "the last two come again")
	seen := map[int64]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	require.Len(t, seen, 25, "and none is left out")
}

// TestListGrows adds a work between two pages.
func TestListGrows(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{PageSize: 5})
	u := s.AddUser(pixivtest.User{})
	for range 8 {
		s.AddWork(pixivtest.Work{UserID: u.ID})
	}
	path := fmt.Sprintf("/v1/user/illusts?user_id=%d", u.ID)
	first := pageOf(t, s, s.Client(), path)
	s.AddWork(pixivtest.Work{UserID: u.ID})
	second := pageOf(t, s, s.Client(), path+"&offset=5")
	require.Equal(t, first.Illusts[4].ID, second.Illusts[0].ID)
}

// TestOffsetLimit has a list that is longer than may be read.
func TestOffsetLimit(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{PageSize: 10, OffsetLimit: 15})
	u := s.AddUser(pixivtest.User{})
	for range 30 {
		s.AddWork(pixivtest.Work{UserID: u.ID})
	}
	p := pageOf(t, s, s.Client(), fmt.Sprintf("/v1/user/illusts?user_id=%d&offset=10", u.ID))
	require.Contains(t, *p.NextURL, "offset=20")
	got := ask(t, s, s.Client(), strings.TrimPrefix(*p.NextURL, "https://app-api.pixiv.net"))
	require.Equal(t, 400, got.status)
	require.Contains(t, got.body, `{\"offset\":[\"offset must be no more than 15\"]}`)
}

func TestMasks(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		for _, mask := range []pixivtest.Mask{
			pixivtest.MaskSanityLevel, pixivtest.MaskUnviewable, pixivtest.MaskMyPixiv, pixivtest.MaskUnknown,
		} {
			w := s.AddWork(pixivtest.Work{Mask: mask, PageCount: 3, Title: "secret"})
			got := detailOf(t, s, client, w.ID)
			require.False(t, got.Visible)
			require.Empty(t, got.Title)
			require.Equal(t, 1, got.PageCount)
			require.Equal(t, []int{100, 100}, []int{got.Width, got.Height})
			placeholder := "https://s.pximg.net/common/images/" + string(mask) + "_360.png"
			require.Equal(t, []string{placeholder}, got.originals())
			image := exchange(t, client, http.MethodGet, placeholder, nil, "")
			require.Equal(t, 200, image.status)
			require.True(t, strings.HasPrefix(image.body, "\x89PNG"))
			require.Equal(t, 404, fetch(t, client, s.Picture(w.ID, 0).URL, nil).status)
		}
	})
}

// TestStaleAnswers has a replaced work whose old addresses are given out twice.
func TestStaleAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{PageCount: 2, StaleAnswers: 2})
	listed := pageOf(t, s, s.Client(), fmt.Sprintf("/v1/user/illusts?user_id=%d", w.UserID)).Illusts[0]
	old := detailOf(t, s, s.Client(), w.ID)
	require.Equal(t, listed.originals(), old.originals())
	fresh := detailOf(t, s, s.Client(), w.ID)
	require.Equal(t, old.CreateDate, fresh.CreateDate)
	for n := range 2 {
		require.Equal(t, 404, fetch(t, s.Client(), old.originals()[n], nil).status)
		require.Equal(t, 200, fetch(t, s.Client(), fresh.originals()[n], nil).status)
	}
}

func TestReplaceAndDeleteWork(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{})
	old := s.Picture(w.ID, 0)
	before := fetch(t, s.Client(), old.URL, nil)
	s.ReplaceWork(w.ID)
	require.Equal(t, 404, fetch(t, s.Client(), old.URL, nil).status)
	after := fetch(t, s.Client(), detailOf(t, s, s.Client(), w.ID).originals()[0], nil)
	require.Equal(t, 200, after.status)
	require.NotEqual(t, before.body, after.body)
	s.DeleteWork(w.ID)
	require.Equal(t, 404, ask(t, s, s.Client(), fmt.Sprintf("/v1/illust/detail?illust_id=%d", w.ID)).status)
	require.Equal(t, 404, fetch(t, s.Client(), s.Picture(w.ID, 0).URL, nil).status)
	require.Empty(t, pageOf(t, s, s.Client(), fmt.Sprintf("/v1/user/illusts?user_id=%d", w.UserID)).Illusts)
}

func TestUserDetail(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	u := s.AddUser(pixivtest.User{Name: "葵", Account: "aoi", Comment: "<hello>"})
	s.AddWork(pixivtest.Work{UserID: u.ID})
	s.AddWork(pixivtest.Work{UserID: u.ID, Type: pixivtest.Manga, PageCount: 2})
	s.AddWork(pixivtest.Work{UserID: u.ID, Type: pixivtest.Manga, Access: pixivtest.Deleted})
	got := ask(t, s, s.Client(), fmt.Sprintf("/v1/user/detail?user_id=%d", u.ID))
	var answer struct {
		User struct {
			ID                     int64
			Name, Account, Comment string
			Images                 struct{ Medium string } `json:"profile_image_urls"`
		}
		Profile struct {
			Illusts int `json:"total_illusts"`
			Manga   int `json:"total_manga"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &answer))
	require.Equal(t, u.ID, answer.User.ID)
	require.Equal(t, []string{"葵", "aoi", "<hello>"}, []string{answer.User.Name, answer.User.Account, answer.User.Comment})
	require.Equal(t, []int{1, 1}, []int{answer.Profile.Illusts, answer.Profile.Manga})
	require.Equal(t, 200, fetch(t, s.Client(), answer.User.Images.Medium, nil).status)
	require.Equal(t, "12345678", got.header.Get("X-UserId"))
	require.Contains(t, got.body, "<hello>", "no escapes for HTML")
}

func TestAddRefusesNonsense(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer s.Close()
	s.AddWork(pixivtest.Work{ID: 9})
	s.AddUser(pixivtest.User{ID: 9})
	for want, add := range map[string]func(){
		"the ID is taken":           func() { s.AddWork(pixivtest.Work{ID: 9}) },
		"ID 9 is taken":             func() { s.AddUser(pixivtest.User{ID: 9}) },
		"field Type":                func() { s.AddWork(pixivtest.Work{Type: "novel"}) },
		"field PageCount":           func() { s.AddWork(pixivtest.Work{PageCount: 1, Pages: make([]pixivtest.Page, 2)}) },
		"an ugoira has one page":    func() { s.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, PageCount: 2}) },
		"field Sizes":               func() { s.AddWork(pixivtest.Work{Sizes: pixivtest.Between{Min: 5, Max: 9}}) },
		"Format is \"bmp\"":         func() { s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Format: "bmp"}}) },
		"want both or neither":      func() { s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Width: 5}}) },
		"page 1: Size is 100":       func() { s.AddWork(pixivtest.Work{Pages: []pixivtest.Page{{}, {Size: 100}}}) },
		"may need":                  func() { s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Width: 500, Height: 500, Size: 5000}}) },
		"there is no work 77":       func() { s.DeleteWork(77) },
		"work 9 has no page 1":      func() { s.Picture(9, 1) },
		"Do must be set":            func() { s.Script(pixivtest.Rule{}) },
		"field Pages is":            func() { s.Populate(pixivtest.Population{Pages: pixivtest.Between{Min: 2, Max: 1}}) },
		"the server is not started": func() { s.Addr() },
	} {
		require.Contains(t, panicText(add), want)
	}
}

func panicText(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}
