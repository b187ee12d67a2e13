package pixiv

import (
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

// novelPages turns the text of a novel into the pages of a book. name gives the
// name of a picture by its mark: "pixivimage:1-2" or "uploadedimage:3".
func novelPages(text string, name func(mark string) string) []epub.Page {
	pages := []epub.Page{{}}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		pages = addLine(pages, line, name)
	}
	return pages
}

func addLine(pages []epub.Page, line string, name func(string) string) []epub.Page {
	add := func(block epub.Block) {
		last := &pages[len(pages)-1]
		last.Blocks = append(last.Blocks, block)
	}
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
			add(epub.Paragraph{Inlines: inlinesOf(before)})
		}
		switch {
		case mark == "[newpage]":
			pages = append(pages, epub.Page{})
		case mark == "[chapter:":
			add(epub.Heading{Inlines: inlinesOf(title)})
		default:
			mark = strings.Trim(mark, "[]")
			add(epub.Picture{Name: name(mark), Text: mark})
		}
		line, marked = after, true
	}
	if line != "" || !marked {
		add(epub.Paragraph{Inlines: inlinesOf(line)})
	}
	return pages
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
	if err != nil || !isWeb(parsed) || parsed.Host == "" {
		return epub.Text(text + " (" + address + ")")
	}
	if text == "" {
		text = address
	}
	return epub.Link{Text: text, URL: parsed.String()}
}
