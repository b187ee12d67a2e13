package pixiv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// single drives SingleWork on work 7 with one page and the replies on top.
func single(t *testing.T, rt *runtime) outcome {
	t.Helper()
	return drive(t, rt, pixivoc.TaskSpec{Type: pixiv.SingleWork, Keyword: "7"})
}

func detail(work string) reply { return reply{body: `{"illust":` + work + `}`} }

// moved is work 7 after its picture was uploaded again.
const (
	movedPath = "i.pximg.net/img-original/img/2026/09/09/09/09/09/7_p0.jpg"
	movedWork = `{"id":7,"type":"illust","page_count":1,"width":30,"height":40,"meta_single_page":{"original_image_url":"https://` + movedPath + `"}}`
)

func TestDownloadPicture_Replaced(t *testing.T) {
	t.Parallel()
	for _, permanent := range []bool{false, true} {
		rt := newRuntime(newRoad(map[string][]reply{
			detailPath + "7": {detail(workJSON(7, 1)), detail(movedWork)},
			imagePath(7, 0):  {{status: 404}},
			movedPath:        {{body: "new"}},
		}))
		rt.permanent = permanent
		result := single(t, rt)
		assert.Empty(t, result.failed)
		assert.Equal(t, map[string]string{"name of the task/7_p0.jpg": "new"}, rt.files)
		files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
		require.Len(t, files, 1)
		assert.Equal(t, "https://"+movedPath, files[0].URL)
		assert.Equal(t, 30, files[0].Width)
		assert.Equal(t, []string{detailPath + "7", imagePath(7, 0), detailPath + "7", movedPath}, rt.road.addresses())
	}
}

func TestU11_PictureGone(t *testing.T) {
	t.Parallel()
	gone := reply{status: 404, body: `{"error":{"user_message":"Page not found"}}`}
	for name, test := range map[string]struct {
		again  reply
		reason string
		said   string
		asked  int
	}{
		"same address":     {detail(workJSON(7, 1)), pixivoc.ReasonDeleted, "names no other address", 3},
		"new one gone too": {detail(movedWork), pixivoc.ReasonDeleted, "new address either", 4},
		"work deleted":     {gone, pixivoc.ReasonDeleted, "Page not found", 3},
		"work masked":      {detail(strings.ReplaceAll(movedWork, "i.pximg.net/img-original/img/2026/09/09/09/09/09/7_p0", "s.pximg.net/common/images/limit_unknown_360")), pixivoc.ReasonMasked, "work 7 is not visible", 3},
		"work unusable":    {detail(`{"id":7}`), pixivoc.ReasonContent, "is missing", 3},
	} {
		rt := newRuntime(newRoad(map[string][]reply{
			detailPath + "7": {detail(workJSON(7, 1)), test.again},
			imagePath(7, 0):  {{status: 404}},
			movedPath:        {{status: 404}},
		}))
		result := single(t, rt)
		assert.Equal(t, map[string]string{"7_p0": test.reason}, result.failed, name)
		assert.Contains(t, result.detail["7_p0"], test.said, name)
		assert.Len(t, rt.road.requests, test.asked, name)
		assert.Empty(t, rt.files, name)
	}
}

func TestU11_PageGone(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 2)), detail(movedWork)},
		imagePath(7, 0):  {{body: "0"}},
	}))
	result := single(t, rt)
	assert.Equal(t, map[string]string{"7_p1": pixivoc.ReasonDeleted}, result.failed)
	assert.Contains(t, result.detail["7_p1"], "the work has 1 pages now")
}

func TestDownloadPicture_AskingAgainFails(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 1)), {status: 502}, detail(movedWork)},
		imagePath(7, 0):  {{status: 404}},
		movedPath:        {{body: "new"}},
	}))
	result := single(t, rt)
	assert.Empty(t, result.failed, "a fault of the API says nothing of the picture")
	assert.Equal(t, "new", rt.files["name of the task/7_p0.jpg"])
}

// A 403 of the image host concerns the road, so the picture is not given up.
func TestDownloadPicture_Forbidden(t *testing.T) {
	t.Parallel()
	for _, permanent := range []bool{false, true} {
		rt := newRuntime(newRoad(map[string][]reply{
			detailPath + "7": {detail(workJSON(7, 1))},
			imagePath(7, 0):  {{status: 403}},
		}))
		rt.permanent = permanent
		result := single(t, rt)
		assert.Empty(t, result.failed)
		require.Error(t, result.passing["7_p0"])
		assert.Equal(t, 403, statusCode(result.passing["7_p0"]))
		assert.True(t, pixivoc.Retryable(result.passing["7_p0"]))
		assert.ErrorContains(t, result.passing["7_p0"], "removes the Referer")
	}
}

