// Package epub writes EPUB 3 books (EPUB 3.3, W3C Recommendation of May 2023):
// a title, a cover, pages of text with pictures, and a table of contents.
//
// What it writes is made of typed parts, so the documents are well-formed
// whatever the texts hold. The same book gives the same bytes.
package epub

import "time"

// Book is what is written.
type Book struct {
	// ID identifies the book for ever: a URI.
	ID string
	// Title must not be empty; nor may Language, a tag of BCP 47.
	Title    string
	Language string
	Author   string
	// Description is plain text.
	Description string
	Tags        []string
	// Source is the address of the original, or "".
	Source string
	// Series is the name of the series the book belongs to, or "".
	Series string
	// Published and Modified are times; a zero Modified is Published.
	Published, Modified time.Time

	// Cover is the name of a picture, or "".
	Cover string
	// Pages are the documents of the book, in order; at least one.
	Pages []Page
}

// Page is one document.
type Page struct {
	Blocks []Block
}

// Block is a part of a page: a Heading, a Paragraph or a Picture.
type Block interface{ block() }

// Heading begins a chapter: it stands in the table of contents.
type Heading struct{ Inlines []Inline }

// Paragraph is a line of text; one without text is an empty line.
type Paragraph struct{ Inlines []Inline }

// Picture shows a picture. Where Open does not have it, Text stands in its
// place.
type Picture struct {
	Name string // see Opener
	Text string // for who does not see it
}

func (Heading) block()   {}
func (Paragraph) block() {}
func (Picture) block()   {}

// Inline is a part of a line: Text, Ruby, a Link or a Jump.
type Inline interface{ inline() }

// Text is plain text.
type Text string

// Ruby is text with its reading above it.
type Ruby struct{ Base, Reading string }

// Link leads out of the book; URL is an absolute http or https address.
type Link struct{ Text, URL string }

// Jump leads to the page of that number, counted from 1.
type Jump struct {
	Text string
	Page int
}

func (Text) inline() {}
func (Ruby) inline() {}
func (Link) inline() {}
func (Jump) inline() {}
