package pixiv

import (
	"net/url"
	"strings"
)

// source is a kind of listing at the App API.
type source struct {
	path string
	// subject is the parameter with the ID that the listing is of, or "".
	subject string
	// cursors are the parameters that lead from page to page. All others
	// stay as they were asked first, whatever next_url says.
	cursors []string
	// falls says that the first cursor falls from page to page; all others
	// rise. One that is neither has moves false.
	falls, moves bool
}

// Names of listings. They are stored in items.
const (
	listUserIllusts    = "user_illusts"
	listUserNovels     = "user_novels"
	listBookmarks      = "bookmarks"
	listNovelBookmarks = "novel_bookmarks"
	listFeed           = "feed"
	listFollowing      = "following"
	listRanking        = "ranking"
	listSearch         = "search"
	listMangaSeries    = "manga_series"
	listNovelSeries    = "novel_series"
	listRelated        = "related"
	listRecommended    = "recommended"
)

// sourceNamed returns the listing of that name. An item without a name is one
// of before there were others.
func sourceNamed(name string) (source, bool) {
	switch name {
	case "", listUserIllusts:
		return byOffset(pathUserIllusts, "user_id"), true
	case listUserNovels:
		return byOffset("/v1/user/novels", "user_id"), true
	case listBookmarks:
		return byBookmark("/v1/user/bookmarks/illust"), true
	case listNovelBookmarks:
		return byBookmark("/v1/user/bookmarks/novel"), true
	case listFeed:
		return byOffset("/v2/illust/follow", ""), true
	case listFollowing:
		return byOffset("/v1/user/following", "user_id"), true
	case listRanking:
		return byOffset("/v1/illust/ranking", ""), true
	case listSearch:
		return byOffset("/v1/search/illust", ""), true
	case listMangaSeries:
		return byOffset("/v1/illust/series", "illust_series_id"), true
	case listNovelSeries:
		return source{path: "/v2/novel/series", subject: "series_id", cursors: []string{"last_order"}, moves: true}, true
	case listRelated:
		return source{path: "/v2/illust/related", subject: "illust_id", cursors: []string{"offset", "viewed", "seed_illust_ids"}}, true
	case listRecommended:
		// A long next_url with all that was shown (fixture
		// illust_recommended.json, 2025-02).
		return source{path: "/v1/illust/recommended", cursors: []string{
			"offset", "viewed", "min_bookmark_id_for_recent_illust", "max_bookmark_id_for_recommend",
			"include_ranking_illusts", "include_ranking_label", "include_privacy_policy",
		}}, true
	}
	return source{}, false
}

func byOffset(path, subject string) source {
	return source{path: path, subject: subject, cursors: []string{"offset"}, moves: true}
}

func byBookmark(path string) source {
	return source{path: path, subject: "user_id", cursors: []string{"max_bookmark_id"}, moves: true, falls: true}
}

// isCursor says whether a parameter leads from page to page. Lists are written
// viewed[] or viewed[0].
func (s source) isCursor(name string) bool {
	base, _, _ := strings.Cut(name, "[")
	for _, cursor := range s.cursors {
		if base == cursor {
			return true
		}
	}
	return false
}

// rebuild returns the parameters of the next page: those that were asked, with
// the cursors of next.
func (s source) rebuild(asked, next url.Values) url.Values {
	query := url.Values{}
	for name, values := range asked {
		if !s.isCursor(name) {
			query[name] = values
		}
	}
	for name, values := range next {
		if s.isCursor(name) {
			query[name] = values
		}
	}
	return query
}
