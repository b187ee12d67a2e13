package pixivtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// listPage is an answer with a list of anything.
type listPage struct {
	Illusts  []illust
	Novels   []struct{ ID int64 }
	Previews []struct{ User struct{ ID int64 } } `json:"user_previews"`
	NextURL  string                              `json:"next_url"`
}

func (p listPage) ids() []int64 {
	var ids []int64
	for _, w := range p.Illusts {
		ids = append(ids, w.ID)
	}
	for _, n := range p.Novels {
		ids = append(ids, n.ID)
	}
	for _, u := range p.Previews {
		ids = append(ids, u.User.ID)
	}
	return ids
}

// asker is a server that tests ask without sockets.
func asker(t *testing.T, config pixivtest.Config) (*pixivtest.Server, func(path string) reply) {
	t.Helper()
	s := pixivtest.NewUnstartedServer(config)
	t.Cleanup(s.Close)
	client := &http.Client{Transport: s.RoundTripper()}
	return s, func(path string) reply { return ask(t, s, client, path) }
}

// walk follows a list to its end and returns the entries of each page.
func walk(t *testing.T, get func(string) reply, path string) [][]int64 {
	t.Helper()
	var pages [][]int64
	for range 1000 {
		got := get(path)
		require.Equal(t, http.StatusOK, got.status, "%s: %s", path, got.body)
		var p listPage
		require.NoError(t, json.Unmarshal([]byte(got.body), &p))
		pages = append(pages, p.ids())
		if p.NextURL == "" {
			return pages
		}
		next, err := url.Parse(p.NextURL)
		require.NoError(t, err)
		require.Equal(t, pixivtest.HostAPI, next.Host)
		require.NotEqual(t, path, next.RequestURI(), "leads to itself")
		path = next.RequestURI()
	}
	t.Fatal("the list has no end")
	return nil
}

// world is a server with one of everything that is listed, pages of two.
func world(t *testing.T) (s *pixivtest.Server, get func(string) reply, works []int64) {
	s, get = asker(t, pixivtest.Config{PageSize: 2})
	artist := s.AddUser(pixivtest.User{})
	for i := range 5 {
		w := s.AddWork(pixivtest.Work{
			UserID: artist.ID, Tags: []pixivtest.Tag{{Name: "sky"}, {Name: fmt.Sprintf("number%d", i)}}, Type: pixivtest.Manga,
			Series: &pixivtest.Series{ID: 77, Title: "a series"}, AIType: 2,
		})
		works = append(works, w.ID)
		s.AddBookmark(pixivtest.Bookmark{WorkID: w.ID, Tags: []string{"kept"}})
		s.AddBookmark(pixivtest.Bookmark{WorkID: w.ID, Private: true})
		n := s.AddNovel(pixivtest.Novel{UserID: artist.ID, Series: &pixivtest.Series{ID: 88, Title: "a story"}})
		s.AddBookmark(pixivtest.Bookmark{NovelID: n.ID})
		s.Follow(0, s.AddUser(pixivtest.User{}).ID, i%2 == 1)
	}
	s.Follow(0, artist.ID, false)
	return s, get, works
}

func TestLists_Complete(t *testing.T) {
	t.Parallel()
	s, get, works := world(t)
	newest := slices.Clone(works)
	slices.Reverse(newest)
	me := 12345678
	for path, test := range map[string]struct {
		entries int
		ids     []int64 // in their order; nil: not looked at
	}{
		fmt.Sprintf("/v1/user/bookmarks/illust?user_id=%d", me):                  {5, newest},
		fmt.Sprintf("/v1/user/bookmarks/illust?user_id=%d&tag=kept", me):         {5, newest},
		fmt.Sprintf("/v1/user/bookmarks/illust?user_id=%d&tag=lost", me):         {0, nil},
		fmt.Sprintf("/v1/user/bookmarks/illust?user_id=%d&restrict=private", me): {5, newest},
		fmt.Sprintf("/v1/user/bookmarks/novel?user_id=%d", me):                   {5, nil},
		"/v2/illust/follow?restrict=all":                                         {5, newest},
		"/v2/illust/follow?restrict=private":                                     {0, nil},
		fmt.Sprintf("/v1/user/following?user_id=%d&restrict=public", me):         {4, nil},
		fmt.Sprintf("/v1/user/following?user_id=%d&restrict=private", me):        {2, nil},
		"/v1/illust/ranking?mode=day_manga":                                      {5, s.Ranking("day_manga", "")},
		"/v1/illust/ranking?mode=week&date=2999-01-01":                           {5, s.Ranking("week", "2999-01-01")},
		"/v1/illust/ranking?mode=week&date=2001-01-01":                           {0, nil},
		"/v1/illust/ranking?mode=day_r18":                                        {0, nil},
		"/v1/illust/ranking?mode=day_ai":                                         {5, nil},
		"/v1/illust/series?illust_series_id=77":                                  {5, newest},
		fmt.Sprintf("/v2/illust/related?illust_id=%d", works[0]):                 {4, nil},
		"/v1/illust/recommended?content_type=manga":                              {5, nil},
		"/v1/illust/recommended?content_type=illust":                             {0, nil},
		"/v1/search/illust?word=sky":                                             {5, newest},
		"/v1/search/illust?word=sky+number3":                                     {1, works[3:4]},
		"/v1/search/illust?word=sk&search_target=exact_match_for_tags":           {0, nil},
		"/v1/search/illust?word=sky&sort=date_asc":                               {5, works},
		"/v1/user/novels?user_id=11000001":                                       {5, nil},
		"/v2/novel/series?series_id=88":                                          {5, nil},
	} {
		var all []int64
		for at, entries := range walk(t, get, path) {
			require.LessOrEqual(t, len(entries), 2, "%s page %d", path, at)
			all = append(all, entries...)
		}
		require.Len(t, all, test.entries, path)
		if test.ids != nil {
			require.Equal(t, test.ids, all, path)
		}
		slices.Sort(all)
		require.Len(t, slices.Compact(all), test.entries, "%s repeats", path)
	}
}

