package pixiv

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/pixiv/internal/epub"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNovelPages(t *testing.T) {
	t.Parallel()
	paragraph := func(inlines ...epub.Inline) epub.Block { return epub.Paragraph{Inlines: inlines} }
	text := func(text string) epub.Block { return paragraph(epub.Text(text)) }
	for markup, want := range map[string][][]epub.Block{
		"":                     {{paragraph()}},
		"a\r\n\r\nb":           {{text("a"), paragraph(), text("b")}},
		"a[newpage]b":          {{text("a")}, {text("b")}},
		"a\n[newpage]\nb":      {{text("a")}, {text("b")}},
		"[newpage][newpage]":   {nil, nil, nil},
		"[chapter:T]":          {{epub.Heading{Inlines: []epub.Inline{epub.Text("T")}}}},
		"x[chapter:a[b]c]y":    {{text("x"), epub.Heading{Inlines: []epub.Inline{epub.Text("a[b]c")}}, text("y")}},
		"[chapter:open":        {{text("[chapter:open")}},
		"[pixivimage:1-2]":     {{epub.Picture{Name: "<pixivimage:1-2>", Text: "pixivimage:1-2"}}},
		"[pixivimage:x]":       {{text("[pixivimage:x]")}},
		"[uploadedimage:3]a":   {{epub.Picture{Name: "<uploadedimage:3>", Text: "uploadedimage:3"}, text("a")}},
		"[[rb:漢 > か]]":         {{paragraph(epub.Ruby{Base: "漢", Reading: "か"})}},
		"[[rb:漢>か]]x":          {{paragraph(epub.Ruby{Base: "漢", Reading: "か"}, epub.Text("x"))}},
		"[[rb:漢]]":             {{text("[[rb:漢]]")}},
		"[jump:2]":             {{paragraph(epub.Jump{Text: "→ 2", Page: 2})}},
		"[jump:9999999999999]": {{text("[jump:9999999999999]")}},
		"[[jumpuri:t > https://a.example/?b=1&c=2]]": {{paragraph(epub.Link{Text: "t", URL: "https://a.example/?b=1&c=2"})}},
		"[[jumpuri:t > https://a.example/a b|^{}?q=a b|^{}%zz%20#c d]]": {{paragraph(epub.Link{
			Text: "t", URL: "https://a.example/a%20b%7C%5E%7B%7D?q=a%20b%7C%5E%7B%7D%25zz%20#c%20d",
		})}},
		`[[jumpuri:t > https://a"b/]]`:        {{text(`t (https://a"b/)`)}},
		"[[jumpuri:t > javascript:alert(1)]]": {{text("t (javascript:alert(1))")}},
	} {
		var have [][]epub.Block
		pages, beyond := novelPages(markup, func(mark string) string { return "<" + mark + ">" })
		assert.Zero(t, beyond)
		for _, page := range pages {
			have = append(have, page.Blocks)
		}
		assert.Equal(t, want, have, "%q", markup)
	}
}

// A novel cannot ask for pages and pictures without end.
func TestNovelPages_Bounded(t *testing.T) {
	t.Parallel()
	pages, beyond := novelPages(strings.Repeat("[newpage]", 6000), strings.ToUpper)
	assert.Len(t, pages, 5000)
	assert.Equal(t, 1001, beyond)
	assert.Equal(t, epub.Paragraph{Inlines: []epub.Inline{epub.Text("[newpage]")}}, pages[4999].Blocks[1000])

	var b strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&b, "[pixivimage:%d]", 1000+i)
	}
	b.WriteString("[pixivimage:1000]")
	text := NovelText{ID: 5, Text: b.String()}
	pictures, beyond := novelPictures(&text)
	assert.Len(t, pictures, 1000)
	assert.Equal(t, 200, beyond)
	pages, _ = novelPages(text.Text, strings.ToUpper)
	assert.IsType(t, epub.Picture{}, pages[0].Blocks[1200], "one that is there may be shown again")
}

func TestLanguageOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"漢字とかな": "ja", "カタカナ": "ja", "只有汉字": "zh", "한국어 漢字": "ko", "plain text": "und", "": "und",
	} {
		assert.Equal(t, want, languageOf(text), text)
	}
}

func none(string) (io.ReadCloser, error) { return nil, fs.ErrNotExist }

// Whatever a novel holds, a book of it can be written.
func FuzzNovelPages(f *testing.F) {
	f.Add("[chapter:[[rb:a > b]]]\n[newpage][jump:1][[jumpuri:x > http://a]]")
	f.Add("[[rb:[chapter:a > b]]]")
	f.Fuzz(func(t *testing.T, text string) {
		pages, _ := novelPages(text, strings.ToUpper)
		require.NotEmpty(t, pages)
		book := &epub.Book{ID: "https://a", Title: "t", Language: "ja", Pages: pages}
		require.NoError(t, epub.Write(&bytes.Buffer{}, book, none))
	})
}
