package ugoira_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"os"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/vp8l"
)

type riffChunk struct {
	kind    string
	content []byte
}

func riffChunks(tb testing.TB, b []byte) []riffChunk {
	tb.Helper()
	var chunks []riffChunk
	for len(b) > 0 {
		length := int(binary.LittleEndian.Uint32(b[4:]))
		chunks = append(chunks, riffChunk{string(b[:4]), b[8 : 8+length]})
		b = b[8+length+length&1:]
	}
	return chunks
}

func three(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// showWebP takes an animation apart and composes its frames, each decoded by
// golang.org/x/image.
func showWebP(tb testing.TB, file []byte) (plays int, delays []time.Duration, shown []*image.NRGBA) {
	tb.Helper()
	require.Equal(tb, "RIFF", string(file[:4]))
	require.EqualValues(tb, len(file)-8, binary.LittleEndian.Uint32(file[4:]))
	require.Equal(tb, "WEBP", string(file[8:12]))
	chunks := riffChunks(tb, file[12:])
	require.Equal(tb, "VP8X", chunks[0].kind)
	require.Equal(tb, byte(1<<1), chunks[0].content[0]&^(1<<4))
	require.Equal(tb, "ANIM", chunks[1].kind)
	canvas := image.NewNRGBA(image.Rect(0, 0, three(chunks[0].content[4:])+1, three(chunks[0].content[7:])+1))
	transparent := false
	for _, c := range chunks[2:] {
		require.Equal(tb, "ANMF", c.kind)
		x, y := 2*three(c.content), 2*three(c.content[3:])
		area := image.Rect(x, y, x+three(c.content[6:])+1, y+three(c.content[9:])+1)
		require.True(tb, area.In(canvas.Rect))
		require.Zero(tb, c.content[15]&^(1<<1))
		inner := riffChunks(tb, c.content[16:])
		require.Len(tb, inner, 1)
		require.Equal(tb, "VP8L", inner[0].kind)
		picture, err := vp8l.Decode(bytes.NewReader(inner[0].content))
		require.NoError(tb, err)
		require.Equal(tb, area.Size(), picture.Bounds().Size())
		transparent = transparent || !picture.(*image.NRGBA).Opaque()
		overlay(canvas, picture, area, c.content[15] == 0)
		shown = append(shown, cloneNRGBA(canvas))
		delays = append(delays, time.Duration(three(c.content[12:]))*time.Millisecond)
	}
	require.Equal(tb, transparent, chunks[0].content[0]&(1<<4) != 0, "the flag for transparency")
	return int(binary.LittleEndian.Uint16(chunks[1].content[4:])), delays, shown
}

func TestWebP(t *testing.T) {
	t.Parallel()
	still := jpegs(t, 40, 40, 10, 20)
	still.pictures[1] = still.pictures[0]
	still.pack(t, 0)
	for name, w := range map[string]work{
		"jpeg":      jpegs(t, 120, 90, 100, 51, 73, 60_000),
		"png":       pngs(t, 61, 47, 10, 33, 47),
		"one frame": jpegs(t, 33, 21, 10),
		"one pixel": jpegs(t, 1, 1, 10, 20),
		"narrow":    jpegs(t, 1, 70, 10, 20),
		"still":     still,
		"all new":   pan(t, 90, 70, 10, 20, 30),
		"corners":   corners(t, 96, 80, 10, 20, 30),
		"dots":      dots(t, 33, 21, 10, 20, 30),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, result := encode(t, w.open(t), ugoira.WebP, ugoira.Options{Plays: 7})
			plays, delays, shown := showWebP(t, file)
			require.Equal(t, 7, plays)
			require.Len(t, shown, len(w.frames))
			require.Equal(t, len(w.frames), result.Frames)
			for i := range shown {
				require.Equal(t, w.frames[i].Delay, delays[i])
				requireSame(t, w.decoded(t)[i], shown[i], "frame %d", i)
			}
		})
	}
}

// TestWebP_AfterOtherBytes holds that the file need not start where the
// writer does.
func TestWebP_AfterOtherBytes(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 20, 20, 100, 100)
	file := &memory{}
	_, err := file.Write([]byte("before"))
	require.NoError(t, err)
	_, err = w.open(t).Encode(t.Context(), file, ugoira.WebP, ugoira.Options{})
	require.NoError(t, err)
	require.Equal(t, "before", string(file.content[:6]))
	showWebP(t, file.content[6:])
	require.Equal(t, len(file.content), file.at)
}

func TestWebP_NeedsToSeek(t *testing.T) {
	t.Parallel()
	a := jpegs(t, 20, 20, 100).open(t)
	_, err := a.Encode(t.Context(), io.Discard, ugoira.WebP, ugoira.Options{})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, errors.Join(r.Close(), w.Close())) }()
	_, err = a.Encode(t.Context(), w, ugoira.WebP, ugoira.Options{})
	require.ErrorContains(t, err, "find the start of the file")
}
