package pixiv_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each recorded page of a list gives its works, and the page after it is asked
// with what was asked first and the cursor of the recording, nothing else.
func TestReplay_Lists(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		recording, kind, keyword, options string
		first, next                       string // requests, without the host
		works                             int
	}{
		{"user_bookmarks_illust.json", pixiv.UserBookmarks, "24970193", "", "/v1/user/bookmarks/illust?restrict=public&user_id=24970193", "/v1/user/bookmarks/illust?max_bookmark_id=6638389887&restrict=public&user_id=24970193", 1},
		{"user_bookmarks_illust_last_page.json", pixiv.UserBookmarks, "5 private", "", "/v1/user/bookmarks/illust?restrict=private&user_id=5", "", 1},
		{"user_bookmarks_illust_masked.synthetic.json", pixiv.UserBookmarks, "24970193", "", "/v1/user/bookmarks/illust?restrict=public&user_id=24970193", "/v1/user/bookmarks/illust?max_bookmark_id=6638389887&restrict=public&user_id=24970193", 1},
		{"illust_follow.json", pixiv.FollowingFeed, "public", "", "/v2/illust/follow?restrict=public", "/v2/illust/follow?offset=30&restrict=public", -1},
		{"illust_ranking.json", pixiv.Ranking, "day 2025-02-04", "", "/v1/illust/ranking?date=2025-02-04&mode=day", "/v1/illust/ranking?date=2025-02-04&mode=day&offset=30", 3},
		{"illust_series.json", pixiv.MangaSeries, "21859", "", "/v1/illust/series?illust_series_id=21859", "/v1/illust/series?illust_series_id=21859&offset=30", 1},
		{"illust_related.json", pixiv.RelatedWorks, "81795678", "", "/v2/illust/related?illust_id=81795678", "*", 2},
		{"illust_recommended.json", pixiv.RecommendedWorks, "illust", "", "/v1/illust/recommended?content_type=illust", "*", 2},
		{"search_illust.json", pixiv.Search, "けものフレンズ かわいい", "", "/v1/search/illust?search_target=partial_match_for_tags&sort=date_desc&word=" + url.QueryEscape("けものフレンズ かわいい"), "/v1/search/illust?offset=30&search_target=partial_match_for_tags&sort=date_desc&word=" + url.QueryEscape("けものフレンズ かわいい"), 1},
		{"search_illust_last_page.json", pixiv.Search, "a", `{"sort":"date_asc"}`, "/v1/search/illust?search_target=partial_match_for_tags&sort=date_asc&word=a", "", 3},
	} {
		body := fixture(t, test.recording)
		road := newRoad(map[string][]reply{"app-api.pixiv.net" + test.first: {{body: body}}})
		result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: test.kind, Keyword: test.keyword, Options: json.RawMessage(test.options)})
		var asked []string
		for _, address := range road.addresses() {
			if path, found := strings.CutPrefix(address, "app-api.pixiv.net"); found && !strings.HasPrefix(path, "/v1/illust/detail") {
				asked = append(asked, path)
			}
		}
		require.NotEmpty(t, asked, test.recording)
		assert.Equal(t, test.first, asked[0], test.recording)
		if test.works >= 0 {
			assert.Len(t, recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork), test.works, test.recording)
		}
		switch test.next {
		case "":
			assert.Len(t, asked, 1, test.recording)
		case "*": // too long to write down: all cursors of the recording, and nothing of ours changed
			require.Greater(t, len(asked), 1, test.recording)
			first, err := url.Parse(test.first)
			require.NoError(t, err)
			next, err := url.Parse(asked[1])
			require.NoError(t, err)
			assert.Equal(t, first.Path, next.Path)
			for name := range first.Query() {
				assert.Equal(t, first.Query().Get(name), next.Query().Get(name))
			}
			assert.NotEmpty(t, next.Query().Get("viewed[0]"))
			assert.NotContains(t, asked[1], "filter=")
		default:
			require.Greater(t, len(asked), 1, test.recording)
			assert.Equal(t, test.next, asked[1], test.recording)
		}
	}
}

