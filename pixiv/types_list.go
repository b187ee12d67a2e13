package pixiv

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// TypeNovel is the word for novels in keywords.
const TypeNovel = "novel"

// worksTo makes a stage that hands works to a collector and queues novels out
// of one that takes a sink.
func (s *saver) worksTo(stage func(sink) pixivoc.Stage) func(collector) pixivoc.Stage {
	return func(collect collector) pixivoc.Stage { return stage(sink{work: collect, novel: s.queueNovel}) }
}

// listTypes are the task types that begin with a listing of works.
func listTypes(works *saver) []pixivoc.TaskType {
	kind := func(name, title string, first firstFunc) pixivoc.TaskType {
		return pixivoc.TaskType{
			Name: name, Title: title, Files: true,
			Stages: works.saving(listStage(works.list(works.worksTo(pageStage)))),
			First:  works.first(first),
		}
	}
	return []pixivoc.TaskType{
		kind(FollowingFeed, "Download the newest works of followed users", firstFeed),
		kind(Ranking, "Download rankings", firstRanking),
		kind(Search, "Download what a search finds", firstSearch),
		kind(MangaSeries, "Download a series of works", firstMangaSeries),
		kind(RelatedWorks, "Download works like another one", firstRelated),
		kind(RecommendedWorks, "Download recommended works", firstRecommended),
	}
}

// items makes what First returns of the first pages of listings.
func items(pages []pageItem, err error) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		if err != nil {
			yield(pixivoc.Item{}, err)
			return
		}
		for _, page := range pages {
			item := pixivoc.NewItem(page.key(), page)
			item.Stage = StageGetPageUrls
			if !yield(item, nil) {
				return
			}
		}
	}
}

func firstFeed(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	restrict, err := parseRestrict(spec.Keyword, restrictAll, restrictPublic, restrictPrivate)
	return items([]pageItem{firstPage(listFeed, url.Values{"restrict": {restrict}})}, err)
}

// firstRanking asks for one listing a day.
func firstRanking(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	found, err := parseRanking(spec.Keyword)
	if err != nil || found.first.IsZero() {
		return items([]pageItem{firstPage(listRanking, url.Values{"mode": {found.mode}})}, err)
	}
	var pages []pageItem
	for day := found.first; !day.After(found.last); day = day.AddDate(0, 0, 1) {
		pages = append(pages, firstPage(listRanking, url.Values{"mode": {found.mode}, "date": {day.Format(time.DateOnly)}}))
	}
	return items(pages, nil)
}

func firstSearch(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	word := strings.Join(strings.Fields(spec.Keyword), " ")
	const maxWord = 1000
	switch {
	case word == "":
		return items(nil, refuse("is empty; want the words to search for"))
	case len(word) > maxWord:
		return items(nil, refuse("is longer than %d bytes", maxWord))
	}
	options, err := readSearchOptions(spec.Options)
	if err != nil {
		return items(nil, err)
	}
	return items(searchItems(word, options), nil)
}

func firstMangaSeries(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, rest, err := parseNumbered(spec.Keyword, MangaSeries, "series")
	if err == nil {
		err = noMore(rest)
	}
	return items([]pageItem{firstPage(listMangaSeries, url.Values{"illust_series_id": {id.String()}})}, err)
}

func firstRelated(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, rest, err := parseNumbered(spec.Keyword, RelatedWorks, "work")
	if err != nil {
		return items(nil, err)
	}
	page := firstPage(listRelated, url.Values{"illust_id": {id.String()}})
	page.Left, err = parseCount(rest)
	return items([]pageItem{page}, err)
}

func firstRecommended(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	kind, count, _ := strings.Cut(strings.Join(strings.Fields(spec.Keyword), " "), " ")
	if isDigits(kind) {
		kind, count = "", kind+" "+count
	}
	kind, err := parseRestrict(kind, TypeIllust, TypeManga)
	if err != nil {
		return items(nil, err)
	}
	page := firstPage(listRecommended, url.Values{"content_type": {kind}})
	page.Left, err = parseCount(count)
	return items([]pageItem{page}, err)
}
