package pixiv_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	listing := []string{"GetPageUrls", "DownloadPicture", "ConvertUgoira"}
	novels := []string{"GetNovel", "DownloadNovelPicture", "SaveNovel"}
	both := append(slices.Clone(novels), "DownloadPicture", "ConvertUgoira")
	want := map[string][]string{
		"SingleWork":       {"GetWorkDetails", "DownloadPicture", "ConvertUgoira"},
		"UserWorks":        append([]string{"GetWorksNumber", "GetPageUrls"}, both...),
		"WorkDetails":      {"GetWorkDetails"},
		"UserWorksLink":    {"GetWorksNumber", "GetPageUrls"},
		"Links":            {"DownloadLink"},
		"WorkList":         append([]string{"GetWorkDetails"}, both...),
		"UserBookmarks":    append([]string{"GetPageUrls"}, both...),
		"FollowingFeed":    listing,
		"Following":        {"GetPageUrls"},
		"Ranking":          listing,
		"Search":           listing,
		"MangaSeries":      listing,
		"RelatedWorks":     listing,
		"RecommendedWorks": listing,
		"SingleNovel":      novels,
		"NovelSeries":      append([]string{"GetPageUrls"}, novels...),
		"UserDetails":      {"GetUserDetails"},
		"UserPictures":     {"GetUserDetails", "DownloadUserPicture"},
	}
	names := map[string]bool{}
	for _, kind := range pixiv.Types() {
		var stages []string
		files := false
		for _, spec := range kind.Stages {
			name := spec.Stage.Name()
			stages = append(stages, name)
			asks := strings.HasPrefix(name, "Get")
			assert.Equal(t, asks || name == pixiv.StageConvertUgoira, spec.Paced, name)
			assert.Equal(t, asks || name == pixiv.StageDownloadNovelPicture, spec.NeedsToken, name)
			assert.Equal(t, asks && name != pixiv.StageGetNovel, spec.Relist, name)
			files = files || strings.HasPrefix(name, "Download") || name == pixiv.StageSaveNovel
		}
		assert.Equal(t, want[kind.Name], stages, kind.Name)
		assert.NotEmpty(t, kind.Title)
		assert.Equal(t, files, kind.Files, kind.Name)
		for _, name := range append([]string{kind.Name}, kind.Aliases...) {
			assert.False(t, names[name], "%s twice", name)
			names[name] = true
		}
	}
	assert.Len(t, pixiv.Types(), len(want))
}

func TestTypes_BadKeyword(t *testing.T) {
	t.Parallel()
	for _, kind := range pixiv.Types() {
		name, keyword := kind.Name, "no such thing"
		if name == pixiv.Search { // any words can be searched for
			keyword = " "
		}
		count := 0
		for _, err := range kind.First(t.Context(), pixivoc.TaskSpec{Keyword: keyword}) {
			field, ok := errors.AsType[*pixivoc.FieldError](err)
			require.True(t, ok, "%s gave %v", name, err)
			assert.Equal(t, "Keyword", field.Field)
			count++
		}
		assert.Equal(t, 1, count, name)
	}
}

func TestSingleWork(t *testing.T) {
	t.Parallel()
	road := newRoad(map[string][]reply{
		detailPath + "7": {{body: `{"illust":` + workJSON(7, 2) + `}`}},
		imagePath(7, 0):  {{body: "picture 0"}},
		imagePath(7, 1):  {{body: "picture 1"}},
	})
	rt := newRuntime(road)
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.SingleWork, Keyword: " https://www.pixiv.net/en/artworks/7#1 "})
	assert.Equal(t, []string{"GetWorkDetails 7", "DownloadPicture 7_p0", "DownloadPicture 7_p1"}, result.done)
	assert.Empty(t, result.failed)
	assert.Equal(t, map[string]string{
		"name of the task/7_p0.png": "picture 0", "name of the task/7_p1.png": "picture 1",
	}, rt.files)

	works := recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork)
	require.Len(t, works, 1)
	assert.Equal(t, pixiv.ID(7), works[0].ID)
	assert.JSONEq(t, workJSON(7, 2), string(works[0].Illust))
	files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
	require.Len(t, files, 2)
	assert.Equal(t, pixiv.FileRecord{
		WorkID: 7, Page: 1, URL: imageURL(7, 1), Path: "name of the task/7_p1.png", Bytes: 9,
		Checksum: files[1].Checksum, ChecksumKind: "crc32c",
	}, files[1])

	for _, download := range rt.downloads {
		assert.Equal(t, "https://app-api.pixiv.net/", download.Request.Header.Get("Referer"))
		assert.Empty(t, download.Request.Header.Get("Authorization"), "the image host never gets the token")
		assert.False(t, download.Any)
	}
}