func TestLists_Refuse(t *testing.T) {
	t.Parallel()
	s, get, _ := world(t)
	suspended := s.AddUser(pixivtest.User{Suspended: true})
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/v1/user/bookmarks/illust":                             {400, "user_id"},
		"/v1/user/bookmarks/illust?user_id=5&restrict=private":  {403, "restricted"},
		"/v1/user/bookmarks/illust?user_id=5&restrict=x":        {400, "Restrict"},
		"/v1/user/following?user_id=5&restrict=private":         {403, "restricted"},
		"/v1/user/following?user_id=x":                          {400, "user_id"},
		"/v1/illust/ranking?mode=hour":                          {400, "Mode"},
		"/v1/illust/ranking?date=1.1.2026":                      {400, "Date"},
		"/v1/illust/ranking?offset=5001":                        {400, "offset must be no more than 5000"},
		"/v1/search/illust":                                     {400, "Word"},
		"/v1/search/illust?word=sky&sort=random":                {400, "Sort"},
		"/v1/search/illust?word=sky&search_target=all":          {400, "Search Target"},
		"/v1/search/illust?word=sky&start_date=x":               {400, "start_date"},
		"/v1/search/illust?word=sky&offset=5010":                {400, "offset must be no more than 5000"},
		"/v1/illust/series?illust_series_id=1":                  {404, "not found"},
		"/v2/illust/related?illust_id=1":                        {404, "not found"},
		"/v2/novel/series?series_id=1":                          {404, "not found"},
		"/v2/novel/detail?novel_id=1":                           {404, "not found"},
		"/webview/v2/novel?id=1":                                {404, "not found"},
		fmt.Sprintf("/v1/user/detail?user_id=%d", suspended.ID): {403, "restricted"},
	} {
		got := get(path)
		require.Equal(t, want.status, got.status, path)
		require.Contains(t, strings.ToLower(got.body), strings.ToLower(want.says), path)
	}
}

func TestLists_ShortPagesRepeatsAndMasks(t *testing.T) {
	t.Parallel()
	s, get := asker(t, pixivtest.Config{PageSize: 4, ListShift: 1})
	for i := range 10 {
		w := s.AddWork(pixivtest.Work{Tags: []pixivtest.Tag{{Name: "sky"}}, Unlisted: i == 8})
		s.AddBookmark(pixivtest.Bookmark{WorkID: w.ID})
		if i == 0 {
			s.DeleteWork(w.ID)
		}
	}
	pages := walk(t, get, "/v1/search/illust?word=sky")
	require.Len(t, pages[0], 3, "one of four is not shown")
	require.Equal(t, pages[0][2], pages[1][0], "the list shifts by one")
	masked := 0
	for _, entries := range walk(t, get, "/v1/user/bookmarks/illust?user_id=12345678") {
		masked += len(entries)
	}
	require.Equal(t, 9, masked, "what was deleted stays among the bookmarks")
	got := get("/v1/user/bookmarks/illust?user_id=12345678&max_bookmark_id=6000000002")
	require.Contains(t, got.body, "limit_unknown_360.png")
}

func TestNovelPage(t *testing.T) {
	t.Parallel()
	s, get := asker(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{})
	n := s.AddNovel(pixivtest.Novel{Text: "one[newpage]two <b>\u2028", Images: []int64{555}, Works: []string{fmt.Sprintf("%d-1", w.ID), "3-1"}})
	got := get(fmt.Sprintf("/webview/v2/novel?id=%d", n.ID))
	require.Contains(t, got.header.Get("Content-Type"), "text/html")
	_, rest, found := strings.Cut(got.body, "novel: ")
	require.True(t, found)
	object, _, found := strings.Cut(rest, ",\n isOwnWork")
	require.True(t, found)
	var have struct {
		ID, Text string
		Images   map[string]struct{ URLs map[string]string }
		Illusts  map[string]struct{ Visible bool }
	}
	require.NoError(t, json.Unmarshal([]byte(object), &have))
	require.Equal(t, n.Text, have.Text)
	require.False(t, have.Illusts["3-1"].Visible)
	require.True(t, have.Illusts[fmt.Sprintf("%d-1", w.ID)].Visible)
	picture := have.Images["555"].URLs["original"]
	client := &http.Client{Transport: s.RoundTripper()}
	file := exchange(t, client, http.MethodGet, picture, map[string]string{"Referer": "https://www.pixiv.net/"}, "")
	require.Equal(t, http.StatusOK, file.status)
	require.Equal(t, "image/jpeg", file.header.Get("Content-Type"))
}

