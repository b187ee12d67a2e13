package paint

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Colours of the palette: a sky that fades, then the things in front of it.
const (
	skyColours = 96
	sunColour  = skyColours + iota - 1
	starColour
	firstHill
	hills      = 4
	allColours = firstHill + hills
)

// canvas is a picture of few colours. Drawing in palette indexes is quick, and one drawing serves all formats.
type canvas struct {
	image *image.Paletted
}

// draw paints a landscape: a sky at some hour, a sun or moon, stars, hills.
func draw(seed uint64, width, height int) canvas {
	random := rand.New(rand.NewPCG(seed, 0x6c616e647363))
	c := canvas{image.NewPaletted(image.Rect(0, 0, width, height), palette(random))}
	c.sky()
	for range 12 + random.IntN(24) {
		c.image.SetColorIndex(random.IntN(width), random.IntN(height/2+1), starColour)
	}
	radius := max(1, min(width, height)*(6+random.IntN(12))/100)
	c.disc(random.IntN(width), height/8+random.IntN(height/2+1), radius)
	for i := range hills {
		c.hill(random, i)
	}
	return c
}

// palette mixes a sky between two hues, a bright sun and ever darker hills.
func palette(random *rand.Rand) color.Palette {
	hue := random.Float64()
	far := hue + 0.08 + 0.3*random.Float64()
	dusk := 0.55 + 0.4*random.Float64()
	p := make(color.Palette, allColours)
	for i := range skyColours {
		t := float64(i) / (skyColours - 1)
		p[i] = hsv(hue+(far-hue)*t, 0.75-0.45*t, dusk*(0.45+0.55*t))
	}
	p[sunColour] = hsv(far, 0.12, 1)
	p[starColour] = hsv(hue, 0.05, 0.95)
	for i := range hills {
		t := float64(i) / hills
		p[firstHill+i] = hsv(hue+0.45+0.1*random.Float64(), 0.35+0.4*t, 0.6-0.5*t)
	}
	return p
}

func (c canvas) sky() {
	bounds := c.image.Rect
	for y := range bounds.Dy() {
		row := c.image.Pix[y*c.image.Stride : y*c.image.Stride+bounds.Dx()]
		shade := uint8(y * (skyColours - 1) / max(1, bounds.Dy()-1))
		for x := range row {
			row[x] = shade
		}
	}
}

func (c canvas) disc(cx, cy, radius int) {
	for dy := -radius; dy <= radius; dy++ {
		y := cy + dy
		if y < 0 || y >= c.image.Rect.Dy() {
			continue
		}
		half := int(math.Sqrt(float64(radius*radius - dy*dy)))
		for x := max(0, cx-half); x <= min(c.image.Rect.Dx()-1, cx+half); x++ {
			c.image.Pix[y*c.image.Stride+x] = sunColour
		}
	}
}

// hill fills everything under the sum of two waves; later hills are nearer and lower.
func (c canvas) hill(random *rand.Rand, layer int) {
	width, height := c.image.Rect.Dx(), c.image.Rect.Dy()
	base := float64(height) * (0.55 + 0.12*float64(layer))
	slow, quick := 1+2*random.Float64(), 4+6*random.Float64()
	phase, tall := 2*math.Pi*random.Float64(), float64(height)*(0.04+0.08*random.Float64())
	for x := range width {
		t := 2 * math.Pi * float64(x) / float64(width)
		top := base - tall*math.Sin(slow*t+phase) - tall/4*math.Sin(quick*t+2*phase)
		for y := max(0, int(top)); y < height; y++ {
			c.image.Pix[y*c.image.Stride+x] = uint8(firstHill + layer)
		}
	}
}

// rgba is the picture in full colour, as the JPEG encoder takes it quickest.
func (c canvas) rgba() *image.RGBA {
	var table [256][4]byte
	for i, entry := range c.image.Palette {
		v := entry.(color.RGBA)
		table[i] = [4]byte{v.R, v.G, v.B, v.A}
	}
	out := image.NewRGBA(c.image.Rect)
	for i, index := range c.image.Pix {
		copy(out.Pix[4*i:4*i+4], table[index][:])
	}
	return out
}

// hsv is the colour of a hue (any number, its fraction counts), a saturation and a value between 0 and 1.
func hsv(hue, saturation, value float64) color.RGBA {
	_, hue = math.Modf(hue)
	channel := func(shift float64) uint8 {
		_, at := math.Modf(hue + shift)
		ramp := min(1, max(0, math.Abs(at*6-3)-1))
		return uint8(math.Round(255 * value * (1 - saturation + saturation*ramp)))
	}
	return color.RGBA{R: channel(0), G: channel(2.0 / 3), B: channel(1.0 / 3), A: 0xff}
}
