package pixiv

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// tagPage reads /tags/TAG/artworks?order=date&mode=safe.
func (l link) tagPage() (target, error) {
	if len(l.parts) < 2 || len(l.parts) > 3 {
		return target{}, errUnknownPage
	}
	kind := ""
	switch l.part(2) {
	case "", "artworks":
		kind = l.query.Get("type")
	case "illustrations":
		if kind = l.query.Get("type"); kind == "" {
			kind = "illust_and_ugoira"
		}
	case "manga":
		kind = TypeManga
	case "novels":
		kind = TypeNovel
	default:
		return target{}, errUnknownPage
	}
	return l.searchFor(l.part(1), kind)
}

// searchFor translates the parameters of a search page of Pixiv's web site
// into those of its app. The rest of the link is not lost silently: a
// parameter that the app does not have is refused.
func (l link) searchFor(word, kind string) (target, error) {
	word = strings.TrimSpace(word)
	if word == "" {
		return target{}, errors.New("names no tag to search for")
	}
	options := SearchOptions{Target: TargetExactTags}
	if err := l.readSearch(&options, kind); err != nil {
		return target{}, err
	}
	if err := options.check(); err != nil {
		return target{}, err
	}
	return target{kind: Search, keyword: word, options: linkOptions{options, l.searchFilter()}}, nil
}

// linkOptions are the options that a link of a search gives.
type linkOptions struct {
	SearchOptions
	Filter string `json:"filter,omitempty"` // Options.Filter
}

// searchFilter is what Pixiv's pages pick works by and its app does not, or not
// surely.
func (l link) searchFilter() string {
	var parts []string
	switch l.query.Get("mode") {
	case "safe":
		parts = append(parts, "x_restrict == 0")
	case "r18":
		parts = append(parts, "x_restrict > 0")
	}
	if l.query.Get("ai_type") == "1" {
		parts = append(parts, `ai != "yes"`)
	}
	return strings.Join(parts, " and ")
}

func (l link) readSearch(options *SearchOptions, kind string) error {
	switch kind {
	case "", "all", "artwork", "top", "illust_and_manga_and_ugoira":
	case TypeIllust, TypeManga, TypeUgoira, "illust_and_ugoira":
		options.ContentType = kind
	case TypeNovel, "novels":
		return errors.New("is a search for novels, which is not supported")
	default:
		return errors.New("is a search for something else than works")
	}
	known := true
	switch l.query.Get("s_mode") {
	case "", "s_tag_full", "tag_full":
	case "s_tag", "tag":
		options.Target = TargetTags
	case "s_tc", "tc":
		options.Target = TargetTitle
	case "s_tag_tc", "tag_tc":
		options.Target = TargetKeyword
	default:
		known = false
	}
	if options.Sort, known = webSort(l.query.Get("order"), known); !known {
		return errors.New("has a search mode or order that Pixiv's app does not have")
	}
	if mode := l.query.Get("mode"); !slices.Contains([]string{"", "all", "safe", "r18"}, mode) {
		return errors.New("has a mode of search that Pixiv's app does not have")
	}
	options.StartDate, options.EndDate = l.query.Get("scd"), l.query.Get("ecd")
	options.Tool = l.query.Get("tool")
	return l.readSearchNumbers(options)
}

func (l link) readSearchNumbers(options *SearchOptions) error {
	for name, field := range map[string]*int{
		"blt": &options.BookmarkNumMin, "bgt": &options.BookmarkNumMax,
		"wlt": &options.WidthMin, "wgt": &options.WidthMax, "hlt": &options.HeightMin, "hgt": &options.HeightMax,
	} {
		text := l.query.Get(name)
		if text == "" {
			continue
		}
		number, err := strconv.Atoi(text)
		if err != nil || number < 0 {
			return errors.New("has a parameter " + name + " that is no number")
		}
		*field = number
	}
	switch l.query.Get("ratio") {
	case "":
	case "0":
		options.RatioPattern = "square"
	case "0.5":
		options.RatioPattern = "landscape"
	case "-0.5":
		options.RatioPattern = "portrait"
	default:
		return errors.New("has a ratio that Pixiv's app does not have")
	}
	return nil
}

// webSort translates the order of a search page; known passes a doubt on.
func webSort(order string, known bool) (sort string, ok bool) {
	switch order {
	case "", "date_d":
		return "", known
	case "date":
		return SortDateAsc, known
	case "popular_d":
		return SortPopular, known
	case "popular_male_d":
		return SortPopularMale, known
	case "popular_female_d":
		return SortPopularFemale, known
	}
	return "", false
}
