package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"sync"
)

// File is one picture: a JPEG that decodes, filled up to its size with comment
// segments (ISO/IEC 10918-1, B.2.4.5) cut from a block that all files share. So
// an origin can send any number of bytes without making or copying them.
type File struct {
	Number int
	Name   string
	Size   int64
}

const (
	segmentSize = 2 + 0xffff // marker, and what the length field counts
	ringSize    = 16 * segmentSize
	labelSize   = 64
)

// stock is what all files are cut from.
type stock struct {
	ring []byte // segments
	tail []byte // a picture without its start mark
}

// sharedStock makes the stock once in a process.
var sharedStock = sync.OnceValue(func() stock {
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		panic(fmt.Sprintf("bench: encode a picture: %v", err)) // a buffer takes everything
	}
	ring := make([]byte, ringSize)
	random := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < ringSize; at += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], random.Uint64())
		copy(ring[at:], word[:])
	}
	for at := 0; at < ringSize; at += segmentSize {
		copy(ring[at:], []byte{0xff, 0xfe, 0xff, 0xff})
	}
	return stock{ring: ring, tail: picture.Bytes()[2:]}
})

// pieces calls use for the parts of the file in order, until it returns false.
func (f File) pieces(use func([]byte) bool) {
	stock := sharedStock()
	fill := f.Size - 2 - labelSize - int64(len(stock.tail))
	whole, rest := fill/segmentSize*segmentSize, fill%segmentSize
	label := labelSize
	if rest < 4 { // too little for a segment of its own
		label, rest = label+int(rest), 0
	}
	head := append([]byte{0xff, 0xd8}, comment(label, fmt.Sprintf("%s %d", f.Name, f.Size))...)
	if !use(head) {
		return
	}
	for at := int64(f.Number%16) * segmentSize; whole > 0; at = 0 {
		piece := stock.ring[at:min(at+whole, ringSize)]
		whole -= int64(len(piece))
		if !use(piece) {
			return
		}
	}
	if rest > 0 && !use(comment(int(rest), "")) {
		return
	}
	use(stock.tail)
}

// comment makes a segment of that size.
func comment(size int, text string) []byte {
	segment := make([]byte, size)
	copy(segment, []byte{0xff, 0xfe})
	binary.BigEndian.PutUint16(segment[2:], uint16(size-2))
	copy(segment[4:], text)
	return segment
}

// writeRange writes the bytes from an offset up to another one.
func (f File) writeRange(w io.Writer, from, to int64) (written int64, err error) {
	at := int64(0)
	f.pieces(func(piece []byte) bool {
		start, end := at, at+int64(len(piece))
		at = end
		if end <= from || start >= to {
			return start < to
		}
		var n int
		n, err = w.Write(piece[max(0, from-start) : min(end, to)-start])
		written += int64(n)
		return err == nil
	})
	return written, err
}

// Bytes returns the whole content.
func (f File) Bytes() []byte {
	var content bytes.Buffer
	_, _ = f.writeRange(&content, 0, f.Size) // a buffer takes everything
	return content.Bytes()
}

// Verify compares a file on disk with what it should be, byte by byte.
func (f File) Verify(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.Size {
		return fmt.Errorf("%s: has %d bytes, want %d", path, info.Size(), f.Size)
	}
	if _, err := f.writeRange(&comparer{file: file}, 0, f.Size); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// comparer is a writer that compares what it gets with a file.
type comparer struct {
	file io.Reader
	at   int64
	buf  []byte
}

func (c *comparer) Write(want []byte) (int, error) {
	if len(c.buf) < len(want) {
		c.buf = make([]byte, len(want))
	}
	have := c.buf[:len(want)]
	if _, err := io.ReadFull(c.file, have); err != nil {
		return 0, err
	}
	if !bytes.Equal(have, want) {
		return 0, fmt.Errorf("differs from the origin's within %d bytes from offset %d", len(want), c.at)
	}
	c.at += int64(len(want))
	return len(want), nil
}
