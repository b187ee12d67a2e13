package pixiv

import (
	"context"
	"html"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv/internal/epub"
)

// saveNovel is SaveNovel: it writes the text as Pixiv has it, and a book. It
// runs when all pictures are there or have failed for good; the book says where
// one is missing.
func saveNovel(ctx context.Context, rt pixivoc.Runtime, novel novelFile) (out pixivoc.Output, err error) {
	stem := rt.Task().TaskName + "/" + novel.ID.String()
	text, err := writeBeside(ctx, rt, stem, ".txt", func(w io.Writer) error {
		_, err := io.WriteString(w, novel.Text)
		return err
	})
	if err != nil {
		return out, err
	}
	book := novel.book(rt.Task().TaskName)
	saved, err := writeBeside(ctx, rt, stem, ".epub", func(w io.Writer) error {
		return epub.Write(w, book, func(name string) (io.ReadCloser, error) { return openSaved(rt, name) })
	})
	if err != nil {
		return out, err
	}
	for _, record := range []FileRecord{text, saved} {
		record.URL = novelAddress(novel.ID)
		out.Record(RecordFile, record.Path, record)
	}
	out.Archive(ArchiveKey(TypeNovel, novel.ID, 0))
	return out, nil
}

func novelAddress(id ID) string { return "https://www.pixiv.net/novel/show.php?id=" + id.String() }

// languageOf tells the language of a text by its script, as a tag of BCP 47.
// Pixiv does not tell it. A text in letters that many languages have is "und".
func languageOf(text string) string {
	const enough = 2000 // characters
	han, hangul, seen := 0, 0, 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Hiragana, unicode.Katakana):
			return "ja"
		case unicode.Is(unicode.Hangul, r):
			hangul++
		case unicode.Is(unicode.Han, r):
			han++
		}
		if seen++; seen == enough {
			break
		}
	}
	switch {
	case hangul > han:
		return "ko"
	case han > 0:
		return "zh"
	}
	return "und"
}

// book is the novel as an EPUB has it. Pictures are named by their stems below
// the save path.
func (n *novelFile) book(task string) *epub.Book {
	picture := func(mark string) string { return novelPicture{Novel: n.ID, Mark: mark}.stem(task) }
	published, _ := time.Parse(time.RFC3339, n.CreateDate) // zero when Pixiv wrote nonsense
	pages, _ := novelPages(n.Text, picture)
	book := &epub.Book{
		ID: novelAddress(n.ID), Title: n.Title, Language: languageOf(n.Text + n.Title),
		Author: n.UserName, Description: plainText(n.Caption), Tags: n.Tags, Source: novelAddress(n.ID),
		Series: n.SeriesTitle, Published: published, Pages: pages,
	}
	if !strings.ContainsFunc(n.Title, func(r rune) bool { return unicode.IsPrint(r) && r != ' ' }) {
		book.Title = "novel " + n.ID.String()
	}
	if n.Cover {
		book.Cover = picture(markCover)
	}
	return book
}

var lineBreak = regexp.MustCompile(`(?i)<br */?>`)

// plainText is the text of HTML with its line breaks.
func plainText(markupText string) string {
	text := lineBreak.ReplaceAllString(markupText, "\n")
	text = markup.ReplaceAllString(hiddenMarkup.ReplaceAllString(text, ""), "")
	return strings.TrimSpace(html.UnescapeString(text))
}
