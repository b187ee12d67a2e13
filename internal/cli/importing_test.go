package cli

import (
	"archive/zip"
	"database/sql"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeysOfOtherPrograms(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"pixiv12345.jpg":                             "pixiv:12345_p0",
		"pixiv12345_p00.png":                         "pixiv:12345_p0",
		"pixiv12345_p103.png":                        "pixiv:12345_p103",
		"pixiv12345.zip":                             "pixiv:12345_ugoira",
		"pixivf_11_12345_p01.jpg":                    "pixiv:12345_p1",
		"pixivr_daily_2026-01-31_12345.jpg":          "pixiv:12345_p0",
		"pixivs_a_word_12345_p02.gif":                "pixiv:12345_p2",
		"pixiv12345.webm":                            "pixiv:12345_ugoira",
		"pixiv12345.txt":                             "",
		"pixiv12345.html":                            "",
		"pixiv12345_p0.json":                         "",
		"pixivavatar_11_2020.jpg":                    "",
		"pixivbackground_11_2020.jpg":                "",
		"pixivnovel_77.jpg":                          "",
		"pixivavatar_11_2026-01-31 00:00:00":         "",
		"pixiv-novel12345.txt":                       "",
		"danbooru12345":                              "",
		"pixiv0.jpg":                                 "",
		"pixiv99999999999999999999.jpg":              "",
		"pixiv12345_p00.jpg'; DROP TABLE archive;--": "",
	} {
		got, ok := galleryDLKey(entry)
		assert.Equal(t, want, got, entry)
		assert.Equal(t, want != "", ok, entry)
	}
	for name, want := range map[string]string{
		"12345_p0.jpg":                  "pixiv:12345_p0",
		"12345_p12.PNG":                 "pixiv:12345_p12",
		"An artist 12345_p3.jpeg":       "pixiv:12345_p3",
		"An artist 12345_p3 x.jpeg":     "",
		"title_12345_p0.png":            "pixiv:12345_p0",
		"title-12345_p0 (1).png":        "pixiv:12345_p0",
		"12345_p0_r20260131210500.png":  "pixiv:12345_p0",
		"12345_p0_master1200.jpg":       "",
		"12345_p0_square1200.jpg":       "",
		"12345_p0_custom1200.jpg":       "",
		"2026-01-31_p12.png":            "",
		"at 2026.1.31_p12.png":          "",
		"12345_ugoira600x600_again.zip": "pixiv:12345_ugoira",
		"12345_ugoira1920x1080.zip":     "pixiv:12345_ugoira",
		"12345.jpg":                     "",
		"12345_p0.jpg.part":             "",
		"12345_p0.txt":                  "",
		"012345_p0.jpg":                 "",
	} {
		got, _ := pictureKey(name)
		assert.Equal(t, want, got, name)
	}
}

func writePNG(w io.Writer) error { return png.Encode(w, image.NewGray(image.Rect(0, 0, 3, 3))) }

// importedKeys are the keys that a source yields.
func importedKeys(t *testing.T, read importSource, name string, count *importCount) (keys []string) {
	t.Helper()
	count.told = func(string) {}
	for entry, err := range read(t.Context(), name, count) {
		require.NoError(t, err)
		keys = append(keys, entry.Key)
	}
	return keys
}

// A folder may be a link; a link in it is not followed, but told.
func TestReadFolder_Link(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inside := filepath.Join(folder, "inside")
	require.NoError(t, os.Mkdir(inside, 0o750))
	file, err := os.Create(filepath.Join(inside, "5_p0.png"))
	require.NoError(t, err)
	require.NoError(t, writePNG(file))
	require.NoError(t, file.Close())
	require.NoError(t, os.Symlink(inside, filepath.Join(folder, "link")))
	var count importCount
	assert.Equal(t, []string{"pixiv:5_p0"}, importedKeys(t, readFolder, filepath.Join(folder, "link"), &count))
	count = importCount{}
	assert.Len(t, importedKeys(t, readFolder, folder, &count), 1)
	assert.Equal(t, 1, count.links)
}

// An archive of animation holds pictures, each of them whole.
func TestDecodeWhole_Zip(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		entries []string
		wrong   bool
	}{
		"frames":             {[]string{"000000.png", "000001.png"}, false},
		"frames and times":   {[]string{"000000.png", "animation.json"}, false},
		"a text alone":       {[]string{"x.txt"}, true},
		"a text with frames": {[]string{"000000.png", "x.txt"}, true},
		"times alone":        {[]string{"animation.json"}, true},
		"nothing":            {nil, true},
	} {
		file := filepath.Join(t.TempDir(), "5_ugoira.zip")
		out, err := os.Create(file)
		require.NoError(t, err)
		archive := zip.NewWriter(out)
		for _, entry := range test.entries {
			w, err := archive.Create(entry)
			require.NoError(t, err)
			if filepath.Ext(entry) == ".png" {
				require.NoError(t, writePNG(w))
			} else {
				_, err = io.WriteString(w, "no picture")
				require.NoError(t, err)
			}
		}
		require.NoError(t, archive.Close())
		require.NoError(t, out.Close())
		err = decodeWhole(file)
		assert.Equal(t, test.wrong, err != nil, "%s: %v", name, err)
	}
}

// A row that names nothing is passed over and hides no other one.
func TestForeignDatabases_Null(t *testing.T) {
	t.Parallel()
	database := func(name string, statements ...string) string {
		name = filepath.Join(t.TempDir(), name)
		db, err := sql.Open("sqlite", name)
		require.NoError(t, err)
		for _, statement := range statements {
			_, err := db.Exec(statement)
			require.NoError(t, err, statement)
		}
		require.NoError(t, db.Close())
		return name
	}
	var count importCount
	name := database("g.sqlite3", "CREATE TABLE archive(entry TEXT PRIMARY KEY)",
		"INSERT INTO archive VALUES ('pixiv1.jpg'), (NULL), ('pixiv2.jpg'), (x'ff00')")
	assert.ElementsMatch(t, []string{"pixiv:1_p0", "pixiv:2_p0"}, importedKeys(t, readGalleryDL, name, &count))
	assert.Equal(t, 2, count.foreign)

	count = importCount{}
	name = database("db.sqlite", "CREATE TABLE pixiv_master_image(image_id INTEGER PRIMARY KEY, save_name TEXT)",
		"CREATE TABLE pixiv_manga_image(image_id INTEGER, page INTEGER, save_name TEXT, PRIMARY KEY(image_id, page))",
		"INSERT INTO pixiv_master_image VALUES (1, 'a'), (2, 'b')",
		"INSERT INTO pixiv_manga_image VALUES (NULL, 0, 'x'), (2, 0, 'b'), (2, 1, 'c'), ('x', 1, 'c'), (3, 'y', 'c')")
	assert.ElementsMatch(t, []string{"pixiv:1_p0", "pixiv:2_p0", "pixiv:2_p1"}, importedKeys(t, readPixivUtil2, name, &count))
	assert.Equal(t, 3, count.foreign)
}
