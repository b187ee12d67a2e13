package vp8l

import "math"

const (
	predictModes = 14
	// opaqueBlack predicts the first pixel.
	opaqueBlack = 0xff000000
	// predictBits is the side of the squares that share a mode, as power of
	// two; larger pictures take larger squares.
	predictBits    = 4
	maxPredictBits = 9
	manySquares    = 1 << 13
)

// predictor replaces pixels by how they differ from what their neighbours let
// expect (section 4.1), in the mode that suits each square best.
type predictor struct {
	modes []uint32
	// weight is about how many bits a difference costs, in sixteenths.
	weight [256]uint16
}

// run writes the residuals of the pixels and returns the mode of each square,
// as pixels of a picture, and the side of the squares.
func (p *predictor) run(pixels, residuals []uint32, width, height int) (modes []uint32, bits int) {
	if p.weight[1] == 0 {
		for i := range p.weight {
			p.weight[i] = uint16(16 * math.Log2(1+math.Abs(float64(int8(i)))))
		}
	}
	bits = predictBits
	for bits < maxPredictBits && squares(width, bits)*squares(height, bits) > manySquares {
		bits++
	}
	across := squares(width, bits)
	p.modes = grow(p.modes, across*squares(height, bits))
	side := 1 << bits
	previous := 0
	for i := range p.modes {
		left, top := i%across*side, i/across*side
		right, bottom := min(left+side, width), min(top+side, height)
		mode := p.best(pixels, width, left, top, right, bottom, previous)
		previous = mode
		p.modes[i] = opaqueBlack | uint32(mode)<<8
		for y := top; y < bottom; y++ {
			subtractRow(mode, pixels, residuals, width, y, left, right)
		}
	}
	return p.modes, bits
}

func squares(side, bits int) int { return (side + 1<<bits - 1) >> bits }

// best finds the mode whose residuals cost least.
// The pixels at the edges of the picture have no choice and do not count.
func (p *predictor) best(pixels []uint32, width, left, top, right, bottom, previous int) int {
	top, left = max(top, 1), max(left, 1)
	if top >= bottom || left >= right {
		return previous
	}
	best, least := previous, p.cost(previous, pixels, width, left, top, right, bottom, math.MaxInt)
	for mode := range predictModes {
		if mode == previous {
			continue
		}
		if cost := p.cost(mode, pixels, width, left, top, right, bottom, least); cost < least {
			best, least = mode, cost
		}
	}
	return best
}

func (p *predictor) cost(mode int, pixels []uint32, width, left, top, right, bottom, enough int) int {
	sum := 0
	for y := top; y < bottom; y++ {
		row, above := pixels[y*width:], pixels[(y-1)*width:(y+1)*width]
		for x := left; x < right; x++ {
			r := minus(row[x], predict(mode, row[x-1], above[x], above[x-1], above[x+1]))
			sum += int(p.weight[r>>24]) + int(p.weight[r>>16&0xff]) + int(p.weight[r>>8&0xff]) + int(p.weight[r&0xff])
		}
		if sum >= enough {
			return sum
		}
	}
	return sum
}

// subtractRow writes the residuals of a part of row y.
func subtractRow(mode int, pixels, residuals []uint32, width, y, left, right int) {
	row, out := pixels[y*width:(y+1)*width], residuals[y*width:(y+1)*width]
	if y == 0 {
		for x := left; x < right; x++ {
			if x == 0 {
				out[0] = minus(row[0], opaqueBlack)
			} else {
				out[x] = minus(row[x], row[x-1])
			}
		}
		return
	}
	// The pixel right of the last one above is the first of this row.
	above := pixels[(y-1)*width : (y+1)*width]
	if left == 0 {
		out[0] = minus(row[0], above[0])
		left = 1
	}
	for x := left; x < right; x++ {
		out[x] = minus(row[x], predict(mode, row[x-1], above[x], above[x-1], above[x+1]))
	}
}

// predict expects a pixel from the one left of it and the three above.
func predict(mode int, l, t, tl, tr uint32) uint32 {
	switch mode {
	case 0:
		return opaqueBlack
	case 1:
		return l
	case 2:
		return t
	case 3:
		return tr
	case 4:
		return tl
	case 5:
		return average(average(l, tr), t)
	case 6:
		return average(l, tl)
	case 7:
		return average(l, t)
	case 8:
		return average(tl, t)
	case 9:
		return average(t, tr)
	case 10:
		return average(average(l, tl), average(t, tr))
	case 11:
		return nearer(l, t, tl)
	case 12:
		return gradient(l, t, tl)
	}
	return halfGradient(average(l, t), tl)
}

// minus subtracts channel by channel.
func minus(a, b uint32) uint32 {
	alphaGreen := 0x00ff00ff + a&0xff00ff00 - b&0xff00ff00
	redBlue := 0xff00ff00 + a&0x00ff00ff - b&0x00ff00ff
	return alphaGreen&0xff00ff00 | redBlue&0x00ff00ff
}

func average(a, b uint32) uint32 { return (a^b)&0xfefefefe>>1 + a&b }

// nearer is the one of l and t that is nearer to l + t - tl.
func nearer(l, t, tl uint32) uint32 {
	toLeft, toTop := 0, 0
	for shift := 0; shift < 32; shift += 8 {
		a, b, c := int(l>>shift&0xff), int(t>>shift&0xff), int(tl>>shift&0xff)
		toLeft += max(b-c, c-b)
		toTop += max(a-c, c-a)
	}
	if toLeft < toTop {
		return l
	}
	return t
}

func gradient(l, t, tl uint32) uint32 {
	var sum uint32
	for shift := 0; shift < 32; shift += 8 {
		a, b, c := int(l>>shift&0xff), int(t>>shift&0xff), int(tl>>shift&0xff)
		sum |= uint32(min(max(a+b-c, 0), 255)) << shift
	}
	return sum
}

func halfGradient(a, b uint32) uint32 {
	var sum uint32
	for shift := 0; shift < 32; shift += 8 {
		x, y := int(a>>shift&0xff), int(b>>shift&0xff)
		sum |= uint32(min(max(x+(x-y)/2, 0), 255)) << shift
	}
	return sum
}
