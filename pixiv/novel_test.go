package pixiv_test

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inEPUB reads one file of a book.
func inEPUB(t *testing.T, book, name string) string {
	t.Helper()
	archive, err := zip.OpenReader(book)
	require.NoError(t, err)
	defer func() { _ = archive.Close() }()
	require.Equal(t, "mimetype", archive.File[0].Name)
	file, err := archive.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(text)
}

func TestSingleNovel_WholeTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		shown := server.AddWork(pixivtest.Work{PageCount: 2, AllPages: pixivtest.Page{Format: pixivtest.PNG}})
		novel := server.AddNovel(pixivtest.Novel{
			Title: "A <tale>", Caption: "line<br />two", Tags: []pixivtest.Tag{{Name: "tag & more"}},
			Series: &pixivtest.Series{ID: 3, Title: "series"}, Images: []int64{555},
			Works: []string{fmt.Sprintf("%d-2", shown.ID)},
			Text:  fmt.Sprintf("first\n[chapter:One [[rb:漢字 > かんじ]]]\n[uploadedimage:555]\n[pixivimage:%d-2]\n[pixivimage:77]\n[newpage]\nlast [[jumpuri:a > https://example.com/?a=1&b=2]] [jump:1]", shown.ID),
		})
		client, folder := logIn(t, server), t.TempDir()
		task, _, failed := finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.SingleNovel, Name: "novel", SavePath: folder, Keyword: "https://www.pixiv.net/novel/show.php?id=" + fmt.Sprint(novel.ID),
		})
		assert.Equal(t, map[string]string{fmt.Sprintf("%d pixivimage:77", novel.ID): pixivoc.ReasonDeleted}, failed, "a work that is gone is seen to be")
		stem := filepath.Join(folder, "novel", fmt.Sprint(novel.ID))
		text, err := os.ReadFile(stem + ".txt")
		require.NoError(t, err)
		assert.Equal(t, novel.Text, string(text), "as Pixiv has it")
		page := inEPUB(t, stem+".epub", "EPUB/page-001.xhtml")
		assert.Contains(t, page, "<h1>A &lt;tale&gt;</h1>")
		assert.Contains(t, page, `<ruby>漢字<rt>かんじ</rt></ruby>`)
		assert.Contains(t, page, "<p>[pixivimage:77]</p>")
		assert.Equal(t, 3, strings.Count(page, "<img "), "the cover, what was uploaded and the page of the work")
		assert.Contains(t, inEPUB(t, stem+".epub", "EPUB/page-002.xhtml"), `<a href="https://example.com/?a=1&amp;b=2">a</a>`)
		assert.Equal(t, string(server.Picture(shown.ID, 1).Bytes()), inEPUB(t, stem+".epub", "EPUB/pictures/picture-3.png"))
		assert.Contains(t, inEPUB(t, stem+".epub", "EPUB/package.opf"), "line&#xA;two")
		assert.FileExists(t, fmt.Sprintf("%s_pixivimage_%d-2.png", stem, shown.ID))
		assert.FileExists(t, stem+"_cover.jpg")
		assert.Equal(t, 1, countRecords(t, task, pixiv.RecordNovel))
		assert.Equal(t, 5, countRecords(t, task, pixiv.RecordFile))

		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
		left, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Empty(t, left, "nothing of the task stays")
	})
}

func TestNovels_Listed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 2})
		defer server.Close()
		user := server.AddUser(pixivtest.User{})
		for i := range 5 {
			novel := server.AddNovel(pixivtest.Novel{UserID: user.ID, Series: &pixivtest.Series{ID: 88, Title: "s"}, Text: fmt.Sprint(i)})
			server.AddBookmark(pixivtest.Bookmark{NovelID: novel.ID})
		}
		server.AddBookmark(pixivtest.Bookmark{NovelID: 5}) // is gone
		server.AddWork(pixivtest.Work{UserID: user.ID})
		client := logIn(t, server)
		for keyword, want := range map[string]struct {
			kind                  string
			novels, works, masked int
		}{
			fmt.Sprintf("%d novel", user.ID):        {pixiv.UserWorks, 5, 0, 0},
			fmt.Sprintf("%d", user.ID):              {pixiv.UserWorks, 0, 1, 0},
			fmt.Sprintf("%d novel,illust", user.ID): {pixiv.UserWorks, 5, 1, 0},
			"88":                                    {pixiv.NovelSeries, 5, 0, 0},
			"12345678 novel":                        {pixiv.UserBookmarks, 5, 0, 1},
		} {
			folder := t.TempDir()
			task, _, failed := finish(t, client, pixivoc.TaskSpec{Type: want.kind, Name: "n", SavePath: folder, Keyword: keyword})
			assert.Equal(t, want.novels, countRecords(t, task, pixiv.RecordNovel), keyword)
			assert.Equal(t, want.works, countRecords(t, task, pixiv.RecordWork), keyword)
			assert.Len(t, failed, want.masked, keyword)
			books, err := filepath.Glob(filepath.Join(folder, "n", "*.epub"))
			require.NoError(t, err)
			assert.Len(t, books, want.novels, keyword)
		}
	})
}

