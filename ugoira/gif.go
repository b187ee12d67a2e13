package ugoira

import (
	"compress/lzw"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"time"
)

// Parts of a file after "Graphics Interchange Format, Version 89a", CompuServe
// 1990; the loop is Netscape's application extension of 1995.
const (
	gifHeader    = "GIF89a"
	gifTrailer   = 0x3b
	gifExtension = 0x21
	gifControl   = 0xf9
	gifImage     = 0x2c
	gifLoop      = "\x21\xff\x0bNETSCAPE2.0\x03\x01"

	gifDisposeKeep  = 1
	gifDisposeClear = 2
	gifTransparent  = 1
	gifLocalPalette = 1 << 7
	gifEightBits    = 7 << 4

	gifTick     = 10 * time.Millisecond
	gifMinTicks = 2
	gifMaxSide  = 1<<16 - 1
)

// gifTicks says for how many hundredths of a second each frame is shown; 0
// means that it is left out. The times at which frames begin are rounded, not
// the delays, so errors do not add up. A frame whose whole time has passed when
// the one before has had its least time is left out.
func gifTicks(frames []Frame) []int {
	begins := make([]int, len(frames)+1)
	var at time.Duration
	for i, frame := range frames {
		at += frame.Delay
		begins[i+1] = int((at + gifTick/2) / gifTick)
	}
	ticks := make([]int, len(frames))
	shown, since := 0, 0
	for i := 1; i < len(frames); i++ {
		start := max(begins[i], since+gifMinTicks)
		if start >= begins[i+1] {
			continue
		}
		ticks[shown] = start - since
		shown, since = i, start
	}
	ticks[shown] = max(begins[len(frames)]-since, gifMinTicks)
	return ticks
}

func (a *Archive) encodeGIF(ctx context.Context, out io.Writer, options Options) (Result, error) {
	width, height, err := a.size()
	if err != nil {
		return Result{}, err
	}
	if max(width, height) > gifMaxSide {
		return Result{}, fmt.Errorf("%d x %d pixels are more than the format has: %w", width, height, errors.ErrUnsupported)
	}
	opaque, err := a.onlyJPEG()
	if err != nil {
		return Result{}, err
	}
	e := newGIFEncoder(out, width, opaque, options)
	e.ticks = gifTicks(a.frames)
	e.writeHeader(width, height, options.Plays)
	if err := a.play(ctx, width, height, func(i int) bool { return e.ticks[i] > 0 }, e); err != nil {
		return Result{}, err
	}
	_, err = out.Write([]byte{gifTrailer})
	return e.result, err
}

// gifEncoder writes pictures with a palette each.
type gifEncoder struct {
	out    io.Writer
	ticks  []int
	result Result
	// opaque says that no picture has transparency. Then each adds to the one
	// before, pixels that stay are left out; else each stands alone.
	opaque  bool
	dither  bool
	chooser *paletteChooser
	mapper  *paletteMapper
	indices []byte
	keep    []bool
	packed  *lzw.Writer
	head    []byte
}

func newGIFEncoder(out io.Writer, width int, opaque bool, options Options) *gifEncoder {
	return &gifEncoder{
		out:     out,
		opaque:  opaque,
		dither:  !options.NoDither,
		chooser: newPaletteChooser(),
		mapper:  newPaletteMapper(width),
	}
}

// writeHeader keeps what it has to write in head, which goes out with the first
// picture.
func (e *gifEncoder) writeHeader(width, height, plays int) {
	e.head = append(e.head, gifHeader...)
	e.head = binary.LittleEndian.AppendUint16(e.head, uint16(width))
	e.head = binary.LittleEndian.AppendUint16(e.head, uint16(height))
	e.head = append(e.head, gifEightBits, 0, 0)
	if plays == 1 {
		return // without the extension it plays once
	}
	e.head = append(e.head, gifLoop...)
	// The extension counts repetitions; 0 is for ever.
	e.head = binary.LittleEndian.AppendUint16(e.head, uint16(max(plays-1, 0)))
	e.head = append(e.head, 0)
}

