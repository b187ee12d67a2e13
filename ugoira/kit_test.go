package ugoira_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// scene paints a disc that moves over a background with smooth and hard parts.
func scene(i, width, height int) *image.RGBA {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	cx := width/4 + i*width/16%max(width/2, 1)
	cy := height / 2
	radius := max(min(width, height)/5, 1)
	for y := range height {
		for x := range width {
			c := color.RGBA{uint8(255 * x / width), uint8(255 * y / height), uint8(128 + 100*math.Sin(float64(x*y)/900)), 255}
			if (x/16+y/16)%7 == 0 {
				c = color.RGBA{250, 250, 245, 255}
			}
			if (x-cx)*(x-cx)+(y-cy)*(y-cy) < radius*radius {
				c = color.RGBA{uint8(200 + 50*(y-cy)/radius), 40, uint8(60 + 10*(x%3)), 255}
			}
			picture.SetRGBA(x, y, c)
		}
	}
	return picture
}

// flat paints a picture of few colours, some of it see-through.
func flat(i, width, height int) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.NRGBA{uint8(40 * (x / 8 % 6)), uint8(60 * (y / 8 % 4)), uint8(10 * i), 255}
			if (x+y+i)%11 == 0 {
				c = color.NRGBA{}
			}
			picture.SetNRGBA(x, y, c)
		}
	}
	return picture
}

func jpegOf(tb testing.TB, picture image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, jpeg.Encode(&b, picture, &jpeg.Options{Quality: 90}))
	return b.Bytes()
}

func pngOf(tb testing.TB, picture image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, png.Encode(&b, picture))
	return b.Bytes()
}

// work is an archive as it comes, with its table.
type work struct {
	frames []ugoira.Frame
	zip    []byte
	// pictures are the bytes of the frames.
	pictures [][]byte
}

func (w work) open(tb testing.TB) *ugoira.Archive {
	tb.Helper()
	a, err := ugoira.Open(bytes.NewReader(w.zip), int64(len(w.zip)), w.frames, ugoira.Limits{})
	require.NoError(tb, err)
	return a
}

// decoded are the frames as the standard library decodes them.
func (w work) decoded(tb testing.TB) []image.Image {
	tb.Helper()
	var all []image.Image
	for _, b := range w.pictures {
		picture, _, err := image.Decode(bytes.NewReader(b))
		require.NoError(tb, err)
		all = append(all, picture)
	}
	return all
}

func name(i int, extension string) string { return fmt.Sprintf("%06d%s", i, extension) }

// jpegs is a work of JPEG frames with these delays in milliseconds.
func jpegs(tb testing.TB, width, height int, delays ...int) work {
	tb.Helper()
	var w work
	for i, delay := range delays {
		w.add(name(i, ".jpg"), jpegOf(tb, scene(i, width, height)), delay)
	}
	w.pack(tb, zip.Store)
	return w
}

// pan is a work of JPEG frames of which no pixel stays.
func pan(tb testing.TB, width, height int, delays ...int) work {
	tb.Helper()
	var w work
	for i, delay := range delays {
		part := scene(0, 2*width, height).SubImage(image.Rect(5*i, 0, 5*i+width, height))
		w.add(name(i, ".jpg"), jpegOf(tb, part), delay)
	}
	w.pack(tb, zip.Store)
	return w
}

// corners is a work of JPEG frames of which only two corners change.
func corners(tb testing.TB, width, height int, delays ...int) work {
	tb.Helper()
	var w work
	for i, delay := range delays {
		picture := scene(0, width, height)
		for _, at := range [...]image.Point{{0, 0}, {width - 16, height - 16}} {
			shade := image.NewUniform(color.Gray{uint8(60 * i)})
			draw.Draw(picture, image.Rectangle{at, at.Add(image.Pt(16, 16))}, shade, image.Point{}, draw.Src)
		}
		w.add(name(i, ".jpg"), jpegOf(tb, picture), delay)
	}
	w.pack(tb, zip.Store)
	return w
}

// dots is a work of PNG frames of which one pixel changes, at odd places.
func dots(tb testing.TB, width, height int, delays ...int) work {
	tb.Helper()
	var w work
	for i, delay := range delays {
		picture := flat(0, width, height)
		picture.SetNRGBA(5+2*i, 7, color.NRGBA{1, 2, 3, 255})
		w.add(name(i, ".png"), pngOf(tb, picture), delay)
	}
	w.pack(tb, zip.Deflate)
	return w
}

