package pixiv

import (
	"errors"
	"strconv"
	"strings"
)

// page reads the address of a page of Pixiv's web site.
func (l link) page() (target, error) {
	first := l.part(0)
	if strings.HasSuffix(strings.ToLower(first), ".php") && len(l.parts) == 1 {
		return l.oldPage(strings.ToLower(first))
	}
	switch first {
	case "artworks", "i":
		return l.workPage()
	case "users", "u":
		return l.userPage()
	case "n":
		return l.only(2, SingleNovel, l.part(1))
	case "novel":
		return l.novelPage()
	case "user":
		if l.part(2) == "series" {
			return l.only(4, MangaSeries, l.part(3))
		}
	case "tags":
		return l.tagPage()
	case "search":
		return l.searchFor(l.query.Get("q"), l.query.Get("type"))
	case "discovery":
		if len(l.parts) == 1 {
			return target{kind: RecommendedWorks, keyword: TypeIllust}, nil
		}
	case "ajax":
		return l.ajaxPage()
	}
	return target{}, errUnknownPage
}

// only is the target of a path that has so many parts and no more.
func (l link) only(parts int, kind, digits string) (target, error) {
	if len(l.parts) != parts {
		return target{}, errUnknownPage
	}
	return numbered(kind, digits, "")
}

func (l link) workPage() (target, error) {
	if l.part(1) == "unlisted" {
		return target{}, errors.New("is the link of an unlisted work, which Pixiv's app cannot open")
	}
	return l.only(2, SingleWork, l.part(1))
}

// oldPage reads the addresses of before 2019, which Pixiv still redirects, and
// those that never changed.
func (l link) oldPage(page string) (target, error) {
	query := l.query
	switch page {
	case "member_illust.php":
		if query.Has("illust_id") {
			return numbered(SingleWork, query.Get("illust_id"), "")
		}
		return numbered(UserWorks, query.Get("id"), userWorkTypes(query.Get("type")))
	case "member.php":
		return numbered(UserWorks, query.Get("id"), "")
	case "bookmark.php":
		if query.Get("type") == "user" {
			return numbered(Following, query.Get("id"), visibility(query.Get("rest")))
		}
		return numbered(UserBookmarks, query.Get("id"), bookmarkRest(visibility(query.Get("rest")), "", query.Get("tag")))
	case "bookmark_new_illust.php", "bookmark_new_illust_r18.php":
		found := target{kind: FollowingFeed, keyword: restrictAll}
		if query.Get("mode") == "r18" || page == "bookmark_new_illust_r18.php" {
			found.options = Options{Filter: "x_restrict > 0"}
		}
		return found, nil
	case "ranking.php":
		return l.rankingPage()
	case "search.php":
		return l.searchFor(query.Get("word"), query.Get("type"))
	case "tags.php":
		return l.searchFor(query.Get("tag"), "")
	}
	return target{}, errUnknownPage
}

func (l link) userPage() (target, error) {
	id := l.part(1)
	switch l.part(2) {
	case "", "artworks", "illustrations", "manga", "novels":
		return l.userTab(id)
	case "following":
		if len(l.parts) == 3 {
			return numbered(Following, id, visibility(l.query.Get("rest")))
		}
	case "bookmarks":
		return l.bookmarkPage(id)
	}
	return target{}, errUnknownPage
}

// userTab reads /users/ID/artworks/TAG. Pixiv's app lists no works of one tag,
// so all are listed and filtered.
func (l link) userTab(id string) (target, error) {
	found, err := numbered(UserWorks, id, userWorkTypes(l.part(2)))
	if err != nil || len(l.parts) < 4 {
		return found, err
	}
	if len(l.parts) > 4 || l.part(2) == "novels" {
		return target{}, errUnknownPage
	}
	filter := "tagged(" + strconv.Quote(l.part(3)) + ")"
	if _, err := ParseFilter(filter); err != nil {
		return target{}, errors.New("names a tag that no filter can name")
	}
	found.options = Options{Filter: filter}
	return found, nil
}

// userWorkTypes turns the tab of a user's page into types of works. Pixiv
// shows animations among the illustrations.
func userWorkTypes(tab string) string {
	switch tab {
	case "illustrations", "illust":
		return TypeIllust + "," + TypeUgoira
	case "manga":
		return TypeManga
	case "ugoira":
		return TypeUgoira
	case "novels":
		return TypeNovel
	}
	return ""
}