func (e *gifEncoder) paint(i int, picture, before *canvas) error {
	area := picture.bounds()
	if e.opaque && before != nil {
		area = picture.changed(before)
		if area.Empty() {
			area = image.Rect(0, 0, 1, 1)
		}
	}
	e.mark(picture, before, area)
	palette := e.chooser.choose(picture, area, e.keep)
	e.indices = grow(e.indices, area.Dx()*area.Dy())
	transparent := byte(len(palette))
	if exact := e.chooser.exact(); exact != nil {
		e.mapper.direct(picture, area, e.keep, exact, transparent, e.indices)
	} else {
		e.mapper.approximate(picture, area, e.keep, palette, e.dither, e.indices)
	}
	e.describe(palette, area, e.ticks[i])
	if err := e.pack(paletteBits(len(palette) + 1)); err != nil {
		return err
	}
	e.result.Frames++
	e.result.Duration += time.Duration(e.ticks[i]) * gifTick
	return nil
}

// mark sets keep for the pixels of the area that the picture does not paint:
// those that stay as they are, or those one can see through.
func (e *gifEncoder) mark(picture, before *canvas, area image.Rectangle) {
	e.keep = grow(e.keep, area.Dx()*area.Dy())
	n := 0
	for y := area.Min.Y; y < area.Max.Y; y++ {
		now := picture.row(y, area)
		for x := range area.Dx() {
			switch {
			case !e.opaque:
				e.keep[n] = now[4*x+3] < 1<<7
			case before != nil:
				e.keep[n] = pixel(now, x) == pixel(before.row(y, area), x)
			default:
				e.keep[n] = false
			}
			n++
		}
	}
}

// describe puts the graphic control extension, the image descriptor and the
// palette in head.
func (e *gifEncoder) describe(palette []rgb, area image.Rectangle, ticks int) {
	le := binary.LittleEndian
	dispose := byte(gifDisposeKeep)
	if !e.opaque {
		dispose = gifDisposeClear
	}
	e.head = append(e.head, gifExtension, gifControl, 4, dispose<<2|gifTransparent)
	e.head = le.AppendUint16(e.head, uint16(ticks))
	e.head = append(e.head, byte(len(palette)), 0, gifImage)
	for _, n := range [...]int{area.Min.X, area.Min.Y, area.Dx(), area.Dy()} {
		e.head = le.AppendUint16(e.head, uint16(n))
	}
	bits := paletteBits(len(palette) + 1)
	e.head = append(e.head, byte(gifLocalPalette|bits-1))
	for _, c := range palette {
		e.head = append(e.head, c[0], c[1], c[2])
	}
	e.head = append(e.head, make([]byte, 3*(1<<bits-len(palette)))...)
}

// pack writes head and the indices.
func (e *gifEncoder) pack(bits int) error {
	width := max(bits, 2)
	if _, err := e.out.Write(append(e.head, byte(width))); err != nil {
		return err
	}
	e.head = e.head[:0]
	blocks := &gifBlocks{out: e.out}
	if e.packed == nil {
		e.packed, _ = lzw.NewWriter(blocks, lzw.LSB, width).(*lzw.Writer)
	} else {
		e.packed.Reset(blocks, lzw.LSB, width)
	}
	if _, err := e.packed.Write(e.indices); err != nil {
		return err
	}
	if err := e.packed.Close(); err != nil {
		return err
	}
	return blocks.close()
}

// gifBlocks cuts bytes into sub-blocks of at most 255 bytes, the first byte of
// each its length (section 15).
type gifBlocks struct {
	out   io.Writer
	block [256]byte
	used  int
}

func (b *gifBlocks) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := copy(b.block[1+b.used:], p)
		b.used += n
		written += n
		p = p[n:]
		if b.used == len(b.block)-1 {
			if err := b.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

func (b *gifBlocks) flush() error {
	b.block[0] = byte(b.used)
	_, err := b.out.Write(b.block[:1+b.used])
	b.used = 0
	return err
}

// close writes the last block and the empty one that ends them.
func (b *gifBlocks) close() error {
	if b.used > 0 {
		if err := b.flush(); err != nil {
			return err
		}
	}
	return b.flush()
}

// paletteBits is the number of bits of an index into a palette of n colours.
func paletteBits(n int) int {
	bits := 1
	for 1<<bits < n {
		bits++
	}
	return bits
}

// grow returns a slice of length n, the given one if it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
