package ugoira

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/pixivoc/pixivoc/ugoira/internal/vp8l"
)

// Chunks and flags of the WebP Container Specification (RFC 9649, section 2).
const (
	webpAnimated   = 1 << 1
	webpAlpha      = 1 << 4
	webpOverwrite  = 1 << 1
	webpHeadLength = 30
	// webpMaxBytes is the largest size that a RIFF file can say it has.
	webpMaxBytes = 1<<32 - 10
	riffHead     = 8
)

func (a *Archive) encodeWebP(ctx context.Context, out *output, options Options) (Result, error) {
	file, ok := out.target.(io.WriteSeeker)
	if !ok {
		return Result{}, fmt.Errorf("the writer cannot seek: %w", errors.ErrUnsupported)
	}
	start, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return Result{}, fmt.Errorf("find the start of the file: %w", err)
	}
	width, height, err := a.size()
	if err != nil {
		return Result{}, err
	}
	if max(width, height) > vp8l.MaxSide {
		return Result{}, fmt.Errorf("%d x %d pixels are more than the format has: %w", width, height, errors.ErrUnsupported)
	}
	opaque, err := a.onlyJPEG()
	if err != nil {
		return Result{}, err
	}
	e := &webpEncoder{out: out, frames: a.frames, opaque: opaque, alpha: !opaque}
	if err := e.writeHeader(width, height, options.Plays); err != nil {
		return Result{}, err
	}
	if err := a.play(ctx, width, height, func(int) bool { return true }, e); err != nil {
		return Result{}, err
	}
	if err := out.buffered.Flush(); err != nil {
		return Result{}, err
	}
	// Now the size is known, and whether there are pixels to see through.
	if err := rewrite(file, start, webpHead(width, height, e.alpha, out.count)); err != nil {
		return Result{}, err
	}
	if _, err := file.Seek(start+out.count, io.SeekStart); err != nil {
		return Result{}, err
	}
	return Result{Frames: len(a.frames), Duration: a.Duration()}, nil
}

// rewrite writes b at offset.
func rewrite(file io.WriteSeeker, offset int64, b []byte) error {
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	_, err := file.Write(b)
	return err
}

// webpHead is the RIFF header and the VP8X chunk (sections 2.4 and 2.7).
func webpHead(width, height int, alpha bool, size int64) []byte {
	flags := byte(webpAnimated)
	if alpha {
		flags |= webpAlpha
	}
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(size-riffHead))
	b = append(b, "WEBPVP8X\x0a\x00\x00\x00"...)
	return appendThree(append(b, flags, 0, 0, 0), width-1, height-1)
}

// appendThree appends numbers of three bytes each.
func appendThree(b []byte, numbers ...int) []byte {
	for _, n := range numbers {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	return b
}

// webpEncoder writes pictures as frames of an animation. Each covers the part
// that has changed.
type webpEncoder struct {
	out    *output
	frames []Frame
	// opaque says that no picture has transparency; then it is used for pixels
	// that stay as they are.
	opaque bool
	// alpha says that a frame has transparency.
	alpha   bool
	pixels  []uint32
	encoder vp8l.Encoder
}

func (e *webpEncoder) writeHeader(width, height, plays int) error {
	b := webpHead(width, height, false, webpHeadLength)
	b = append(b, "ANIM\x06\x00\x00\x00\x00\x00\x00\x00"...)
	_, err := e.out.Write(binary.LittleEndian.AppendUint16(b, uint16(plays)))
	return err
}

func (e *webpEncoder) paint(i int, picture, before *canvas) error {
	area, overlay := picture.bounds(), false
	if before != nil {
		area = evenCorner(picture.changed(before))
		overlay = e.opaque && worthOverlay(picture, before, area)
	}
	e.alpha = e.alpha || overlay
	e.collect(picture, before, area, overlay)
	packed, err := e.encoder.Encode(e.pixels, area.Dx(), area.Dy())
	if err != nil {
		return err
	}
	return e.writeFrame(packed, area, int(e.frames[i].Delay.Milliseconds()), overlay)
}

// evenCorner enlarges the area so that it begins at even places, the only ones
// that can be written. An empty area becomes one pixel.
func evenCorner(area image.Rectangle) image.Rectangle {
	if area.Empty() {
		return image.Rect(0, 0, 1, 1)
	}
	area.Min.X &^= 1
	area.Min.Y &^= 1
	return area
}

// collect fills the pixels for the encoder. With overlay, those that stay as
// they are can be seen through.
func (e *webpEncoder) collect(picture, before *canvas, area image.Rectangle, overlay bool) {
	e.pixels = grow(e.pixels, area.Dx()*area.Dy())
	n := 0
	for y := area.Min.Y; y < area.Max.Y; y++ {
		now := picture.row(y, area)
		var then []byte
		if overlay {
			then = before.row(y, area)
		}
		for x := range area.Dx() {
			p := pixel(now, x)
			if overlay && p == pixel(then, x) {
				p = 0
			}
			e.pixels[n] = p&0xff00ff00 | p>>16&0xff | p&0xff<<16
			n++
		}
	}
}

// writeFrame writes an ANMF chunk (section 2.7.1.1) with a VP8L chunk in it.
func (e *webpEncoder) writeFrame(packed []byte, area image.Rectangle, delay int, overlay bool) error {
	const frameHead = 16
	padding := len(packed) & 1
	flags := byte(webpOverwrite)
	if overlay {
		flags = 0
	}
	le := binary.LittleEndian
	head := le.AppendUint32([]byte("ANMF"), uint32(frameHead+riffHead+len(packed)+padding))
	head = appendThree(head, area.Min.X/2, area.Min.Y/2, area.Dx()-1, area.Dy()-1, delay)
	head = le.AppendUint32(append(append(head, flags), "VP8L"...), uint32(len(packed)))
	if e.out.count+int64(len(head)+len(packed)+padding) > webpMaxBytes {
		return fmt.Errorf("more than 4 GiB: %w", errors.ErrUnsupported)
	}
	for _, b := range [...][]byte{head, packed, make([]byte, padding)} {
		if _, err := e.out.Write(b); err != nil {
			return err
		}
	}
	return nil
}
