package pixiv_test

import (
	"archive/zip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateGolden = flag.Bool("update-golden", false, "write what is made now into testdata")

// equalsGolden compares a text with the file of that name in testdata.
func equalsGolden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *updateGolden {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got, name)
}

// What other programs read does not change unnoticed: the files beside the
// pictures of a work.
func TestGolden_Sidecars(t *testing.T) {
	t.Parallel()
	const work = `{"id":79468013,"title":"Dawn & <dusk>","type":"illust","caption":"one<br />two &amp; three","page_count":1,
		"user":{"id":11,"name":"画家","account":"painter"},"create_date":"2020-02-14T21:05:00+09:00","width":1200,"height":800,
		"tags":[{"name":"風景","translated_name":"landscape"},{"name":"sky"}],"tools":["SAI"],"series":{"id":3,"title":"Days"},
		"x_restrict":0,"illust_ai_type":1,"total_bookmarks":512,"total_view":4096,"visible":true,
		"meta_single_page":{"original_image_url":"https://i.pximg.net/img-original/img/2020/02/14/21/05/00/79468013_p0.png"},"meta_pages":[]}`
	rt := newRuntime(newRoad(map[string][]reply{
		detailPath + "79468013": {{body: `{"illust":` + work + `}`}},
		"i.pximg.net/img-original/img/2020/02/14/21/05/00/79468013_p0.png": {{body: "picture"}},
	}))
	rt.task.SavePath = t.TempDir()
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.SingleWork, Keyword: "79468013", Options: options(t, pixiv.Options{
		Metadata: []string{pixiv.MetadataJSON, pixiv.MetadataXMP, pixiv.MetadataText},
	})})
	require.Empty(t, result.failed)
	require.Empty(t, result.passing)
	for _, suffix := range []string{".json", ".xmp", "_caption.txt"} {
		text, err := os.ReadFile(filepath.Join(rt.task.SavePath, rt.task.TaskName, "79468013"+suffix))
		require.NoError(t, err)
		equalsGolden(t, "sidecar/79468013"+suffix, string(text))
	}
}

// The same holds for books.
func TestGolden_EPUB(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(nil))
	rt.task.SavePath = t.TempDir()
	_, err := stageNamed(t, pixiv.SingleNovel, pixiv.StageSaveNovel).Run(t.Context(), rt, pixivoc.NewItem("novel 7", map[string]any{
		"id": 7, "title": "A <tale>", "user_id": 11, "user_name": "作家", "tags": []string{"tag & more"}, "series_id": 3, "series_title": "Days",
		"create_date": "2020-02-14T21:05:00+09:00", "caption": "line<br />two",
		"text": "[chapter:One]\nfirst [[rb:漢字 > かんじ]]\n[newpage]\n[[jumpuri:a > https://example.com/?a=1&b=2]] [jump:1]\n[uploadedimage:5]",
	}))
	require.NoError(t, err)
	stem := filepath.Join(rt.task.SavePath, rt.task.TaskName, "7")
	text, err := os.ReadFile(stem + ".txt")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "[chapter:One]"))
	book, err := zip.OpenReader(stem + ".epub")
	require.NoError(t, err)
	defer func() { require.NoError(t, book.Close()) }()
	var all strings.Builder
	for _, entry := range book.File {
		file, err := entry.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(file)
		require.NoError(t, err)
		fmt.Fprintf(&all, "==== %s, method %d\n%s\n", entry.Name, entry.Method, content)
	}
	equalsGolden(t, "novel/7.epub.txt", all.String())
}

func stageNamed(t *testing.T, kind, name string) pixivoc.Stage {
	t.Helper()
	for _, spec := range typeNamed(t, kind).Stages {
		if spec.Stage.Name() == name {
			return spec.Stage
		}
	}
	t.Fatalf("%s has no stage %s", kind, name)
	return nil
}
