package vp8l

import "slices"

const (
	hashBits = 16
	// maxChain is how many places with the same hash are tried.
	maxChain    = 12
	maxDistance = 1<<20 - 120
	minMatch    = 3
	// near is the number of short codes for distances to pixels around.
	near = 120
)

// matcher finds copies of pixels that are cheaper than the pixels.
type matcher struct {
	heads  []int32
	before []int32
	// spent is the sum of what the pixels up to each would cost. It wraps
	// around; only differences count.
	spent []uint32
	// nearby are the distances that have the short codes 1, 2 and so on.
	nearby []int
	width  int
}

// run appends the tokens for the pixels: pixels and copies.
func (m *matcher) run(pixels []uint32, width int, tokens []token) []token {
	if uniform(pixels) {
		// A code of one symbol has no bits: nothing is cheaper.
		for _, p := range pixels {
			tokens = append(tokens, literal(p))
		}
		return tokens
	}
	m.prepare(pixels, width)
	// What begins later than this has no neighbours to compare.
	last := len(pixels) - minMatch
	for i := 0; i < len(pixels); {
		if i > last {
			tokens = append(tokens, literal(pixels[i]))
			i++
			continue
		}
		length, distance := m.find(pixels, i)
		if length == 0 {
			tokens = append(tokens, literal(pixels[i]))
			m.insert(pixels, i)
			i++
			continue
		}
		tokens = append(tokens, copied(length, m.code(distance)))
		// Long runs need not be found from each of their places.
		for end, step := min(i+length, last+1), 1+length/64; i < end; i += step {
			m.insert(pixels, i)
			length -= step
		}
		i += length
	}
	return tokens
}

func uniform(pixels []uint32) bool {
	for _, p := range pixels {
		if p != pixels[0] {
			return false
		}
	}
	return true
}

// prepare finds what pixels cost. As they are not all the same, each costs a bit
// at least; so copies that are long pay, and few of them are looked at twice.
func (m *matcher) prepare(pixels []uint32, width int) {
	m.heads = grow(m.heads, 1<<hashBits)
	for i := range m.heads {
		m.heads[i] = -1
	}
	m.before = grow(m.before, len(pixels))
	m.spent = grow(m.spent, len(pixels)+1)
	counts := newPerSymbol(0)
	for _, p := range pixels {
		counts.count(literal(p))
	}
	cost := counts.costs()
	sum := uint32(0)
	for i, p := range pixels {
		m.spent[i] = sum
		sum += cost.first[p>>8&0xff] + cost.red[p>>16&0xff] + cost.blue[p&0xff] + cost.alpha[p>>24]
	}
	m.spent[len(pixels)] = sum
	if m.width != width {
		m.width, m.nearby = width, nearbyDistances(width)
	}
}

func hashOf(pixels []uint32, i int) uint32 {
	sum := uint64(pixels[i])*0x9e3779b97f4a7c15 ^ uint64(pixels[i+1])*0xc2b2ae3d27d4eb4f ^ uint64(pixels[i+2])*0x165667b19e3779f9
	return uint32(sum >> (64 - hashBits))
}

func (m *matcher) insert(pixels []uint32, i int) {
	hash := hashOf(pixels, i)
	m.before[i] = m.heads[hash]
	m.heads[hash] = int32(i)
}

// find returns the copy that saves most at place i, length 0 if none does.
func (m *matcher) find(pixels []uint32, i int) (length, distance int) {
	best := 0
	try := func(from int) {
		if i+length < len(pixels) && pixels[from+length] != pixels[i+length] {
			return // not longer than what was found
		}
		n := same(pixels, from, i)
		if n < minMatch {
			return
		}
		saved := int(int32(m.spent[i+n]-m.spent[i])) - m.copyCost(n, i-from)
		if saved > best {
			best, length, distance = saved, n, i-from
		}
	}
	if i >= 1 {
		try(i - 1)
	}
	if i >= m.width && m.width > 1 {
		try(i - m.width)
	}
	from := m.heads[hashOf(pixels, i)]
	for chain := 0; chain < maxChain && from >= 0 && i-int(from) <= maxDistance && length < maxLength; chain++ {
		try(int(from))
		from = m.before[from]
	}
	return length, distance
}

// same counts how many pixels from one place on are those from another on.
func same(pixels []uint32, from, at int) int {
	limit := min(len(pixels)-at, maxLength)
	n := 0
	for n < limit && pixels[from+n] == pixels[at+n] {
		n++
	}
	return n
}

// copyCost guesses what a copy costs: what is usual for the two symbols, and
// the bits that follow them. The guess is high, as the codes of regions make
// pixels cheaper than they seem here.
func (m *matcher) copyCost(length, distance int) int {
	const symbols = 18
	_, _, lengthBits := prefix(length)
	code := m.code(distance)
	_, _, distanceBits := prefix(code)
	usual := symbols
	if code > near {
		usual += 2
	}
	return costUnit * (usual + int(lengthBits+distanceBits))
}

// code is how a distance is written: 1 to 120 for pixels around, the others
// behind (section 5.2.2).
func (m *matcher) code(distance int) int {
	if distance > m.nearby[len(m.nearby)-1] {
		return distance + near
	}
	if code := slices.Index(m.nearby[:len(m.nearby)-1], distance) + 1; code > 0 {
		return code
	}
	return distance + near
}

// nearbyDistances has the distances of the first short codes, those that are of
// use: pixels up to two rows above and two columns aside, in the order of the
// specification. The last element is the largest of them.
func nearbyDistances(width int) []int {
	places := [...][2]int{
		{0, 1}, {1, 0}, {1, 1}, {-1, 1}, {0, 2}, {2, 0}, {1, 2}, {-1, 2}, {2, 1}, {-2, 1}, {2, 2}, {-2, 2},
	}
	distances := make([]int, 0, len(places)+1)
	for _, place := range places {
		distances = append(distances, place[0]+place[1]*width)
	}
	return append(distances, slices.Max(distances))
}
