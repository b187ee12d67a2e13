package vp8l

import "math"

const (
	hashBits = 16
	// maxChain is how many places with the same hash are tried.
	maxChain    = 12
	maxDistance = 1<<20 - 120
	minMatch    = 3
	// near is the number of short codes for distances to pixels around.
	near = 120
	// costUnit is the fineness of costs in parts of a bit.
	costUnit = 32
)

// matcher finds copies of pixels that are cheaper than the pixels.
type matcher struct {
	heads  []int32
	before []int32
	// spent is the sum of what the pixels up to each would cost. It wraps
	// around; only differences count.
	spent []uint32
	// codes are the short codes of distances, by place around the pixel.
	codes map[int]int
	width int
}

// run appends the tokens for the pixels: pixels and copies.
func (m *matcher) run(pixels []uint32, width int, tokens []token) []token {
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

func (m *matcher) prepare(pixels []uint32, width int) {
	m.heads = grow(m.heads, 1<<hashBits)
	for i := range m.heads {
		m.heads[i] = -1
	}
	m.before = grow(m.before, len(pixels))
	m.spent = grow(m.spent, len(pixels)+1)
	h := newHistogram(0)
	for _, p := range pixels {
		h.add(literal(p))
	}
	cost := costsOf(h)
	sum := uint32(0)
	for i, p := range pixels {
		m.spent[i] = sum
		sum += cost.first[p>>8&0xff] + cost.red[p>>16&0xff] + cost.blue[p&0xff] + cost.alpha[p>>24]
	}
	m.spent[len(pixels)] = sum
	if m.width != width {
		m.width, m.codes = width, nearCodes(width)
	}
}

// costs is what each symbol costs, in parts of a bit.
type costs struct {
	first            []uint32
	red, blue, alpha []uint32
	distance         []uint32
}

func costsOf(h *histogram) costs {
	return costs{costOf(h.first), costOf(h.red[:]), costOf(h.blue[:]), costOf(h.alpha[:]), costOf(h.distance[:])}
}

func costOf(counts []uint32) []uint32 {
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
	costs := make([]uint32, len(counts))
	for i, n := range counts {
		costs[i] = max(least, uint32(costUnit*math.Log2(float64(total+1)/(float64(n)+0.5))))
	}
	return costs
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
// the bits that follow them.
func (m *matcher) copyCost(length, distance int) int {
	const symbols = 10
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
	if code, ok := m.codes[distance]; ok {
		return code
	}
	return distance + near
}

// nearCodes has the first of the short codes, those that are of use: pixels up
// to two rows above and two columns aside, in the order of the specification.
func nearCodes(width int) map[int]int {
	places := [...][2]int{
		{0, 1}, {1, 0}, {1, 1}, {-1, 1}, {0, 2}, {2, 0}, {1, 2}, {-1, 2}, {2, 1}, {-2, 1}, {2, 2}, {-2, 2},
	}
	codes := make(map[int]int, len(places))
	for i, place := range places {
		distance := place[0] + place[1]*width
		if _, taken := codes[distance]; distance >= 1 && !taken {
			codes[distance] = i + 1
		}
	}
	return codes
}
