package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"
)

func TestBytesText(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 1234: "1.23 kB", 9_996: "10.0 kB", 12_400_000: "12.4 MB",
		99_960_000: "100 MB", 999_600_000: "1.00 GB", 123_000_000_000_000: "123 TB", 12_345_000_000_000_000: "12345 TB",
	} {
		assert.Equal(t, want, bytesText(size), "%d", size)
	}
}

func TestDurationText(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0.0s", 1240 * time.Millisecond: "1.2s", 12 * time.Second: "12s",
		184 * time.Second: "3m04s", 125 * time.Minute: "2h05m",
	} {
		assert.Equal(t, want, durationText(d), "%s", d)
	}
}

func TestClockTextNamesAnotherDay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 23, 59, 0, 0, time.UTC)
	assert.Equal(t, "23:59:30", clockText(now.Add(30*time.Second), now))
	assert.Equal(t, "2026-01-03 00:01", clockText(now.Add(2*time.Minute), now))
}

func TestPrintableKeepsTerminalSafe(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"plain":                          "plain",
		"初音ミク":                           "初音ミク",
		"\x1b[2J\x1b]0;title\x07cleared": "[2J]0;titlecleared",
		"two\nlines\tand\rmore":          "two lines and more",
		"right\u202eleft":                "rightleft",
		"broken \xff bytes":              "broken \uFFFD bytes",
		"c1 \u009b31m":                   "c1 31m",
	}
	for in, want := range cases {
		assert.Equal(t, want, printable(in), "%q", in)
	}
}

func TestKeyTextDropsWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"59580629_p0":                            "59580629_p0",
		"https://a.example/x.jpg?token=secret#f": "https://a.example/x.jpg",
		"https://user:secret@a.example/x.jpg":    "https://a.example/x.jpg",
		"https://a.example/%zz?token=secret":     "https://a.example/%zz",
	}
	for in, want := range cases {
		assert.Equal(t, want, keyText(in), "%q", in)
	}
}

func TestItemTextLeavesTheHashOut(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a b.jpg", itemText("Links", "a b.jpg 7a589b"))
	assert.Equal(t, "7a589b", itemText("Links", "7a589b"))
	assert.Equal(t, "a b", itemText("UserWorks", "a b"))
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31m", 10)
	f.Add("初音\u202e", 3)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = max(0, min(width, 500))
		shown := printable(text)
		if strings.ContainsAny(shown, "\x1b\n\r\x07\x00") {
			t.Fatalf("%q has control characters", shown)
		}
		for _, unicode := range []bool{false, true} {
			cut := shorten(shown, width, screen{unicode: unicode})
			if got := runewidth.StringWidth(cut); got > width {
				t.Fatalf("%q is %d columns wide, not %d", cut, got, width)
			}
		}
	})
}

func TestWrap(t *testing.T) {
	t.Parallel()
	text := "one two three four-five six"
	assert.Equal(t, text, wrap(text, 0, "  "))
	assert.Equal(t, "one two\n  three\n  four-five\n  six", wrap(text, 8, "  "))
	assert.Equal(t, text, wrap(text, 80, "  "))
}
