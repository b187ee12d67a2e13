package ugoira

import (
	"compress/zlib"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"io"
	"time"
)

// Chunks and fields after the PNG Specification, Third Edition (W3C, 2025),
// sections 11 and 12; the animation is in 11.3.6.
const (
	pngSignature  = "\x89PNG\r\n\x1a\n"
	pngColorAlpha = 6

	apngKeep      = 0
	apngOverwrite = 0
	apngOverlay   = 1

	pngChunkLength = 1 << 16
)

func (a *Archive) encodeAPNG(ctx context.Context, out io.Writer, options Options) (Result, error) {
	width, height, err := a.size()
	if err != nil {
		return Result{}, err
	}
	opaque, err := a.onlyJPEG()
	if err != nil {
		return Result{}, err
	}
	e := &apngEncoder{out: out, frames: a.frames, opaque: opaque}
	e.writeHeader(width, height, options.Plays)
	if err := a.play(ctx, width, height, func(int) bool { return true }, e); err != nil {
		return Result{}, err
	}
	e.writeChunk("IEND", nil)
	return Result{Frames: len(a.frames), Duration: a.Duration()}, e.fault
}

// apngEncoder writes pictures as frames of an APNG. Each overwrites the part of
// the one before that has changed.
type apngEncoder struct {
	out    io.Writer
	frames []Frame
	// opaque says that no picture has transparency. Then the alpha channel is
	// used for pixels that stay as they are.
	opaque bool
	// sequence numbers the chunks fcTL and fdAT together.
	sequence uint32
	packed   *zlib.Writer
	filter   pngFilter
	fault    error
}

func (e *apngEncoder) writeHeader(width, height, plays int) {
	if _, err := io.WriteString(e.out, pngSignature); err != nil {
		e.fault = err
	}
	be := binary.BigEndian
	header := be.AppendUint32(be.AppendUint32(nil, uint32(width)), uint32(height))
	e.writeChunk("IHDR", append(header, 8, pngColorAlpha, 0, 0, 0))
	e.writeChunk("acTL", be.AppendUint32(be.AppendUint32(nil, uint32(len(e.frames))), uint32(plays)))
}

// writeChunk does nothing after an error, which it keeps.
func (e *apngEncoder) writeChunk(kind string, content []byte) {
	if e.fault != nil {
		return
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	head = append(head, kind...)
	sum := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, content)
	for _, b := range [...][]byte{head, content, binary.BigEndian.AppendUint32(nil, sum)} {
		if _, err := e.out.Write(b); err != nil {
			e.fault = err
			return
		}
	}
}

func (e *apngEncoder) paint(i int, picture, before *canvas) error {
	area, overlay := picture.bounds(), false
	if before != nil {
		area = picture.changed(before)
		if area.Empty() {
			area = image.Rect(0, 0, 1, 1)
		}
		overlay = e.opaque && worthOverlay(picture, before, area)
	}
	e.control(area, e.frames[i].Delay, overlay)
	chunks := &pngChunks{encoder: e, first: i == 0}
	if e.packed == nil {
		e.packed = zlib.NewWriter(chunks)
	} else {
		e.packed.Reset(chunks)
	}
	e.filter.start(area.Dx())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := picture.row(y, area)
		if overlay {
			row = e.filter.without(row, before.row(y, area))
		}
		if _, err := e.packed.Write(e.filter.next(row)); err != nil {
			return err
		}
	}
	if err := e.packed.Close(); err != nil {
		return err
	}
	chunks.flush()
	return e.fault
}

func (e *apngEncoder) control(area image.Rectangle, delay time.Duration, overlay bool) {
	be := binary.BigEndian
	b := be.AppendUint32(nil, e.next())
	for _, n := range [...]int{area.Dx(), area.Dy(), area.Min.X, area.Min.Y} {
		b = be.AppendUint32(b, uint32(n))
	}
	b = be.AppendUint16(b, uint16(delay.Milliseconds()))
	b = be.AppendUint16(b, uint16(time.Second/time.Millisecond))
	blend := byte(apngOverwrite)
	if overlay {
		blend = apngOverlay
	}
	e.writeChunk("fcTL", append(b, apngKeep, blend))
}

