package pixivtest

import (
	"io"
	"sync"
)

// content is the body of an answer, or what a body is made of. It never changes.
type content interface {
	io.ReaderAt
	Size() int64
}

// rangeWriter is content that can be written without being copied into a buffer first.
type rangeWriter interface {
	WriteRange(w io.Writer, off, n int64) (int64, error)
}

// copyBuffers are for content that is no rangeWriter.
var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// writeRange writes n bytes of c, beginning at offset off.
func writeRange(w io.Writer, c content, off, n int64) (int64, error) {
	if direct, ok := c.(rangeWriter); ok {
		return direct.WriteRange(w, off, n)
	}
	buffer := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.NewSectionReader(c, off, n)}, buffer[:])
}

// text is content held in memory.
type text string

func (t text) Size() int64 { return int64(len(t)) }

func (t text) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(t)) {
		return 0, io.EOF
	}
	n := copy(p, t[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (t text) WriteRange(w io.Writer, off, n int64) (int64, error) {
	m, err := io.WriteString(w, string(t[off:off+n]))
	return int64(m), err
}

// section is n bytes of content, beginning at offset off.
type section struct {
	of     content
	off, n int64
}

func (s section) Size() int64 { return s.n }

func (s section) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.n {
		return 0, io.EOF
	}
	short := int64(len(p)) > s.n-off
	if short {
		p = p[:s.n-off]
	}
	n, err := s.of.ReadAt(p, s.off+off)
	if n == len(p) {
		err = nil
		if short {
			err = io.EOF
		}
	}
	return n, err
}

func (s section) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return writeRange(w, s.of, s.off+off, n)
}

// chain is several contents one after the other.
type chain []content

func (c chain) Size() int64 {
	total := int64(0)
	for _, part := range c {
		total += part.Size()
	}
	return total
}

func (c chain) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for _, part := range c {
		if n == len(p) {
			return n, nil
		}
		size := part.Size()
		if off >= size {
			off -= size
			continue
		}
		m, err := part.ReadAt(p[n:min(int64(len(p)), int64(n)+size-off)], off)
		n, off = n+m, 0
		if err != nil && err != io.EOF {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// repeated is the same content over and over, size bytes long.
type repeated struct {
	unit content
	size int64
}

func (r repeated) Size() int64 { return r.size }

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < r.size {
		at := off % r.unit.Size()
		want := min(int64(len(p)-n), r.unit.Size()-at, r.size-off)
		m, err := r.unit.ReadAt(p[n:n+int(want)], at)
		n, off = n+m, off+int64(m)
		if err != nil && err != io.EOF {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// zeros is that many zero bytes.
func zeros(n int64) content { return repeated{unit: text(make([]byte, 4096)), size: n} }
