package pixiv

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc/pixiv/internal/epub"
)

// Pixiv's markup of novels; what is none of it is text. Block marks end a line
// wherever they stand, inline marks are parts of one.
var (
	blockMark  = regexp.MustCompile(`\[(?:newpage\]|chapter:|pixivimage:([0-9]+(?:-[0-9]+)?)\]|uploadedimage:([0-9]+)\])`)
	inlineMark = regexp.MustCompile(`\[\[rb:([^>\]]*?) *> *([^\]]*?)\]\]|\[\[jumpuri:([^>\]]*?) *> *([^\]]*?)\]\]|\[jump:([0-9]{1,6})\]`)
)

// What a novel may ask for, by far more than people write: each page is a file of
// the book, each picture at least one request. Marks beyond it are text.
const (
	maxNovelPages    = 5000
	maxNovelPictures = 1000
)

// novelReader turns the text of a novel into the pages of a book.
type novelReader struct {
	// name gives the name of a picture by its mark: "pixivimage:1-2" or
	// "uploadedimage:3".
	name     func(mark string) string
	pages    []epub.Page
	pictures map[string]bool // by mark
	// beyond counts the marks that are text because there are too many.
	beyond int
}

func novelPages(text string, name func(mark string) string) (pages []epub.Page, beyond int) {
	r := novelReader{name: name, pages: []epub.Page{{}}, pictures: map[string]bool{}}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		r.line(line)
	}
	return r.pages, r.beyond
}

func (r *novelReader) add(block epub.Block) {
	last := &r.pages[len(r.pages)-1]
	last.Blocks = append(last.Blocks, block)
}

// page begins a page, picture shows one; the mark is text where there are too
// many.
func (r *novelReader) page(mark string) {
	if len(r.pages) == maxNovelPages {
		r.asText(mark)
		return
	}
	r.pages = append(r.pages, epub.Page{})
}

func (r *novelReader) picture(mark string) {
	inside := strings.Trim(mark, "[]")
	if !r.pictures[inside] && len(r.pictures) == maxNovelPictures {
		r.asText(mark)
		return
	}
	r.pictures[inside] = true
	r.add(epub.Picture{Name: r.name(inside), Text: inside})
}

func (r *novelReader) asText(mark string) {
	r.beyond++
	r.add(epub.Paragraph{Inlines: []epub.Inline{epub.Text(mark)}})
}

func (r *novelReader) line(line string) {
	marked := false
	for {
		at := blockMark.FindStringSubmatchIndex(line)
		if at == nil {
			break
		}
		mark, before, after := line[at[0]:at[1]], line[:at[0]], line[at[1]:]
		title, rest := "", ""
		if mark == "[chapter:" {
			var closed bool
			if title, rest, closed = cutMark(after); !closed {
				break
			}
			after = rest
		}
		if before != "" {
			r.add(epub.Paragraph{Inlines: inlinesOf(before)})
		}
		switch {
		case mark == "[newpage]":
			r.page(mark)
		case mark == "[chapter:":
			r.add(epub.Heading{Inlines: inlinesOf(title)})
		default:
			r.picture(mark)
		}
		line, marked = after, true
	}
	if line != "" || !marked {
		r.add(epub.Paragraph{Inlines: inlinesOf(line)})
	}
}

// cutMark cuts at the bracket that ends a mark; brackets inside come in pairs.
func cutMark(text string) (inside, after string, closed bool) {
	depth := 0
	for i, r := range text {
		switch r {
		case '[':
			depth++
		case ']':
			if depth == 0 {
				return text[:i], text[i+1:], true
			}
			depth--
		}
	}
	return "", "", false
}

// inlinesOf reads the marks inside of a line.
func inlinesOf(line string) []epub.Inline {
	var inlines []epub.Inline
	text := func(text string) {
		if text != "" {
			inlines = append(inlines, epub.Text(text))
		}
	}
	for {
		at := inlineMark.FindStringSubmatchIndex(line)
		if at == nil {
			text(line)
			return inlines
		}
		text(line[:at[0]])
		group := func(i int) string { return line[at[2*i]:at[2*i+1]] }
		switch {
		case at[2] >= 0:
			inlines = append(inlines, epub.Ruby{Base: group(1), Reading: group(2)})
		case at[6] >= 0:
			inlines = append(inlines, linkTo(group(3), group(4)))
		default:
			page, _ := strconv.Atoi(group(5))
			inlines = append(inlines, epub.Jump{Text: "→ " + group(5), Page: page})
		}
		line = line[at[1]:]
	}
}

// linkTo is a link, or its text where the address is none that a book may have.
func linkTo(text, address string) epub.Inline {
	parsed, err := url.Parse(strings.TrimSpace(address))
	if err != nil || !isWeb(parsed) || parsed.Host == "" || strings.ContainsAny(parsed.Host, `<>"`) {
		return epub.Text(text + " (" + address + ")")
	}
	if text == "" {
		text = address
	}
	return epub.Link{Text: text, URL: escapeURL(parsed.String())}
}

// escapeURL escapes what an address may not have (RFC 3986, 2): a query of other
// people's making is kept as it was by net/url.
func escapeURL(address string) string {
	const allowed = "-._~:/?#[]@!$&'()*+,;=%"
	var b strings.Builder
	for i := range len(address) {
		c := address[i]
		letter := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if c == '%' && !escaped.MatchString(address[i:]) || !letter && strings.IndexByte(allowed, c) < 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

var escaped = regexp.MustCompile(`^%[0-9A-Fa-f]{2}`)