// bookmarkPage reads /users/ID/bookmarks/artworks/TAG?rest=hide.
func (l link) bookmarkPage(id string) (target, error) {
	kind := ""
	switch l.part(3) {
	case "", "artworks":
	case "novels":
		kind = TypeNovel
	default:
		return target{}, errUnknownPage
	}
	if len(l.parts) > 5 {
		return target{}, errUnknownPage
	}
	return numbered(UserBookmarks, id, bookmarkRest(visibility(l.query.Get("rest")), kind, l.part(4)))
}

// visibility translates what Pixiv's pages call show and hide.
func visibility(rest string) string {
	if rest == "hide" {
		return restrictPrivate
	}
	return ""
}

func bookmarkRest(restrict, kind, tag string) string {
	words := []string{}
	for _, word := range []string{restrict, kind} {
		if word != "" {
			words = append(words, word)
		}
	}
	if tag != "" {
		words = append(words, "#"+tag)
	}
	return strings.Join(words, " ")
}

// novelPage reads what stands below /novel.
func (l link) novelPage() (target, error) {
	switch strings.ToLower(l.part(1)) {
	case "show.php":
		return l.only(2, SingleNovel, l.query.Get("id"))
	case "series":
		return l.only(3, NovelSeries, l.part(2))
	case "member.php":
		if len(l.parts) == 2 {
			return numbered(UserWorks, l.query.Get("id"), TypeNovel)
		}
	case "bookmark.php":
		if len(l.parts) == 2 {
			return numbered(UserBookmarks, l.query.Get("id"), bookmarkRest(visibility(l.query.Get("rest")), TypeNovel, l.query.Get("tag")))
		}
	case "ranking.php":
		return target{}, errors.New("is a ranking of novels, which is not supported")
	}
	return target{}, errUnknownPage
}

// ajaxPage reads the addresses that Pixiv's pages ask in the background, which
// people copy from the network panel.
func (l link) ajaxPage() (target, error) {
	id := l.part(2)
	switch l.part(1) {
	case "illust":
		if len(l.parts) == 4 && l.part(3) != "pages" && l.part(3) != "ugoira_meta" || len(l.parts) > 4 {
			return target{}, errUnknownPage
		}
		return numbered(SingleWork, id, "")
	case "user":
		if len(l.parts) == 3 || len(l.parts) == 5 && l.part(3) == "profile" && l.part(4) == "all" {
			return numbered(UserWorks, id, "")
		}
	case "novel":
		return l.only(3, SingleNovel, id)
	}
	return target{}, errUnknownPage
}

// rankingPage reads /ranking.php?mode=daily&content=manga&date=20260101.
func (l link) rankingPage() (target, error) {
	mode := l.query.Get("mode")
	if mode == "" {
		mode = "daily"
	}
	switch l.query.Get("content") {
	case "", "all", TypeIllust:
	case TypeManga:
		mode += " " + TypeManga
	default:
		return target{}, errors.New("is a ranking of animations alone, which Pixiv's app does not have")
	}
	known, ok := webRankingModes()[mode]
	if !ok {
		return target{}, errors.New("names a ranking that Pixiv's app does not have")
	}
	keyword := known
	if date := l.query.Get("date"); date != "" {
		const year, month, digits = 4, 6, 8
		if len(date) != digits || !isDigits(date) {
			return target{}, errors.New("has a date that is not of the form 20260131")
		}
		keyword += " " + date[:year] + "-" + date[year:month] + "-" + date[month:]
	}
	if _, err := parseRanking(keyword); err != nil {
		return target{}, err
	}
	return target{kind: Ranking, keyword: keyword}, nil
}

// webRankingModes translates the modes of Pixiv's pages into those of its app.
func webRankingModes() map[string]string {
	return map[string]string{
		"daily": "day", "weekly": "week", "monthly": "month", "rookie": "week_rookie", "original": "week_original",
		"male": "day_male", "female": "day_female", "daily_ai": "day_ai",
		"daily_r18": "day_r18", "weekly_r18": "week_r18", "male_r18": "day_male_r18", "female_r18": "day_female_r18",
		"r18g": "week_r18g", "daily_r18_ai": "day_r18_ai",
		"daily manga": "day_manga", "weekly manga": "week_manga", "monthly manga": "month_manga", "rookie manga": "week_rookie_manga",
	}
}