func TestReplay_Following(t *testing.T) {
	t.Parallel()
	road := newRoad(map[string][]reply{"app-api.pixiv.net/v1/user/following?restrict=public&user_id=126852": {{body: fixture(t, "user_following.json")}}})
	result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: pixiv.Following, Keyword: "126852"})
	users := recordsOf[pixiv.UserRecord](t, result, pixiv.RecordUser)
	require.Len(t, users, 2)
	assert.Equal(t, pixiv.ID(14936402), users[0].ID)
	assert.Equal(t, "sen-yuki", users[0].Account)
	assert.Contains(t, road.addresses(), "app-api.pixiv.net/v1/user/following?offset=30&restrict=public&user_id=126852")
}

// Who is gone is no reason to lose the others.
func TestFollowing_UserGone(t *testing.T) {
	t.Parallel()
	road := newRoad(map[string][]reply{"app-api.pixiv.net/v1/user/following?restrict=public&user_id=9": {{
		body: `{"user_previews":[{"user":{"id":0,"name":""},"illusts":[],"novels":[],"is_muted":false},{"user":{"id":5,"name":"five"}}],"next_url":null}`,
	}}})
	result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: pixiv.Following, Keyword: "9"})
	assert.Empty(t, result.passing)
	users := recordsOf[pixiv.UserRecord](t, result, pixiv.RecordUser)
	require.Len(t, users, 1)
	assert.Equal(t, "five", users[0].Name)
}

func TestReplay_NovelSeries(t *testing.T) {
	t.Parallel()
	road := newRoad(map[string][]reply{"app-api.pixiv.net/v2/novel/series?series_id=7474721": {{body: fixture(t, "novel_series.synthetic.json")}}})
	result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: pixiv.NovelSeries, Keyword: "7474721"})
	assert.Contains(t, result.done, "GetPageUrls novel_series series_id=7474721")
	asked := 0
	for _, address := range road.addresses() {
		if strings.Contains(address, "/v2/novel/detail") {
			asked++
		}
	}
	assert.Positive(t, asked, "each novel of the series is asked for")
}

func TestReplay_UserDetails(t *testing.T) {
	t.Parallel()
	road := newRoad(map[string][]reply{userPath + "173530": {{body: fixture(t, "user_detail_2025.json")}}})
	result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: pixiv.UserDetails, Keyword: "https://www.pixiv.net/users/173530"})
	users := recordsOf[pixiv.UserRecord](t, result, pixiv.RecordUser)
	require.Len(t, users, 1)
	assert.Equal(t, "syuri", users[0].Name)
	require.NotNil(t, users[0].Profile)
	assert.Equal(t, 17, users[0].Profile.TotalIllusts)
}

// What a listing cannot be trusted with, for every way that lists are paged.
func TestU14_NextURLOfEveryList(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, keyword, first, next, reason string }{
		{pixiv.UserBookmarks, "9", "/v1/user/bookmarks/illust?restrict=public&user_id=9", "/v1/user/bookmarks/illust?user_id=8&max_bookmark_id=5", "from user_id 9 to 8"},
		{pixiv.UserBookmarks, "9", "/v1/user/bookmarks/illust?restrict=public&user_id=9", "/v1/user/bookmarks/illust?user_id=9&max_bookmark_id=0", "max_bookmark_id"},
		{pixiv.UserBookmarks, "9", "/v1/user/bookmarks/illust?restrict=public&user_id=9", "/v1/user/bookmarks/illust?user_id=9", "max_bookmark_id"},
		{pixiv.FollowingFeed, "all", "/v2/illust/follow?restrict=all", "/v1/illust/follow?restrict=all&offset=30", "leads to"},
		{pixiv.Ranking, "day", "/v1/illust/ranking?mode=day", "/v1/illust/ranking?mode=week", "offset 0 to 0"},
		{pixiv.MangaSeries, "9", "/v1/illust/series?illust_series_id=9", "/v1/illust/series?illust_series_id=10&offset=30", "from illust_series_id 9 to 10"},
		{pixiv.NovelSeries, "9", "/v2/novel/series?series_id=9", "/v2/novel/series?series_id=9&last_order=0", "last_order 0 to 0"},
		{pixiv.RelatedWorks, "9", "/v2/illust/related?illust_id=9", "/v2/illust/related?illust_id=9", "the same page"},
		{pixiv.RelatedWorks, "9", "/v2/illust/related?illust_id=9", "/v2/illust/related?illust_id=8&viewed[0]=1", "from illust_id 9 to 8"},
		{pixiv.Search, "sky", "/v1/search/illust?search_target=partial_match_for_tags&sort=date_desc&word=sky", "/v1/search/illust?word=other", "offset 0 to 0"},
	} {
		body := `{"illusts":[` + workJSON(1, 1) + `],"next_url":"https://app-api.pixiv.net` + test.next + `"}`
		road := newRoad(map[string][]reply{"app-api.pixiv.net" + test.first: {{body: body}}, imagePath(1, 0): {{body: "picture"}}})
		result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: test.kind, Keyword: test.keyword})
		require.Len(t, result.detail, 1, test.next)
		for key, detail := range result.detail {
			assert.True(t, strings.HasPrefix(key, "listing "), key)
			assert.Contains(t, detail, test.reason, test.next)
		}
		if test.kind != pixiv.NovelSeries {
			assert.Len(t, recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork), 1, "what was found stays")
		}
	}
}

