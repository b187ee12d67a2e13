package epub

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const style = `body { line-height: 1.7; }
p { margin: 0; min-height: 1em; }
h2 { margin: 2em 0 1em; }
div.picture { text-align: center; margin: 1em 0; }
div.picture img { max-width: 100%; max-height: 100%; }
`

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func container() []byte {
	return []byte(xmlHead + `<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles>
    <rootfile full-path="` + packageName + `" media-type="application/oebps-package+xml"/>
  </rootfiles>
</container>
`)
}

// printable leaves out what XML cannot have.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r < 0xFFFE, r >= 0x10000:
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
}

// escape makes character data of any text.
func escape(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(printable(text))) // a buffer takes everything
	return out.String()
}

// visible says whether anything of a text is left to see.
func visible(text string) bool { return strings.TrimSpace(printable(text)) != "" }

// legible says whether a text has a character that is seen. Some letters are
// blank: the fillers of Hangul and the empty pattern of Braille.
func legible(text string) bool {
	return strings.ContainsFunc(printable(text), func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !strings.ContainsRune("\u115f\u1160\u2800\u3164\uffa0", r)
	})
}

// ruby is text with a reading, which needs both.
func ruby(inline Ruby) string {
	if !legible(inline.Base) || !legible(inline.Reading) {
		return escape(inline.Base + inline.Reading)
	}
	return fmt.Sprintf("<ruby>%s<rt>%s</rt></ruby>", escape(inline.Base), escape(inline.Reading))
}

// document is an XHTML document of the book.
func (b *builder) document(title, body, namespace string) []byte {
	language := escape(b.book.Language)
	return []byte(xmlHead + `<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"` + namespace + ` lang="` + language + `" xml:lang="` + language + `">
<head>
<title>` + escape(title) + `</title>
<link rel="stylesheet" type="text/css" href="` + styleName + `"/>
</head>
<body>
` + body + `</body>
</html>
`)
}

// page is the i-th page of text. The first one begins with the title and the
// cover.
func (b *builder) page(i int) []byte {
	var out strings.Builder
	if i == 0 {
		fmt.Fprintf(&out, "<h1>%s</h1>\n", escape(b.book.Title))
		if _, there := b.pictures[b.book.Cover]; there {
			out.WriteString(b.block(Picture{Name: b.book.Cover, Text: b.book.Title}, ""))
		}
	}
	heading := 0
	for _, block := range b.book.Pages[i].Blocks {
		anchor := ""
		if _, ok := block.(Heading); ok {
			heading++
			anchor = headingID(heading)
		}
		out.WriteString(b.block(block, anchor))
	}
	return b.document(b.book.Title, out.String(), "")
}

func headingID(number int) string { return "chapter-" + strconv.Itoa(number) }

func (b *builder) block(block Block, anchor string) string {
	switch block := block.(type) {
	case Heading:
		return fmt.Sprintf("<h2 id=%q>%s</h2>\n", anchor, b.inlines(block.Inlines))
	case Paragraph:
		if len(block.Inlines) == 0 {
			return "<p><br/></p>\n"
		}
		return "<p>" + b.inlines(block.Inlines) + "</p>\n"
	case Picture:
		found, there := b.pictures[block.Name]
		if !there {
			return "<p>[" + escape(block.Text) + "]</p>\n"
		}
		return fmt.Sprintf("<div class=\"picture\"><img src=\"%s\" alt=\"%s\"/></div>\n", found.file, escape(block.Text))
	}
	return ""
}

func (b *builder) inlines(inlines []Inline) string {
	var out strings.Builder
	for _, inline := range inlines {
		switch inline := inline.(type) {
		case Text:
			out.WriteString(escape(string(inline)))
		case Ruby:
			out.WriteString(ruby(inline))
		case Link:
			fmt.Fprintf(&out, "<a href=\"%s\">%s</a>", escape(inline.URL), escape(inline.Text))
		case Jump:
			if inline.Page < 1 || inline.Page > len(b.book.Pages) {
				out.WriteString(escape(inline.Text))
				continue
			}
			fmt.Fprintf(&out, "<a href=\"%s\">%s</a>", pageName(inline.Page-1), escape(inline.Text))
		}
	}
	return out.String()
}

