package ugoira

import "image"

// paletteMapper finds an index of the palette for each pixel.
type paletteMapper struct {
	// nearest keeps the index of the colour nearest to each step of the colour
	// space, plus one; 0 is not known yet.
	nearest []uint16
	palette []rgb
	// below and here are the errors that the rows hand on (Floyd and Steinberg,
	// 1976), in sixteenths, with a pixel more at either end.
	here, below [][3]int32
}

const (
	mapBits  = 6
	mapShift = 8 - mapBits
)

func newPaletteMapper(width int) *paletteMapper {
	return &paletteMapper{
		nearest: make([]uint16, 1<<(3*mapBits)),
		here:    make([][3]int32, width+2),
		below:   make([][3]int32, width+2),
	}
}

// direct is for a palette that has all colours.
func (m *paletteMapper) direct(picture *canvas, area image.Rectangle, keep []bool, exact map[uint32]byte, transparent byte, indices []byte) {
	n := 0
	last, index := uint32(1<<31), byte(0)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := picture.row(y, area)
		for x := range area.Dx() {
			if keep[n] {
				indices[n] = transparent
				n++
				continue
			}
			if color := pixel(row, x) & colorMask; color != last {
				last, index = color, exact[color]
			}
			indices[n] = index
			n++
		}
	}
}

// approximate takes the nearest colour, and with dither hands what is missing
// on to the pixels around. Rows are taken to and fro, which leaves no slant.
func (m *paletteMapper) approximate(picture *canvas, area image.Rectangle, keep []bool, palette []rgb, dither bool, indices []byte) {
	clear(m.nearest)
	m.palette = palette
	clear(m.here)
	width := area.Dx()
	for y := range area.Dy() {
		clear(m.below)
		row := picture.row(area.Min.Y+y, area)
		line, kept := indices[y*width:(y+1)*width], keep[y*width:(y+1)*width]
		start, end, step := 0, width, 1
		if dither && y%2 == 1 {
			start, end, step = width-1, -1, -1
		}
		for x := start; x != end; x += step {
			if kept[x] {
				line[x] = byte(len(palette))
				continue
			}
			line[x] = m.index(row[4*x:4*x+3:4*x+3], x+1, step, dither)
		}
		m.here, m.below = m.below, m.here
	}
}

// index finds the colour of one pixel; its errors are at position at.
func (m *paletteMapper) index(pixel []byte, at, step int, dither bool) byte {
	var want [3]int32
	for i := range want {
		want[i] = int32(pixel[i])
	}
	if dither {
		for i, e := range m.here[at] {
			want[i] = min(max(want[i]+(e+8)>>4, 0), 255)
		}
	}
	key := want[0]>>mapShift<<(2*mapBits) | want[1]>>mapShift<<mapBits | want[2]>>mapShift
	index := m.nearest[key]
	if index == 0 {
		index = m.search(want)
		m.nearest[key] = index
	}
	index--
	if dither {
		found := &m.palette[index]
		ahead, behind := at+step, at-step
		for i := range want {
			missing := want[i] - int32(found[i])
			m.here[ahead][i] += 7 * missing
			m.below[behind][i] += 3 * missing
			m.below[at][i] += 5 * missing
			m.below[ahead][i] += missing
		}
	}
	return byte(index)
}

// search returns the index, plus one, of the colour nearest to the middle of
// the step that want is in.
func (m *paletteMapper) search(want [3]int32) uint16 {
	for i := range want {
		want[i] = want[i]>>mapShift<<mapShift | 1<<(mapShift-1)
	}
	best, least := 0, int32(1<<30)
	for i := range m.palette {
		c := &m.palette[i]
		r, g, b := want[0]-int32(c[0]), want[1]-int32(c[1]), want[2]-int32(c[2])
		if distance := r*r + g*g + b*b; distance < least {
			best, least = i, distance
		}
	}
	return uint16(best + 1)
}
