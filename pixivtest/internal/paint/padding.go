package paint

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"sync"
)

// blockSize is about how much padding is kept for each format. No stride divides a power of two, so a file put
// together wrongly at a round offset never repeats itself by chance.
const blockSize = 4 << 20

// Strides of the units that padding is made of: one legal segment each.
const (
	jpegStride = 2 + 0xffff         // marker, then a segment of the greatest length (ITU T.81 B.1.1.4)
	pngStride  = 4 + 4 + 64<<10 + 4 // length, type, data, CRC (RFC 2083 section 3.2)
	gifStride  = 1 + 0xff           // a data sub-block of the greatest length (GIF89a section 15)
)

// pngPrivate is a chunk type of our own: ancillary, private, safe to copy (RFC 2083 section 3.3).
const pngPrivate = "pxPd"

// padding is the filler of one format: a block of whole units with random contents.
type padding struct {
	format  Format
	stride  int
	minUnit int    // the fewest bytes that a unit can have
	close   []byte // what ends the padding in the file

	once  sync.Once
	block []byte
}

func unitsPerBlock(stride int) int { return blockSize / stride }

// layout returns the padding of a format and the place in an encoded picture where it belongs.
func (p *Painter) layout(format Format, encoded []byte) (*padding, int) {
	switch format {
	case JPEG:
		p.jpegPadding.prepare(JPEG, jpegStride, 4, nil)
		return &p.jpegPadding, 2 // after SOI
	case PNG:
		p.pngPadding.prepare(PNG, pngStride, 12, nil)
		return &p.pngPadding, 8 + 12 + 13 // after the signature and IHDR
	default:
		p.gifPadding.prepare(GIF, gifStride, 2, []byte{0})
		cut := 13 // header and logical screen descriptor
		if flags := encoded[10]; flags&0x80 != 0 {
			cut += 3 << (1 + flags&7) // global colour table
		}
		return &p.gifPadding, cut
	}
}

func (p *padding) prepare(format Format, stride, minUnit int, end []byte) {
	p.once.Do(func() {
		p.format, p.stride, p.minUnit, p.close = format, stride, minUnit, end
		units := unitsPerBlock(stride)
		p.block = make([]byte, units*stride)
		rand.NewChaCha8([32]byte([]byte("pixivtest padding of pictures 01"))).Read(p.block) //nolint:errcheck // never fails
		for i := range units {
			p.seal(p.block[i*stride : (i+1)*stride])
		}
	})
}

// seal turns unit, whose contents are in place, into a legal segment of its length.
func (p *padding) seal(unit []byte) {
	switch p.format {
	case JPEG:
		unit[0], unit[1] = 0xff, 0xfe // COM
		binary.BigEndian.PutUint16(unit[2:], uint16(len(unit)-2))
	case PNG:
		binary.BigEndian.PutUint32(unit, uint32(len(unit)-12))
		copy(unit[4:], pngPrivate)
		binary.BigEndian.PutUint32(unit[len(unit)-4:], crc32.ChecksumIEEE(unit[4:len(unit)-4]))
	case GIF:
		unit[0] = byte(len(unit) - 1)
	}
}

// labelOverhead is how much longer than its text a label is, with what closes the padding.
func (p *padding) labelOverhead() int { return len(p.label(nil)) + len(p.close) }

// label is a comment that holds text.
func (p *padding) label(text []byte) []byte {
	switch p.format {
	case JPEG:
		segment := append(make([]byte, 4), text...)
		p.seal(segment)
		return segment
	case PNG:
		data := append([]byte("tEXtComment\x00"), text...)
		chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)-4))
		chunk = append(chunk, data...)
		return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(data))
	default:
		if len(text) == 0 {
			return []byte{0x21, 0xfe, 0} // only measured; an empty sub-block would end the comment
		}
		return append([]byte{0x21, 0xfe, byte(len(text))}, text...)
	}
}

// addUnits appends n whole units to f, beginning with unit first of the block and starting over at its end.
func (p *padding) addUnits(f *File, first int, n int64) {
	units := unitsPerBlock(p.stride)
	for n > 0 {
		run := min(n, int64(units-first))
		f.add(p.block[first*p.stride : (first+int(run))*p.stride])
		f.shared += int(run) * p.stride
		n -= run
		first = 0
	}
}

// addRest appends one unit of exactly size bytes to f.
func (p *padding) addRest(f *File, random *rand.Rand, size int) {
	from := random.IntN(len(p.block) - size + 1)
	unit := append([]byte(nil), p.block[from:from+size]...)
	p.seal(unit)
	f.add(unit)
}
