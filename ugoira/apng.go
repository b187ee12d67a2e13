package ugoira

import (
	"bytes"
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
	pngColor      = 2
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
	e := &apngEncoder{out: out, frames: a.frames, opaque: opaque, alpha: !opaque}
	if opaque {
		if e.alpha, err = a.staysInPart(width, height); err != nil {
			return Result{}, err
		}
	}
	e.writeHeader(width, height, options.Plays)
	if err := a.play(ctx, width, height, func(int) bool { return true }, e); err != nil {
		return Result{}, err
	}
	e.writeChunk("IEND", nil)
	return Result{Frames: len(a.frames), Duration: a.Duration()}, e.fault
}

// staysInPart tells by the first two frames whether much stays from one frame to
// the next.
func (a *Archive) staysInPart(width, height int) (bool, error) {
	if len(a.frames) < 2 {
		return false, nil
	}
	first, err := a.canvas(0, width, height)
	if err != nil {
		return false, err
	}
	second, err := a.canvas(1, width, height)
	if err != nil {
		return false, err
	}
	return worthOverlay(second, first, second.changed(first)), nil
}

// apngEncoder writes pictures as frames of an APNG. Each overwrites the part of
// the one before that has changed.
type apngEncoder struct {
	out    io.Writer
	frames []Frame
	// opaque says that no picture has transparency. Then the alpha channel, if
	// alpha says that there is one, is for pixels that stay as they are.
	opaque, alpha bool
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
	kind := byte(pngColor)
	if e.alpha {
		kind = pngColorAlpha
	}
	e.writeChunk("IHDR", append(header, 8, kind, 0, 0, 0))
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
		overlay = e.opaque && e.alpha && worthOverlay(picture, before, area)
	}
	e.control(area, e.frames[i].Delay, overlay)
	chunks := &pngChunks{encoder: e, first: i == 0}
	if e.packed == nil {
		e.packed = zlib.NewWriter(chunks)
	} else {
		e.packed.Reset(chunks)
	}
	e.filter.start(area.Dx(), e.alpha)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := picture.row(y, area)
		if overlay {
			row = e.filter.without(row, before.row(y, area))
		} else if !e.alpha {
			row = e.filter.withoutAlpha(row)
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
	return 3*same > 2*area.Dx()*area.Dy()
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
	// step is the number of bytes of a pixel.
	step        int
	above, open []byte
	rows        [5][]byte
}

// start begins a picture of this width, with an alpha channel or without.
func (f *pngFilter) start(width int, alpha bool) {
	f.step = 3
	if alpha {
		f.step = 4
	}
	f.above = grow(f.above, f.step*width)
	clear(f.above)
	f.open = grow(f.open, f.step*width)
	for i := range f.rows {
		f.rows[i] = grow(f.rows[i], 1+f.step*width)
		f.rows[i][0] = byte(i)
	}
}

// withoutAlpha returns the row with three bytes a pixel.
func (f *pngFilter) withoutAlpha(row []byte) []byte {
	for from, to := 0, 0; from < len(row); from, to = from+4, to+3 {
		copy(f.open[to:to+3], row[from:from+3])
	}
	return f.open
}

// without returns the row with the pixels that are the same in then left open.
func (f *pngFilter) without(row, then []byte) []byte {
	for x := 0; x < len(row); x += 4 {
		if bytes.Equal(row[x:x+4], then[x:x+4]) {
			clear(f.open[x : x+4])
		} else {
			copy(f.open[x:x+4], row[x:x+4])
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
	n := len(row)
	above := f.above[:n]
	none, sub, up := f.rows[0][1:1+n], f.rows[1][1:1+n], f.rows[2][1:1+n]
	average, paeth := f.rows[3][1:1+n], f.rows[4][1:1+n]
	copy(none, row)
	for i, b := range row {
		var left, aboveLeft byte
		if i >= f.step {
			left, aboveLeft = row[i-f.step], above[i-f.step]
		}
		sub[i] = b - left
		up[i] = b - above[i]
		average[i] = b - byte((int(left)+int(above[i]))/2)
		paeth[i] = b - paethOf(int(left), int(above[i]), int(aboveLeft))
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
