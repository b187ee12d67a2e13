package pixiv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listing is an answer of user/illusts.
func listing(next string, ids ...int) string {
	works := make([]string, len(ids))
	for i, id := range ids {
		works[i] = workJSON(id, 1)
	}
	text := "null"
	if next != "" {
		text = `"` + next + `"`
	}
	return `{"illusts":[` + strings.Join(works, ",") + `],"next_url":` + text + `}`
}

func workJSON(id, pages int) string {
	if pages == 1 {
		return fmt.Sprintf(`{"id":%d,"type":"illust","title":"work %[1]d","page_count":1,"width":3,"height":4,"meta_single_page":{"original_image_url":"%s"},"meta_pages":[]}`, id, imageURL(id, 0))
	}
	list := make([]string, pages)
	for page := range pages {
		list[page] = `{"image_urls":{"original":"` + imageURL(id, page) + `"}}`
	}
	return fmt.Sprintf(`{"id":%d,"type":"manga","page_count":%d,"width":3,"height":4,"meta_single_page":{},"meta_pages":[%s]}`, id, pages, strings.Join(list, ","))
}

func imagePath(id, page int) string {
	return fmt.Sprintf("i.pximg.net/img-original/img/2020/01/01/00/00/00/%d_p%d.png", id, page)
}

func imageURL(id, page int) string { return "https://" + imagePath(id, page) }

func nextURL(offset int) string {
	return fmt.Sprintf("https://app-api.pixiv.net/v1/user/illusts?user_id=9&filter=for_ios&offset=%d", offset)
}

func nextPath(offset int) string {
	return fmt.Sprintf("%soffset=%d&user_id=9", illustPath, offset)
}

// all lists everything and returns the ids and the error that ended it.
func all(ctx context.Context, api *pixiv.API) (ids []pixiv.ID, err error) {
	for work, err := range api.AllUserIllusts(ctx, 9) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, work.ID)
	}
	return ids, nil
}

func TestU15_AllUserIllusts(t *testing.T) {
	t.Parallel()
	api, road := apiOf(map[string]string{
		illustPath + "user_id=9": listing(nextURL(30), 1, 2),
		nextPath(30):             listing(nextURL(60)), // empty, yet not the last
		nextPath(60):             listing("", 2, 3, 3), // shifted while it was read
	})
	ids, err := all(t.Context(), api)
	require.NoError(t, err)
	assert.Equal(t, []pixiv.ID{1, 2, 3}, ids)
	assert.Len(t, road.requests, 3)
	for range api.AllUserIllusts(t.Context(), 9) {
		break // must not go on to yield
	}
}

func TestU14_NextURL(t *testing.T) {
	t.Parallel()
	for next, reason := range map[string]string{
		"https://evil.example/v1/user/illusts?user_id=9&offset=30":                "leads to https://evil.example",
		"https://app-api.pixiv.net:444/v1/user/illusts?user_id=9&offset=30":       "leads to https://app-api.pixiv.net:444",
		"https://app-api.pixiv.net.evil.example/v1/user/illusts?user_id=9":        "leads to",
		"http://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=30":            "leads to http:",
		"https://a@app-api.pixiv.net/v1/user/illusts?user_id=9&offset=30":         "leads to",
		"https://app-api.pixiv.net/v1/user/illusts/../x?user_id=9&offset=30":      "leads to",
		"https://app-api.pixiv.net/v1/user/bookmarks/illust?user_id=9":            "leads to",
		"//app-api.pixiv.net/v1/user/illusts?user_id=9&offset=30":                 "leads to",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=8&offset=30":           "from user_id 9 to 8",
		"https://app-api.pixiv.net/v1/user/illusts?offset=30":                     "from user_id 9 to",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9":                     "from offset 0 to 0",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=0":            "from offset 0 to 0",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=-30":          "from offset 0 to -30",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=x":            "from offset 0 to -1",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=30;x=%zz":     "broken",
		"https://app-api.pixiv.net/v1/user/illusts?user_id=9&offset=%u0033\u007f": "no address",
	} {
		api, road := apiOf(map[string]string{illustPath + "user_id=9": listing(next, 1)})
		ids, err := all(t.Context(), api)
		require.ErrorIs(t, err, pixiv.ErrListing, next)
		assert.ErrorContains(t, err, reason, next)
		assert.Equal(t, []pixiv.ID{1}, ids, "what was found stays")
		assert.Len(t, road.requests, 1, next)
	}
}

func TestU14_SamePageForEver(t *testing.T) {
	t.Parallel()
	endless := doer(func(request *http.Request) string {
		offset := 0
		_, _ = fmt.Sscan(request.URL.Query().Get("offset"), &offset)
		return listing(nextURL(offset+30), 1, 2)
	})
	ids, err := all(t.Context(), pixiv.NewAPI(endless))
	require.ErrorIs(t, err, pixiv.ErrListing)
	assert.ErrorContains(t, err, "page 2 has the same works")
	assert.Equal(t, []pixiv.ID{1, 2}, ids)
}

func TestU14_TenThousandPages(t *testing.T) {
	t.Parallel()
	asked := 0
	endless := doer(func(request *http.Request) string {
		asked++
		return listing(nextURL(asked))
	})
	_, err := all(t.Context(), pixiv.NewAPI(endless))
	require.ErrorIs(t, err, pixiv.ErrListing)
	assert.ErrorContains(t, err, "no end after 10000 pages")
	assert.Equal(t, pixiv.MaxPages, asked)
}

func TestU14_OffsetLimitEndsListing(t *testing.T) {
	t.Parallel()
	api := pixiv.NewAPI(newRoad(map[string][]reply{
		illustPath + "user_id=9": {{body: listing(nextURL(5010), 1, 2)}},
		nextPath(5010):           {{status: 400, body: fixture(t, "error_offset_limit.json")}},
	}))
	ids, err := all(t.Context(), api)
	require.ErrorIs(t, err, pixiv.ErrOffsetLimit)
	assert.Equal(t, []pixiv.ID{1, 2}, ids)
}

func TestAPI_UserIllustsPage(t *testing.T) {
	t.Parallel()
	api, _ := apiOf(map[string]string{
		illustPath + "user_id=9": listing(nextURL(30), 1),
		nextPath(30):             `{"illusts":[{"id":1},null]}`,
	})
	page, err := api.UserIllusts(t.Context(), 9)
	require.NoError(t, err)
	query, err := page.Next()
	require.NoError(t, err)
	values, err := url.ParseQuery(query)
	require.NoError(t, err)
	assert.Equal(t, "30", values.Get("offset"))
	_, err = api.UserIllustsPage(t.Context(), query)
	require.ErrorContains(t, err, "illusts[1].id is missing")
	_, err = api.UserIllustsPage(t.Context(), "a=%zz")
	_, ok := errors.AsType[*pixivoc.FieldError](err)
	assert.True(t, ok)
}
