package epub

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strconv"
)

// Opener opens a picture by name, or returns an error that is fs.ErrNotExist.
type Opener func(name string) (io.ReadCloser, error)

// Names of the parts of the archive.
const (
	mimetype    = "application/epub+zip"
	folder      = "EPUB/"
	packageName = folder + "package.opf"
	navName     = "nav.xhtml"
	styleName   = "style.css"
)

// Write writes a book. No picture is held in memory as a whole. A picture that
// is not there, or is of no type that readers know, is left out.
func Write(w io.Writer, book *Book, open Opener) error {
	if !visible(book.Title) || book.Language == "" || book.ID == "" || len(book.Pages) == 0 {
		return errors.New("write EPUB: it needs an ID, a title, a language and a page")
	}
	archive := zip.NewWriter(w)
	b := &builder{book: book, archive: archive, open: open, pictures: map[string]picture{}}
	if err := b.write(); err != nil {
		return fmt.Errorf("write EPUB: %w", err)
	}
	return archive.Close()
}

// builder writes one book.
type builder struct {
	book     *Book
	archive  *zip.Writer
	open     Opener
	pictures map[string]picture // by name
	order    []string           // names of pictures as they were found
}

// picture is a picture in the archive.
type picture struct {
	id, file, media string
}

func (b *builder) write() error {
	if err := b.stored("mimetype", []byte(mimetype)); err != nil {
		return err
	}
	if err := b.add("META-INF/container.xml", container()); err != nil {
		return err
	}
	for _, name := range b.pictureNames() {
		if err := b.addPicture(name); err != nil {
			return err
		}
	}
	if err := b.add(folder+styleName, []byte(style)); err != nil {
		return err
	}
	for i := range b.book.Pages {
		if err := b.add(folder+pageName(i), b.page(i)); err != nil {
			return err
		}
	}
	if err := b.add(folder+navName, b.nav()); err != nil {
		return err
	}
	return b.add(packageName, b.opf())
}

// stored writes a file without compression, extra field and data descriptor, as
// the first one of an EPUB must be (OCF 3.3, section 4.2.2).
func (b *builder) stored(name string, content []byte) error {
	file, err := b.archive.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(content),
		CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content)),
	})
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return err
}

func (b *builder) add(name string, content []byte) error {
	file, err := b.archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return err
}

// pictureNames are the names of all pictures, each once.
func (b *builder) pictureNames() []string {
	var names []string
	seen := map[string]bool{"": true}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	add(b.book.Cover)
	for _, page := range b.book.Pages {
		for _, block := range page.Blocks {
			if shown, ok := block.(Picture); ok {
				add(shown.Name)
			}
		}
	}
	return names
}

// addPicture copies a picture. Its type follows its first bytes.
func (b *builder) addPicture(name string) error {
	source, err := b.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("picture %s: %w", name, err)
	}
	defer func() { _ = source.Close() }()
	head := make([]byte, 12)
	n, err := io.ReadFull(source, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("picture %s: %w", name, err)
	}
	media, extension := sniff(head[:n])
	if media == "" {
		return nil
	}
	id := "picture-" + strconv.Itoa(len(b.order)+1)
	file := path.Join("pictures", id+extension)
	target, err := b.archive.CreateHeader(&zip.FileHeader{Name: folder + file, Method: zip.Store})
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, io.MultiReader(bytes.NewReader(head[:n]), source)); err != nil {
		return fmt.Errorf("picture %s: %w", name, err)
	}
	b.pictures[name] = picture{id: id, file: file, media: media}
	b.order = append(b.order, name)
	return nil
}

// sniff knows the core media types of EPUB that Pixiv has pictures in.
func sniff(head []byte) (media, extension string) {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg", ".jpg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png", ".png"
	case bytes.HasPrefix(head, []byte("GIF8")):
		return "image/gif", ".gif"
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "image/webp", ".webp"
	}
	return "", ""
}

func pageName(i int) string { return fmt.Sprintf("page-%03d.xhtml", i+1) }

func pageID(i int) string { return fmt.Sprintf("page-%03d", i+1) }
