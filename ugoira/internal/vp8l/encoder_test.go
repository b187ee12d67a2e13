package vp8l_test

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pixivoc/pixivoc/ugoira/internal/vp8l"
	"github.com/stretchr/testify/require"
	decoder "golang.org/x/image/vp8l"
)

// requireRoundTrip decodes with the decoder of golang.org/x/image.
func requireRoundTrip(tb testing.TB, e *vp8l.Encoder, pixels []uint32, width, height int) int {
	tb.Helper()
	want := append([]uint32(nil), pixels...)
	file, err := e.Encode(pixels, width, height)
	require.NoError(tb, err)
	decoded, err := decoder.Decode(bytes.NewReader(file))
	require.NoError(tb, err)
	picture, ok := decoded.(*image.NRGBA)
	require.True(tb, ok)
	require.Equal(tb, image.Rect(0, 0, width, height), picture.Rect)
	for i, p := range want {
		b := picture.Pix[picture.PixOffset(i%width, i/width):]
		if got := uint32(b[3])<<24 | uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]); got != p {
			require.Failf(tb, "pictures differ", "at %d,%d of %dx%d: want %08x, got %08x", i%width, i/width, width, height, p, got)
		}
	}
	return len(file)
}

// painters make pixels of many kinds.
func painters() map[string]func(x, y int, r *rand.Rand) uint32 {
	return map[string]func(x, y int, r *rand.Rand) uint32{
		"one colour": func(int, int, *rand.Rand) uint32 { return 0xff336699 },
		"black":      func(int, int, *rand.Rand) uint32 { return 0xff000000 },
		"nothing":    func(int, int, *rand.Rand) uint32 { return 0 },
		"noise":      func(_, _ int, r *rand.Rand) uint32 { return r.Uint32() },
		"opaque":     func(_, _ int, r *rand.Rand) uint32 { return r.Uint32() | 0xff000000 },
		"two colours": func(x, y int, _ *rand.Rand) uint32 {
			return 0xff000000 | uint32(x*y/7%2)*0xffffff
		},
		"slope": func(x, y int, _ *rand.Rand) uint32 {
			return 0xff000000 | uint32(x&255)<<16 | uint32(y&255)<<8 | uint32((x+y)/2&255)
		},
		"waves": func(x, y int, r *rand.Rand) uint32 {
			v := func(f float64) uint32 { return uint32(128 + 120*math.Sin(float64(x)*f)*math.Cos(float64(y)*f/2)) }
			return 0xff000000 | v(0.05)<<16 | v(0.031)<<8 | (v(0.07)+r.Uint32N(3))&255
		},
		"tiles": func(x, y int, _ *rand.Rand) uint32 {
			return 0xff000000 | uint32(x%13*19)<<16 | uint32(y%11*23)<<8 | uint32((x%13)*(y%11))
		},
		"holes": func(x, y int, r *rand.Rand) uint32 {
			if (x/9+y/9)%3 == 0 {
				return 0
			}
			return 0xff000000 | uint32(x*3+y)&255<<8 | r.Uint32N(8)
		},
		"confetti": func(_, _ int, r *rand.Rand) uint32 {
			return 0xff000000 | (r.Uint32N(40)*2654435761)>>8
		},
		"halves": func(x, _ int, r *rand.Rand) uint32 {
			if x/80%2 == 0 {
				return 0xff000000 | r.Uint32()&0x030303
			}
			return 0xff000000 | r.Uint32()&0x3f3f3f + 0x808080
		},
		"rare": func(_, _ int, r *rand.Rand) uint32 {
			// Counts that fall by half make the deepest trees.
			return 0xff000000 | uint32(math.Min(255, r.ExpFloat64()*1.5))*0x010000
		},
	}
}

func paint(p func(x, y int, r *rand.Rand) uint32, width, height int) []uint32 {
	r := rand.New(rand.NewPCG(1, 2))
	pixels := make([]uint32, width*height)
	for i := range pixels {
		pixels[i] = p(i%width, i/width, r)
	}
	return pixels
}

func TestEncode(t *testing.T) {
	t.Parallel()
	sizes := [][2]int{
		{1, 1}, {2, 1}, {1, 2}, {3, 3}, {7, 5}, {16, 16}, {17, 33}, {1, 300}, {300, 1}, {64, 64}, {129, 97}, {320, 240}, {16384, 1}, {1, 16384}, {300, 200},
	}
	for name, p := range painters() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// One encoder for all: what is left of one picture must not show
			// in the next.
			var e vp8l.Encoder
			for _, size := range sizes {
				requireRoundTrip(t, &e, paint(p, size[0], size[1]), size[0], size[1])
			}
			for _, size := range sizes[:6] {
				requireRoundTrip(t, &e, paint(p, size[0], size[1]), size[0], size[1])
			}
		})
	}
}

// TestEncode_IsSmall holds what the parts of the encoder are there for.
func TestEncode_IsSmall(t *testing.T) {
	t.Parallel()
	const width, height = 320, 240
	for name, most := range map[string]int{
		"one colour": 400, "black": 100, "two colours": 9_000, "slope": 1_500, "waves": 75_000, "tiles": 2_000, "confetti": 95_000, "halves": 138_000, "opaque": width*height*3 + 2000,
	} {
		var e vp8l.Encoder
		size := requireRoundTrip(t, &e, paint(painters()[name], width, height), width, height)
		require.LessOrEqual(t, size, most, name)
		t.Log(name, size)
	}
}

func TestEncode_Refuses(t *testing.T) {
	t.Parallel()
	var e vp8l.Encoder
	for _, c := range [][3]int{{0, 0, 0}, {0, 1, 1}, {1, 2, 1}, {-1, -1, 1}, {16385, 1, 16385}, {1, 16385, 16385}} {
		_, err := e.Encode(make([]uint32, c[2]), c[0], c[1])
		require.Error(t, err, "%v", c)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint16(2))
	f.Add(bytes.Repeat([]byte{9, 9, 9, 255, 0, 0, 0, 0}, 200), uint16(17))
	f.Fuzz(func(t *testing.T, b []byte, side uint16) {
		width := int(side)%64 + 1
		height := min(len(b)/4/width, 64)
		if height == 0 {
			return
		}
		pixels := make([]uint32, width*height)
		for i := range pixels {
			pixels[i] = uint32(b[4*i]) | uint32(b[4*i+1])<<8 | uint32(b[4*i+2])<<16 | uint32(b[4*i+3])<<24
		}
		var e vp8l.Encoder
		requireRoundTrip(t, &e, pixels, width, height)
	})
}

func BenchmarkEncode(b *testing.B) {
	const width, height = 600, 600
	for _, name := range []string{"waves", "tiles", "noise"} {
		b.Run(fmt.Sprintf("%s/%dx%d", name, width, height), func(b *testing.B) {
			original := paint(painters()[name], width, height)
			pixels := make([]uint32, len(original))
			var e vp8l.Encoder
			size := 0
			b.SetBytes(4 * width * height)
			b.ReportAllocs()
			for b.Loop() {
				copy(pixels, original)
				file, err := e.Encode(pixels, width, height)
				if err != nil {
					b.Fatal(err)
				}
				size = len(file)
			}
			b.ReportMetric(float64(size), "file-bytes")
		})
	}
}
