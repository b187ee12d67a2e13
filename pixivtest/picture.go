package pixivtest

import (
	"archive/zip"
	"bytes"
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/pixivoc/pixivoc/pixivtest/internal/paint"
)

// paintSize is a size that a picture of that kind surely fits into.
func paintSize(format Format, width, height int) int64 {
	return paint.MinSize(paint.Format(format), width, height)
}

// defaultSide is about how wide and high a picture is when nothing is said.
const defaultSide = 160

// cacheBytes bounds the memory for painted pictures. What falls out is painted again, to the same bytes.
const cacheBytes = 64 << 20

// gallery paints pictures and keeps the latest.
type gallery struct {
	painter paint.Painter
	limit   int // bytes

	mu     sync.Mutex
	held   int
	recent *list.List // of *kept, latest first
	known  map[any]*list.Element
}

// kept is one picture in memory.
type kept struct {
	key   any // what it was made from
	image content
	bytes int
}

func newGallery(limit int) *gallery {
	return &gallery{limit: limit, recent: list.New(), known: map[any]*list.Element{}}
}

// paint returns the picture of spec.
func (g *gallery) paint(spec paint.Spec) content {
	return g.keep(spec, func() (content, int) {
		file, err := g.painter.Paint(spec)
		if err != nil {
			panic(fmt.Sprintf("pixivtest: %v", err)) // Work.complete lets no such picture in
		}
		return file, file.Footprint()
	})
}

// keep returns the content of key, made at the first call.
func (g *gallery) keep(key any, make func() (content, int)) content {
	g.mu.Lock()
	if found, ok := g.known[key]; ok {
		g.recent.MoveToFront(found)
		g.mu.Unlock()
		return found.Value.(*kept).image
	}
	g.mu.Unlock()
	made := &kept{key: key}
	made.image, made.bytes = make() // twice when two ask at once; both get the same bytes
	g.mu.Lock()
	defer g.mu.Unlock()
	if found, ok := g.known[key]; ok {
		return found.Value.(*kept).image
	}
	g.known[key] = g.recent.PushFront(made)
	g.held += made.bytes
	for g.held > g.limit && g.recent.Len() > 1 {
		last := g.recent.Remove(g.recent.Back()).(*kept)
		delete(g.known, last.key)
		g.held -= last.bytes
	}
	return made.image
}

// look is page n as it is painted: with its dimensions and size settled.
func (w work) look(seed uint64, n int) Page {
	p := w.describe(n)
	random := mix(seed, uint64(w.ID), uint64(n), uint64(w.version), 0x6c6f6f6b)
	if p.Size == 0 && w.Sizes.Max > 0 {
		p.Size = w.Sizes.Min + int64(mix(random, 1)%uint64(w.Sizes.Max-w.Sizes.Min+1))
	}
	if p.Width == 0 {
		p.Width = defaultSide - 16 + int(mix(random, 2)%32)
		p.Height = defaultSide - 16 + int(mix(random, 3)%64)
		if w.Type == Ugoira && n > 0 { // all frames are of the size of the first
			first := w.look(seed, 0)
			p.Width, p.Height = first.Width, first.Height
		}
		for p.Size > 0 && paintSize(p.Format, p.Width, p.Height) > p.Size {
			p.Width, p.Height = max(1, p.Width/2), max(1, p.Height/2)
		}
	}
	return p
}

// original is the picture of page n, or of frame n.
func (s *Server) original(w work, n int) content {
	p := w.look(s.config.Seed, n)
	return s.gallery.paint(paint.Spec{
		Seed:   mix(s.config.Seed, uint64(w.ID), uint64(n), uint64(w.version), uint64(w.changes[n])),
		Label:  fmt.Sprintf("work %d page %d upload %d change %d", w.ID, n, w.version, w.changes[n]),
		Format: paint.Format(p.Format), Width: p.Width, Height: p.Height, Size: p.Size,
	})
}

// rendition is a small JPEG in place of page n: a thumbnail, a master or a frame.
func (s *Server) rendition(w work, n int, kind string) content {
	p := w.look(s.config.Seed, n)
	if w.Type == Ugoira {
		p = w.look(s.config.Seed, 0)
	}
	return s.gallery.paint(paint.Spec{
		Seed:   mix(s.config.Seed, uint64(w.ID), uint64(n), uint64(w.version), uint64(w.changes[n])),
		Label:  fmt.Sprintf("work %d page %d upload %d %s", w.ID, n, w.version, kind),
		Format: paint.JPEG, Width: min(p.Width, defaultSide), Height: min(p.Height, defaultSide),
	})
}

