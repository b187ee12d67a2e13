package pixiv_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const pixivPage = "https://www.pixiv.net"

var resolved = []struct{ text, kind, keyword, options string }{
	{"79468013", "SingleWork", "79468013", ""},
	{" 0079468013\n", "SingleWork", "79468013", ""},
	{pixivPage + "/artworks/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/artworks/79468013/", "SingleWork", "79468013", ""},
	{pixivPage + "/en/artworks/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/zh-tw/artworks/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/en/artworks/79468013#big_5", "SingleWork", "79468013", ""},
	{pixivPage + "/artworks/79468013?ref=feed#manga", "SingleWork", "79468013", ""},
	{"http://pixiv.net/artworks/79468013", "SingleWork", "79468013", ""},
	{"www.pixiv.net/artworks/79468013", "SingleWork", "79468013", ""},
	{"HTTPS://WWW.Pixiv.NET/artworks/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/i/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/member_illust.php?mode=medium&illust_id=79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/member_illust.php?mode=manga_big&illust_id=79468013&page=3", "SingleWork", "79468013", ""},
	{"https://touch.pixiv.net/member_illust.php?illust_id=79468013", "SingleWork", "79468013", ""},
	{"https://embed.pixiv.net/decorate.php?illust_id=79468013&mode=sns-automator", "SingleWork", "79468013", ""},
	{"https://embed.pixiv.net/artwork.php?illust_id=79468013", "SingleWork", "79468013", ""},
	{"pixiv://illusts/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/ajax/illust/79468013", "SingleWork", "79468013", ""},
	{pixivPage + "/ajax/illust/79468013/pages?lang=en", "SingleWork", "79468013", ""},
	{"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013_p0.png", "SingleWork", "79468013", ""},
	{"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013-0123456789abcdef0123456789abcdef_p12.png", "SingleWork", "79468013", ""},
	{"https://i.pximg.net/c/600x1200_90_webp/img-master/img/2020/02/15/00/00/02/79468013_p0_master1200.jpg", "SingleWork", "79468013", ""},
	{"https://i.pximg.net/img-zip-ugoira/img/2020/02/15/00/00/02/79468013_ugoira600x600.zip", "SingleWork", "79468013", ""},
	{"https://i.pximg.net/img-original/img/2020/02/15/00/00/02/79468013_ugoira0.jpg", "SingleWork", "79468013", ""},

	{pixivPage + "/users/2188232", "UserWorks", "2188232", ""},
	{pixivPage + "/en/users/2188232/artworks", "UserWorks", "2188232", ""},
	{pixivPage + "/users/2188232/artworks?p=2#top", "UserWorks", "2188232", ""},
	{pixivPage + "/users/2188232/illustrations", "UserWorks", "2188232 illust,ugoira", ""},
	{pixivPage + "/users/2188232/manga", "UserWorks", "2188232 manga", ""},
	{pixivPage + "/en/users/2188232/novels", "UserWorks", "2188232 novel", ""},
	{pixivPage + "/users/2188232/illustrations/%E7%A9%BA", "UserWorks", "2188232 illust,ugoira", `{"filter":"tagged(\"空\")"}`},
	{pixivPage + "/en/users/2188232/artworks/Fate%2FGrand%22Order", "UserWorks", "2188232", `{"filter":"tagged(\"Fate/Grand\\\"Order\")"}`},
	{pixivPage + "/u/2188232", "UserWorks", "2188232", ""},
	{"pixiv.net/users/2188232", "UserWorks", "2188232", ""},
	{pixivPage + "/member.php?id=2188232", "UserWorks", "2188232", ""},
	{pixivPage + "/member_illust.php?id=2188232&type=all", "UserWorks", "2188232", ""},
	{pixivPage + "/member_illust.php?id=2188232&type=manga", "UserWorks", "2188232 manga", ""},
	{pixivPage + "/novel/member.php?id=2188232", "UserWorks", "2188232 novel", ""},
	{pixivPage + "/ajax/user/2188232/profile/all", "UserWorks", "2188232", ""},
	{"pixiv://users/2188232", "UserWorks", "2188232", ""},

	{pixivPage + "/users/2188232/bookmarks/artworks", "UserBookmarks", "2188232", ""},
	{pixivPage + "/en/users/2188232/bookmarks/artworks?rest=hide", "UserBookmarks", "2188232 private", ""},
	{pixivPage + "/users/2188232/bookmarks/artworks/%E9%A2%A8%E6%99%AF?rest=show", "UserBookmarks", "2188232 #風景", ""},
	{pixivPage + "/users/2188232/bookmarks/novels", "UserBookmarks", "2188232 novel", ""},
	{pixivPage + "/bookmark.php?id=2188232&rest=show", "UserBookmarks", "2188232", ""},
	{pixivPage + "/bookmark.php?id=2188232&rest=hide&tag=Fate%2FGrandOrder", "UserBookmarks", "2188232 private #Fate/GrandOrder", ""},
	{pixivPage + "/novel/bookmark.php?id=2188232", "UserBookmarks", "2188232 novel", ""},
	{pixivPage + "/users/2188232/following", "Following", "2188232", ""},
	{pixivPage + "/en/users/2188232/following?rest=hide", "Following", "2188232 private", ""},
	{pixivPage + "/bookmark.php?type=user&id=2188232&rest=show", "Following", "2188232", ""},
	{pixivPage + "/bookmark_new_illust.php", "FollowingFeed", "all", ""},
	{pixivPage + "/bookmark_new_illust.php?mode=r18", "FollowingFeed", "all", `{"filter":"x_restrict > 0"}`},
	{pixivPage + "/bookmark_new_illust_r18.php", "FollowingFeed", "all", `{"filter":"x_restrict > 0"}`},
	{pixivPage + "/bookmark_new_illust.php?p=2", "FollowingFeed", "all", ""},
	{pixivPage + "/discovery", "RecommendedWorks", "illust", ""},

	{pixivPage + "/novel/show.php?id=13574875", "SingleNovel", "13574875", ""},
	{pixivPage + "/en/novel/show.php?id=13574875#2", "SingleNovel", "13574875", ""},
	{pixivPage + "/n/13574875", "SingleNovel", "13574875", ""},
	{pixivPage + "/ajax/novel/13574875", "SingleNovel", "13574875", ""},
	{"pixiv://novels/13574875", "SingleNovel", "13574875", ""},
	{pixivPage + "/novel/series/7474721", "NovelSeries", "7474721", ""},
	{pixivPage + "/en/novel/series/7474721?p=2", "NovelSeries", "7474721", ""},
	{pixivPage + "/user/10509347/series/21859", "MangaSeries", "21859", ""},
	{pixivPage + "/en/user/10509347/series/21859?p=1", "MangaSeries", "21859", ""},

	{pixivPage + "/ranking.php", "Ranking", "day", ""},
	{pixivPage + "/ranking.php?mode=daily&content=illust", "Ranking", "day", ""},
	{pixivPage + "/ranking.php?mode=weekly_r18&date=20260131", "Ranking", "week_r18 2026-01-31", ""},
	{pixivPage + "/ranking.php?mode=rookie&content=manga", "Ranking", "week_rookie_manga", ""},
	{pixivPage + "/ranking.php?mode=daily_ai&p=2", "Ranking", "day_ai", ""},
	{pixivPage + "/en/ranking.php?mode=r18g", "Ranking", "week_r18g", ""},

	{pixivPage + "/tags/%E5%88%9D%E9%9F%B3%E3%83%9F%E3%82%AF", "Search", "初音ミク", `{"search_target":"exact_match_for_tags"}`},
	{pixivPage + "/en/tags/初音ミク/artworks", "Search", "初音ミク", `{"search_target":"exact_match_for_tags"}`},
	{pixivPage + "/tags/Fate%2FGrandOrder/artworks?order=date&s_mode=s_tag", "Search", "Fate/GrandOrder", `{"search_target":"partial_match_for_tags","sort":"date_asc"}`},
	{pixivPage + "/tags/sky%20night/illustrations", "Search", "sky night", `{"search_target":"exact_match_for_tags","content_type":"illust_and_ugoira"}`},
	{pixivPage + "/tags/sky/manga?order=popular_d&mode=all", "Search", "sky", `{"search_target":"exact_match_for_tags","sort":"popular_desc","content_type":"manga"}`},
	{
		pixivPage + "/tags/sky/artworks?s_mode=s_tc&scd=2026-01-01&ecd=2026-01-31&blt=100&wlt=1000&hgt=2000&ratio=-0.5&tool=Photoshop&type=ugoira", "Search", "sky",
		`{"search_target":"title_and_caption","start_date":"2026-01-01","end_date":"2026-01-31","bookmark_num_min":100,"content_type":"ugoira","ratio_pattern":"portrait","width_min":1000,"height_max":2000,"tool":"Photoshop"}`,
	},
	{pixivPage + "/tags/sky/artworks?mode=safe&ai_type=1", "Search", "sky", `{"search_target":"exact_match_for_tags","filter":"x_restrict == 0 and ai != \"yes\""}`},
	{pixivPage + "/en/tags/sky?mode=r18", "Search", "sky", `{"search_target":"exact_match_for_tags","filter":"x_restrict > 0"}`},
	{pixivPage + "/search.php?word=sky&s_mode=s_tag_full", "Search", "sky", `{"search_target":"exact_match_for_tags"}`},
	{pixivPage + "/search?q=sky&s_mode=tag&type=artwork", "Search", "sky", `{"search_target":"partial_match_for_tags"}`},
	{pixivPage + "/tags.php?tag=sky", "Search", "sky", `{"search_target":"exact_match_for_tags"}`},
}

