package cli

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// FuzzForeignNames: whatever other programs wrote becomes a key of the archive
// or nothing.
func FuzzForeignNames(f *testing.F) {
	for _, seed := range []string{"pixiv12345_p00.jpg", "pixivf_1_2_p3.zip", "12345_p0.jpg", "x_9_ugoira1.zip", "pixiv999999999999999999999.jpg"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (string, bool){galleryDLKey, pictureKey} {
			key, ok := read(text)
			if ok != (key != "") || ok && (!strings.HasPrefix(key, "pixiv:") || len(key) > 64) {
				t.Errorf("%q gives %q, %v", text, key, ok)
			}
		}
	})
}

// FuzzAnimation: the table in an archive has bounded times.
func FuzzAnimation(f *testing.F) {
	for _, seed := range []string{
		`[{"file":"000000.jpg","delay":80}]`, `{"frames":[{"file":"a","delay":-1}]}`,
		`{"ugokuIllustData":{"frames":[{"file":"b","delay":99999999999}]}}`, `{`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		frames, err := parseAnimation(raw)
		if err != nil && frames != nil {
			t.Error("frames with an error")
		}
		for _, frame := range frames {
			if frame.Delay < 0 || frame.Delay > time.Minute {
				t.Errorf("delay %v", frame.Delay)
			}
		}
	})
}

// FuzzBandwidth: what env get shows is what env set takes.
func FuzzBandwidth(f *testing.F) {
	for _, seed := range []string{"2M", "500k", "1.5 MB/s", "0", "nan", "inf", "-1", "1e300g", "800000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := parseBandwidth(text)
		if err != nil {
			return
		}
		if limit < 0 {
			t.Fatalf("%q gives %d", text, limit)
		}
		if _, err := parseBandwidth(bandwidthText(limit)); err != nil {
			t.Errorf("%q is shown as %q: %v", text, bandwidthText(limit), err)
		}
	})
}

// FuzzHang: no word is lost, and lines fit where there is room for anything.
func FuzzHang(f *testing.F) {
	f.Add("  deleted       1_p0  https://app-api.pixiv.net/v1/illust/detail: 初音ミク", 40)
	f.Add(strings.Repeat("x", 300), 50)
	f.Fuzz(func(t *testing.T, line string, width int) {
		line = printable(line)
		width = 30 + int(uint(width)%200)
		got := hang(line, width, tableLabel)
		plain := func(text string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, text)
		}
		if plain(got) != plain(line) {
			t.Fatalf("%q became %q", line, got)
		}
		for i, part := range strings.Split(got, "\n") {
			if i > 0 && runewidth.StringWidth(part) > width {
				t.Errorf("%q is wider than %d", part, width)
			}
		}
	})
}
