package taskapi_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc/server/taskapi"
)

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":             `""`,
		"a b/c:1":      `"a b/c:1"`,
		"<>&'\"+`":     `"\u003C\u003E\u0026\u0027\u0022\u002B\u0060"`,
		`\`:            `"\\"`,
		"\b\t\n\f\r":   `"\b\t\n\f\r"`,
		"\x00\x1f":     `"\u0000\u001F"`,
		"\x7f\u0080":   `"\u007F\u0080"`,
		"作品é":          `"\u4F5C\u54C1\u00E9"`,
		"😀":            `"\uD83D\uDE00"`,
		"\u2028\ufeff": `"\u2028\uFEFF"`,
		"a\xffb":       `"a\uFFFDb"`,
	} {
		assert.Equal(t, want, taskapi.Text(text))
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for number, want := range map[float64]string{
		0: "0", 1: "1", 0.42: "0.42", 123456: "123456", 1e-7: "0.0000001", 1e21: "1000000000000000000000", math.Inf(1): "0", math.Inf(-1): "0",
	} {
		assert.Equal(t, want, taskapi.Number(number))
	}
	assert.Equal(t, "0", taskapi.Number(math.NaN()))
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a", "<é😀>", "\x00\xff", "\\u0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := taskapi.Text(text)
		var back string
		if err := json.Unmarshal([]byte(written), &back); err != nil || back != string([]rune(text)) {
			t.Fatalf("%q came back as %q: %v", text, back, err)
		}
	})
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"Url":"1"}`, `{"url":"1","Debug":true,"Host":"x"}`, `{"Url":null}`, `[[[[`, `{"Url":"1","DelayPerPage":"0.5"}`, `{"Url":"1","URL":"2"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		url, options, ignored, err := taskapi.ParseRequest(raw)
		if err != nil {
			return
		}
		switch {
		case url == "" || len(url) > 2048 || strings.TrimSpace(url) != url:
			t.Fatalf("Url %q passed", url)
		case !json.Valid(raw) || !utf8.Valid(raw):
			t.Fatal("no JSON passed")
		case options.DelayPerPage < 0 || len(ignored) > 60:
			t.Fatalf("%v %v", options, ignored)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/get-tasks/", "/Get-Tasks/running", "/get-tasks/..%2f", "/remove-finished/a%2Fb", "//", "/%zz", "/cancel-task/user:11"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		name, id, ok := taskapi.ParsePath(path)
		if !ok {
			return
		}
		if name != strings.ToLower(name) || strings.ContainsAny(id, "\x00\r\n") || id == ".." || strings.HasPrefix(id, "../") || strings.Contains(id, `/../`) || !utf8.ValidString(id) {
			t.Fatalf("%q gave %q %q", path, name, id)
		}
	})
}

func FuzzHeaderText(f *testing.F) {
	f.Add("a\r\nb: c")
	f.Add("输入 \"x\" \xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range taskapi.HeaderText(text) {
			if r < ' ' || r > '~' {
				t.Fatalf("%q", taskapi.HeaderText(text))
			}
		}
	})
}