func TestResolve(t *testing.T) {
	t.Parallel()
	assert.GreaterOrEqual(t, len(resolved), 60)
	for _, test := range resolved {
		spec, err := pixiv.Resolve(test.text)
		require.NoError(t, err, test.text)
		assert.Equal(t, test.kind, spec.Type, test.text)
		assert.Equal(t, test.keyword, spec.Keyword, test.text)
		if test.options == "" {
			assert.Empty(t, spec.Options, test.text)
		} else {
			assert.JSONEq(t, test.options, string(spec.Options), test.text)
		}
		require.NoError(t, pixivoc.CheckName(spec.Name), test.text)
		// The task type takes what Resolve says, and also the link itself.
		for _, keyword := range []string{spec.Keyword, test.text} {
			if keyword == test.text && (spec.Type == pixiv.Search || spec.Type == pixiv.Ranking || spec.Type == pixiv.FollowingFeed || spec.Type == pixiv.RecommendedWorks) {
				continue
			}
			count := 0
			for _, err := range typeNamed(t, spec.Type).First(t.Context(), pixivoc.TaskSpec{Keyword: keyword, Options: spec.Options}) {
				require.NoError(t, err, keyword)
				count++
			}
			assert.Positive(t, count, keyword)
		}
	}
}

func TestResolve_NamesDiffer(t *testing.T) {
	t.Parallel()
	for _, texts := range [][]string{
		// A work and a user may share a folder: their files are named by the ids of works.
		{pixivPage + "/users/1", pixivPage + "/n/1", pixivPage + "/novel/series/1", pixivPage + "/user/2/series/1", pixivPage + "/users/1/following", pixivPage + "/users/1/bookmarks/artworks"},
	} {
		names := map[string]bool{}
		for _, text := range texts {
			spec, err := pixiv.Resolve(text)
			require.NoError(t, err)
			assert.False(t, names[spec.Name], spec.Name)
			names[spec.Name] = true
		}
	}
}

