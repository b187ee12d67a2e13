package ugoira_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// showGIF composes the frames of a GIF as a viewer does.
func showGIF(tb testing.TB, file []byte) (*gif.GIF, []*image.NRGBA) {
	tb.Helper()
	decoded, err := gif.DecodeAll(bytes.NewReader(file))
	require.NoError(tb, err)
	canvas := image.NewNRGBA(image.Rect(0, 0, decoded.Config.Width, decoded.Config.Height))
	var shown []*image.NRGBA
	for i, frame := range decoded.Image {
		draw.Draw(canvas, frame.Rect, frame, frame.Rect.Min, draw.Over)
		shown = append(shown, cloneNRGBA(canvas))
		if decoded.Disposal[i] == gif.DisposalBackground {
			draw.Draw(canvas, frame.Rect, image.NewUniform(color.Transparent), image.Point{}, draw.Src)
		}
	}
	return decoded, shown
}

func cloneNRGBA(m *image.NRGBA) *image.NRGBA {
	return &image.NRGBA{Pix: bytes.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect}
}

func TestGIF_Photographs(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 120, 90, 100, 50, 70, 35)
	for name, least := range map[string]float64{"dithered": 30, "plain": 33} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, result := encode(t, w.open(t), ugoira.GIF, ugoira.Options{NoDither: name == "plain"})
			decoded, shown := showGIF(t, file)
			require.Equal(t, []int{10, 5, 7, 4}, decoded.Delay)
			require.Equal(t, 0, decoded.LoopCount)
			require.Equal(t, 4, result.Frames)
			require.Equal(t, 260*time.Millisecond, result.Duration)
			for i, want := range w.decoded(t) {
				require.Greater(t, noise(want, shown[i]), least, "frame %d", i)
			}
		})
	}
}

// TestGIF_FewColors holds that a picture of few colours is kept exactly, with
// its transparency.
func TestGIF_FewColors(t *testing.T) {
	t.Parallel()
	w := pngs(t, 61, 47, 40, 40, 40)
	file, _ := encode(t, w.open(t), ugoira.GIF, ugoira.Options{})
	_, shown := showGIF(t, file)
	for i, want := range w.decoded(t) {
		requireSame(t, want, shown[i], "frame %d", i)
	}
}

func TestGIF_Still(t *testing.T) {
	t.Parallel()
	same := jpegOf(t, scene(0, 64, 64))
	var w work
	for i := range 3 {
		w.add(name(i, ".jpg"), same, 100)
	}
	w.pack(t, 0)
	file, _ := encode(t, w.open(t), ugoira.GIF, ugoira.Options{})
	decoded, shown := showGIF(t, file)
	require.Len(t, decoded.Image, 3)
	require.Equal(t, image.Rect(0, 0, 1, 1), decoded.Image[2].Rect)
	requireSame(t, shown[0], shown[2], "what stays")
}

func TestGIF_Plays(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 16, 16, 100, 100)
	// The decoder's LoopCount: -1 once, 0 for ever, n: n+1 times.
	for plays, want := range map[int]int{0: 0, 1: -1, 2: 1, 65535: 65534} {
		file, _ := encode(t, w.open(t), ugoira.GIF, ugoira.Options{Plays: plays})
		decoded, _ := showGIF(t, file)
		require.Equal(t, want, decoded.LoopCount, "plays %d", plays)
	}
}

// TestGIF_Timing holds that rounding errors do not add up.
func TestGIF_Timing(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		delays []int
		want   []int
	}{
		"33 ms":       {[]int{33, 33, 33, 33, 33, 33}, []int{3, 4, 3, 3, 4, 3}},
		"one frame":   {[]int{100}, []int{10}},
		"fast":        {[]int{10, 10, 10, 10, 10, 10}, []int{2, 2, 2}},
		"16 ms":       {[]int{16, 16, 16, 16, 16, 16, 16, 16, 16, 16}, []int{2, 2, 2, 2, 2, 2, 2, 2}},
		"a fast one":  {[]int{100, 10, 100}, []int{10, 2, 9}},
		"the longest": {[]int{60_000, 60_001}, []int{6000, 6000}},
		"zero":        {[]int{0, -1, 100}, []int{2, 10}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, result := encode(t, jpegs(t, 16, 16, c.delays...).open(t), ugoira.GIF, ugoira.Options{})
			decoded, _ := showGIF(t, file)
			require.Equal(t, c.want, decoded.Delay)
			require.Equal(t, len(c.want), result.Frames)
		})
	}
}