func TestSingleWork_Size(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "126839540": {{body: fixture(t, "illust_detail_single.json")}},
		"i.pximg.net/img-original/img/2025/02/03/00/03/17/126839540_p0.jpg": {{body: "jpeg"}},
	}))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.SingleWork, Keyword: "126839540"})
	files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
	require.Len(t, files, 1)
	assert.Equal(t, 1299, files[0].Width)
	assert.Equal(t, 871, files[0].Height)
	works := recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork)
	assert.Equal(t, "アイドルプリキュア", works[0].Title)
	assert.Equal(t, pixiv.ID(1697179), works[0].UserID)
	assert.Contains(t, works[0].Tags, "プリキュア")
}

func TestU11_DeletedWork(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{pixiv.SingleWork, pixiv.WorkDetails} {
		rt := newRuntime(newRoad(map[string][]reply{
			detailPath + "7": {{status: 404, body: fixture(t, "error_404.json")}},
		}))
		result := drive(t, rt, pixivoc.TaskSpec{Type: kind, Keyword: "7"})
		assert.Equal(t, map[string]string{"7": pixivoc.ReasonDeleted}, result.failed)
		assert.Equal(t, []pixiv.TombstoneRecord{{WorkID: 7}}, recordsOf[pixiv.TombstoneRecord](t, result, pixiv.RecordTombstone))
		assert.Len(t, result.records, 1)
		assert.Len(t, rt.road.requests, 1)
	}
}

func TestWorkDetails(t *testing.T) {
	t.Parallel()
	body := fixture(t, "illust_detail_multi.json")
	rt := newRuntime(newRoad(map[string][]reply{detailPath + "86979680": {{body: body}}}))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.WorkDetails, Keyword: "86979680"})
	works := recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork)
	require.Len(t, works, 1)
	var whole struct{ Illust json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(body), &whole))
	assert.JSONEq(t, string(whole.Illust), string(works[0].Illust))
	assert.Empty(t, rt.downloads)
}

func TestU10_MaskedWork(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{pixiv.SingleWork, pixiv.WorkDetails} {
		rt := newRuntime(newRoad(map[string][]reply{
			detailPath + "114141177": {{body: fixture(t, "illust_detail_limit_sanity_level.json")}},
		}))
		result := drive(t, rt, pixivoc.TaskSpec{Type: kind, Keyword: "114141177"})
		assert.Equal(t, map[string]string{"114141177": pixivoc.ReasonMasked}, result.failed)
		assert.Contains(t, result.detail["114141177"], "work 114141177 is not visible to this account")
		assert.Len(t, rt.road.requests, 1, "the placeholder is not asked for")
		assert.Empty(t, result.records)
	}
}

// userReplies is a user with three pages: several pages of a work, a work
// twice, a masked one, and one whose description is incomplete.
func userReplies(t *testing.T) map[string][]reply {
	masked := `{"id":5,"image_urls":{"large":"https://s.pximg.net/common/images/limit_mypixiv_360.png"},"page_count":1,` +
		`"meta_single_page":{"original_image_url":"https://s.pximg.net/common/images/limit_mypixiv_360.png"}}`
	return map[string][]reply{
		userPath + "9":           {{body: `{"user":{"id":9,"name":"somebody"},"profile":{"total_illusts":4}}`}},
		illustPath + "user_id=9": {{body: `{"illusts":[` + workJSON(1, 1) + `,` + workJSON(2, 2) + `],"next_url":"` + nextURL(30) + `"}`}},
		nextPath(30):             {{body: `{"illusts":[` + workJSON(2, 2) + `,` + masked + `],"next_url":"` + nextURL(60) + `"}`}},
		nextPath(60):             {{body: `{"illusts":[{"id":6,"page_count":3},` + workJSON(4, 1) + `],"next_url":null}`}},
		imagePath(1, 0):          {{body: "1 0"}}, imagePath(2, 0): {{body: "2 0"}}, imagePath(2, 1): {{body: "2 1"}}, imagePath(4, 0): {{body: "4 0"}},
	}
}

