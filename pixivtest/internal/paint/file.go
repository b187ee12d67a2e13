package paint

import (
	"bytes"
	"io"
	"sort"
)

// File is the bytes of one painted picture. It never changes and is safe for concurrent use.
type File struct {
	pieces [][]byte
	ends   []int64 // ends[i] is where pieces[i] ends in the file
	shared int     // bytes in pieces that belong to the padding of the painter
}

func (f *File) add(piece []byte) {
	if len(piece) == 0 {
		return
	}
	f.pieces = append(f.pieces, piece)
	f.ends = append(f.ends, f.Size()+int64(len(piece)))
}

// Size is the length of the file in bytes.
func (f *File) Size() int64 {
	if len(f.ends) == 0 {
		return 0
	}
	return f.ends[len(f.ends)-1]
}

// Footprint is about how many bytes of memory the file holds for itself, without the shared padding.
func (f *File) Footprint() int {
	return 64 + 32*len(f.pieces) + int(f.Size()) - f.shared
}

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for i := f.pieceAt(off); i < len(f.pieces) && n < len(p); i++ {
		n += copy(p[n:], f.from(i, off+int64(n)))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteRange writes n bytes from offset off on to w without copying them first.
func (f *File) WriteRange(w io.Writer, off, n int64) (int64, error) {
	written := int64(0)
	for i := f.pieceAt(off); i < len(f.pieces) && written < n; i++ {
		piece := f.from(i, off+written)
		if left := n - written; int64(len(piece)) > left {
			piece = piece[:left]
		}
		m, err := w.Write(piece)
		written += int64(m)
		if err != nil {
			return written, err
		}
	}
	if written < n {
		return written, io.EOF
	}
	return written, nil
}

// Bytes returns a copy of the whole file.
func (f *File) Bytes() []byte { return bytes.Join(f.pieces, nil) }

// pieceAt is the index of the piece that holds offset off.
func (f *File) pieceAt(off int64) int {
	return sort.Search(len(f.ends), func(i int) bool { return f.ends[i] > off })
}

// from is piece i from offset off of the file on.
func (f *File) from(i int, off int64) []byte {
	start := f.ends[i] - int64(len(f.pieces[i]))
	return f.pieces[i][off-start:]
}
