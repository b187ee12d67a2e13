package pixiv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	apiHost    = "app-api.pixiv.net"
	detailPath = apiHost + "/v1/illust/detail?illust_id="
	userPath   = apiHost + "/v1/user/detail?user_id="
	illustPath = apiHost + "/v1/user/illusts?"
	ugoiraPath = apiHost + "/v1/ugoira/metadata?illust_id="
)

// apiOf returns the API over a road with one answer for each address.
func apiOf(answers map[string]string) (*pixiv.API, *road) {
	replies := map[string][]reply{}
	for address, body := range answers {
		replies[address] = []reply{{body: body}}
	}
	road := newRoad(replies)
	return pixiv.NewAPI(road), road
}

func TestAPI_IllustDetail_Recorded(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures(t, "illust_detail_*.json") {
		body := fixture(t, name)
		var want struct {
			Illust struct {
				ID        int64
				Title     string
				Type      string
				PageCount int `json:"page_count"`
				Width     int
				User      struct{ Name string }
				Tags      []struct{ Name string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		id := pixiv.ID(want.Illust.ID)
		api, _ := apiOf(map[string]string{detailPath + id.String(): body})
		work, err := api.IllustDetail(t.Context(), id)
		require.NoError(t, err, name)
		assert.Equal(t, want.Illust.Title, work.Title, name)
		assert.Equal(t, want.Illust.Type, work.Type, name)
		assert.Equal(t, want.Illust.PageCount, work.PageCount, name)
		assert.Equal(t, want.Illust.Width, work.Width, name)
		assert.Equal(t, want.Illust.User.Name, work.User.Name, name)
		assert.Len(t, work.Tags, len(want.Illust.Tags), name)
		var whole struct{ Illust json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(body), &whole))
		assert.JSONEq(t, string(whole.Illust), string(work.Raw), name)

		originals, err := work.Originals()
		if strings.Contains(name, "_limit_") {
			hidden, ok := errors.AsType[*pixiv.MaskedError](err)
			require.True(t, ok, "%s gave %v", name, err)
			assert.Equal(t, id, hidden.ID)
			assert.Contains(t, name, "limit_"+hidden.Kind)
			continue
		}
		require.NoError(t, err, name)
		assert.Len(t, originals, work.PageCount, name)
		for page, original := range originals {
			assert.Equal(t, page, original.Page, name)
			assert.Regexp(t, fmt.Sprintf(`^https://i\.pximg\.net/img-original/img/.*/%s_(p%d|ugoira0)\.(jpg|png)$`, id, page), original.URL)
		}
	}
}

// Every recorded list of works decodes, whichever path it came from.
func TestAPI_Lists_Recorded(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"illust_follow.json", "illust_new.json", "illust_ranking.json", "illust_recommended.json", "illust_related.json",
		"illust_series.json", "search_*.json", "user_bookmarks_*.json", "user_illusts_*.json",
	} {
		for _, name := range fixtures(t, pattern) {
			body := fixture(t, name)
			api, _ := apiOf(map[string]string{illustPath + "user_id=1": body})
			page, err := api.UserIllusts(t.Context(), 1)
			require.NoError(t, err, name)
			assert.Len(t, page.Works, strings.Count(body, `"create_date"`)-extraWorks(name), name)
			for _, work := range page.Works {
				_, err := work.Originals()
				_, hidden := errors.AsType[*pixiv.MaskedError](err)
				assert.True(t, err == nil || hidden, "%s: %v", name, err)
			}
		}
	}
}

// extraWorks counts the works of a recording beside its list.
func extraWorks(name string) int {
	if name == "illust_series.json" {
		return 2 // illust_series_detail and illust_series_first_illust
	}
	return 0
}

func TestAPI_UserFollowing_Recorded(t *testing.T) {
	t.Parallel()
	var answer struct {
		Previews []struct {
			User    pixiv.User   `json:"user"`
			Illusts []pixiv.Work `json:"illusts"`
		} `json:"user_previews"`
	}
	require.NoError(t, json.Unmarshal([]byte(fixture(t, "user_following.json")), &answer))
	require.Len(t, answer.Previews, 2)
	for _, preview := range answer.Previews {
		assert.NotZero(t, preview.User.ID)
		for _, work := range preview.Illusts {
			assert.Equal(t, preview.User.ID, work.User.ID)
		}
	}
}

func TestAPI_UserDetail(t *testing.T) {
	t.Parallel()
	api, _ := apiOf(map[string]string{
		userPath + "2188232": fixture(t, "user_detail.json"),
		userPath + "173530":  fixture(t, "user_detail_2025.json"),
		userPath + "5":       `{"user":{"id":0,"name":""},"profile":null}`,
		userPath + "6":       `{"user":{"id":7}}`,
	})
	detail, err := api.UserDetail(t.Context(), 2188232)
	require.NoError(t, err)
	assert.Equal(t, "wlop", detail.User.Name)
	assert.Equal(t, 158, detail.Profile.TotalIllusts)
	assert.True(t, detail.Profile.IsPremium)
	detail, err = api.UserDetail(t.Context(), 173530)
	require.NoError(t, err)
	assert.Equal(t, 17, detail.Profile.TotalIllusts)
	assert.Empty(t, detail.Profile.Webpage)

	_, err = api.UserDetail(t.Context(), 5)
	permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
	require.True(t, ok)
	assert.Equal(t, pixivoc.ReasonDeleted, permanent.Reason)
	_, err = api.UserDetail(t.Context(), 6)
	assert.ErrorContains(t, err, "user.id is 7, want 6")
}

func TestAPI_UgoiraMetadata(t *testing.T) {
	t.Parallel()
	api, _ := apiOf(map[string]string{
		ugoiraPath + "1": fixture(t, "ugoira_metadata.json"),
		ugoiraPath + "2": `{}`,
	})
	ugoira, err := api.UgoiraMetadata(t.Context(), 1)
	require.NoError(t, err)
	assert.Len(t, ugoira.Frames, 6)
	assert.Equal(t, pixiv.Frame{File: "000001.jpg", Delay: 70}, ugoira.Frames[1])
	assert.Contains(t, ugoira.ZipURLs["medium"], "126473222_ugoira600x600.zip")
	_, err = api.UgoiraMetadata(t.Context(), 2)
	assert.ErrorContains(t, err, "ugoira_metadata is missing")
}

func TestU2_WrongAnswers(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		``:                                       "is empty",
		`null`:                                   "no JSON object",
		`[]`:                                     "no JSON object",
		`{}`:                                     "illust is missing",
		`{"illust":null}`:                        "illust is missing",
		`{"illust":[]}`:                          "illust: ",
		`{"illust":{}}`:                          "illust.id is 0, want 1",
		`{"illust":{"id":2}}`:                    "illust.id is 2, want 1",
		`{"illust":{"id":"x"}}`:                  `illust.id: JSON "x" does not fit`,
		`{"illust":{"id":1.5}}`:                  "illust.id: JSON 1.5",
		`{"illust":{"id":1,"width":"wide"}}`:     "illust.width: JSON string does not fit int",
		`{"illust":{"id":1,"width":1e400}}`:      "illust.width: JSON number 1e400",
		`{"illust":{"id":1,"user":7}}`:           "illust.user: JSON number",
		`{"illust":{"id":1,"user":{"id":true}}}`: "illust.user.id: JSON true",
		`{"illust":{"id":1,"tags":{"name":"x"}}}`:                          "illust.tags: JSON object",
		`{"illust":{"id":1,"meta_pages":[{"image_urls":{"original":3}}]}}`: "illust.meta_pages.image_urls.original: JSON number",
		`{"illust":{"id":1`:    "unexpected end",
		`{"illust":{"id":1}}}`: "invalid character",
		`{"illust":{"id":1,"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}}`: "depth",
		`{"illust":{"id":1,"x":[` + strings.Repeat("{},", 200_000) + `{}]}}`:                        "values",
		`{"a":"` + strings.Repeat("x", pixiv.MaxAnswer) + `"}`:                                      "longer than",
	} {
		api, _ := apiOf(map[string]string{detailPath + "1": body})
		_, err := api.IllustDetail(t.Context(), 1)
		require.ErrorContains(t, err, reason, "%.80s", body)
		assert.ErrorContains(t, err, "/v1/illust/detail")
		assert.True(t, pixivoc.Retryable(err), "%.80s", body)
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestU2_TolerantAnswers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"illust":{"id":1}}`,
		`{"illust":{"id":"1"}}`,
		`{"illust":{"id":1,"user":null,"tags":null,"tools":null,"series":null,"meta_single_page":null,"meta_pages":null,"title":null,"width":null}}`,
		`{"illust":{"id":1,"event_banners":null,"request":{"a":[1]},"seasonal_effect_animation_urls":null},"new":1}`,
	} {
		api, _ := apiOf(map[string]string{detailPath + "1": body})
		work, err := api.IllustDetail(t.Context(), 1)
		require.NoError(t, err, body)
		assert.Equal(t, pixiv.ID(1), work.ID)
		_, err = work.Originals()
		assert.ErrorContains(t, err, "original_image_url: is missing")
	}
}

// A bare http.Client judges nothing; the API does then.
func TestAPI_JudgesItself(t *testing.T) {
	t.Parallel()
	api := pixiv.NewAPI(newRoad(map[string][]reply{
		detailPath + "1": {{status: 404, body: `{"error":{"user_message":"Page not found"}}`}},
		detailPath + "2": {{status: 200, body: "<html>", header: html("")}},
		detailPath + "3": {{err: io.ErrUnexpectedEOF}},
	}))
	_, err := api.IllustDetail(t.Context(), 1)
	assert.Equal(t, 404, statusCode(err))
	assert.False(t, pixivoc.Retryable(err))
	_, err = api.IllustDetail(t.Context(), 2)
	_, ok := errors.AsType[*pixivoc.BlockedError](err)
	assert.True(t, ok)
	_, err = api.IllustDetail(t.Context(), 3)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// What is shown to people names the path once, whether the Doer says it or not.
func TestAPI_PathIsNamedOnce(t *testing.T) {
	t.Parallel()
	const path, address = "/v1/user/detail", "app-api.pixiv.net/v1/user/detail?user_id=9"
	for name, answer := range map[string]reply{
		"judged":    {status: 404, body: `{"error":{"message":"no such user"}}`},
		"broken":    {err: io.ErrUnexpectedEOF},
		"malformed": {body: `[]`},
	} {
		_, err := pixiv.NewAPI(newRoad(map[string][]reply{address: {answer}})).UserDetail(t.Context(), 9)
		require.Error(t, err, name)
		assert.Equal(t, 1, strings.Count(err.Error(), path), "%s: %v", name, err)
	}
}

func TestAPI_KeepsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	api, _ := apiOf(nil)
	_, err := api.IllustDetail(ctx, 1)
	assert.ErrorIs(t, err, context.Canceled)
	for _, err := range api.AllUserIllusts(ctx, 1) {
		assert.ErrorIs(t, err, context.Canceled)
	}
}

func TestWork_Originals(t *testing.T) {
	t.Parallel()
	const image = "https://i.pximg.net/img-original/img/2020/01/01/00/00/00/1_p0.png"
	const hashed = "https://i.pximg.net/img-original/img/2020/01/01/00/00/00/1-0123456789abcdef0123456789abcdef_p0.png"
	single := func(address string) pixiv.Work {
		return pixiv.Work{ID: 1, PageCount: 1, MetaSinglePage: pixiv.MetaSinglePage{OriginalImageURL: address}}
	}
	pages := func(count int, addresses ...string) pixiv.Work {
		work := pixiv.Work{ID: 1, PageCount: count}
		for _, address := range addresses {
			work.MetaPages = append(work.MetaPages, pixiv.MetaPage{ImageURLs: pixiv.ImageURLs{Original: address}})
		}
		return work
	}
	for name, test := range map[string]struct {
		work   pixiv.Work
		pages  int
		reason string
	}{
		"one":              {single(image), 1, ""},
		"hashed":           {single(hashed), 1, ""},
		"two":              {pages(2, image, image), 2, ""},
		"no page count":    {pages(0, image, image), 2, ""},
		"pages missing":    {pages(3, image, image), 0, "page_count is 3 but meta_pages has 2"},
		"all missing":      {pages(3), 0, "page_count is 3 but meta_pages is empty"},
		"original missing": {pages(2, image, ""), 0, "meta_pages[1].image_urls.original: is missing"},
		"other host":       {single("https://evil.example/1_p0.png"), 0, "leads to evil.example"},
		"like the host":    {single("https://i.pximg.net.evil.example/1_p0.png"), 0, "leads to i.pximg.net.evil.example"},
		"address":          {single("https://127.0.0.1/1_p0.png"), 0, "leads to 127.0.0.1"},
		"port":             {single("https://i.pximg.net:8443/1_p0.png"), 0, "leads to i.pximg.net:8443"},
		"user":             {single("https://a:b@i.pximg.net/1_p0.png"), 0, "leads to i.pximg.net"},
		"http":             {single("http://i.pximg.net/1_p0.png"), 0, "no https address"},
		"file":             {single("file:///etc/passwd"), 0, "no https address"},
		"broken":           {single("https://[/"), 0, "is no address"},
	} {
		originals, err := test.work.Originals()
		if test.reason == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, test.reason, name)
		}
		assert.Len(t, originals, test.pages, name)
	}
}

func TestU10_Masked(t *testing.T) {
	t.Parallel()
	for address, kind := range map[string]string{
		"https://s.pximg.net/common/images/limit_sanity_level_360.png": "sanity_level",
		"https://s.pximg.net/common/images/limit_unviewable_360.png":   "unviewable",
		"https://s.pximg.net/common/images/limit_mypixiv_360.png":      "mypixiv",
		"https://s.pximg.net/common/images/limit_unknown_360.png":      "unknown",
		"https://s.pximg.net/common/images/limit_new_thing.png?x=1":    "new_thing",
		"http://S.PXIMG.NET/common/../common/images//limit_x_360.png":  "x",
		"https://i.pximg.net/common/images/limit_x.png":                "x",
		"https://s.pximg.net/common/images/no_profile.png":             "",
		"https://s.pximg.net/other/limit_x.png":                        "",
		"https://example.com/common/images/limit_x.png":                "",
		"": "",
	} {
		work := pixiv.Work{ID: 4, ImageURLs: pixiv.ImageURLs{Medium: address}}
		got, hidden := work.Masked()
		assert.Equal(t, kind != "", hidden, address)
		assert.Equal(t, kind, got, address)
		work = pixiv.Work{ID: 4, MetaPages: []pixiv.MetaPage{{}, {ImageURLs: pixiv.ImageURLs{Original: address}}}}
		_, hidden = work.Masked()
		assert.Equal(t, kind != "", hidden, address)
	}
	assert.EqualError(t, &pixiv.MaskedError{ID: 4, Kind: "mypixiv"},
		"work 4 is not visible to this account: its author shows it to My pixiv friends only")
}

// doer answers every request with status 200.
type doer func(*http.Request) string

func (d doer) Do(request *http.Request) (*http.Response, error) {
	return reply{body: d(request)}.response(request)
}

func FuzzAPI(f *testing.F) {
	f.Add(listing(nextURL(30), 1, 2))
	f.Add(`{"illust":` + workJSON(1, 3) + `}`)
	f.Add(`{"ugoira_metadata":{"zip_urls":{"medium":"x"},"frames":[{"file":"000000.jpg","delay":1}]}}`)
	f.Add(`{"user":{"id":"9"},"profile":{"total_illusts":1}}`)
	f.Add(`{"illusts":[{"id":1,"image_urls":{"large":"https://s.pximg.net/common/images/limit_x.png"}}],"next_url":"%"}`)
	f.Fuzz(func(t *testing.T, body string) {
		api := pixiv.NewAPI(doer(func(*http.Request) string { return body }))
		if work, err := api.IllustDetail(t.Context(), 1); err == nil {
			checkWork(t, work)
		}
		if page, err := api.UserIllusts(t.Context(), 9); err == nil {
			for _, work := range page.Works {
				checkWork(t, work)
			}
			if query, err := page.Next(); err == nil && query != "" {
				if _, err := url.ParseQuery(query); err != nil {
					t.Fatalf("next page is %q: %v", query, err)
				}
			}
		}
		_, _ = api.UserDetail(t.Context(), 9)
		_, _ = api.UgoiraMetadata(t.Context(), 1)
	})
}

func checkWork(t *testing.T, work pixiv.Work) {
	t.Helper()
	if work.ID <= 0 || !json.Valid(work.Raw) {
		t.Fatalf("work %d, raw %q", work.ID, work.Raw)
	}
	originals, err := work.Originals()
	if err != nil {
		return
	}
	for page, original := range originals {
		address, err := url.Parse(original.URL)
		if err != nil || original.Page != page || address.Scheme != "https" || !strings.HasSuffix(strings.ToLower(address.Hostname()), ".pximg.net") {
			t.Fatalf("original %+v", original)
		}
		if bytes.Contains([]byte(address.Path), []byte("/common/images/limit_")) {
			t.Fatalf("placeholder %+v", original)
		}
	}
	if !slices.IsSortedFunc(originals, func(a, b pixiv.Original) int { return a.Page - b.Page }) {
		t.Fatal("pages out of order")
	}
}
