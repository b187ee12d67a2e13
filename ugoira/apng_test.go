package ugoira_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/draw"
	"image/png"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

type pngChunk struct {
	kind    string
	content []byte
}

func chunksOf(tb testing.TB, file []byte) []pngChunk {
	tb.Helper()
	require.Equal(tb, "\x89PNG\r\n\x1a\n", string(file[:8]))
	var chunks []pngChunk
	for rest := file[8:]; len(rest) > 0; {
		length := binary.BigEndian.Uint32(rest)
		body := rest[4 : 8+length]
		require.Equal(tb, crc32.ChecksumIEEE(body), binary.BigEndian.Uint32(rest[8+length:]))
		chunks = append(chunks, pngChunk{string(body[:4]), body[4:]})
		rest = rest[12+length:]
	}
	return chunks
}

func chunk(kind string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, kind...), content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// apngFrame is a frame made a PNG of its own.
type apngFrame struct {
	area    image.Rectangle
	delay   time.Duration
	overlay bool
	packed  []byte
}

// apngFrames takes an APNG apart and checks the order of its chunks.
func apngFrames(tb testing.TB, file []byte) (header []byte, plays uint32, frames []apngFrame) {
	tb.Helper()
	chunks := chunksOf(tb, file)
	require.Equal(tb, "IHDR", chunks[0].kind)
	require.Equal(tb, "acTL", chunks[1].kind)
	require.Equal(tb, "IEND", chunks[len(chunks)-1].kind)
	header, plays = chunks[0].content, binary.BigEndian.Uint32(chunks[1].content[4:])
	sequence := uint32(0)
	for _, c := range chunks[2 : len(chunks)-1] {
		be := binary.BigEndian
		if c.kind != "IDAT" {
			require.Equal(tb, sequence, be.Uint32(c.content))
			sequence++
		}
		switch c.kind {
		case "fcTL":
			n := func(at int) int { return int(be.Uint32(c.content[at:])) }
			require.Zero(tb, c.content[24], "dispose")
			frames = append(frames, apngFrame{
				area:    image.Rect(n(12), n(16), n(12)+n(4), n(16)+n(8)),
				delay:   time.Duration(be.Uint16(c.content[20:])) * time.Second / time.Duration(be.Uint16(c.content[22:])),
				overlay: c.content[25] == 1,
			})
		case "fdAT":
			require.Greater(tb, len(frames), 1)
			frames[len(frames)-1].packed = append(frames[len(frames)-1].packed, c.content[4:]...)
		case "IDAT":
			require.Len(tb, frames, 1)
			frames[0].packed = append(frames[0].packed, c.content...)
		default:
			require.Fail(tb, "chunk "+c.kind)
		}
	}
	require.EqualValues(tb, len(frames), binary.BigEndian.Uint32(chunks[1].content))
	return header, plays, frames
}

// showAPNG composes the frames, each decoded by the standard library.
func showAPNG(tb testing.TB, header []byte, frames []apngFrame) []*image.NRGBA {
	tb.Helper()
	be := binary.BigEndian
	canvas := image.NewNRGBA(image.Rect(0, 0, int(be.Uint32(header)), int(be.Uint32(header[4:]))))
	var shown []*image.NRGBA
	for _, frame := range frames {
		own := be.AppendUint32(be.AppendUint32(nil, uint32(frame.area.Dx())), uint32(frame.area.Dy()))
		file := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(own, header[8:]...))...)
		file = append(append(file, chunk("IDAT", frame.packed)...), chunk("IEND", nil)...)
		picture, err := png.Decode(bytes.NewReader(file))
		require.NoError(tb, err)
		require.True(tb, frame.area.In(canvas.Rect))
		overlay(canvas, picture, frame.area, frame.overlay)
		shown = append(shown, cloneNRGBA(canvas))
	}
	return shown
}

// overlay puts the picture on the canvas. Pixels are opaque or not there, so
// blending is a choice.
func overlay(canvas *image.NRGBA, picture image.Image, area image.Rectangle, blend bool) {
	at := picture.Bounds().Min
	for y := range area.Dy() {
		for x := range area.Dx() {
			c := picture.At(at.X+x, at.Y+y)
			if _, _, _, alpha := c.RGBA(); alpha == 0 && blend {
				continue
			}
			draw.Draw(canvas, image.Rect(area.Min.X+x, area.Min.Y+y, area.Min.X+x+1, area.Min.Y+y+1), image.NewUniform(c), image.Point{}, draw.Src)
		}
	}
}

func TestAPNG(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]work{
		"jpeg":            jpegs(t, 120, 90, 100, 51, 73, 60_000),
		"png":             pngs(t, 61, 47, 10, 33, 47),
		"one pixel":       jpegs(t, 1, 1, 10, 20),
		"narrow":          jpegs(t, 1, 70, 10, 20),
		"more than 64 KB": jpegs(t, 400, 300, 10, 20),
		"all new":         pan(t, 90, 70, 10, 20, 30),
		"corners":         corners(t, 96, 80, 10, 20, 30),
		"dots":            dots(t, 33, 21, 10, 20, 30),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, result := encode(t, w.open(t), ugoira.APNG, ugoira.Options{Plays: 3})
			header, plays, frames := apngFrames(t, file)
			require.EqualValues(t, 3, plays)
			require.Len(t, frames, len(w.frames))
			require.Equal(t, len(w.frames), result.Frames)
			for i, shown := range showAPNG(t, header, frames) {
				require.Equal(t, w.frames[i].Delay, frames[i].delay)
				requireSame(t, w.decoded(t)[i], shown, "frame %d", i)
			}
			first, err := png.Decode(bytes.NewReader(file))
			require.NoError(t, err, "for viewers without animation")
			requireSame(t, w.decoded(t)[0], first, "first frame")
		})
	}
}

// TestOverlay holds that pixels that stay are left out where most do, and only
// there.
func TestOverlay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		work work
		want bool
	}{{corners(t, 96, 80, 10, 20, 30), true}, {pan(t, 96, 80, 10, 20, 30), false}} {
		file, _ := encode(t, c.work.open(t), ugoira.APNG, ugoira.Options{})
		header, _, frames := apngFrames(t, file)
		require.Equal(t, c.want, frames[1].overlay && frames[2].overlay)
		require.Equal(t, c.want, header[9] == 6, "an alpha channel")
		webp, _ := encode(t, c.work.open(t), ugoira.WebP, ugoira.Options{})
		require.Equal(t, c.want, webp[20]&(1<<4) != 0, "the flag for transparency")
	}
}