func TestDownloadPicture_Fallback(t *testing.T) {
	t.Parallel()
	const preview = "i.pximg.net/img-master/img/2020/01/01/00/00/00/7_p0_master1200.jpg"
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 1))},
		imagePath(7, 0):  {{status: 500}},
		preview:          {{body: "preview"}},
	}))
	result := single(t, rt)
	assert.Empty(t, result.failed)
	assert.Empty(t, result.passing)
	assert.Equal(t, map[string]string{"name of the task/7_p0_master1200.jpg": "preview"}, rt.files)
	files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
	require.Len(t, files, 1)
	assert.True(t, files[0].Fallback)
	assert.Zero(t, files[0].Width)
	assert.Equal(t, []string{detailPath + "7", imagePath(7, 0), imagePath(7, 0), imagePath(7, 0), preview}, rt.road.addresses(),
		"two rounds fail before the preview is taken")

	rt = newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 1))},
		imagePath(7, 0):  {{status: 500}},
		preview:          {{status: 500}},
	}))
	result = single(t, rt)
	assert.Empty(t, rt.files)
	assert.Equal(t, 500, statusCode(result.passing["7_p0"]))
}

func TestU13_PictureOf503IsNoFallback(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 1))},
		imagePath(7, 0):  {{status: 503}, {status: 502}, {status: 504}, {body: "original"}},
		"i.pximg.net/img-master/img/2020/01/01/00/00/00/7_p0_master1200.jpg": {{body: "preview"}},
	}))
	result := single(t, rt)
	assert.Empty(t, result.passing)
	assert.Equal(t, map[string]string{"name of the task/7_p0.png": "original"}, rt.files)
}

func TestU10_RedirectToPlaceholder(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 1))},
		imagePath(7, 0):  {{body: "png", header: http.Header{"Moved": {"https://s.pximg.net/common/images/limit_unviewable_360.png"}}}},
	}))
	result := single(t, rt)
	assert.Equal(t, map[string]string{"7_p0": pixivoc.ReasonMasked}, result.failed)
	assert.Empty(t, rt.files)
}

func TestN15_RedirectToOtherHost(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "7": {detail(workJSON(7, 1))},
		imagePath(7, 0):  {{body: "png", header: http.Header{"Moved": {"https://login.hotel.example/x.png"}}}},
	}))
	result := single(t, rt)
	_, ok := errors.AsType[*pixivoc.BlockedError](result.passing["7_p0"])
	assert.True(t, ok)
	assert.Empty(t, rt.files)
}

// File names come from the id and the page, whatever the address looks like.
func TestU18_FileNames(t *testing.T) {
	t.Parallel()
	const folder = "https://i.pximg.net/img-original/img/2020/01/01/00/00/00/"
	for address, name := range map[string]string{
		folder + "7_p0.jpg": "7_p0.jpg",
		folder + "7-0123456789abcdef0123456789abcdef_p0.PNG": "7_p0.png",
		folder + "..%2f..%2fetc%2fpasswd":                    "7_p0.jpg",
		folder + "../../../x.gif":                            "7_p0.gif",
		folder + "7_p0.exe":                                  "7_p0.jpg",
		folder + "7_p0.webp?x=/../../y.png#.gif":             "7_p0.webp",
		folder + strings.Repeat("a", 4000) + ".png":          "7_p0.png",
	} {
		work := fmt.Sprintf(`{"id":7,"page_count":1,"meta_single_page":{"original_image_url":%q}}`, address)
		request, err := http.NewRequest(http.MethodGet, address, nil)
		require.NoError(t, err)
		rt := newRuntime(newRoad(map[string][]reply{
			detailPath + "7": {detail(work)},
			request.URL.Host + request.URL.RequestURI(): {{body: "x"}},
		}))
		result := single(t, rt)
		assert.Empty(t, result.failed, address)
		assert.Equal(t, map[string]string{"name of the task/" + name: "x"}, rt.files, address)
	}
}

// A payload that somebody changed in the store leads nowhere either.
func TestDownloadPicture_ForeignAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://127.0.0.1/7_p0.jpg", "http://i.pximg.net/7_p0.jpg", "", "https://s.pximg.net/common/images/limit_x_360.png"} {
		rt := newRuntime(newRoad(nil))
		stage := typeNamed(t, pixiv.SingleWork).Stages[1].Stage
		payload, err := json.Marshal(map[string]any{"work_id": 7, "url": address})
		require.NoError(t, err)
		_, err = stage.Run(t.Context(), rt, pixivoc.Item{Key: "7_p0", Payload: payload})
		_, ok := errors.AsType[*pixivoc.PermanentError](err)
		assert.True(t, ok, "%q gave %v", address, err)
		assert.Empty(t, rt.road.requests)
	}
}

const (
	smallZip = "i.pximg.net/img-zip-ugoira/img/2022/07/07/20/21/24/99565513_ugoira600x600.zip"
	largeZip = "i.pximg.net/img-zip-ugoira/img/2022/07/07/20/21/24/99565513_ugoira1920x1080.zip"
)

