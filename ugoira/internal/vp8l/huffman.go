package vp8l

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	maxCodeLength = 15
	// lengthCodes are the codes that code lengths are written in, and how long
	// these may be (section 6.2.1).
	lengthCodes         = 19
	maxLengthCodeLength = 7

	repeatPrevious  = 16
	repeatZeroShort = 17
	repeatZeroLong  = 18

	// lengthCodeOrder is the order in which the lengths of the codes of code
	// lengths are written.
	lengthCodeOrder = "\x11\x12\x00\x01\x02\x03\x04\x05\x10\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
)

// code is a prefix code: for each symbol its bits, as they are written, and
// their number.
type code struct {
	bits    []uint16
	lengths []uint8
}

func (c *code) write(w *bitWriter, symbol uint32) {
	w.write(uint64(c.bits[symbol]), uint(c.lengths[symbol]))
}

// codes are the five prefix codes of a group.
type codes struct {
	first, red, blue, alpha, distance code
}

func (c *codes) write(w *bitWriter, t token) {
	switch t.kind() {
	case kindPixel:
		p := t.value()
		c.first.write(w, p>>8&0xff)
		c.red.write(w, p>>16&0xff)
		c.blue.write(w, p&0xff)
		c.alpha.write(w, p>>24)
	case kindCache:
		c.first.write(w, firstCache+t.value())
	default:
		symbol, extra, count := prefix(t.length())
		c.first.write(w, uint32(firstLength+symbol))
		w.write(extra, count)
		symbol, extra, count = prefix(int(t.value()))
		c.distance.write(w, uint32(symbol))
		w.write(extra, count)
	}
}

// trees builds prefix codes and writes them.
type trees struct {
	leaves []node
	nodes  []node
}

// node is a node of a Huffman tree; a leaf has a symbol, others have two below.
type node struct {
	count       uint64
	symbol      int32
	left, right int32
}

// write writes the codes that suit the counts.
func (t *trees) write(w *bitWriter, counts *perSymbol) codes {
	parts := counts.parts()
	return codes{t.one(w, parts[0]), t.one(w, parts[1]), t.one(w, parts[2]), t.one(w, parts[3]), t.one(w, parts[4])}
}

// one builds and writes one code.
func (t *trees) one(w *bitWriter, counts []uint32) code {
	var used []int
	for symbol, n := range counts {
		if n > 0 {
			used = append(used, symbol)
		}
		if len(used) > 2 {
			break
		}
	}
	simple := len(used) <= 2 && (len(used) == 0 || used[len(used)-1] < 256)
	if simple {
		return writeSimple(w, used, len(counts))
	}
	if len(used) == 1 {
		// A tree has two leaves at least.
		counts[0] = 1
	}
	c := code{lengths: make([]uint8, len(counts))}
	t.lengths(counts, maxCodeLength, c.lengths)
	c.bits = canonical(c.lengths)
	t.writeLengths(w, c.lengths)
	return c
}

// writeSimple writes a code of at most two symbols below 256. A single symbol
// takes no bits at all.
func writeSimple(w *bitWriter, used []int, size int) code {
	c := code{bits: make([]uint16, size), lengths: make([]uint8, size)}
	if len(used) == 0 {
		used = []int{0}
	}
	w.write(1, 1)
	w.write(uint64(len(used)-1), 1)
	if used[0] < 2 {
		w.write(0, 1)
		w.write(uint64(used[0]), 1)
	} else {
		w.write(1, 1)
		w.write(uint64(used[0]), 8)
	}
	if len(used) == 2 {
		w.write(uint64(used[1]), 8)
		c.lengths[used[0]], c.lengths[used[1]] = 1, 1
		c.bits[used[1]] = 1
	}
	return c
}

// lengths finds the lengths of a Huffman code that has none above limit. Where
// the best code has, rare symbols are counted as if they were less so.
func (t *trees) lengths(counts []uint32, limit int, lengths []uint8) {
	for least := uint64(1); ; least *= 2 {
		t.leaves = t.leaves[:0]
		for symbol, n := range counts {
			if n > 0 {
				t.leaves = append(t.leaves, node{count: max(uint64(n), least), symbol: int32(symbol), left: -1})
			}
		}
		slices.SortStableFunc(t.leaves, func(a, b node) int { return cmp.Compare(a.count, b.count) })
		if t.depth(lengths) <= limit {
			return
		}
	}
}

