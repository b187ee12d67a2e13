package vp8l

import (
	"math"
	"math/bits"
)

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

// perSymbol has a number for each symbol of the five prefix codes of a group:
// how often it comes, or what it costs.
type perSymbol struct {
	all                               []uint32
	first, red, blue, alpha, distance []uint32
}

func newPerSymbol(cacheBits int) *perSymbol {
	first := firstCache
	if cacheBits > 0 {
		first += 1 << cacheBits
	}
	p := &perSymbol{all: make([]uint32, first+3*256+distanceSymbols)}
	rest := p.all
	for _, part := range [...]struct {
		slice  *[]uint32
		length int
	}{{&p.first, first}, {&p.red, 256}, {&p.blue, 256}, {&p.alpha, 256}, {&p.distance, distanceSymbols}} {
		*part.slice, rest = rest[:part.length:part.length], rest[part.length:]
	}
	return p
}

// parts are the numbers in the order of the prefix codes.
func (p *perSymbol) parts() [5][]uint32 {
	return [...][]uint32{p.first, p.red, p.blue, p.alpha, p.distance}
}

// count counts the symbols of the token.
func (p *perSymbol) count(t token) {
	switch t.kind() {
	case kindPixel:
		pixel := t.value()
		p.first[pixel>>8&0xff]++
		p.red[pixel>>16&0xff]++
		p.blue[pixel&0xff]++
		p.alpha[pixel>>24]++
	case kindCache:
		p.first[firstCache+t.value()]++
	default:
		length, _, _ := prefix(t.length())
		p.first[firstLength+length]++
		distance, _, _ := prefix(int(t.value()))
		p.distance[distance]++
	}
}

const (
	// costUnit is the fineness of costs in parts of a bit.
	costUnit = 32
	// unused is what symbols cost where none is used: so much that what needs
	// them goes elsewhere.
	unused = 16 * costUnit
)

// costs is what each symbol costs where symbols come as often as in counts.
func (p *perSymbol) costs() *perSymbol {
	costs := newPerSymbol(0)
	if len(p.first) > firstCache {
		costs = newPerSymbol(bits.Len(uint(len(p.first)-firstCache)) - 1)
	}
	targets := costs.parts()
	for i, part := range p.parts() {
		costsOf(part, targets[i])
	}
	return costs
}

func costsOf(counts, costs []uint32) {
	total, used, least := uint32(0), 0, uint32(0)
	for _, n := range counts {
		total += n
		if n > 0 {
			used++
		}
	}
	if used > 1 {
		least = costUnit // the shortest code of two has one bit
	}
	for i, n := range counts {
		if used == 0 {
			costs[i] = unused
			continue
		}
		costs[i] = max(least, uint32(costUnit*math.Log2(float64(total+1)/(float64(n)+0.5))))
	}
}
