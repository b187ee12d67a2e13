package pixiv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values of SearchOptions.Target.
const (
	TargetTags      = "partial_match_for_tags" // a part of a tag is enough
	TargetExactTags = "exact_match_for_tags"
	TargetTitle     = "title_and_caption"
	TargetKeyword   = "keyword"
)

// Values of SearchOptions.Sort.
const (
	SortDateDesc = "date_desc"
	SortDateAsc  = "date_asc"
	// The popular ones are for premium accounts; Pixiv gives others the order
	// by date or a short preview.
	SortPopular       = "popular_desc"
	SortPopularMale   = "popular_male_desc"
	SortPopularFemale = "popular_female_desc"
)

// SearchOptions are the options of a Search task beside those of every task
// that saves works, in one JSON object. Zero fields are not sent to Pixiv.
type SearchOptions struct {
	// Target says what the words are looked for in; "" is TargetTags.
	Target string `json:"search_target,omitempty"`
	// Sort is the order; "" is SortDateDesc. Only the orders by date are
	// complete beyond 5000 works.
	Sort string `json:"sort,omitempty"`
	// Duration is within_last_day, within_last_week or within_last_month. It
	// excludes StartDate and EndDate.
	Duration string `json:"duration,omitempty"`
	// StartDate and EndDate are days in Japan, 2026-01-31, both included.
	StartDate string `json:"start_date,omitempty"`
	EndDate   string `json:"end_date,omitempty"`
	// AIType is sent as it is when set: 0 or 1. Reports differ on which of
	// them hides works made by AI; a filter is sure.
	AIType *int `json:"search_ai_type,omitempty"`
	// IncludeTranslatedTagResults also finds tags by their translation;
	// MergePlainKeywordResults also finds words that are no tag.
	IncludeTranslatedTagResults *bool `json:"include_translated_tag_results,omitempty"`
	MergePlainKeywordResults    *bool `json:"merge_plain_keyword_results,omitempty"`
	// BookmarkNumMin and BookmarkNumMax work for premium accounts; Pixiv
	// ignores them silently for others.
	BookmarkNumMin int `json:"bookmark_num_min,omitempty"`
	BookmarkNumMax int `json:"bookmark_num_max,omitempty"`
	// ContentType is illust, manga, ugoira, illust_and_ugoira or
	// illust_and_manga_and_ugoira.
	ContentType string `json:"content_type,omitempty"`
	// RatioPattern is landscape, portrait or square.
	RatioPattern string `json:"ratio_pattern,omitempty"`
	// WidthMin to HeightMax are pixels.
	WidthMin  int `json:"width_min,omitempty"`
	WidthMax  int `json:"width_max,omitempty"`
	HeightMin int `json:"height_min,omitempty"`
	HeightMax int `json:"height_max,omitempty"`
	// Tool is a drawing tool by Pixiv's name, such as "CLIP STUDIO PAINT".
	Tool string `json:"tool,omitempty"`
}

// readSearchOptions reads the fields of SearchOptions out of the options of a
// task; others belong to Options.
func readSearchOptions(raw json.RawMessage) (SearchOptions, error) {
	var options SearchOptions
	if len(bytes.TrimSpace(raw)) == 0 {
		return options, nil
	}
	if err := json.Unmarshal(raw, &options); err != nil {
		return SearchOptions{}, fieldError("Options", "are not those of %s: %v", Search, err)
	}
	return options, options.check()
}

// check refuses values that Pixiv would.
func (o SearchOptions) check() error {
	for _, field := range []struct {
		name, value string
		known       []string
	}{
		{"search_target", o.Target, []string{TargetTags, TargetExactTags, TargetTitle, TargetKeyword}},
		{"sort", o.Sort, []string{SortDateDesc, SortDateAsc, SortPopular, SortPopularMale, SortPopularFemale}},
		{"duration", o.Duration, []string{"within_last_day", "within_last_week", "within_last_month"}},
		{"content_type", o.ContentType, []string{TypeIllust, TypeManga, TypeUgoira, "illust_and_ugoira", "illust_and_manga_and_ugoira"}},
		{"ratio_pattern", o.RatioPattern, []string{"landscape", "portrait", "square"}},
	} {
		if field.value != "" && !slices.Contains(field.known, field.value) {
			return fieldError("Options."+field.name, "is not one of %s", strings.Join(field.known, ", "))
		}
	}
	if o.AIType != nil && *o.AIType != 0 && *o.AIType != 1 {
		return fieldError("Options.search_ai_type", "is neither 0 nor 1")
	}
	const maxTool = 100
	if len(o.Tool) > maxTool {
		return fieldError("Options.tool", "is longer than %d bytes", maxTool)
	}
	if err := o.checkDates(); err != nil {
		return err
	}
	return o.checkRanges()
}

func (o SearchOptions) checkDates() error {
	for name, text := range map[string]string{"start_date": o.StartDate, "end_date": o.EndDate} {
		if _, err := time.Parse(time.DateOnly, text); text != "" && err != nil {
			return fieldError("Options."+name, "is no day of the form 2026-01-31")
		}
	}
	if o.StartDate != "" && o.EndDate != "" && o.StartDate > o.EndDate {
		return fieldError("Options.end_date", "is before start_date")
	}
	if o.Duration != "" && (o.StartDate != "" || o.EndDate != "") {
		return fieldError("Options.duration", "excludes start_date and end_date")
	}
	return nil
}

func (o SearchOptions) checkRanges() error {
	for _, field := range []struct {
		name     string
		min, max int
	}{
		{"bookmark_num", o.BookmarkNumMin, o.BookmarkNumMax},
		{"width", o.WidthMin, o.WidthMax}, {"height", o.HeightMin, o.HeightMax},
	} {
		switch {
		case field.min < 0:
			return fieldError("Options."+field.name+"_min", "is negative")
		case field.max < 0:
			return fieldError("Options."+field.name+"_max", "is negative")
		case field.max > 0 && field.min > field.max:
			return fieldError("Options."+field.name+"_max", "is less than %s_min", field.name)
		}
	}
	return nil
}

// query returns the parameters of a search but for the dates and the order,
// which change while a search is split.
func (o SearchOptions) query(word string) url.Values {
	query := url.Values{"word": {word}}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	number := func(name string, value int) {
		if value > 0 {
			query.Set(name, strconv.Itoa(value))
		}
	}
	if query.Set("search_target", TargetTags); o.Target != "" {
		query.Set("search_target", o.Target)
	}
	set("duration", o.Duration)
	set("content_type", o.ContentType)
	set("ratio_pattern", o.RatioPattern)
	set("tool", o.Tool)
	if o.AIType != nil {
		set("search_ai_type", strconv.Itoa(*o.AIType))
	}
	for name, value := range map[string]*bool{
		"include_translated_tag_results": o.IncludeTranslatedTagResults, "merge_plain_keyword_results": o.MergePlainKeywordResults,
	} {
		if value != nil {
			set(name, fmt.Sprint(*value))
		}
	}
	number("bookmark_num_min", o.BookmarkNumMin)
	number("bookmark_num_max", o.BookmarkNumMax)
	number("width_min", o.WidthMin)
	number("width_max", o.WidthMax)
	number("height_min", o.HeightMin)
	number("height_max", o.HeightMax)
	return query
}
