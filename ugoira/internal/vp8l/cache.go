package vp8l

import "math"

// cacheFactor hashes a colour to its place in the cache (section 5.2.3).
const cacheFactor = 0x1e35a7bd

// cacheTrial finds out whether a colour cache pays.
type cacheTrial struct {
	colors []uint32
}

// choose returns the size of the cache, as power of two, with which the pixels
// among the tokens cost least; 0 is no cache.
func (c *cacheTrial) choose(tokens []token, pixels []uint32) int {
	if uniform(pixels) {
		return 0 // a code of one symbol has no bits
	}
	best, least := 0, math.Inf(1)
	for _, bits := range [...]int{0, 4, 8, 10} {
		counts := newPerSymbol(bits)
		c.each(tokens, pixels, bits, func(_ int, t token) { counts.count(t) })
		if cost := entropy(counts); cost < least {
			best, least = bits, cost
		}
	}
	return best
}

// apply replaces pixels that are in the cache.
func (c *cacheTrial) apply(tokens []token, pixels []uint32, bits int) {
	c.each(tokens, pixels, bits, func(i int, t token) { tokens[i] = t })
}

// each calls use with each token as it is with a cache of so many bits.
func (c *cacheTrial) each(tokens []token, pixels []uint32, bits int, use func(i int, t token)) {
	if bits == 0 {
		for i, t := range tokens {
			use(i, t)
		}
		return
	}
	c.colors = grow(c.colors, 1<<bits)
	clear(c.colors)
	shift := 32 - bits
	at := 0
	for i, t := range tokens {
		length := t.length()
		if length == 1 && t.kind() == kindPixel {
			place := pixels[at] * cacheFactor >> shift
			if c.colors[place] == pixels[at] {
				t = cached(place)
			}
		}
		for _, p := range pixels[at : at+length] {
			c.colors[p*cacheFactor>>shift] = p
		}
		at += length
		use(i, t)
	}
}

// entropy is about how many bits the symbols take, together with their codes.
func entropy(counts *perSymbol) float64 {
	const bitsPerSymbol = 4
	sum := 0.0
	for _, part := range counts.parts() {
		total := 0.0
		for _, n := range part {
			if n > 0 {
				total += float64(n)
				sum += bitsPerSymbol - float64(n)*math.Log2(float64(n))
			}
		}
		if total > 0 {
			sum += total * math.Log2(total)
		}
	}
	return sum
}