func TestWorkList_WholeTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		one, two := server.AddWork(pixivtest.Work{}), server.AddWork(pixivtest.Work{PageCount: 2})
		novel := server.AddNovel(pixivtest.Novel{Text: "text"})
		client, folder := logIn(t, server), t.TempDir()
		list := fmt.Sprintf("\ufeff# my list\n%d, https://www.pixiv.net/artworks/%d\n\npixiv://novels/%d %d\n404\n", one.ID, two.ID, novel.ID, one.ID)
		task, _, failed := finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.WorkList, Name: "list", SavePath: folder, Input: strings.NewReader(list),
		})
		assert.Equal(t, map[string]string{"404": pixivoc.ReasonDeleted}, failed)
		assert.Equal(t, 3, equalFiles(t, server, filepath.Join(folder, "list")))
		assert.Equal(t, 1, countRecords(t, task, pixiv.RecordNovel))
	})
}

func TestWorkList_Refused(t *testing.T) {
	t.Parallel()
	for list, reason := range map[string]string{
		"":                                "names no work",
		"# nothing\n":                     "names no work",
		"1\nhello":                        "line 2",
		"1\n2 https://example.com":        "line 2",
		"https://www.pixiv.net/users/1":   "links to no work",
		"1\n" + strings.Repeat("x", 9000): "line 2 is longer",
	} {
		var last error
		for _, err := range typeNamed(t, pixiv.WorkList).First(t.Context(), pixivoc.TaskSpec{Type: pixiv.WorkList, Keyword: list}) {
			last = err
		}
		var field *pixivoc.FieldError
		require.ErrorAs(t, last, &field, "%.20q", list)
		assert.Equal(t, "Keyword", field.Field)
		assert.Contains(t, field.Reason, reason)
	}
}

// The recorded object, in a page as the service makes it.
func TestAPI_NovelText(t *testing.T) {
	t.Parallel()
	page := func(object string) map[string][]reply {
		script := "<!DOCTYPE html><script>var novel: 1; Object.defineProperty(window,'pixiv',{value:{ novel: " + object + ",\n isOwnWork: false}})</script>"
		return map[string][]reply{"app-api.pixiv.net/webview/v2/novel?id=13574875&viewer_version=20221031_ai": {{body: script, header: html("cloudflare")}}}
	}
	text, err := pixiv.NewAPI(newRoad(page(fixture(t, "novel_webview.synthetic.json")))).NovelText(t.Context(), 13574875)
	require.NoError(t, err)
	assert.Equal(t, pixiv.ID(13574875), text.ID)
	assert.Contains(t, text.Text, "[newpage]")
	assert.Contains(t, text.Images["1234567"].URLs["original"], "tei1234567_")
	assert.True(t, text.Illusts["86979680-1"].Visible)
	for object, reason := range map[string]string{
		`{"id":"5"}`:                         "want 13574875",
		`{"id":"13574875","images":[1]}`:     "not empty",
		`{"id":"13574875","text":5}`:         "text",
		`{"id":"13574875"`:                   "no novel",
		`[]`:                                 "no novel",
		`{"id":"13574875","illusts":"none"}`: "illusts",
	} {
		_, err := pixiv.NewAPI(newRoad(page(object))).NovelText(t.Context(), 13574875)
		assert.ErrorContains(t, err, reason, object)
	}
	text, err = pixiv.NewAPI(newRoad(page(`{"id":"13574875","images":[],"illusts":[]}`))).NovelText(t.Context(), 13574875)
	require.NoError(t, err)
	assert.Empty(t, text.Images)
}

func TestAPI_NovelDetail(t *testing.T) {
	t.Parallel()
	const path = "app-api.pixiv.net/v2/novel/detail?novel_id=13574875"
	novel, err := pixiv.NewAPI(newRoad(map[string][]reply{path: {{body: fixture(t, "novel_detail.json")}}})).NovelDetail(t.Context(), 13574875)
	require.NoError(t, err)
	assert.Equal(t, "それはまるで鍵盤を奏でる細指の如く", novel.Title)
	assert.Equal(t, 6931, novel.TextLength)
	assert.Zero(t, novel.Series, "an empty object")
	for body, reason := range map[string]string{`{}`: "novel is missing", `{"novel":{"id":5}}`: "want 13574875"} {
		_, err := pixiv.NewAPI(newRoad(map[string][]reply{path: {{body: body}}})).NovelDetail(t.Context(), 13574875)
		assert.ErrorContains(t, err, reason)
	}
}