// depth builds the tree over the leaves, sets the lengths, and returns the
// largest. Both leaves and inner nodes come in order of their counts, so the
// two smallest are at the front of one or the other.
func (t *trees) depth(lengths []uint8) int {
	n := len(t.leaves)
	t.nodes = append(t.nodes[:0], t.leaves...)
	leaf, inner := 0, n
	take := func() int32 {
		if leaf < n && (inner >= len(t.nodes) || t.nodes[leaf].count <= t.nodes[inner].count) {
			leaf++
			return int32(leaf - 1)
		}
		inner++
		return int32(inner - 1)
	}
	for range n - 1 {
		a, b := take(), take()
		t.nodes = append(t.nodes, node{count: t.nodes[a].count + t.nodes[b].count, left: a, right: b})
	}
	// From the root down, count holds the depth.
	deepest := 0
	t.nodes[len(t.nodes)-1].count = 0
	for i := len(t.nodes) - 1; i >= 0; i-- {
		here := t.nodes[i]
		if here.left < 0 {
			lengths[here.symbol] = uint8(min(here.count, 255))
			deepest = max(deepest, int(here.count))
			continue
		}
		t.nodes[here.left].count, t.nodes[here.right].count = here.count+1, here.count+1
	}
	return deepest
}

// canonical gives codes in the order of length and symbol, turned around since
// they are written from their highest bit on.
func canonical(lengths []uint8) []uint16 {
	var next [maxCodeLength + 2]uint16
	for _, length := range lengths {
		if length > 0 {
			next[length+1]++
		}
	}
	for length := 1; length < len(next); length++ {
		next[length] = (next[length-1] + next[length]) << 1
	}
	// next[length] counts the codes that are shorter, as codes of that length.
	codes := make([]uint16, len(lengths))
	for symbol, length := range lengths {
		if length > 0 {
			codes[symbol] = bits.Reverse16(next[length]) >> (16 - length)
			next[length]++
		}
	}
	return codes
}

// lengthStep is a code for code lengths and the bits that follow it.
type lengthStep struct {
	code  uint8
	extra uint8
}

// writeLengths writes the lengths of a code, themselves coded (section 6.2.1).
func (t *trees) writeLengths(w *bitWriter, lengths []uint8) {
	steps := runs(lengths)
	counts := make([]uint32, lengthCodes)
	distinct := 0
	for _, step := range steps {
		if counts[step.code]++; counts[step.code] == 1 {
			distinct++
		}
	}
	if distinct == 1 {
		counts[(steps[0].code+1)%lengthCodes] = 1 // a tree has two leaves at least
	}
	c := code{lengths: make([]uint8, lengthCodes)}
	t.lengths(counts, maxLengthCodeLength, c.lengths)
	c.bits = canonical(c.lengths)

	last := lengthCodes
	for last > 4 && c.lengths[lengthCodeOrder[last-1]] == 0 {
		last--
	}
	w.write(0, 1)
	w.write(uint64(last-4), 4)
	for _, symbol := range []byte(lengthCodeOrder[:last]) {
		w.write(uint64(c.lengths[symbol]), 3)
	}
	w.write(0, 1) // all lengths follow
	for _, step := range steps {
		c.write(w, uint32(step.code))
		switch step.code {
		case repeatPrevious:
			w.write(uint64(step.extra), 2)
		case repeatZeroShort:
			w.write(uint64(step.extra), 3)
		case repeatZeroLong:
			w.write(uint64(step.extra), 7)
		}
	}
}

// runs writes runs of equal lengths in short.
func runs(lengths []uint8) []lengthStep {
	var steps []lengthStep
	previous := uint8(8) // section 6.2.1
	for i := 0; i < len(lengths); {
		length := lengths[i]
		n := 1
		for i+n < len(lengths) && lengths[i+n] == length {
			n++
		}
		i += n
		if length == 0 {
			steps = zeros(steps, n)
			continue
		}
		if length != previous {
			steps = append(steps, lengthStep{code: length})
			previous = length
			n--
		}
		for ; n >= 3; n -= min(n, 6) {
			steps = append(steps, lengthStep{repeatPrevious, uint8(min(n, 6) - 3)})
		}
		for range n {
			steps = append(steps, lengthStep{code: length})
		}
	}
	return steps
}

func zeros(steps []lengthStep, n int) []lengthStep {
	for n >= 3 {
		if n <= 10 {
			return append(steps, lengthStep{repeatZeroShort, uint8(n - 3)})
		}
		run := min(n, 138)
		steps = append(steps, lengthStep{repeatZeroLong, uint8(run - 11)})
		n -= run
	}
	for range n {
		steps = append(steps, lengthStep{})
	}
	return steps
}
