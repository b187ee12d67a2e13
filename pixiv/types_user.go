package pixiv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// userTypesOf are the task types that begin with a user or a list, but for
// PixivOC's.
func userTypesOf(works *saver) []pixivoc.TaskType {
	return []pixivoc.TaskType{
		{
			Name: WorkList, Title: "Download a list of works", Files: true,
			Stages: worksAndNovels(works, works.list(detailsStage)),
			First:  works.first(firstWorkList),
		},
		{
			Name: UserBookmarks, Title: "Download the bookmarks of a user", Files: true,
			Stages: worksAndNovels(works, works.list(works.worksTo(pageStage))),
			First:  works.first(firstBookmarks),
		},
		{
			Name: Following, Title: "List the users whom a user follows",
			Stages: []pixivoc.StageSpec{listStage(pageStage(sink{user: recordPreview}))},
			First:  firstFollowing,
		},
	}
}

// firstWorkList reads ids and links. Lines that begin with "#" are passed over.
func firstWorkList(ctx context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		field, input := fieldKeyword, io.Reader(strings.NewReader(spec.Keyword))
		if spec.Input != nil {
			field, input = "Input", spec.Input
		}
		lines := bufio.NewScanner(input)
		lines.Buffer(nil, maxLineBytes)
		number, found := 0, false
		for lines.Scan() {
			number++
			line := trimLine(lines.Text(), number)
			if strings.HasPrefix(line, "#") {
				continue
			}
			for text := range strings.FieldsFuncSeq(line, isSeparator) {
				item, err := listedWork(text)
				if err != nil {
					err = fieldError(field, "line %d: %v", number, err)
				} else {
					err = ctx.Err()
				}
				if found = true; !yield(item, err) || err != nil {
					return
				}
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(pixivoc.Item{}, fieldError(field, "line %d is longer than %d bytes", number+1, maxLineBytes))
		case err != nil:
			yield(pixivoc.Item{}, fmt.Errorf("read list after line %d: %w", number, err))
		case !found:
			yield(pixivoc.Item{}, fieldError(field, "names no work; want ids and links"))
		}
	}
}

// listedWork makes the item of one id or link.
func listedWork(text string) (pixivoc.Item, error) {
	found, err := resolve(text)
	if err != nil {
		return pixivoc.Item{}, errors.New(keywordReason(err))
	}
	id, err := parseDigits(found.keyword)
	switch {
	case found.kind == SingleWork && err == nil:
		return pixivoc.NewItem(id.String(), workItem{id}), nil
	case found.kind == SingleNovel && err == nil:
		item := pixivoc.NewItem(novelKey(id), novelItem{ID: id})
		item.Stage = StageGetNovel
		return item, nil
	}
	return pixivoc.Item{}, errors.New("links to no work and no novel")
}

func firstBookmarks(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, rest, err := parseNumbered(spec.Keyword, UserBookmarks, "user")
	if err != nil {
		return items(nil, err)
	}
	wanted, err := parseBookmarks(rest)
	query := url.Values{"user_id": {id.String()}, "restrict": {wanted.restrict}}
	if wanted.tag != "" {
		query.Set("tag", wanted.tag)
	}
	var pages []pageItem
	if wanted.illusts {
		pages = append(pages, firstPage(listBookmarks, query))
	}
	if wanted.novels {
		pages = append(pages, firstPage(listNovelBookmarks, query))
	}
	for i := range pages {
		pages[i].User = id
	}
	return items(pages, err)
}

func firstFollowing(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	id, rest, err := parseNumbered(spec.Keyword, Following, "user")
	if err != nil {
		return items(nil, err)
	}
	restrict, err := parseRestrict(rest, restrictPublic, restrictPrivate)
	page := firstPage(listFollowing, url.Values{"user_id": {id.String()}, "restrict": {restrict}})
	page.User = id
	return items([]pageItem{page}, err)
}
