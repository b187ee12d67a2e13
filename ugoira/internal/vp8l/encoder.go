// Package vp8l writes pictures in the lossless format of WebP, as the
// "Specification for WebP Lossless Bitstream" of 2023-03-09 has it (also section
// 3 of RFC 9649). The numbers of its sections stand beside what uses them.
//
// It is made for frames of an animation: an [Encoder] keeps its memory from one
// picture to the next. It uses the transforms subtract-green and predictor,
// back references, the colour cache, and prefix codes that differ by region.
package vp8l

import "fmt"

const (
	signature = 0x2f
	// MaxSide is the largest width and height of a picture.
	MaxSide = 1 << 14

	transformPredictor     = 0
	transformSubtractGreen = 2
)

// Encoder encodes pictures one after the other. The zero value is ready; one
// Encoder is not for several goroutines at once.
type Encoder struct {
	out       bitWriter
	predictor predictor
	matcher   matcher
	cache     cacheTrial
	regions   regions
	residuals []uint32
	tokens    []token
	trees     trees
}

// Encode returns the encoded picture of width x height pixels, which are
// 0xAARRGGBB from the top left on and are left changed. The result is good
// until the next call.
func (e *Encoder) Encode(pixels []uint32, width, height int) ([]byte, error) {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide || len(pixels) != width*height {
		return nil, fmt.Errorf("vp8l: a picture of %d x %d and %d pixels cannot be encoded", width, height, len(pixels))
	}
	w := &e.out
	w.reset()
	w.write(signature, 8)
	w.write(uint64(width-1), 14)
	w.write(uint64(height-1), 14)
	w.write(usesAlpha(pixels), 1)
	w.write(0, 3)

	w.write(1, 1)
	w.write(transformSubtractGreen, 2)
	subtractGreen(pixels)

	w.write(1, 1)
	w.write(transformPredictor, 2)
	e.residuals = grow(e.residuals, len(pixels))
	modes, bits := e.predictor.run(pixels, e.residuals, width, height)
	w.write(uint64(bits-2), 3)
	e.writeSmall(modes)

	w.write(0, 1) // no more transforms
	e.writePixels(width, height)
	return w.bytes(), nil
}

func usesAlpha(pixels []uint32) uint64 {
	for _, p := range pixels {
		if p>>24 != 0xff {
			return 1
		}
	}
	return 0
}

// subtractGreen takes green from red and blue (section 4.3).
func subtractGreen(pixels []uint32) {
	for i, p := range pixels {
		green := p >> 8 & 0xff
		pixels[i] = p&0xff00ff00 | (p&0x00ff00ff+0x01000100-green-green<<16)&0x00ff00ff
	}
}

// writeSmall writes the pixels of a picture that belongs to another: without
// colour cache, references and regions.
func (e *Encoder) writeSmall(pixels []uint32) {
	e.out.write(0, 1) // no colour cache
	e.tokens = e.tokens[:0]
	for _, p := range pixels {
		e.tokens = append(e.tokens, literal(p))
	}
	counts := newPerSymbol(0)
	for _, t := range e.tokens {
		counts.count(t)
	}
	codes := e.trees.write(&e.out, counts)
	for _, t := range e.tokens {
		codes.write(&e.out, t)
	}
}

// writePixels writes the residuals.
func (e *Encoder) writePixels(width, height int) {
	w := &e.out
	e.tokens = e.matcher.run(e.residuals, width, e.tokens[:0])
	cacheBits := e.cache.choose(e.tokens, e.residuals)
	if cacheBits > 0 {
		w.write(1, 1)
		w.write(uint64(cacheBits), 4)
		e.cache.apply(e.tokens, e.residuals, cacheBits)
	} else {
		w.write(0, 1)
	}
	groups, bits := e.regions.divide(e.tokens, width, height, cacheBits)
	if len(groups) > 1 {
		w.write(1, 1)
		w.write(uint64(bits-2), 3)
		// The tokens are needed afterwards.
		kept := e.tokens
		e.tokens = nil
		e.writeSmall(e.regions.picture())
		e.tokens = kept
	} else {
		w.write(0, 1)
	}
	codes := make([]codes, len(groups))
	for i, counts := range groups {
		codes[i] = e.trees.write(w, counts)
	}
	x, y := 0, 0
	for _, t := range e.tokens {
		codes[e.regions.group(x, y)].write(w, t)
		for x += t.length(); x >= width; x -= width {
			y++
		}
	}
}

// grow returns a slice of length n, the given one if it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