func TestUserWorks(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(userReplies(t)))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "https://www.pixiv.net/users/9"})
	assert.Equal(t, []string{
		"GetWorksNumber 9",
		"GetPageUrls offset=30&user_id=9",
		"GetPageUrls offset=60&user_id=9",
		"DownloadPicture 1_p0", "DownloadPicture 2_p0", "DownloadPicture 2_p1", "DownloadPicture 4_p0",
	}, result.done)
	assert.Equal(t, map[string]string{"5": pixivoc.ReasonMasked, "6": pixivoc.ReasonContent}, result.failed)
	assert.Contains(t, result.detail["6"], "page_count is 3 but meta_pages is empty")
	assert.Len(t, rt.files, 4)
	assert.Len(t, recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile), 4)
	var ids []pixiv.ID
	for _, work := range recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork) {
		ids = append(ids, work.ID)
	}
	assert.Equal(t, []pixiv.ID{1, 2, 6, 4}, ids)
	for _, address := range rt.road.addresses() {
		assert.NotContains(t, address, "s.pximg.net")
	}
}

// With one page the page stage has nothing to do.
func TestUserWorks_OnePage(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		userPath + "9":           {{body: `{"user":{"id":9}}`}},
		illustPath + "user_id=9": {{body: listing("", 1)}},
		imagePath(1, 0):          {{body: "1 0"}},
	}))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9"})
	assert.Equal(t, []string{"GetWorksNumber 9", "DownloadPicture 1_p0"}, result.done)
}

func TestU11_GoneUser(t *testing.T) {
	t.Parallel()
	unknown := fixture(t, "user_illusts_unknown_user.json")
	for name, test := range map[string]struct {
		detail reply
		reason string
	}{
		"404":        {reply{status: 404, body: fixture(t, "error_404.json")}, pixivoc.ReasonDeleted},
		"user 0":     {reply{body: unknown}, pixivoc.ReasonDeleted},
		"restricted": {reply{status: 403, body: fixture(t, "error_user_restricted.json")}, pixivoc.ReasonForbidden},
		"no works":   {reply{body: `{"user":{"id":9}}`}, ""},
	} {
		for _, kind := range []string{pixiv.UserWorks, pixiv.UserWorksLink} {
			rt := newRuntime(newRoad(map[string][]reply{
				userPath + "9": {test.detail}, illustPath + "user_id=9": {{body: unknown}},
			}))
			result := drive(t, rt, pixivoc.TaskSpec{Type: kind, Keyword: "9"})
			assert.Equal(t, test.reason, result.failed["9"], name)
			assert.Empty(t, result.passing, name)
		}
	}
}

func TestUserWorks_PassingFaultIsTriedAgain(t *testing.T) {
	t.Parallel()
	replies := userReplies(t)
	replies[nextPath(30)] = slices.Insert(replies[nextPath(30)], 0, reply{status: 502}, reply{body: `{"illusts":[{"id":`})
	rt := newRuntime(newRoad(replies))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9"})
	assert.Empty(t, result.passing)
	assert.Len(t, rt.files, 4)
}

func TestU14_ListingEndsAtOffsetLimit(t *testing.T) {
	t.Parallel()
	replies := userReplies(t)
	limit := []reply{{status: 400, body: fixture(t, "error_offset_limit.json")}}
	replies[nextPath(60)] = limit
	replies[illustPath+"type=illust&user_id=9"], replies[illustPath+"type=manga&user_id=9"] = limit, limit
	for _, kind := range []string{pixiv.UserWorks, pixiv.UserWorksLink} {
		rt := newRuntime(newRoad(replies))
		result := drive(t, rt, pixivoc.TaskSpec{Type: kind, Keyword: "9"})
		assert.Contains(t, result.done, "GetPageUrls offset=60&user_id=9")
		assert.NotContains(t, result.failed, "listing 9")
		limits := recordsOf[pixiv.LimitRecord](t, result, pixiv.RecordLimit)
		require.Len(t, limits, 1)
		assert.Equal(t, pixiv.ID(9), limits[0].UserID)
		assert.Contains(t, limits[0].Message, "no more than 5000")
	}
}