// frameFile is the name of frame n in the zip file of an animation.
func frameFile(n int) string { return fmt.Sprintf("%06d.jpg", n) }

// zipped is the zip file of an animation in one size: its frames, stored.
func (s *Server) zipped(w work, size string) content {
	type key struct {
		work, version int64
		size          string
	}
	return s.gallery.keep(key{w.ID, int64(w.version), size}, func() (content, int) {
		var out bytes.Buffer
		archive := zip.NewWriter(&out)
		for n := range w.Frames {
			frame := s.rendition(w, n, "frame"+size)
			file, err := archive.CreateHeader(&zip.FileHeader{Name: frameFile(n), Method: zip.Store})
			if err == nil {
				_, err = writeRange(file, frame, 0, frame.Size())
			}
			if err != nil {
				panic(fmt.Sprintf("pixivtest: zip of work %d: %v", w.ID, err)) // a buffer takes everything
			}
		}
		if err := archive.Close(); err != nil {
			panic(fmt.Sprintf("pixivtest: zip of work %d: %v", w.ID, err))
		}
		return text(out.String()), out.Len()
	})
}

// Picture is one original on the image host, as it is at the time it is asked for.
type Picture struct {
	WorkID int64
	Page   int
	Path   string // on [HostImages]
	URL    string
	Format Format

	file func() content
}

// Size is its length in bytes.
func (p Picture) Size() int64 { return p.file().Size() }

// Open reads its exact bytes without holding them all.
func (p Picture) Open() *io.SectionReader {
	file := p.file()
	return io.NewSectionReader(file, 0, file.Size())
}

// Bytes returns its exact bytes.
func (p Picture) Bytes() []byte {
	var out bytes.Buffer
	file := p.file()
	if _, err := writeRange(&out, file, 0, file.Size()); err != nil {
		panic(fmt.Sprintf("pixivtest: %s: %v", p.Path, err)) // a buffer takes everything
	}
	return out.Bytes()
}

// SHA256 is the SHA-256 checksum of its bytes in hexadecimal digits.
func (p Picture) SHA256() string {
	sum := sha256.New()
	file := p.file()
	if _, err := writeRange(sum, file, 0, file.Size()); err != nil {
		panic(fmt.Sprintf("pixivtest: %s: %v", p.Path, err)) // a checksum takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Picture returns page n of a work (the first is 0; of an animation, frame n). It panics when there is none.
func (s *Server) Picture(workID int64, page int) Picture {
	w, ok := s.catalog.work(workID)
	if !ok || page < 0 || (page >= w.PageCount && w.Type != Ugoira) || (w.Type == Ugoira && page >= w.Frames) {
		panic(fmt.Sprintf("pixivtest: Picture: work %d has no page %d", workID, page))
	}
	return s.picture(w, page)
}

func (s *Server) picture(w work, page int) Picture {
	path := w.originalPath(s.config.Seed, page)
	return Picture{
		WorkID: w.ID, Page: page, Path: path, URL: imageURL(path), Format: w.describe(page).Format,
		file: sync.OnceValue(func() content { return s.original(w, page) }),
	}
}

// Pictures goes over every original that a client can get in the end: those of public works of users who are there,
// without a mask, less the broken and the missing ones; of an animation, the first frame. Users come in the order they were added, works newest
// first. Without IDs it goes over all users.
func (s *Server) Pictures(userIDs ...int64) iter.Seq[Picture] {
	return func(yield func(Picture) bool) {
		chosen := slices.Clone(userIDs)
		if len(chosen) == 0 {
			for _, u := range s.Users() {
				chosen = append(chosen, u.ID)
			}
		}
		for _, userID := range chosen {
			for _, listed := range s.Works(userID) {
				w, ok := s.catalog.work(listed.ID)
				if !ok || !s.catalog.reachable(w) || w.Mask != Unmasked {
					continue
				}
				for n := range w.PageCount {
					if p := w.describe(n); p.Broken || p.Missing {
						continue
					}
					if !yield(s.picture(w, n)) {
						return
					}
				}
			}
		}
	}
}