func (e *apngEncoder) next() uint32 {
	e.sequence++
	return e.sequence - 1
}

// worthOverlay tells whether so many pixels of the area stay that leaving them
// out saves more than the holes cost.
func worthOverlay(picture, before *canvas, area image.Rectangle) bool {
	same := 0
	for y := area.Min.Y; y < area.Max.Y; y++ {
		now, then := picture.row(y, area), before.row(y, area)
		for x := range area.Dx() {
			if pixel(now, x) == pixel(then, x) {
				same++
			}
		}
	}
	return 4*same > area.Dx()*area.Dy()
}

// pngChunks cuts a stream into chunks: IDAT for the first picture, which also
// viewers without animation show, fdAT for the others.
type pngChunks struct {
	encoder *apngEncoder
	first   bool
	content []byte
}

func (c *pngChunks) Write(b []byte) (int, error) {
	c.content = append(c.content, b...)
	if len(c.content) >= pngChunkLength {
		c.flush()
	}
	return len(b), c.encoder.fault
}

func (c *pngChunks) flush() {
	if len(c.content) == 0 {
		return
	}
	if c.first {
		c.encoder.writeChunk("IDAT", c.content)
	} else {
		sequence := binary.BigEndian.AppendUint32(nil, c.encoder.next())
		c.encoder.writeChunk("fdAT", append(sequence, c.content...))
	}
	c.content = c.content[:0]
}

// pngFilter prepares rows for packing (section 9): of the five filters it takes
// the one whose results are nearest to zero.
type pngFilter struct {
	above, open []byte
	rows        [5][]byte
}

const pngPixel = 4

func (f *pngFilter) start(width int) {
	f.above = grow(f.above, pngPixel*width)
	clear(f.above)
	f.open = grow(f.open, pngPixel*width)
	for i := range f.rows {
		f.rows[i] = grow(f.rows[i], 1+pngPixel*width)
		f.rows[i][0] = byte(i)
	}
}

// without returns the row with the pixels that are the same in then left open.
func (f *pngFilter) without(row, then []byte) []byte {
	for x := range len(row) / pngPixel {
		if pixel(row, x) == pixel(then, x) {
			clear(f.open[pngPixel*x : pngPixel*x+pngPixel])
		} else {
			copy(f.open[pngPixel*x:], row[pngPixel*x:pngPixel*x+pngPixel])
		}
	}
	return f.open
}

// next returns the row with the number of its filter in front.
func (f *pngFilter) next(row []byte) []byte {
	f.apply(row)
	best, least := 0, -1
	for i, filtered := range f.rows {
		sum := 0
		for _, b := range filtered[1:] {
			sum += max(int(int8(b)), -int(int8(b)))
		}
		if least < 0 || sum < least {
			best, least = i, sum
		}
	}
	copy(f.above, row)
	return f.rows[best]
}

func (f *pngFilter) apply(row []byte) {
	none, sub, up, average, paeth := f.rows[0][1:], f.rows[1][1:], f.rows[2][1:], f.rows[3][1:], f.rows[4][1:]
	copy(none, row)
	for i, b := range row {
		var left, aboveLeft byte
		if i >= pngPixel {
			left, aboveLeft = row[i-pngPixel], f.above[i-pngPixel]
		}
		above := f.above[i]
		sub[i] = b - left
		up[i] = b - above
		average[i] = b - byte((int(left)+int(above))/2)
		paeth[i] = b - paethOf(int(left), int(above), int(aboveLeft))
	}
}

// paethOf is the predictor of section 9.4.
func paethOf(left, above, aboveLeft int) byte {
	toLeft, toAbove := above-aboveLeft, left-aboveLeft
	toAboveLeft := toLeft + toAbove
	toLeft, toAbove, toAboveLeft = max(toLeft, -toLeft), max(toAbove, -toAbove), max(toAboveLeft, -toAboveLeft)
	switch {
	case toLeft <= toAbove && toLeft <= toAboveLeft:
		return byte(left)
	case toAbove <= toAboveLeft:
		return byte(above)
	}
	return byte(aboveLeft)
}
