package paint_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest/internal/paint"
)

// TestPaintExactSize pads by amounts around every edge of the segment sizes, and decodes the result.
func TestPaintExactSize(t *testing.T) {
	t.Parallel()
	painter := &paint.Painter{}
	for _, format := range []paint.Format{paint.JPEG, paint.PNG, paint.GIF} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			spec := paint.Spec{Seed: 7, Label: "edge", Format: format, Width: 24, Height: 16}
			natural, err := painter.Paint(spec)
			require.NoError(t, err)
			base := natural.Size()
			var sizes []int64
			for _, stride := range []int64{0, 256, 65537, 65548, 64 * 65537, 2 * 64 * 65548} {
				for around := int64(-14); around <= 14; around++ {
					sizes = append(sizes, base+stride+around)
				}
			}
			for _, size := range sizes {
				if size < base {
					continue
				}
				spec.Size = size
				file, err := painter.Paint(spec)
				require.NoError(t, err)
				require.Equal(t, size, file.Size())
				content := file.Bytes()
				require.Len(t, content, int(size))
				picture, name, err := image.Decode(bytes.NewReader(content))
				require.NoError(t, err, "size %d (base %d)", size, base)
				require.Equal(t, map[paint.Format]string{"jpg": "jpeg", "png": "png", "gif": "gif"}[format], name)
				require.Equal(t, image.Pt(24, 16), picture.Bounds().Size())
			}
		})
	}
}

func TestPaintEndMarks(t *testing.T) {
	t.Parallel()
	painter := &paint.Painter{}
	for format, marks := range map[paint.Format][2]string{
		paint.JPEG: {"\xff\xd8\xff", "\xff\xd9"},
		paint.PNG:  {"\x89PNG\r\n\x1a\n", "IEND\xaeB`\x82"},
		paint.GIF:  {"GIF89a", "\x00;"},
	} {
		file, err := painter.Paint(paint.Spec{Seed: 1, Label: "marks", Format: format, Width: 9, Height: 5, Size: 200_000})
		require.NoError(t, err)
		content := file.Bytes()
		require.True(t, bytes.HasPrefix(content, []byte(marks[0])), format)
		require.True(t, bytes.HasSuffix(content, []byte(marks[1])), format)
	}
}

// TestPaintDistinct holds that equal specs give equal bytes and that seed, label and size each change them.
func TestPaintDistinct(t *testing.T) {
	t.Parallel()
	base := paint.Spec{Seed: 3, Label: "one", Format: paint.JPEG, Width: 32, Height: 32, Size: 90_000}
	seen := map[[32]byte]string{}
	sum := func(spec paint.Spec) [32]byte {
		file, err := (&paint.Painter{}).Paint(spec)
		require.NoError(t, err)
		return sha256.Sum256(file.Bytes())
	}
	first := sum(base)
	require.Equal(t, first, sum(base))
	seen[first] = "base"
	for name, change := range map[string]func(*paint.Spec){
		"seed":  func(s *paint.Spec) { s.Seed = 4 },
		"label": func(s *paint.Spec) { s.Label = "two" },
		"size":  func(s *paint.Spec) { s.Size++ },
	} {
		spec := base
		change(&spec)
		got := sum(spec)
		require.Empty(t, seen[got], name)
		seen[got] = name
	}
}

func TestPaintRefuses(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]paint.Spec{
		"no width":      {Format: paint.JPEG, Height: 1},
		"unknown":       {Format: "bmp", Width: 1, Height: 1},
		"too small":     {Format: paint.PNG, Width: 8, Height: 8, Size: 20},
		"label too big": {Format: paint.PNG, Width: 8, Height: 8, Label: string(make([]byte, 201))},
	} {
		_, err := (&paint.Painter{}).Paint(spec)
		require.Error(t, err, name)
	}
}

// TestMinSizeSuffices paints at the size that MinSize promises.
func TestMinSizeSuffices(t *testing.T) {
	t.Parallel()
	painter := &paint.Painter{}
	for _, format := range []paint.Format{paint.JPEG, paint.PNG, paint.GIF} {
		for seed := range uint64(20) {
			for _, side := range []int{1, 2, 7, 16, 61, 160} {
				size := paint.MinSize(format, side, side)
				_, err := painter.Paint(paint.Spec{Seed: seed, Label: fmt.Sprint(seed), Format: format, Width: side, Height: side, Size: size})
				require.NoError(t, err, "%s %d", format, side)
			}
		}
	}
}

// TestReadAtAndWriteRange compares both with the whole, over pieces and at the ends.
func TestReadAtAndWriteRange(t *testing.T) {
	t.Parallel()
	file, err := (&paint.Painter{}).Paint(paint.Spec{Seed: 5, Label: "ranges", Format: paint.PNG, Width: 20, Height: 20, Size: 9 << 20})
	require.NoError(t, err)
	whole := file.Bytes()
	for _, r := range [][2]int64{{0, 1}, {0, file.Size()}, {32, 3}, {1000, 70_000}, {4 << 20, 1 << 20}, {file.Size() - 1, 1}, {0, 0}} {
		p := make([]byte, r[1])
		n, err := file.ReadAt(p, r[0])
		require.NoError(t, err)
		require.True(t, bytes.Equal(whole[r[0]:r[0]+r[1]], p[:n]), "ReadAt %v", r)
		var out bytes.Buffer
		written, err := file.WriteRange(&out, r[0], r[1])
		require.NoError(t, err)
		require.Equal(t, r[1], written)
		require.True(t, bytes.Equal(p, out.Bytes()), "WriteRange %v", r)
	}
	n, err := file.ReadAt(make([]byte, 10), file.Size()-4)
	require.Equal(t, 4, n)
	require.ErrorIs(t, err, io.EOF)
	_, err = file.WriteRange(io.Discard, file.Size()-4, 5)
	require.ErrorIs(t, err, io.EOF)
	require.Less(t, file.Footprint(), 200_000)
}

func BenchmarkPaint(b *testing.B) {
	for _, format := range []paint.Format{paint.JPEG, paint.PNG, paint.GIF} {
		for _, side := range []int{64, 160, 800} {
			b.Run(fmt.Sprintf("%s/%d", format, side), func(b *testing.B) {
				painter := &paint.Painter{}
				for seed := uint64(0); b.Loop(); seed++ {
					if _, err := painter.Paint(paint.Spec{Seed: seed, Label: "bench", Format: format, Width: side, Height: side, Size: 3 << 20}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
