package epub_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/pixiv/internal/epub"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checked is a book as a reader that trusts nothing finds it. The rules are
// those that epubcheck looks at first.
type checked struct {
	files    map[string]string
	order    []string // hrefs in the spine
	contents []string // entries of the table of contents, as TITLE -> TARGET
	metadata map[string][]string
}

var (
	ncName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9._-]*$`)
	modified = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
)

// check reads a book and fails the test where it breaks a rule.
func check(t *testing.T, book []byte) checked {
	t.Helper()
	// The first file: name at byte 30, its content behind it, nothing between.
	require.Equal(t, "PK\x03\x04", string(book[:4]))
	require.Zero(t, binary.LittleEndian.Uint16(book[6:]), "flags: no data descriptor")
	require.Zero(t, binary.LittleEndian.Uint16(book[8:]), "stored")
	require.EqualValues(t, len("mimetype"), binary.LittleEndian.Uint16(book[26:]))
	require.Zero(t, binary.LittleEndian.Uint16(book[28:]), "no extra field")
	require.Equal(t, "mimetypeapplication/epub+zip", string(book[30:58]))

	archive, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	require.NoError(t, err)
	found := checked{files: map[string]string{}, metadata: map[string][]string{}}
	for _, file := range archive.File {
		require.NotContains(t, found.files, file.Name)
		reader, err := file.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		found.files[file.Name] = string(content)
	}
	var container struct {
		XMLName   xml.Name `xml:"urn:oasis:names:tc:opendocument:xmlns:container container"`
		Version   string   `xml:"version,attr"`
		Rootfiles []struct {
			Path string `xml:"full-path,attr"`
			Type string `xml:"media-type,attr"`
		} `xml:"rootfiles>rootfile"`
	}
	require.NoError(t, xml.Unmarshal([]byte(found.files["META-INF/container.xml"]), &container))
	require.Equal(t, "1.0", container.Version)
	require.Len(t, container.Rootfiles, 1)
	require.Equal(t, "application/oebps-package+xml", container.Rootfiles[0].Type)
	found.checkPackage(t, container.Rootfiles[0].Path)
	return found
}

type packageDocument struct {
	XMLName  xml.Name `xml:"http://www.idpf.org/2007/opf package"`
	Version  string   `xml:"version,attr"`
	Unique   string   `xml:"unique-identifier,attr"`
	Metadata struct {
		Elements []struct {
			XMLName  xml.Name
			ID       string `xml:"id,attr"`
			Property string `xml:"property,attr"`
			Refines  string `xml:"refines,attr"`
			Text     string `xml:",chardata"`
		} `xml:",any"`
	} `xml:"metadata"`
	Items []struct {
		ID         string `xml:"id,attr"`
		Href       string `xml:"href,attr"`
		Media      string `xml:"media-type,attr"`
		Properties string `xml:"properties,attr"`
	} `xml:"manifest>item"`
	Spine []struct {
		Ref string `xml:"idref,attr"`
	} `xml:"spine>itemref"`
}

func (c *checked) checkPackage(t *testing.T, name string) {
	t.Helper()
	var opf packageDocument
	require.NoError(t, xml.Unmarshal([]byte(c.files[name]), &opf))
	require.Equal(t, "3.0", opf.Version)
	ids := map[string]string{}
	identified := false
	for _, element := range opf.Metadata.Elements {
		key := element.XMLName.Local + element.Property
		require.NotEmpty(t, strings.TrimSpace(element.Text), key)
		c.metadata[key] = append(c.metadata[key], element.Text)
		identified = identified || element.XMLName.Local == "identifier" && element.ID == opf.Unique
		if element.ID != "" {
			ids[element.ID] = key
		}
		if element.Refines != "" {
			require.Contains(t, ids, strings.TrimPrefix(element.Refines, "#"))
		}
	}
	require.True(t, identified, "unique-identifier names an identifier")
	for _, key := range []string{"title", "language", "identifier", "metadcterms:modified"} {
		require.Len(t, c.metadata[key], 1, key)
	}
	require.Regexp(t, modified, c.metadata["metadcterms:modified"][0])

	hrefs := c.checkManifest(t, name, &opf, ids)
	require.NotEmpty(t, opf.Spine)
	for _, ref := range opf.Spine {
		require.Contains(t, hrefs, ref.Ref)
		c.order = append(c.order, hrefs[ref.Ref])
	}
}

// checkManifest wants each file of the book in the manifest, once, and returns
// their names by ID.
func (c *checked) checkManifest(t *testing.T, name string, opf *packageDocument, ids map[string]string) map[string]string {
	t.Helper()
	listed := map[string]bool{"mimetype": true, "META-INF/container.xml": true, name: true}
	hrefs := map[string]string{}
	navs, covers := 0, 0
	for _, item := range opf.Items {
		require.Regexp(t, ncName, item.ID)
		require.NotContains(t, ids, item.ID)
		ids[item.ID] = item.Href
		hrefs[item.ID] = item.Href
		full := path.Join(path.Dir(name), item.Href)
		require.Contains(t, c.files, full, "the manifest names it")
		require.False(t, listed[full], "%s is listed twice", full)
		listed[full] = true
		switch item.Properties {
		case "nav":
			navs++
			c.contents = c.readNav(t, full)
		case "cover-image":
			covers++
			require.True(t, strings.HasPrefix(item.Media, "image/"))
		default:
			require.Empty(t, item.Properties)
		}
		if item.Media == "application/xhtml+xml" {
			c.checkDocument(t, full)
		}
	}
	require.Equal(t, 1, navs)
	require.LessOrEqual(t, covers, 1)
	for file := range c.files {
		require.True(t, listed[file], "%s is not in the manifest", file)
	}
	return hrefs
}

// elements yields the elements of a document, which must be well-formed.
func elements(t *testing.T, name, document string) (found []xml.StartElement) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(document))
	decoder.Entity = nil // EPUB has the five of XML alone
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err, "%s is not well-formed", name)
		if start, ok := token.(xml.StartElement); ok {
			found = append(found, start.Copy())
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// checkDocument wants an XHTML document with a title, ids that differ, and
// links and pictures that are there.
func (c *checked) checkDocument(t *testing.T, name string) {
	t.Helper()
	seen := map[string]bool{}
	titles := 0
	for i, e := range elements(t, name, c.files[name]) {
		require.Equal(t, "http://www.w3.org/1999/xhtml", e.Name.Space, "%s: %s", name, e.Name.Local)
		if i == 0 {
			require.Equal(t, "html", e.Name.Local)
		}
		if e.Name.Local == "title" {
			titles++
		}
		if id := attribute(e, "id"); id != "" {
			require.Regexp(t, ncName, id)
			require.False(t, seen[id], "%s: id %s twice", name, id)
			seen[id] = true
		}
		switch target := attribute(e, "href"); {
		case e.Name.Local == "img":
			require.NotEmpty(t, e.Attr)
			require.Contains(t, c.files, path.Join(path.Dir(name), attribute(e, "src")), "pictures are in the book")
		case target == "", strings.HasPrefix(target, "https://"), strings.HasPrefix(target, "http://"):
		default:
			file, fragment, _ := strings.Cut(target, "#")
			full := path.Join(path.Dir(name), file)
			require.Contains(t, c.files, full)
			if fragment != "" {
				require.Contains(t, c.files[full], `id="`+fragment+`"`)
			}
		}
	}
	require.Equal(t, 1, titles, name)
}

func (c *checked) readNav(t *testing.T, name string) (entries []string) {
	t.Helper()
	var nav struct {
		Nav []struct {
			Type  string `xml:"http://www.idpf.org/2007/ops type,attr"`
			Items []struct {
				A struct {
					Href string `xml:"href,attr"`
					Text string `xml:",chardata"`
				} `xml:"a"`
			} `xml:"ol>li"`
		} `xml:"body>nav"`
	}
	require.NoError(t, xml.Unmarshal([]byte(c.files[name]), &nav))
	require.Len(t, nav.Nav, 1)
	require.Equal(t, "toc", nav.Nav[0].Type)
	require.NotEmpty(t, nav.Nav[0].Items)
	for _, item := range nav.Nav[0].Items {
		require.NotEmpty(t, strings.TrimSpace(item.A.Text))
		entries = append(entries, item.A.Text+" -> "+item.A.Href)
	}
	return entries
}

// gallery opens two pictures: a PNG, and a text that is none.
func gallery(t *testing.T) epub.Opener {
	t.Helper()
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 3, 3))))
	return func(name string) (io.ReadCloser, error) {
		switch name {
		case "1.png", "cover.jpg": // the extension counts for nothing
			return io.NopCloser(bytes.NewReader(picture.Bytes())), nil
		case "page.html":
			return io.NopCloser(strings.NewReader("<html>")), nil
		case "unreadable":
			return nil, fs.ErrPermission
		}
		return nil, fs.ErrNotExist
	}
}

func sample() *epub.Book {
	return &epub.Book{
		ID: "https://www.pixiv.net/novel/show.php?id=5", Title: `題 <"&'> ]]>`, Language: "ja", Author: "作者 & co",
		Description: "one\ntwo <b>", Tags: []string{"タグ", "a<b"}, Source: "https://www.pixiv.net/novel/show.php?id=5&x=<y>", Series: "series",
		Published: time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("JST", 9*3600)), Cover: "cover.jpg",
		Pages: []epub.Page{
			{Blocks: []epub.Block{
				epub.Heading{[]epub.Inline{epub.Ruby{"漢字", "かんじ"}, epub.Text(" & more")}},
				epub.Paragraph{[]epub.Inline{epub.Text("text\x00\x0b with <tags> & \ufffe\xff"), epub.Link{`"q"`, "https://example.com/?a=1&b=<2>"}, epub.Jump{"next", 2}, epub.Jump{"nowhere", 9}}},
				epub.Paragraph{},
				epub.Picture{"1.png", `alt "<&>"`}, epub.Picture{"1.png", "again"},
				epub.Picture{"gone.png", "a picture <that> is gone"}, epub.Picture{"page.html", "no picture"},
				epub.Heading{[]epub.Inline{epub.Text("second")}},
			}},
			{},
		},
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	var out, again bytes.Buffer
	require.NoError(t, epub.Write(&out, sample(), gallery(t)))
	require.NoError(t, epub.Write(&again, sample(), gallery(t)))
	assert.True(t, bytes.Equal(out.Bytes(), again.Bytes()), "the same book gives the same bytes")
	book := check(t, out.Bytes())
	assert.Equal(t, []string{"page-001.xhtml", "page-002.xhtml"}, book.order)
	assert.Equal(t, []string{"漢字 & more -> page-001.xhtml#chapter-1", "second -> page-001.xhtml#chapter-2", "2 -> page-002.xhtml"}, book.contents)
	assert.Equal(t, []string{`題 <"&'> ]]>`}, book.metadata["title"])
	assert.Equal(t, []string{"作者 & co"}, book.metadata["creator"])
	assert.Equal(t, []string{"タグ", "a<b"}, book.metadata["subject"])
	assert.Equal(t, []string{"2026-01-01T18:04:05Z"}, book.metadata["metadcterms:modified"])
	assert.Equal(t, []string{"series"}, book.metadata["metabelongs-to-collection"])
	text := book.files["EPUB/page-001.xhtml"]
	assert.Contains(t, text, "<ruby>漢字<rt>かんじ</rt></ruby>")
	assert.Contains(t, text, "a picture &lt;that&gt; is gone")
	assert.Contains(t, text, `<a href="page-002.xhtml">next</a>nowhere`)
	assert.Equal(t, 3, strings.Count(text, "<img "), "the cover and one picture twice")
	pictures := 0
	for name := range book.files {
		if strings.HasPrefix(name, "EPUB/pictures/") {
			pictures++
			assert.True(t, strings.HasSuffix(name, ".png"), "the extension follows the content")
		}
	}
	assert.Equal(t, 2, pictures)
}