// pngs is a work of PNG frames with transparency.
func pngs(tb testing.TB, width, height int, delays ...int) work {
	tb.Helper()
	var w work
	for i, delay := range delays {
		w.add(name(i, ".png"), pngOf(tb, flat(i, width, height)), delay)
	}
	w.pack(tb, zip.Deflate)
	return w
}

func (w *work) add(name string, picture []byte, delay int) {
	w.frames = append(w.frames, ugoira.Frame{File: name, Delay: time.Duration(delay) * time.Millisecond})
	w.pictures = append(w.pictures, picture)
}

func (w *work) pack(tb testing.TB, method uint16) {
	tb.Helper()
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for i, frame := range w.frames {
		file, err := out.CreateHeader(&zip.FileHeader{Name: frame.File, Method: method})
		require.NoError(tb, err)
		_, err = file.Write(w.pictures[i])
		require.NoError(tb, err)
	}
	require.NoError(tb, out.Close())
	w.zip = b.Bytes()
}

// encode converts and returns the bytes; it checks that Result counts them.
func encode(tb testing.TB, a *ugoira.Archive, format ugoira.Format, options ugoira.Options) ([]byte, ugoira.Result) {
	tb.Helper()
	file, err := os.Create(filepath.Join(tb.TempDir(), "result"+format.Extension()))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, file.Close()) }()
	result, err := a.Encode(context.Background(), file, format, options)
	require.NoError(tb, err)
	b, err := os.ReadFile(file.Name())
	require.NoError(tb, err)
	require.EqualValues(tb, len(b), result.Bytes)
	return b, result
}

// requireSame checks that two pictures agree in each pixel, seen without
// multiplication by alpha; pixels one cannot see have no colour.
func requireSame(tb testing.TB, want, got image.Image, what string, args ...any) {
	tb.Helper()
	size := want.Bounds().Size()
	require.Equal(tb, size, got.Bounds().Size())
	for y := range size.Y {
		for x := range size.X {
			w := color.NRGBAModel.Convert(want.At(want.Bounds().Min.X+x, want.Bounds().Min.Y+y))
			g := color.NRGBAModel.Convert(got.At(got.Bounds().Min.X+x, got.Bounds().Min.Y+y))
			if w.(color.NRGBA).A == 0 && g.(color.NRGBA).A == 0 {
				continue
			}
			if w != g {
				require.Failf(tb, "pictures differ", "at %d,%d: want %v, got %v: %s", x, y, w, g, fmt.Sprintf(what, args...))
			}
		}
	}
}

// noise is the signal-to-noise ratio of got in decibel.
func noise(want, got image.Image) float64 {
	size := want.Bounds().Size()
	var sum float64
	for y := range size.Y {
		for x := range size.X {
			r, g, b, _ := want.At(x, y).RGBA()
			r2, g2, b2, _ := got.At(x, y).RGBA()
			for _, d := range [...]float64{float64(r>>8) - float64(r2>>8), float64(g>>8) - float64(g2>>8), float64(b>>8) - float64(b2>>8)} {
				sum += d * d
			}
		}
	}
	return 10 * math.Log10(255*255*float64(3*size.X*size.Y)/max(sum, 1e-9))
}

// failAfter is a writer that takes so many bytes.
type failAfter struct {
	left int
}

func (f *failAfter) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return 0, io.ErrShortWrite
	}
	f.left -= len(b)
	return len(b), nil
}

// gifOf paints the part of the picture as a GIF as large as the picture.
func gifOf(tb testing.TB, picture image.Image, part image.Rectangle) []byte {
	tb.Helper()
	frame := image.NewPaletted(part, palette.Plan9)
	draw.Draw(frame, part, picture, part.Min, draw.Src)
	var b bytes.Buffer
	require.NoError(tb, gif.EncodeAll(&b, &gif.GIF{
		Image: []*image.Paletted{frame}, Delay: []int{0},
		Config: image.Config{ColorModel: color.Palette(palette.Plan9), Width: picture.Bounds().Dx(), Height: picture.Bounds().Dy()},
	}))
	return b.Bytes()
}

// memory is a file in memory.
type memory struct {
	content []byte
	at      int
}

func (m *memory) Write(b []byte) (int, error) {
	if short := m.at + len(b) - len(m.content); short > 0 {
		m.content = append(m.content, make([]byte, short)...)
	}
	m.at += copy(m.content[m.at:], b)
	return len(b), nil
}

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		m.at = int(offset)
	case io.SeekCurrent:
		m.at += int(offset)
	case io.SeekEnd:
		m.at = len(m.content) + int(offset)
	}
	return int64(m.at), nil
}
