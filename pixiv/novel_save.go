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
func saveNovel(_ context.Context, rt pixivoc.Runtime, novel novelFile) (out pixivoc.Output, err error) {
	stem := rt.Task().TaskName + "/" + novel.ID.String()
	text, err := writeFile(rt, stem+".txt", func(w io.Writer) error {
		_, err := io.WriteString(w, novel.Text)
		return err
	})
	if err != nil {
		return out, err
	}
	book := novel.book(rt.Task().TaskName)
	saved, err := writeFile(rt, stem+".epub", func(w io.Writer) error {
		return epub.Write(w, book, func(name string) (io.ReadCloser, error) { return openSaved(rt, name) })
	})
	if err != nil {
		return out, err
	}
	for _, record := range []FileRecord{text, saved} {
		record.URL = novelAddress(novel.ID)
		out.Record(RecordFile, record.Path, record)
	}
	return out, nil
}

func novelAddress(id ID) string { return "https://www.pixiv.net/novel/show.php?id=" + id.String() }

// novelLanguage is the language of a novel's book. Pixiv does not tell one in
// its answers; nearly all novels are Japanese.
const novelLanguage = "ja"

// book is the novel as an EPUB has it. Pictures are named by their stems below
// the save path.
func (n *novelFile) book(task string) *epub.Book {
	picture := func(mark string) string { return novelPicture{Novel: n.ID, Mark: mark}.stem(task) }
	published, _ := time.Parse(time.RFC3339, n.CreateDate) // zero when Pixiv wrote nonsense
	book := &epub.Book{
		ID: novelAddress(n.ID), Title: n.Title, Language: novelLanguage,
		Author: n.UserName, Description: plainText(n.Caption), Tags: n.Tags, Source: novelAddress(n.ID),
		Series: n.SeriesTitle, Published: published, Pages: novelPages(n.Text, picture),
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
