package ugoira

import "image"

// rgb is red, green and blue.
type rgb [3]byte

// maxColors leaves one of the 256 indices of a GIF for pixels that stay.
const maxColors = 255

// paletteChooser finds the colours of one picture. A picture of few colours
// keeps them all. For others it is Xiaolin Wu's way ("Efficient Statistical
// Computations for Optimal Color Quantization", Graphics Gems II, 1991): cut
// the colour space in boxes so that the sum of the variances is small.
type paletteChooser struct {
	colors  map[uint32]byte
	palette []rgb
	// cells holds the sums over all colours up to each corner of the grid.
	cells []moments
	few   bool
}

// gridSide is 32 steps a channel and a border of zeros.
const gridSide = 33

// moments is what is summed up over pixels: their number, their channels, and
// the squares of their channels.
type moments struct {
	count, red, green, blue, squares int64
}

func (m *moments) add(n moments) {
	m.count += n.count
	m.red += n.red
	m.green += n.green
	m.blue += n.blue
	m.squares += n.squares
}

func (m *moments) subtract(n moments) {
	m.add(moments{-n.count, -n.red, -n.green, -n.blue, -n.squares})
}

// weight is the part of the variance that depends on where boxes are cut.
func (m moments) weight() float64 {
	if m.count == 0 {
		return 0
	}
	r, g, b := float64(m.red), float64(m.green), float64(m.blue)
	return (r*r + g*g + b*b) / float64(m.count)
}

func (m moments) variance() float64 { return float64(m.squares) - m.weight() }

func (m moments) mean() rgb {
	half := m.count / 2
	return rgb{byte((m.red + half) / m.count), byte((m.green + half) / m.count), byte((m.blue + half) / m.count)}
}

func newPaletteChooser() *paletteChooser {
	return &paletteChooser{
		colors: make(map[uint32]byte, maxColors),
		cells:  make([]moments, gridSide*gridSide*gridSide),
	}
}

// choose returns at most maxColors colours for the pixels of the area that are
// not kept. The palette is good until the next call.
func (p *paletteChooser) choose(picture *canvas, area image.Rectangle, keep []bool) []rgb {
	p.palette = p.palette[:0]
	if p.few = p.collect(picture, area, keep); p.few {
		return p.palette
	}
	p.palette = p.palette[:0]
	p.count(picture, area, keep)
	p.cut()
	return p.palette
}

// exact returns the index of each colour of the picture if the palette has
// them all, else nil.
func (p *paletteChooser) exact() map[uint32]byte {
	if p.few {
		return p.colors
	}
	return nil
}

const colorMask = 1<<24 - 1

// collect fills the palette with all colours, and gives up when they are many.
func (p *paletteChooser) collect(picture *canvas, area image.Rectangle, keep []bool) bool {
	clear(p.colors)
	n := 0
	last := uint32(1 << 31)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := picture.row(y, area)
		for x := range area.Dx() {
			color := pixel(row, x) & colorMask
			if skip := keep[n]; skip || color == last {
				n++
				continue
			}
			n++
			last = color
			if _, known := p.colors[color]; known {
				continue
			}
			if len(p.palette) == maxColors {
				return false
			}
			p.colors[color] = byte(len(p.palette))
			p.palette = append(p.palette, rgb{byte(color), byte(color >> 8), byte(color >> 16)})
		}
	}
	return true
}

// count fills the cells.
func (p *paletteChooser) count(picture *canvas, area image.Rectangle, keep []bool) {
	clear(p.cells)
	n := 0
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := picture.row(y, area)
		for x := range area.Dx() {
			if keep[n] {
				n++
				continue
			}
			n++
			r, g, b := int64(row[4*x]), int64(row[4*x+1]), int64(row[4*x+2])
			cell := &p.cells[gridIndex(int(r>>3)+1, int(g>>3)+1, int(b>>3)+1)]
			cell.count++
			cell.red += r
			cell.green += g
			cell.blue += b
			cell.squares += r*r + g*g + b*b
		}
	}
	// Sum up along one axis after the other.
	for _, step := range [...]int{1, gridSide, gridSide * gridSide} {
		for i := step; i < len(p.cells); i++ {
			if i/step%gridSide != 0 {
				p.cells[i].add(p.cells[i-step])
			}
		}
	}
}

func gridIndex(r, g, b int) int { return (r*gridSide+g)*gridSide + b }

// colorBox is the part of the grid above low and up to high, by channel.
type colorBox struct {
	low, high [3]int
	variance  float64
}

func (p *paletteChooser) sum(b colorBox) moments {
	var total moments
	for corner := range 8 {
		at, negative := b.high, false
		for axis := range 3 {
			if corner>>axis&1 == 1 {
				at[axis], negative = b.low[axis], !negative
			}
		}
		m := p.cells[gridIndex(at[0], at[1], at[2])]
		if negative {
			total.subtract(m)
		} else {
			total.add(m)
		}
	}
	return total
}

// cut cuts the box of the largest variance in two, as long as there is one that
// can be cut and the palette is not full.
func (p *paletteChooser) cut() {
	whole := colorBox{high: [3]int{gridSide - 1, gridSide - 1, gridSide - 1}}
	whole.variance = p.sum(whole).variance()
	boxes := []colorBox{whole}
	for len(boxes) < maxColors {
		widest := 0
		for i, b := range boxes {
			if b.variance > boxes[widest].variance {
				widest = i
			}
		}
		if boxes[widest].variance <= 0 {
			break
		}
		one, other, ok := p.split(boxes[widest])
		if !ok {
			boxes[widest].variance = 0
			continue
		}
		boxes[widest] = one
		boxes = append(boxes, other)
	}
	for _, b := range boxes {
		p.palette = append(p.palette, p.sum(b).mean())
	}
}

// split cuts the box where the variances of the two parts are the smallest.
func (p *paletteChooser) split(b colorBox) (one, other colorBox, ok bool) {
	whole := p.sum(b)
	best := 0.0
	for axis := range 3 {
		part := b
		for at := b.low[axis] + 1; at < b.high[axis]; at++ {
			part.high[axis] = at
			first := p.sum(part)
			second := whole
			second.subtract(first)
			if first.count == 0 || second.count == 0 {
				continue
			}
			if weight := first.weight() + second.weight(); weight > best {
				best, ok = weight, true
				one, other = b, b
				one.high[axis], other.low[axis] = at, at
				one.variance, other.variance = first.variance(), second.variance()
			}
		}
	}
	return one, other, ok
}
