package vp8l

import "math/bits"

// token is one step of the stream of pixels: a pixel, a pixel of the colour
// cache, or a copy of pixels from before. The two highest bits say which.
type token uint64

const (
	kindShift = 62
	kindPixel = 0
	kindCache = 1
	kindCopy  = 2

	lengthShift = 32
	maxLength   = 4096

	// Symbols of the first prefix code (section 6.2): green, then lengths of
	// copies, then places in the cache.
	lengthSymbols   = 24
	firstLength     = 256
	firstCache      = firstLength + lengthSymbols
	distanceSymbols = 40
)

func literal(pixel uint32) token { return token(pixel) }

func cached(place uint32) token { return kindCache<<kindShift | token(place) }

// copied is a copy of length pixels; code is the distance as it is written.
func copied(length, code int) token {
	return kindCopy<<kindShift | token(length)<<lengthShift | token(code)
}

func (t token) kind() int { return int(t >> kindShift) }

func (t token) value() uint32 { return uint32(t) }

// length is the number of pixels that the token stands for.
func (t token) length() int {
	if t.kind() == kindCopy {
		return int(t >> lengthShift & (1<<(kindShift-lengthShift) - 1))
	}
	return 1
}

// prefix splits a length or distance code, from 1 on, into the symbol and the
// bits that follow it (section 5.2.2).
func prefix(value int) (symbol int, extra uint64, count uint) {
	n := value - 1
	if n < 4 {
		return n, 0, 0
	}
	high := bits.Len(uint(n)) - 1
	count = uint(high - 1)
	return 2*high + n>>count&1, uint64(n) & (1<<count - 1), count
}

// histogram counts the symbols of the five prefix codes of a group.
type histogram struct {
	first    []uint32
	red      [256]uint32
	blue     [256]uint32
	alpha    [256]uint32
	distance [distanceSymbols]uint32
}

func newHistogram(cacheBits int) *histogram {
	size := firstCache
	if cacheBits > 0 {
		size += 1 << cacheBits
	}
	return &histogram{first: make([]uint32, size)}
}

func (h *histogram) add(t token) {
	switch t.kind() {
	case kindPixel:
		p := t.value()
		h.first[p>>8&0xff]++
		h.red[p>>16&0xff]++
		h.blue[p&0xff]++
		h.alpha[p>>24]++
	case kindCache:
		h.first[firstCache+t.value()]++
	default:
		length, _, _ := prefix(t.length())
		h.first[firstLength+length]++
		distance, _, _ := prefix(int(t.value()))
		h.distance[distance]++
	}
}

// parts are the counts in the order of the prefix codes.
func (h *histogram) parts() [5][]uint32 {
	return [5][]uint32{h.first, h.red[:], h.blue[:], h.alpha[:], h.distance[:]}
}

func (h *histogram) merge(other *histogram) {
	own := h.parts()
	for i, part := range other.parts() {
		for symbol, n := range part {
			own[i][symbol] += n
		}
	}
}

func (h *histogram) clear() {
	for _, part := range h.parts() {
		clear(part)
	}
}
