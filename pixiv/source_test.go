package pixiv

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/require"
)

// sourceNames are all listings.
func sourceNames() []string {
	return []string{
		listUserIllusts, listUserNovels, listBookmarks, listNovelBookmarks, listFeed, listFollowing, listRanking,
		listSearch, listMangaSeries, listNovelSeries, listRelated, listRecommended,
	}
}

func TestSourceNamed(t *testing.T) {
	t.Parallel()
	paths := map[string]bool{}
	for _, name := range sourceNames() {
		kind, known := sourceNamed(name)
		require.True(t, known, name)
		require.False(t, paths[kind.path], "%s twice", kind.path)
		paths[kind.path] = true
		require.NotEmpty(t, kind.cursors, name)
	}
	old, known := sourceNamed("")
	require.True(t, known, "items of before there were names")
	require.Equal(t, pathUserIllusts, old.path)
	_, known = sourceNamed("other")
	require.False(t, known)
}

// Whatever next_url is, the next page asks the same host and path for the same
// thing: only cursors change.
func FuzzNext(f *testing.F) {
	for _, next := range []string{
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=30", "https://app-api.pixiv.net/v1/user/bookmarks/illust?user_id=9&max_bookmark_id=5",
		"https://app-api.pixiv.net/v1/illust/recommended?viewed[0]=1&mode=x", "//evil.example", "%zz", "https://app-api.pixiv.net/v2/novel/series?series_id=9&last_order=30",
	} {
		f.Add(next)
	}
	f.Fuzz(func(t *testing.T, next string) {
		asked := url.Values{"user_id": {"9"}, "illust_id": {"9"}, "series_id": {"9"}, "illust_series_id": {"9"}, "mode": {"day"}, "word": {"a b"}}
		for _, name := range sourceNames() {
			kind, _ := sourceNamed(name)
			page := Page{NextURL: next, source: kind, query: asked}
			query, err := page.Next()
			if err != nil || query == "" {
				require.True(t, err == nil || errors.Is(err, ErrListing))
				continue
			}
			values, err := url.ParseQuery(query)
			require.NoError(t, err)
			for parameter := range values {
				if !kind.isCursor(parameter) {
					require.Equal(t, asked[parameter], values[parameter], "%s changed", parameter)
				}
			}
			for parameter := range asked {
				require.Equal(t, asked[parameter], values[parameter])
			}
		}
	})
}

// A keyword gives items or an error of the field Keyword, and nothing panics.
func FuzzKeyword(f *testing.F) {
	for _, keyword := range []string{"1 manga,novel", "week 2026-01-01..2026-01-31", "1 private #tag", "illust 5", "https://www.pixiv.net/users/1 novel"} {
		f.Add(keyword)
	}
	f.Fuzz(func(t *testing.T, keyword string) {
		for _, kind := range Types() {
			count := 0
			for item, err := range kind.First(context.Background(), pixivoc.TaskSpec{Type: kind.Name, Keyword: keyword}) {
				if err != nil {
					var field *pixivoc.FieldError
					require.ErrorAs(t, err, &field, kind.Name)
					require.Equal(t, "Keyword", field.Field)
					break
				}
				require.NotEmpty(t, item.Key, kind.Name)
				if count++; count > 20_000 {
					t.Fatal("no end of items")
				}
			}
		}
	})
}

// A page of HTML gives a text or an error, whatever is in it.
func FuzzReadNovelPage(f *testing.F) {
	f.Add([]byte(`<script>{novel: {"id":"1","text":"a","images":[],"illusts":{}},` + "\n isOwnWork"))
	f.Add([]byte(`novel:novel: {novel:{"id":{}}}`))
	f.Fuzz(func(t *testing.T, page []byte) {
		text, err := readNovelPage(page)
		if err == nil {
			novelPictures(&text)
			coverAddresses(text.CoverURL)
		}
	})
}