// Whatever next_url says, a listing goes on with what was asked for.
func TestListings_KeepTheirParameters(t *testing.T) {
	t.Parallel()
	next := "https://app-api.pixiv.net/v1/illust/ranking?mode=day_r18&date=2001-01-01&offset=30&filter=for_ios&evil=1"
	road := newRoad(map[string][]reply{
		"app-api.pixiv.net/v1/illust/ranking?date=2026-01-01&mode=week":           {{body: `{"illusts":[],"next_url":"` + next + `"}`}},
		"app-api.pixiv.net/v1/illust/ranking?date=2026-01-01&mode=week&offset=30": {{body: `{"illusts":[],"next_url":null}`}},
	})
	result := drive(t, newRuntime(road), pixivoc.TaskSpec{Type: pixiv.Ranking, Keyword: "week 2026-01-01"})
	assert.Empty(t, result.failed)
	assert.Empty(t, result.passing)
	assert.Len(t, road.requests, 2)
}

func TestKeywords_Refused(t *testing.T) {
	t.Parallel()
	for kind, keywords := range map[string]map[string]string{
		pixiv.UserWorks:        {"": "is empty", "1 comics": `"comics"`, "https://www.pixiv.net/artworks/1": "links to something else", "0": "begin with 1"},
		pixiv.UserBookmarks:    {"": "is empty", "1 hidden": `"hidden"`, "1 #": "without a tag", "1 all": `"all"`},
		pixiv.FollowingFeed:    {"hidden": "want all or public or private", "1": `"1"`},
		pixiv.Following:        {"1 all": "want public or private", "": "is empty"},
		pixiv.Ranking:          {"": "of the form", "year": "no mode", "day 1.1.2026": "2026-01-31", "day 2026-01-02..2026-01-01": "before the first", "day 2001-01-01": "before 2007", "day 2008-01-01..2099-01-01": "more than 10000 days", "day 2026-01-01 2026-01-02": "of the form"},
		pixiv.MangaSeries:      {"": "is empty", "5 x": "nothing may stand", "https://www.pixiv.net/novel/series/5": "something else"},
		pixiv.NovelSeries:      {"5 x": "nothing may stand", "https://www.pixiv.net/user/1/series/5": "something else"},
		pixiv.SingleNovel:      {"5 x": "nothing may stand", "https://www.pixiv.net/artworks/5": "something else"},
		pixiv.RelatedWorks:     {"5 0": "from 1 to 5000", "5 x": "from 1 to 5000", "5 +5": "from 1 to 5000", "5 5001": "from 1 to 5000"},
		pixiv.RecommendedWorks: {"novel": "want illust or manga", "illust 0": "from 1 to 5000"},
		pixiv.UserDetails:      {"x": "not Pixiv's", "": "is empty"},
	} {
		for keyword, reason := range keywords {
			count := 0
			for _, err := range typeNamed(t, kind).First(t.Context(), pixivoc.TaskSpec{Type: kind, Keyword: keyword}) {
				var field *pixivoc.FieldError
				require.ErrorAs(t, err, &field, "%s %q", kind, keyword)
				assert.Equal(t, "Keyword", field.Field)
				assert.Contains(t, field.Reason, reason, "%s %q", kind, keyword)
				count++
			}
			assert.Equal(t, 1, count, fmt.Sprint(kind, keyword))
		}
	}
}
