package vp8l

import (
	"cmp"
	"math"
	"slices"
)

const (
	regionBits    = 4
	maxRegionBits = 9
	manyRegions   = 2048
	// pixelsPerGroup is how many pixels are worth the codes of a group.
	pixelsPerGroup = 20_000
	maxGroups      = 10
	rounds         = 3
)

// regions divides a picture into squares and the squares into groups, each with
// prefix codes of its own (section 6.2.2).
type regions struct {
	bits   int
	across int
	// groups has the number of the group of each square.
	groups []int
	// band are the counts of one row of squares.
	band []*perSymbol
	// used has the symbols that each square uses, one square after the other;
	// ends has where those of each end, and costs what each costs.
	used    []symbolCount
	ends    []int
	costs   []float64
	indices []uint32
}

// symbolCount is a symbol, by its place in perSymbol, and how often it comes.
type symbolCount struct {
	symbol, count uint32
}

// divide returns the counts of each group, and the side of the squares as power
// of two. Groups begin as squares of a similar cost; then each square moves to
// the group whose codes suit it best.
func (r *regions) divide(tokens []token, width, height, cacheBits int) ([]*perSymbol, int) {
	r.bits = regionBits
	for r.bits < maxRegionBits && squares(width, r.bits)*squares(height, r.bits) > manyRegions {
		r.bits++
	}
	r.across = squares(width, r.bits)
	count := r.across * squares(height, r.bits)
	r.groups = grow(r.groups, count)
	clear(r.groups)
	wanted := min(maxGroups, width*height/pixelsPerGroup, count/4)
	if wanted < 2 {
		whole := newPerSymbol(cacheBits)
		for _, t := range tokens {
			whole.count(t)
		}
		return []*perSymbol{whole}, r.bits
	}
	r.count(tokens, width, cacheBits)
	r.begin(wanted)
	for range rounds {
		r.improve(r.sums(wanted, cacheBits))
	}
	return r.compact(r.sums(wanted, cacheBits)), r.bits
}

// count finds the symbols of each square. A token belongs where it begins, so
// the squares are done band by band, and the counts of one band are enough.
func (r *regions) count(tokens []token, width, cacheBits int) {
	if len(r.band) != r.across || len(r.band[0].all) != len(newPerSymbol(cacheBits).all) {
		r.band = make([]*perSymbol, r.across)
		for i := range r.band {
			r.band[i] = newPerSymbol(cacheBits)
		}
	}
	r.used, r.ends, r.costs = r.used[:0], r.ends[:0], r.costs[:0]
	x, y, band := 0, 0, 0
	for _, t := range tokens {
		for ; y>>r.bits > band; band++ {
			r.finishBand()
		}
		r.band[x>>r.bits].count(t)
		for x += t.length(); x >= width; x -= width {
			y++
		}
	}
	for len(r.ends) < len(r.groups) {
		r.finishBand()
	}
}

// finishBand keeps what was counted in the band, and starts the next.
func (r *regions) finishBand() {
	for _, counts := range r.band {
		for symbol, n := range counts.all {
			if n > 0 {
				r.used = append(r.used, symbolCount{uint32(symbol), n})
			}
		}
		r.ends = append(r.ends, len(r.used))
		r.costs = append(r.costs, entropy(counts))
		clear(counts.all)
	}
}

// symbols are the symbols that the square uses.
func (r *regions) symbols(square int) []symbolCount {
	start := 0
	if square > 0 {
		start = r.ends[square-1]
	}
	return r.used[start:r.ends[square]]
}

// group is the group of the pixel.
func (r *regions) group(x, y int) int { return r.groups[y>>r.bits*r.across+x>>r.bits] }

// begin sorts the squares by what they cost and cuts them into equal groups.
func (r *regions) begin(wanted int) {
	order := make([]int, len(r.costs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.costs[a], r.costs[b]) })
	for i, square := range order {
		r.groups[square] = i * wanted / len(order)
	}
}

func (r *regions) sums(wanted, cacheBits int) []*perSymbol {
	sums := make([]*perSymbol, wanted)
	for i := range sums {
		sums[i] = newPerSymbol(cacheBits)
	}
	for square, group := range r.groups {
		all := sums[group].all
		for _, s := range r.symbols(square) {
			all[s.symbol] += s.count
		}
	}
	return sums
}

// improve moves each square to the group in which it costs least.
func (r *regions) improve(sums []*perSymbol) {
	prices := make([]*perSymbol, len(sums))
	for i, counts := range sums {
		prices[i] = counts.costs()
	}
	for square := range r.groups {
		least := uint64(math.MaxUint64)
		for group, price := range prices {
			cost := uint64(0)
			for _, s := range r.symbols(square) {
				cost += uint64(s.count) * uint64(price.all[s.symbol])
			}
			if cost < least {
				least = cost
				r.groups[square] = group
			}
		}
	}
}

// compact leaves out groups without squares.
func (r *regions) compact(sums []*perSymbol) []*perSymbol {
	numbers := make([]int, len(sums))
	for _, group := range r.groups {
		numbers[group] = 1
	}
	var used []*perSymbol
	for group, there := range numbers {
		if there == 1 {
			numbers[group] = len(used)
			used = append(used, sums[group])
		}
	}
	for i, group := range r.groups {
		r.groups[i] = numbers[group]
	}
	return used
}

// picture has a pixel for each square: the number of its group in green.
func (r *regions) picture() []uint32 {
	r.indices = grow(r.indices, len(r.groups))
	for i, group := range r.groups {
		r.indices[i] = opaqueBlack | uint32(group)<<8
	}
	return r.indices
}