// refused are texts that Resolve does not take, with a part of the reason.
var refused = map[string]string{
	"":                                     "is empty",
	" \t ":                                 "is empty",
	"0":                                    "ids begin with 1",
	"9223372036854775808":                  "too large",
	strings.Repeat("1", 65):                "more than 64 digits",
	"somebody":                             "not Pixiv's",
	"-5":                                   "not Pixiv's",
	"１２３":                                  "not Pixiv's",
	"12 34":                                "a blank",
	"https://" + strings.Repeat("a", 3000): "longer than 2048 bytes",
	pixivPage:                              "names no work",
	pixivPage + "/":                        "names no work",
	pixivPage + "/artworks/0":              "ids begin with 1",
	pixivPage + "/artworks/12x":            "names no work",
	pixivPage + "/artworks/-12":            "names no work",
	pixivPage + "/artworks/12/34":          "names no work",
	pixivPage + "/artworks":                "names no work",
	pixivPage + "/artworks/unlisted/aB3dE": "unlisted",
	pixivPage + "/users/abc":               "names no work",
	pixivPage + "/users/1/followers":       "names no work",
	pixivPage + "/users/1/bookmarks/collections":                   "names no work",
	pixivPage + "/users/1/bookmarks/artworks/a/b":                  "names no work",
	pixivPage + "/member_illust.php":                               "names no work",
	pixivPage + "/bookmark.php":                                    "names no work",
	pixivPage + "/tags//artworks":                                  "empty part",
	pixivPage + "/tags/%20":                                        "names no tag",
	pixivPage + "/tags/sky/novels":                                 "novels",
	pixivPage + "/tags/sky/artworks?mode=adult":                    "mode of search",
	pixivPage + "/users/1/novels/sky":                              "names no work",
	pixivPage + "/users/1/manga/a/b":                               "names no work",
	pixivPage + "/tags/sky/artworks?order=random":                  "order",
	pixivPage + "/tags/sky/artworks?scd=2026-1-1":                  "is no day",
	pixivPage + "/tags/sky/artworks?scd=2026-02-01&ecd=2026-01-01": "before start_date",
	pixivPage + "/tags/sky/artworks?blt=x":                         "no number",
	pixivPage + "/search.php?word=":                                "names no tag",
	pixivPage + "/ranking.php?mode=hourly":                         "ranking that Pixiv's app does not have",
	pixivPage + "/ranking.php?content=ugoira":                      "animations",
	pixivPage + "/ranking.php?date=2026-01":                        "20260131",
	pixivPage + "/ranking.php?date=20261301":                       "not of the form",
	pixivPage + "/novel/ranking.php":                               "novels",
	pixivPage + "/contest/1":                                       "names no work",
	pixivPage + "/jump.php?https%3A%2F%2Fevil.example":             "names no work",

	"https://example.com/artworks/12":                                                "not Pixiv's",
	"https://www.pixiv.net.example.com/artworks/12":                                  "not Pixiv's",
	"https://www.pixiv.net./artworks/12":                                             "not Pixiv's",
	"https://wwwpixiv.net/artworks/12":                                               "not Pixiv's",
	"https://evilpixiv.net/artworks/12":                                              "not Pixiv's",
	"https://www.рixiv.net/artworks/12":                                              "not Pixiv's", // the first letter is Cyrillic
	"https://www.pixiv.com/artworks/12":                                              "not Pixiv's",
	"https://pixiv.net@example.com/artworks/12":                                      "user name",
	"https://user:secret@www.pixiv.net/artworks/12":                                  "user name",
	"https://www.pixiv.net:8443/artworks/12":                                         "a port",
	"https://www.pixiv.net:/artworks/12":                                             "a port",
	"https://[::1]/artworks/12":                                                      "a port",
	"https://127.0.0.1/artworks/12":                                                  "not Pixiv's",
	"https://dic.pixiv.net/a/12":                                                     "not Pixiv's",
	"https://someone.fanbox.cc/posts/12":                                             "not Pixiv's",
	"https://i.pximg.net.example.com/img-original/img/2020/02/15/00/00/02/12_p0.png": "not Pixiv's",
	"https://evilpximg.net/img-original/img/2020/02/15/00/00/02/12_p0.png":           "not Pixiv's",
	"https://s.pximg.net/common/images/limit_unknown_360.png":                        "names no work",
	"https://i.pximg.net/user-profile/img/2008/06/17/01/28/01/171098_fc06efd15628e2ee252941ae5298b5ff_170.jpg": "names no work",
	"https://pixiv.me/somebody":              "short link",
	"ftp://www.pixiv.net/artworks/12":        "begins with",
	"javascript://www.pixiv.net/artworks/12": "begins with",
	"pixiv://account/login?code=secret":      "names no work",
	"pixiv://illusts/12/34":                  "names no work",
	"pixiv://illusts":                        "names no work",
	`https://www.pixiv.net\artworks\12`:      "backslash",
	pixivPage + "/artworks%2F12":             "names no work",
	pixivPage + "/artworks/../artworks/12":   "or .. in its path",
	pixivPage + "/artworks/%2e%2e/12":        "or .. in its path",
	pixivPage + "//artworks/12":              "empty part",
	pixivPage + "/artworks/12%00":            "control character",
	pixivPage + "/artworks/12\x00":           "control character",
	pixivPage + "/artworks/%zz":              "neither a link",
	pixivPage + "/member.php?id=1&id=2":      "twice",
	pixivPage + "/member.php?id=1;x=2":       "broken query",
	"https:www.pixiv.net/artworks/12":        "neither",
}

func TestResolve_Refused(t *testing.T) {
	t.Parallel()
	for text, reason := range refused {
		spec, err := pixiv.Resolve(text)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%q gave %+v, %v", text, spec, err)
		assert.Equal(t, "Url", field.Field, "%q", text)
		assert.Contains(t, field.Reason, reason, "%q", text)
		assert.NotContains(t, field.Reason, "secret", "%q", text)
		assert.Zero(t, spec)
	}
}

func FuzzResolve(f *testing.F) {
	for _, seed := range resolved {
		f.Add(seed.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := pixiv.Resolve(text)
		if err != nil {
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != "Url" {
				t.Fatalf("%q gave %T", text, err)
			}
			return
		}
		if err := pixivoc.CheckName(spec.Name); err != nil {
			t.Fatalf("%q is named %q: %v", text, spec.Name, err)
		}
		for _, err := range typeNamed(t, spec.Type).First(t.Context(), spec) {
			if err != nil {
				t.Fatalf("%q gave %+v, which its type refuses: %v", text, spec, err)
			}
			break
		}
	})
}
