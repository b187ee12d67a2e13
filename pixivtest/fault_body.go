package pixivtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"

	"github.com/pixivoc/pixivoc/pixivtest/internal/paint"
)

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// IgnoreRange answers as if the request had no Range header: the whole file with 200.
type IgnoreRange struct{}

func (IgnoreRange) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	whole := r.Clone(r.Context())
	whole.Header.Del("Range")
	return next(whole)
}

// ForceRange answers as if the request had this Range header and no condition: a part of a file that nobody asked for.
type ForceRange struct {
	Range string // zero: bytes=0-99
}

func (f ForceRange) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	part := r.Clone(r.Context())
	part.Header.Del("If-Range")
	part.Header.Set("Range", "bytes=0-99")
	if f.Range != "" {
		part.Header.Set("Range", f.Range)
	}
	return next(part)
}

// WrongRange answers a request for a part of a file with something else than that part.
type WrongRange struct {
	Shift          int64  // the part begins that many bytes later, or earlier when negative; Content-Range says so
	Lie            bool   // Content-Range says that the part is the one asked for, whatever Shift is
	TotalBy        int64  // added to the size of the file in Content-Range
	ETag           string // another ETag
	LastModified   string // another Last-Modified
	NoContentRange bool
	Multipart      bool // the part comes wrapped as multipart/byteranges
}

func (f WrongRange) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	part, ok := a.body.(section)
	if a.status != http.StatusPartialContent || !ok {
		return a
	}
	size := part.of.Size()
	end := part.off + part.n
	asked := part
	part.off = min(end-1, max(0, part.off+f.Shift))
	part.n = end - part.off
	a.body = part
	if f.Lie {
		part = asked
	}
	position := contentRange(part.off, part.n, size+f.TotalBy)
	a.header.Set("Content-Range", position)
	if f.NoContentRange {
		a.header.Del("Content-Range")
	}
	if f.ETag != "" {
		a.header.Set("ETag", f.ETag)
	}
	if f.LastModified != "" {
		a.header.Set("Last-Modified", f.LastModified)
	}
	if f.Multipart {
		const boundary = "00000000000000000001"
		a.body = chain{
			text("\r\n--" + boundary + "\r\nContent-Type: " + a.header.Get("Content-Type") + "\r\nContent-Range: " + position + "\r\n\r\n"),
			a.body, text("\r\n--" + boundary + "--\r\n"),
		}
		a.header.Del("Content-Range")
		a.header.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	}
	return a
}

// EmptyBody answers with the right header and no bytes, and says so.
type EmptyBody struct {
	Status int // zero: as it was
}

func (f EmptyBody) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.body = nil
	a.status = orElse(f.Status, a.status)
	return a
}

// MissingEnd leaves out the end of a file, and Content-Length agrees.
type MissingEnd struct {
	Bytes int64 // zero: 2, the end mark of a JPEG
	Zeros bool  // the end is not left out but filled with zeros, so that even the length is right
}

func (f MissingEnd) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	if a.body == nil {
		return a
	}
	missing := min(a.size(), f.Bytes)
	if f.Bytes <= 0 {
		missing = min(a.size(), 2)
	}
	a.body = section{of: a.body, n: a.size() - missing}
	if f.Zeros {
		a.body = chain{a.body, zeros(missing)}
	}
	return a
}

// WrongType answers with bytes of another type than the header and the name of the file say.
type WrongType struct {
	Type string // "jpg", "png", "gif", "webp", "html" or "exe"; zero: "png"
}

func (f WrongType) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	if a.status == http.StatusOK && a.body != nil {
		a.body = sample(f.Type)
	}
	return a
}

// sample is a small file of a type.
func sample(kind string) content {
	format := paint.PNG
	switch kind {
	case "html":
		return blockPage(http.StatusOK).body
	case "webp": // RIFF with one lossless picture of one pixel (RFC 9649 section 2.6)
		return text("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
	case "exe":
		return chain{text("MZ\x90\x00\x03\x00\x00\x00"), zeros(4096)}
	case "jpg", "gif":
		format = paint.Format(kind)
	}
	file, err := (&paint.Painter{}).Paint(paint.Spec{Seed: 1, Label: "sample", Format: format, Width: 32, Height: 24})
	if err != nil {
		panic(fmt.Sprintf("pixivtest: paint a sample: %v", err)) // its numbers are right
	}
	return file
}

// GzipGarbage says that the body is compressed, which it is not.
type GzipGarbage struct{}

func (GzipGarbage) answer(_ *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	a.header.Set("Content-Encoding", "gzip")
	return a
}

// bombUnit is how many bytes one member of a [GzipBomb] decodes to.
const bombUnit = 1 << 20

// GzipBomb answers with a small compressed body that decodes to very many zero bytes.
type GzipBomb struct {
	Bytes int64 // when decoded, rounded up to 1 MiB; zero: 1 GiB
}

func (f GzipBomb) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	a := next(r)
	size := f.Bytes
	if size <= 0 {
		size = 1 << 30
	}
	type key struct{ bomb int }
	member := t.server.gallery.keep(key{bombUnit}, func() (content, int) {
		var out bytes.Buffer
		packer := gzip.NewWriter(&out)
		_, err := writeRange(packer, zeros(bombUnit), 0, bombUnit)
		if err == nil {
			err = packer.Close()
		}
		if err != nil {
			panic(fmt.Sprintf("pixivtest: compress: %v", err)) // a buffer takes everything
		}
		return text(out.String()), out.Len()
	})
	a.body = repeated{unit: member, size: member.Size() * ((size + bombUnit - 1) / bombUnit)}
	a.header.Set("Content-Encoding", "gzip")
	return a
}