// A chapter without a title that is seen has its page's number in the table of
// contents, and a ruby lacks neither part.
func TestWrite_NothingSeen(t *testing.T) {
	t.Parallel()
	book := sample()
	for _, title := range []string{"", "\u200b", "\u3000", "\u3164", "\x01", "\u2060\u00ad"} {
		book.Pages = []epub.Page{{Blocks: []epub.Block{
			epub.Heading{[]epub.Inline{epub.Text(title)}},
			epub.Paragraph{[]epub.Inline{epub.Ruby{title, "reading"}, epub.Ruby{"base", title}}},
		}}}
		var out bytes.Buffer
		require.NoError(t, epub.Write(&out, book, gallery(t)))
		found := check(t, out.Bytes())
		assert.Equal(t, []string{"1 -> page-001.xhtml#chapter-1"}, found.contents, "%q", title)
		assert.NotContains(t, found.files["EPUB/page-001.xhtml"], "<ruby>", "%q", title)
		assert.Contains(t, found.files["EPUB/page-001.xhtml"], "readingbase", "%q", title)
	}
}

func TestWrite_Refuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*epub.Book){
		"title": func(b *epub.Book) { b.Title = "\x00 " }, "language": func(b *epub.Book) { b.Language = "" },
		"ID": func(b *epub.Book) { b.ID = "" }, "page": func(b *epub.Book) { b.Pages = nil },
	} {
		book := sample()
		change(book)
		assert.ErrorContains(t, epub.Write(io.Discard, book, gallery(t)), name)
	}
	book := sample()
	book.Cover = "unreadable"
	require.ErrorIs(t, epub.Write(io.Discard, book, gallery(t)), fs.ErrPermission)
}

func FuzzWrite(f *testing.F) {
	f.Add("title", "text", "https://example.com", "ruby")
	f.Add("\x00a", "]]>", "javascript:alert(1)", "\ufffe")
	f.Fuzz(func(t *testing.T, title, text, address, ruby string) {
		book := sample()
		book.Title, book.Author, book.Tags, book.Series = "t"+title, text, []string{ruby}, title
		book.Pages[1].Blocks = []epub.Block{
			epub.Heading{[]epub.Inline{epub.Text("h" + title)}},
			epub.Paragraph{[]epub.Inline{epub.Text(text), epub.Ruby{text, ruby}, epub.Link{text, "https://" + address}}},
		}
		var out bytes.Buffer
		require.NoError(t, epub.Write(&out, book, gallery(t)))
		check(t, out.Bytes())
	})
}
