package pixiv

import (
	"context"
	"iter"
	"net/url"

	"github.com/pixivoc/pixivoc"
)

// novelTypes are the task types of novels alone.
func novelTypes(works *saver) []pixivoc.TaskType {
	return []pixivoc.TaskType{
		{
			Name: SingleNovel, Title: "Download a novel", Files: true,
			Stages: works.novels(),
			First:  works.first(firstNovel),
		},
		{
			Name: NovelSeries, Title: "Download a series of novels", Files: true,
			Stages: append([]pixivoc.StageSpec{listStage(pageStage(sink{novel: works.queueNovel}))}, works.novels()...),
			First:  works.first(firstNovelSeries),
		},
	}
}

func firstNovel(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, rest, err := parseNumbered(spec.Keyword, SingleNovel, "novel")
	if err == nil {
		err = noMore(rest)
	}
	return single(pixivoc.NewItem(novelKey(id), novelItem{ID: id}), err)
}

func firstNovelSeries(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, rest, err := parseNumbered(spec.Keyword, NovelSeries, "series")
	if err == nil {
		err = noMore(rest)
	}
	return items([]pageItem{firstPage(listNovelSeries, url.Values{"series_id": {id.String()}})}, err)
}
