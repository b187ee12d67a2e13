package pixiv

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pixivoc/pixivoc"
)

// Words of keywords; Pixiv's parameter restrict has the same ones.
const (
	restrictPublic  = "public"
	restrictPrivate = "private"
	restrictAll     = "all"
)

// Bounds of keywords.
const (
	defaultCount   = 100    // works of RelatedWorks and RecommendedWorks
	maxCount       = 5000   // of them
	maxRankingDays = 10_000 // of a Ranking
)

// firstRankingDay is when Pixiv began; no ranking is older.
const firstRankingDay = "2007-09-13"

// parseNumbered reads a keyword that begins with an ID or with a link that
// Resolve takes for a task of the same type. rest are the words behind it, or
// those that the link itself gives.
func parseNumbered(keyword, kind, what string) (id ID, rest string, err error) {
	first := strings.TrimSpace(keyword)
	if end := strings.IndexFunc(first, unicode.IsSpace); end > 0 {
		first, rest = first[:end], strings.TrimSpace(first[end:])
	}
	wanted := "want the id of a " + what + " or a link to it first"
	if first == "" {
		return 0, "", refuse("is empty; %s", wanted)
	}
	digits := first
	if !isDigits(first) {
		found, err := resolve(first)
		if err != nil {
			return 0, "", refuse("%v; %s", keywordReason(err), wanted)
		}
		if !sameSubject(found.kind, kind) {
			return 0, "", refuse("links to something else; %s", wanted)
		}
		var said string
		if digits, said, _ = strings.Cut(found.keyword, " "); rest == "" && found.kind == kind {
			rest = said
		}
	}
	id, err = parseDigits(digits)
	return id, rest, err
}

// sameSubject says that a link to one type names what another type works on:
// the pages below a user's page all name the user.
func sameSubject(found, wanted string) bool {
	users := []string{UserWorks, UserBookmarks, Following, UserDetails, UserPictures}
	works := []string{SingleWork, RelatedWorks}
	return found == wanted || slices.Contains(users, found) && slices.Contains(users, wanted) ||
		slices.Contains(works, found) && slices.Contains(works, wanted)
}

func keywordReason(err error) string {
	if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return field.Reason
	}
	return err.Error()
}

// noMore refuses words that a type does not know.
func noMore(rest string) error {
	if rest != "" {
		return refuse("goes on after the id, where nothing may stand")
	}
	return nil
}

// isSeparator says whether words of a keyword end there.
func isSeparator(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// userTypes are the types of works that a UserWorks task wants.
type userTypes struct {
	Illust, Manga, Ugoira, Novel bool
}

// pictures says that any type but novels is wanted.
func (t userTypes) pictures() bool { return t.Illust || t.Manga || t.Ugoira }

// wants says whether a work of that type is wanted.
func (t userTypes) wants(kind string) bool {
	switch kind {
	case TypeIllust:
		return t.Illust
	case TypeManga:
		return t.Manga
	case TypeUgoira:
		return t.Ugoira
	}
	return t.pictures() // a type that is new at Pixiv
}

// parseTypes reads "illust", "illust,ugoira" or "manga novel"; nothing means
// all pictures.
func parseTypes(text string) (userTypes, error) {
	types := userTypes{}
	for word := range strings.FieldsFuncSeq(text, isSeparator) {
		switch word {
		case TypeIllust:
			types.Illust = true
		case TypeManga:
			types.Manga = true
		case TypeUgoira:
			types.Ugoira = true
		case TypeNovel:
			types.Novel = true
		default:
			return userTypes{}, refuse("names %q, which is none of illust, manga, ugoira and novel", clean(word))
		}
	}
	if types == (userTypes{}) {
		types = userTypes{Illust: true, Manga: true, Ugoira: true}
	}
	return types, nil
}

// ranking is the keyword of a Ranking task.
type ranking struct {
	mode        string
	first, last time.Time // zero: the newest ranking
}

// rankingModes are the modes of /v1/illust/ranking.
func rankingModes() []string {
	return []string{
		"day", "week", "month", "day_male", "day_female", "week_original", "week_rookie",
		"day_manga", "week_manga", "month_manga", "week_rookie_manga", "day_ai",
		"day_r18", "day_male_r18", "day_female_r18", "week_r18", "week_r18g", "day_r18_ai",
	}
}

// parseRanking reads "MODE", "MODE DAY" or "MODE DAY..DAY".
func parseRanking(keyword string) (ranking, error) {
	words := strings.Fields(keyword)
	if len(words) == 0 || len(words) > 2 {
		return ranking{}, refuse("is not of the form MODE, MODE DAY or MODE DAY..DAY, such as week_r18 2026-01-01..2026-01-31")
	}
	found := ranking{mode: words[0]}
	if !slices.Contains(rankingModes(), found.mode) {
		return ranking{}, refuse("names no mode of a ranking; want one of %s", strings.Join(rankingModes(), ", "))
	}
	if len(words) == 1 {
		return found, nil
	}
	from, to, isRange := strings.Cut(words[1], "..")
	if !isRange {
		to = from
	}
	var err error
	if found.first, err = parseDay(from); err != nil {
		return ranking{}, err
	}
	if found.last, err = parseDay(to); err != nil {
		return ranking{}, err
	}
	switch {
	case found.last.Before(found.first):
		return ranking{}, refuse("names a last day that is before the first")
	case found.first.Format(time.DateOnly) < firstRankingDay:
		return ranking{}, refuse("names a day before %s, when there was no ranking", firstRankingDay)
	case found.last.Sub(found.first) > maxRankingDays*24*time.Hour:
		return ranking{}, refuse("names more than %d days", maxRankingDays)
	}
	return found, nil
}

func parseDay(text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, refuse("has a day that is not of the form 2026-01-31")
	}
	return day, nil
}

// bookmarks is what stands behind the user in the keyword of UserBookmarks.
type bookmarks struct {
	restrict string
	illusts  bool
	novels   bool
	tag      string
}

// parseBookmarks reads "[public|private] [illust] [novel] [#TAG]".
func parseBookmarks(text string) (bookmarks, error) {
	found := bookmarks{restrict: restrictPublic}
	words, tag, tagged := strings.Cut(text, "#")
	if found.tag = strings.TrimSpace(tag); tagged && found.tag == "" {
		return bookmarks{}, refuse("has a # without a tag")
	}
	for word := range strings.FieldsFuncSeq(words, isSeparator) {
		switch word {
		case restrictPublic, restrictPrivate:
			found.restrict = word
		case TypeIllust:
			found.illusts = true
		case TypeNovel:
			found.novels = true
		default:
			return bookmarks{}, refuse("names %q; want public, private, illust, novel or a tag behind #", clean(word))
		}
	}
	if !found.novels {
		found.illusts = true
	}
	return found, nil
}

// parseRestrict reads one word, or nothing for the first of those allowed.
func parseRestrict(text string, allowed ...string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return allowed[0], nil
	}
	if !slices.Contains(allowed, text) {
		return "", refuse("names %q; want %s", clean(text), strings.Join(allowed, " or "))
	}
	return text, nil
}

// parseCount reads how many works are wanted; nothing means defaultCount.
func parseCount(text string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return defaultCount, nil
	}
	count, err := strconv.Atoi(text)
	if err != nil || !isDigits(text) || count < 1 || count > maxCount {
		return 0, refuse("wants a number of works that is not from 1 to %d", maxCount)
	}
	return count, nil
}