func TestU14_ListingThatCannotGoOn(t *testing.T) {
	t.Parallel()
	for next, reason := range map[string]string{
		"https://evil.example/v1/user/illusts?user_id=9&offset=90": "leads to https://evil.example",
		nextURL(60): "from offset 60 to 60",
	} {
		replies := userReplies(t)
		replies[nextPath(60)] = []reply{{body: `{"illusts":[` + workJSON(4, 1) + `],"next_url":"` + next + `"}`}}
		rt := newRuntime(newRoad(replies))
		result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9"})
		assert.Equal(t, pixivoc.ReasonContent, result.failed["listing 9"])
		assert.Contains(t, result.detail["listing 9"], reason)
		assert.Contains(t, rt.files, "name of the task/4_p0.png", "what was found stays")
		for _, address := range rt.road.addresses() {
			assert.NotContains(t, address, "evil.example")
		}
	}
}

func TestU14_SamePageEndsTheTask(t *testing.T) {
	t.Parallel()
	replies := userReplies(t)
	replies[nextPath(60)] = []reply{{body: listing(nextURL(90), 4)}}
	replies[nextPath(90)] = []reply{{body: listing(nextURL(120), 4)}}
	rt := newRuntime(newRoad(replies))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9"})
	assert.Contains(t, result.detail["listing 9"], "page 4 has the same works")
}

func TestUserWorksLink(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(userReplies(t)))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorksLink, Keyword: "9"})
	assert.Equal(t, []pixiv.LinkRecord{
		{URL: imageURL(1, 0), WorkID: 1}, {URL: imageURL(2, 0), WorkID: 2}, {URL: imageURL(2, 1), WorkID: 2, Page: 1}, {URL: imageURL(4, 0), WorkID: 4},
	}, recordsOf[pixiv.LinkRecord](t, result, pixiv.RecordLink))
	assert.Equal(t, map[string]string{"work 5": pixivoc.ReasonMasked, "work 6": pixivoc.ReasonContent}, result.failed)
	assert.Empty(t, rt.downloads)
	assert.Len(t, rt.road.requests, 4)
}

// Every recorded list goes through a task and finds every page of it.
func TestUserWorksLink_Recorded(t *testing.T) {
	t.Parallel()
	first, last := fixture(t, "user_illusts_page1.json"), fixture(t, "user_illusts_last_page.synthetic.json")
	rt := newRuntime(newRoad(map[string][]reply{
		userPath + "2188232":                     {{body: fixture(t, "user_detail.json")}},
		illustPath + "user_id=2188232":           {{body: first}},
		illustPath + "offset=30&user_id=2188232": {{body: last}},
	}))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorksLink, Keyword: "2188232"})
	assert.Empty(t, result.failed)
	assert.Empty(t, result.passing)
	assert.Len(t, recordsOf[pixiv.WorkRecord](t, result, pixiv.RecordWork), 6)
	assert.Len(t, recordsOf[pixiv.LinkRecord](t, result, pixiv.RecordLink), 8)
}

func TestStages_BadPayload(t *testing.T) {
	t.Parallel()
	for _, kind := range pixiv.Types() {
		for _, spec := range kind.Stages {
			_, err := spec.Stage.Run(t.Context(), newRuntime(newRoad(nil)), pixivoc.Item{Key: "x", Payload: json.RawMessage(`[]`)})
			permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
			require.True(t, ok, "%s gave %v", spec.Stage.Name(), err)
			assert.Equal(t, pixivoc.ReasonPayload, permanent.Reason)
		}
	}
}

// Errors of the kernel reach it as they are.
func TestStages_KeepErrors(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{pixivoc.ErrNoToken, pixivoc.ErrTokenRejected, pixivoc.ErrDiskFull, http.ErrHandlerTimeout} {
		road := newRoad(map[string][]reply{
			detailPath + "7": {{err: cause}}, userPath + "7": {{err: cause}}, imagePath(7, 0): {{err: cause}}, ugoiraPath + "7": {{err: cause}},
		})
		payloads := map[string]string{
			pixiv.StageGetWorkDetails:  `{"id":7}`,
			pixiv.StageGetWorksNumber:  `{"user":7}`,
			pixiv.StageDownloadPicture: `{"work_id":7,"url":"` + imageURL(7, 0) + `"}`,
			pixiv.StageDownloadLink:    `{"url":"` + imageURL(7, 0) + `","name":"a.png"}`,
		}
		for _, kind := range pixiv.Types() {
			for _, spec := range kind.Stages {
				payload, ok := payloads[spec.Stage.Name()]
				if !ok {
					continue
				}
				_, err := spec.Stage.Run(t.Context(), newRuntime(road), pixivoc.Item{Key: "x", Payload: json.RawMessage(payload)})
				assert.ErrorIs(t, err, cause, spec.Stage.Name())
			}
		}
	}
}
