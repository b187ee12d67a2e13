package ugoira

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
)

// canvas is a picture of the animation: four bytes a pixel, red, green, blue
// and alpha, colours not multiplied by alpha.
type canvas struct {
	width, height int
	pix           []byte
}

func newCanvas(width, height int) *canvas {
	return &canvas{width: width, height: height, pix: make([]byte, 4*width*height)}
}

func (c *canvas) bounds() image.Rectangle { return image.Rect(0, 0, c.width, c.height) }

// row returns the pixels of row y between the left and right edge of r.
func (c *canvas) row(y int, r image.Rectangle) []byte {
	return c.pix[4*(y*c.width+r.Min.X) : 4*(y*c.width+r.Max.X)]
}

// set replaces all pixels by those of the picture.
func (c *canvas) set(picture image.Image) {
	at := picture.Bounds().Min
	switch picture := picture.(type) {
	case *image.YCbCr, *image.Gray, *image.CMYK:
		// These are opaque, so multiplied by alpha or not is the same.
		target := &image.RGBA{Pix: c.pix, Stride: 4 * c.width, Rect: c.bounds()}
		draw.Draw(target, target.Rect, picture, at, draw.Src)
	case *image.NRGBA:
		for y := range min(c.height, picture.Rect.Dy()) {
			start := picture.PixOffset(at.X, at.Y+y)
			copy(c.row(y, c.bounds()), picture.Pix[start:start+4*picture.Rect.Dx()])
		}
	default:
		c.convert(picture)
	}
}

// convert is for the pictures that are rare. A GIF may cover a part only.
func (c *canvas) convert(picture image.Image) {
	clear(c.pix)
	area := c.bounds()
	if _, ok := picture.(*image.Paletted); ok {
		area = area.Intersect(picture.Bounds())
	} else {
		area = area.Intersect(picture.Bounds().Sub(picture.Bounds().Min))
	}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := c.row(y, area)
		for x := range area.Dx() {
			p, _ := color.NRGBAModel.Convert(picture.At(area.Min.X+x, y)).(color.NRGBA)
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = p.R, p.G, p.B, p.A
		}
	}
}

// changed returns the smallest rectangle that holds all pixels that differ
// between c and the picture before, empty if none does.
func (c *canvas) changed(before *canvas) image.Rectangle {
	all := c.bounds()
	top, bottom := 0, c.height
	for top < bottom && bytes.Equal(c.row(top, all), before.row(top, all)) {
		top++
	}
	for bottom > top && bytes.Equal(c.row(bottom-1, all), before.row(bottom-1, all)) {
		bottom--
	}
	left, right := c.width, 0
	for y := top; y < bottom; y++ {
		now, then := c.row(y, all), before.row(y, all)
		for x := range left {
			if pixel(now, x) != pixel(then, x) {
				left = x
				break
			}
		}
		for x := c.width - 1; x >= right; x-- {
			if pixel(now, x) != pixel(then, x) {
				right = x + 1
				break
			}
		}
	}
	if top == bottom {
		return image.Rectangle{}
	}
	return image.Rect(left, top, right, bottom)
}

func pixel(row []byte, x int) uint32 { return binary.LittleEndian.Uint32(row[4*x:]) }

// canvas returns frame i.
func (a *Archive) canvas(i, width, height int) (*canvas, error) {
	b, err := a.load(i, width, height, nil)
	if err != nil {
		return nil, err
	}
	decoded, err := a.decode(i, b)
	if err != nil {
		return nil, err
	}
	picture := newCanvas(width, height)
	picture.set(decoded)
	return picture, nil
}

// painter writes an animation picture by picture. before is the picture that
// was painted last, nil for the first.
type painter interface {
	paint(i int, picture, before *canvas) error
}

// play decodes the frames one after the other and has p paint those for which
// wanted is true. Two canvases are used in turn.
func (a *Archive) play(ctx context.Context, width, height int, wanted func(i int) bool, p painter) error {
	var before *canvas
	picture, spare := newCanvas(width, height), newCanvas(width, height)
	var buffer []byte
	for i := range a.frames {
		if !wanted(i) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := a.load(i, width, height, buffer)
		if err != nil {
			return err
		}
		buffer = b
		decoded, err := a.decode(i, b)
		if err != nil {
			return err
		}
		picture.set(decoded)
		if err := p.paint(i, picture, before); err != nil {
			return err
		}
		before, picture, spare = picture, spare, picture
	}
	return nil
}