func ugoira(t *testing.T, replies map[string][]reply) (*runtime, outcome) {
	t.Helper()
	replies[detailPath+"99565513"] = []reply{{body: fixture(t, "illust_detail_ugoira.json")}}
	if replies[ugoiraPath+"99565513"] == nil {
		replies[ugoiraPath+"99565513"] = []reply{{body: fixture(t, "ugoira_metadata_99565513.json")}}
	}
	rt := newRuntime(newRoad(replies))
	return rt, drive(t, rt, pixivoc.TaskSpec{Type: pixiv.SingleWork, Keyword: "99565513"})
}

func TestDownloadPicture_Ugoira(t *testing.T) {
	t.Parallel()
	rt, result := ugoira(t, map[string][]reply{largeZip: {{body: "large"}}, smallZip: {{body: "small"}}})
	assert.Equal(t, map[string]string{"name of the task/99565513_ugoira1920x1080.zip": "large"}, rt.files)
	files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
	require.Len(t, files, 1)
	assert.Equal(t, pixiv.FrameRecord{File: "000002.jpg", DelayMS: 40}, files[0].Frames[2])
	assert.False(t, rt.downloads[0].Any)

	rt, result = ugoira(t, map[string][]reply{largeZip: {{status: 404}}, smallZip: {{body: "small"}}})
	assert.Empty(t, result.failed)
	assert.Equal(t, map[string]string{"name of the task/99565513_ugoira600x600.zip": "small"}, rt.files)

	rt, result = ugoira(t, map[string][]reply{largeZip: {{status: 502}, {body: "large"}}, smallZip: {{body: "small"}}})
	assert.Empty(t, result.passing)
	assert.Equal(t, "large", rt.files["name of the task/99565513_ugoira1920x1080.zip"], "a passing fault costs no quality")
}

func TestDownloadPicture_UgoiraGone(t *testing.T) {
	t.Parallel()
	rt, result := ugoira(t, map[string][]reply{largeZip: {{status: 404}}, smallZip: {{status: 404}}})
	assert.Equal(t, map[string]string{"99565513_ugoira": pixivoc.ReasonDeleted}, result.failed)
	assert.Empty(t, rt.files)

	_, result = ugoira(t, map[string][]reply{ugoiraPath + "99565513": {{status: 404, body: fixture(t, "error_404.json")}}})
	assert.Equal(t, map[string]string{"99565513_ugoira": pixivoc.ReasonDeleted}, result.failed)

	_, result = ugoira(t, map[string][]reply{largeZip: {{status: 403}}})
	assert.ErrorContains(t, result.passing["99565513_ugoira"], "removes the Referer")
}

func TestZ1_UgoiraMetadata(t *testing.T) {
	t.Parallel()
	for metadata, reason := range map[string]string{
		`{"zip_urls":{"medium":"https://` + smallZip + `"},"frames":[{"file":"../../x.jpg","delay":1}]}`:      "frames[0].file",
		`{"zip_urls":{"medium":"https://` + smallZip + `"},"frames":[{"file":"000000.exe","delay":1}]}`:       "frames[0].file",
		`{"zip_urls":{"medium":"https://` + smallZip + `"},"frames":[{"file":"000000.jpg"},{"file":""}]}`:     "frames[1].file",
		`{"zip_urls":{"medium":"https://` + smallZip + `"},"frames":[` + strings.Repeat(`{},`, 1000) + `{}]}`: "1001 frames",
		`{"zip_urls":{"medium":"https://evil.example/x_ugoira600x600.zip"},"frames":[]}`:                      "leads to evil.example",
		`{"zip_urls":{},"frames":[]}`: "is missing",
		`{}`:                          "is missing",
	} {
		rt, result := ugoira(t, map[string][]reply{ugoiraPath + "99565513": {{body: `{"ugoira_metadata":` + metadata + `}`}}})
		assert.Equal(t, pixivoc.ReasonContent, result.failed["99565513_ugoira"], "%.200s", metadata)
		assert.Contains(t, result.detail["99565513_ugoira"], reason)
		assert.Empty(t, rt.files)
	}
}

func TestZ4_UgoiraDelays(t *testing.T) {
	t.Parallel()
	other := "i.pximg.net/img-zip-ugoira/img/2022/07/07/20/21/24/99565513_new.zip"
	metadata := `{"ugoira_metadata":{"zip_urls":{"medium":"https://` + other + `"},"frames":[` +
		`{"file":"000000.jpg","delay":-1},{"file":"000001.png","delay":1000000000},{"file":"000002.gif","delay":0}]}}`
	rt, result := ugoira(t, map[string][]reply{ugoiraPath + "99565513": {{body: metadata}}, other: {{body: "zip"}}})
	assert.Equal(t, map[string]string{"name of the task/99565513_ugoira.zip": "zip"}, rt.files)
	files := recordsOf[pixiv.FileRecord](t, result, pixiv.RecordFile)
	require.Len(t, files, 1)
	assert.Equal(t, []pixiv.FrameRecord{{"000000.jpg", 0}, {"000001.png", 60_000}, {"000002.gif", 0}}, files[0].Frames)
}