// TestCrowd_IsNotStored asks a crowd that no memory would hold.
func TestCrowd_IsNotStored(t *testing.T) {
	t.Parallel()
	s, get := asker(t, pixivtest.Config{PageSize: 3})
	began := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	const count = 1_000_000_000
	s.AddCrowd(pixivtest.Crowd{
		Tag: "crowd", First: 500_000_000, Count: count, Arriving: 2,
		Created: func(i int) time.Time { return began.Add(time.Duration(i/10) * time.Second) },
		Masked:  func(i int) bool { return i == 1 }, Hidden: func(i int) bool { return i == 2 },
	})
	first := func(path string) []int64 {
		got := get(path)
		require.Equal(t, http.StatusOK, got.status, got.body)
		var p listPage
		require.NoError(t, json.Unmarshal([]byte(got.body), &p))
		require.NotEmpty(t, p.NextURL)
		return p.ids()
	}
	require.Equal(t, []int64{500_000_000 + count - 1, 500_000_000 + count - 2, 500_000_000 + count - 3}, first("/v1/search/illust?word=crowd"))
	require.Equal(t, int64(500_000_000+count+1), first("/v1/search/illust?word=crowd")[0], "two arrived")
	require.Equal(t, []int64{500_000_000, 500_000_001}, first("/v1/search/illust?word=crowd&sort=date_asc"), "the third is hidden")
	require.Contains(t, get("/v1/search/illust?word=crowd&sort=date_asc").body, "limit_sanity_level_360.png")
	require.Equal(t, count+8, s.Crowded("crowd"))
	// 2020-01-02 in Japan begins at 15:00 UTC, 54000 s after the first work.
	require.Equal(t, int64(500_000_000+540_000), first("/v1/search/illust?word=crowd&sort=date_asc&start_date=2020-01-02")[0])
	require.Equal(t, int64(500_000_000+540_000-1), first("/v1/search/illust?word=crowd&end_date=2020-01-01")[0])
	require.Equal(t, http.StatusOK, get("/v1/illust/detail?illust_id=500000000").status)
}

// TestListShapesFollowRecordings is TestShapesFollowRecordings for lists and novels.
func TestListShapesFollowRecordings(t *testing.T) {
	t.Parallel()
	if _, ok := recording(t, "illust_ranking.json"); !ok {
		t.Skip("the recordings are not beside the repository")
	}
	_, get, works := world(t)
	inLists := []string{"illust_ranking.json", "illust_detail_manga.json", "user_illusts_page1.json", "illust_recommended.json", "illust_series.json", "user_following.json", "novel_series.synthetic.json", "search_illust.json", "search_illust_show_ai.synthetic.json"}
	for path, must := range map[string]string{
		"/v1/illust/ranking?mode=day&date=2999-01-01":            "illust_ranking.json",
		"/v1/illust/recommended?content_type=manga":              "illust_recommended.json",
		fmt.Sprintf("/v2/illust/related?illust_id=%d", works[0]): "illust_related.json",
		"/v1/user/bookmarks/illust?user_id=12345678":             "user_bookmarks_illust_last_page.json",
		"/v1/search/illust?word=sky":                             "search_illust_show_ai.synthetic.json",
		"/v2/illust/follow?restrict=all":                         "illust_follow.json",
	} {
		got := get(path)
		require.Equal(t, http.StatusOK, got.status, path)
		have := shape(t, got.body)
		wantedBody, _ := recording(t, must)
		for key := range shape(t, wantedBody) {
			old := strings.HasSuffix(key, "total_comments") || strings.HasPrefix(key, ".privacy_policy.")
			if _, there := have[key]; !there && !old && !strings.HasSuffix(key, "[]") && !strings.Contains(key, "meta_") && !strings.Contains(key, "request.") {
				require.Failf(t, "a key is missing", "%s: %s has %s", path, must, key)
			}
		}
		compareShape(t, path, have, nil, inLists)
	}
	s2, get2, _ := world(t)
	novel := s2.AddNovel(pixivtest.Novel{Tags: []pixivtest.Tag{{Name: "a"}}, Text: "text"})
	have := shape(t, get2(fmt.Sprintf("/v2/novel/detail?novel_id=%d", novel.ID)).body)
	for _, key := range []string{".novel.id", ".novel.title", ".novel.caption", ".novel.image_urls.large", ".novel.create_date", ".novel.tags[].name", ".novel.text_length", ".novel.user.id", ".novel.series", ".novel.visible", ".novel.novel_ai_type"} {
		require.Contains(t, have, key)
		wanted, _ := recording(t, "novel_detail.json")
		require.Contains(t, shape(t, wanted), key)
	}
}
