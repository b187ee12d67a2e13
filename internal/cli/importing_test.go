package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
		"12345_p0.jpg":              "pixiv:12345_p0",
		"12345_p12.PNG":             "pixiv:12345_p12",
		"An artist 12345_p3 x.jpeg": "pixiv:12345_p3",
		"title_12345_p0.png":        "pixiv:12345_p0",
		"12345_p0_master1200.jpg":   "pixiv:12345_p0",
		"12345_ugoira1920x1080.zip": "pixiv:12345_ugoira",
		"12345.jpg":                 "",
		"12345_p0.jpg.part":         "",
		"12345_p0.txt":              "",
		"012345_p0.jpg":             "",
	} {
		got, _ := pictureKey(name)
		assert.Equal(t, want, got, name)
	}
}
