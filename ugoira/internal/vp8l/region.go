package vp8l

import (
	"cmp"
	"slices"
)

const (
	regionBits    = 5
	maxRegionBits = 9
	manyRegions   = 512
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
	groups  []int
	squares []*histogram
	indices []uint32
}

// divide returns the counts of each group, and the side of the squares as power
// of two. Groups begin as squares of a similar cost; then each square moves to
// the group whose codes suit it best.
func (r *regions) divide(tokens []token, width, height, cacheBits int) ([]*histogram, int) {
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
		whole := newHistogram(cacheBits)
		for _, t := range tokens {
			whole.add(t)
		}
		return []*histogram{whole}, r.bits
	}
	r.count(tokens, width, cacheBits, count)
	r.begin(wanted)
	for range rounds {
		r.improve(r.sums(wanted, cacheBits))
	}
	return r.compact(r.sums(wanted, cacheBits)), r.bits
}

// count fills the histogram of each square. A token belongs where it begins.
func (r *regions) count(tokens []token, width, cacheBits, count int) {
	if len(r.squares) != count || len(r.squares[0].first) != len(newHistogram(cacheBits).first) {
		r.squares = make([]*histogram, count)
		for i := range r.squares {
			r.squares[i] = newHistogram(cacheBits)
		}
	} else {
		for _, h := range r.squares {
			h.clear()
		}
	}
	x, y := 0, 0
	for _, t := range tokens {
		r.squares[r.square(x, y)].add(t)
		for x += t.length(); x >= width; x -= width {
			y++
		}
	}
}

func (r *regions) square(x, y int) int { return y>>r.bits*r.across + x>>r.bits }

func (r *regions) group(x, y int) int { return r.groups[r.square(x, y)] }

// begin sorts the squares by what they cost and cuts them into equal groups.
func (r *regions) begin(wanted int) {
	type priced struct {
		square int
		cost   float64
	}
	all := make([]priced, len(r.squares))
	for i, h := range r.squares {
		all[i] = priced{i, entropy(h)}
	}
	slices.SortFunc(all, func(a, b priced) int { return cmp.Compare(a.cost, b.cost) })
	for i, p := range all {
		r.groups[p.square] = i * wanted / len(all)
	}
}

func (r *regions) sums(wanted, cacheBits int) []*histogram {
	sums := make([]*histogram, wanted)
	for i := range sums {
		sums[i] = newHistogram(cacheBits)
	}
	for i, h := range r.squares {
		sums[r.groups[i]].merge(h)
	}
	return sums
}

// improve moves each square to the group in which it costs least.
func (r *regions) improve(sums []*histogram) {
	prices := make([]costs, len(sums))
	for i, h := range sums {
		prices[i] = costsOf(h)
	}
	least := make([]uint64, len(r.squares))
	for group, price := range prices {
		for i, h := range r.squares {
			if cost := price.of(h); group == 0 || cost < least[i] {
				least[i] = cost
				r.groups[i] = group
			}
		}
	}
}

func (c costs) of(h *histogram) uint64 {
	own := [5][]uint32{c.first, c.red, c.blue, c.alpha, c.distance}
	sum := uint64(0)
	for i, part := range h.parts() {
		price := own[i][:len(part)]
		for symbol, n := range part {
			if n != 0 {
				sum += uint64(n) * uint64(price[symbol])
			}
		}
	}
	return sum
}

// compact leaves out groups without squares.
func (r *regions) compact(sums []*histogram) []*histogram {
	numbers := make([]int, len(sums))
	for _, group := range r.groups {
		numbers[group] = 1
	}
	var used []*histogram
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

// picture has a pixel for each square, its group in red and green.
func (r *regions) picture() []uint32 {
	r.indices = grow(r.indices, len(r.groups))
	for i, group := range r.groups {
		r.indices[i] = opaqueBlack | uint32(group)<<8
	}
	return r.indices
}