// plain is the text of a line.
func plain(inlines []Inline) string {
	var out strings.Builder
	for _, inline := range inlines {
		switch inline := inline.(type) {
		case Text:
			out.WriteString(string(inline))
		case Ruby:
			out.WriteString(inline.Base)
		case Link:
			out.WriteString(inline.Text)
		case Jump:
			out.WriteString(inline.Text)
		}
	}
	return strings.TrimSpace(out.String())
}

// nav is the table of contents: the chapters, or the pages where a page has
// none.
func (b *builder) nav() []byte {
	var out strings.Builder
	out.WriteString("<nav epub:type=\"toc\" id=\"toc\">\n<h2>" + escape(b.book.Title) + "</h2>\n<ol>\n")
	entry := func(target, title string) {
		fmt.Fprintf(&out, "<li><a href=\"%s\">%s</a></li>\n", target, escape(title))
	}
	for i, page := range b.book.Pages {
		heading := 0
		for _, block := range page.Blocks {
			if found, ok := block.(Heading); ok {
				heading++
				title := plain(found.Inlines)
				if !legible(title) {
					title = strconv.Itoa(i + 1)
				}
				entry(pageName(i)+"#"+headingID(heading), title)
			}
		}
		if heading == 0 {
			entry(pageName(i), strconv.Itoa(i+1))
		}
	}
	out.WriteString("</ol>\n</nav>\n")
	return b.document(b.book.Title, out.String(), ` xmlns:epub="http://www.idpf.org/2007/ops"`)
}

// opf is the package document.
func (b *builder) opf() []byte {
	var out strings.Builder
	out.WriteString(xmlHead + `<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="book-id" xml:lang="` + escape(b.book.Language) + `">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
`)
	b.metadata(&out)
	out.WriteString("</metadata>\n<manifest>\n")
	item := func(id, href, media, properties string) {
		if properties != "" {
			properties = ` properties="` + properties + `"`
		}
		fmt.Fprintf(&out, "<item id=%q href=%q media-type=%q%s/>\n", id, href, media, properties)
	}
	const xhtml = "application/xhtml+xml"
	item("nav", navName, xhtml, "nav")
	item("style", styleName, "text/css", "")
	for _, name := range b.order {
		properties := ""
		if name == b.book.Cover {
			properties = "cover-image"
		}
		found := b.pictures[name]
		item(found.id, found.file, found.media, properties)
	}
	for i := range b.book.Pages {
		item(pageID(i), pageName(i), xhtml, "")
	}
	out.WriteString("</manifest>\n<spine>\n")
	for i := range b.book.Pages {
		fmt.Fprintf(&out, "<itemref idref=%q/>\n", pageID(i))
	}
	out.WriteString("</spine>\n</package>\n")
	return []byte(out.String())
}

func (b *builder) metadata(out *strings.Builder) {
	element := func(name, attributes, value string) {
		if visible(value) {
			fmt.Fprintf(out, "<%s%s>%s</%s>\n", name, attributes, escape(value), name)
		}
	}
	published := b.book.Published
	modified := b.book.Modified
	if modified.IsZero() {
		modified = published
	}
	element("dc:identifier", ` id="book-id"`, b.book.ID)
	element("dc:title", "", b.book.Title)
	element("dc:language", "", b.book.Language)
	element("dc:creator", "", b.book.Author)
	element("dc:description", "", b.book.Description)
	element("dc:source", "", b.book.Source)
	for _, tag := range b.book.Tags {
		element("dc:subject", "", tag)
	}
	if !published.IsZero() {
		element("dc:date", "", published.UTC().Format(time.RFC3339))
	}
	element("meta", ` property="dcterms:modified"`, modified.UTC().Format("2006-01-02T15:04:05Z"))
	if visible(b.book.Series) {
		element("meta", ` property="belongs-to-collection" id="series"`, b.book.Series)
		element("meta", ` refines="#series" property="collection-type"`, "series")
	}
}
