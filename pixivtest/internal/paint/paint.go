// Package paint makes small deterministic pictures and pads them to any size.
//
// A painted file is a real JPEG, PNG or GIF. Bytes beyond the picture itself are comment segments (JPEG), private
// ancillary chunks (PNG) or comment sub-blocks (GIF), so every decoder reads the file and skips the padding. The
// padding is cut from one block that all files of a [Painter] share: a 64 MB file costs a few kilobytes of memory.
package paint

import (
	"bytes"
	"fmt"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// Format is a picture format, named by its file extension.
type Format string

// The formats that can be painted.
const (
	JPEG Format = "jpg"
	PNG  Format = "png"
	GIF  Format = "gif"
)

// maxLabel keeps a label, and the few bytes it may be lengthened by, inside one GIF sub-block of 255 bytes.
const maxLabel = 200

// jpegQuality is a usual quality; the picture is smooth, so a higher one would only make it larger.
const jpegQuality = 85

// Spec says which picture to paint. Equal specs give equal bytes.
type Spec struct {
	Seed   uint64
	Label  string // kept in the file as its comment; at most 200 bytes
	Format Format
	Width  int
	Height int
	Size   int64 // exact size of the file in bytes; zero means no padding
}

// MinSize is a size in bytes that a picture of this format and of these dimensions surely fits into.
func MinSize(format Format, width, height int) int64 {
	pixels := int64(width) * int64(height)
	switch format {
	case JPEG:
		return 1024 + pixels
	case PNG:
		return 1024 + 3*256 + pixels + pixels/64
	default:
		return 1024 + 3*256 + pixels + pixels/2
	}
}

// Painter paints. Its zero value is ready; it is safe for concurrent use.
type Painter struct {
	jpegPadding, pngPadding, gifPadding padding
}

// Paint makes the picture of spec.
func (p *Painter) Paint(spec Spec) (*File, error) {
	if spec.Width <= 0 || spec.Height <= 0 {
		return nil, fmt.Errorf("paint %s: width and height are %dx%d, want at least 1x1", spec.Label, spec.Width, spec.Height)
	}
	if len(spec.Label) > maxLabel {
		return nil, fmt.Errorf("paint: the label has %d bytes, want at most %d", len(spec.Label), maxLabel)
	}
	c := draw(spec.Seed, spec.Width, spec.Height)
	var encoded bytes.Buffer
	var err error
	switch spec.Format {
	case JPEG:
		err = jpeg.Encode(&encoded, c.rgba(), &jpeg.Options{Quality: jpegQuality})
	case PNG:
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&encoded, c.image)
	case GIF:
		err = gif.Encode(&encoded, c.image, nil)
	default:
		return nil, fmt.Errorf("paint %s: unknown format %q", spec.Label, spec.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("paint %s: %w", spec.Label, err)
	}
	return p.assemble(spec, encoded.Bytes())
}

// assemble puts the label and the padding between the head of an encoded picture and the rest of it.
func (p *Painter) assemble(spec Spec, encoded []byte) (*File, error) {
	pad, cut := p.layout(spec.Format, encoded)
	natural := int64(len(encoded) + pad.labelOverhead() + len(spec.Label))
	missing := int64(0)
	if spec.Size > 0 {
		missing = spec.Size - natural
	}
	if missing < 0 {
		return nil, fmt.Errorf("paint %s: a %s of %dx%d pixels has %d bytes, more than the size asked for, %d",
			spec.Label, spec.Format, spec.Width, spec.Height, natural, spec.Size)
	}
	units := missing / int64(pad.stride)
	rest := int(missing % int64(pad.stride))
	label := []byte(spec.Label)
	if rest < pad.minUnit { // too few bytes for a segment of their own: the label takes them
		label = append(label, bytes.Repeat([]byte{' '}, rest)...)
		rest = 0
	}
	random := rand.New(rand.NewPCG(spec.Seed, 0x70616464696e67))
	f := &File{}
	f.add(encoded[:cut])
	f.add(pad.label(label))
	pad.addUnits(f, random.IntN(unitsPerBlock(pad.stride)), units)
	if rest > 0 {
		pad.addRest(f, random, rest)
	}
	f.add(pad.close)
	f.add(encoded[cut:])
	return f, nil
}
