package ugoira_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

func filesOf(tb testing.TB, file []byte) (names []string, contents map[string][]byte) {
	tb.Helper()
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(tb, err)
	contents = map[string][]byte{}
	for _, f := range archive.File {
		opened, err := f.Open()
		require.NoError(tb, err)
		b, err := io.ReadAll(opened)
		require.NoError(tb, err)
		names, contents[f.Name] = append(names, f.Name), b
	}
	return names, contents
}

func TestCBZ(t *testing.T) {
	t.Parallel()
	var w work
	// The table may show one picture twice, in any order, and its names may lie.
	first, second := jpegOf(t, scene(0, 32, 32)), pngOf(t, flat(1, 32, 32))
	w.add("000007.jpg", first, 100)
	w.add("000003.jpg", second, 50)
	w.pack(t, zip.Deflate)
	w.frames = append(w.frames, ugoira.Frame{File: "000007.jpg", Delay: 70 * time.Millisecond})
	file, result := encode(t, w.open(t), ugoira.CBZ, ugoira.Options{Comic: &ugoira.Comic{
		Title: "Cats & <dogs>\x00",
		Tags:  []string{"猫", "犬"},
		Date:  time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
	}})
	names, contents := filesOf(t, file)
	require.Equal(t, []string{"000000.jpg", "000001.png", "000002.jpg", "animation.json", "ComicInfo.xml"}, names)
	require.Equal(t, first, contents["000000.jpg"])
	require.Equal(t, second, contents["000001.png"])
	require.Equal(t, first, contents["000002.jpg"])
	require.JSONEq(t, `{"frames":[{"file":"000000.jpg","delay":100},{"file":"000001.png","delay":50},{"file":"000002.jpg","delay":70}]}`,
		string(contents["animation.json"]))
	require.Equal(t, 3, result.Frames)

	var comic struct {
		XMLName          xml.Name `xml:"ComicInfo"`
		Title, Tags      string
		Year, Month, Day int
		PageCount        int
	}
	require.NoError(t, xml.Unmarshal(contents["ComicInfo.xml"], &comic))
	require.Equal(t, "Cats & <dogs>\uFFFD", comic.Title)
	require.Equal(t, "猫, 犬", comic.Tags)
	require.Equal(t, []int{2024, 2, 29, 3}, []int{comic.Year, comic.Month, comic.Day, comic.PageCount})
}

// TestCBZ_OpensAgain holds that a CBZ is an archive as good as Pixiv's.
func TestCBZ_OpensAgain(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 32, 32, 100, 50)
	file, _ := encode(t, w.open(t), ugoira.CBZ, ugoira.Options{})
	again := work{frames: w.frames, zip: file}.open(t)
	require.NoError(t, again.Verify(t.Context()))
}
