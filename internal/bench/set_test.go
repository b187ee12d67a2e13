package bench_test

import (
	"bytes"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/bench"
)

func fullSet(t *testing.T, name string) bench.Set {
	t.Helper()
	set, err := bench.Full(name, 7)
	require.NoError(t, err)
	return set
}

func TestSetsHaveTheirSizes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		count         int
		least, most   int64
		atLeast, upTo int64 // all together
	}{
		{"small", 2000, 100_000, 400_000, 450e6, 550e6},
		{"mixed", 600, 100_000, 8_000_000, 600e6, 1000e6},
		{"large", 12, 64 << 20, 64 << 20, 12 * 64 << 20, 12 * 64 << 20},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			set := fullSet(t, test.name)
			require.Equal(t, test.count, set.Count)
			for number := range set.Count {
				f := set.File(number)
				require.GreaterOrEqual(t, f.Size, test.least)
				require.LessOrEqual(t, f.Size, test.most)
				require.Equal(t, f, set.File(number), "the same file each time")
				found, ok := set.Number(f.Name)
				require.True(t, ok)
				require.Equal(t, number, found)
			}
			require.GreaterOrEqual(t, set.Bytes(), test.atLeast)
			require.LessOrEqual(t, set.Bytes(), test.upTo)
		})
	}
	_, err := bench.Full("huge", 1)
	require.ErrorContains(t, err, `"huge"`)
	for _, name := range []string{"small-2000.jpg", "small-0002000.jpg", "small-0000001.jpg.part", "mixed-0000001.jpg"} {
		_, ok := fullSet(t, "small").Number(name)
		require.False(t, ok, name)
	}
}

// TestFilesAreLegalPictures holds for every remainder that filling a picture up
// can leave, around which the segments are cut.
func TestFilesAreLegalPictures(t *testing.T) {
	t.Parallel()
	for size := int64(131_800); size < 131_800+24; size++ {
		checkPicture(t, bench.File{Number: int(size), Name: "one.jpg", Size: size})
	}
	for _, name := range []string{"small", "mixed"} {
		set := fullSet(t, name)
		for number := range 20 {
			checkPicture(t, set.File(number))
		}
	}
	require.NotEqual(t, bench.File{Number: 1, Name: "a.jpg", Size: 200_000}.Bytes(), bench.File{Number: 17, Name: "b.jpg", Size: 200_000}.Bytes())
}

func checkPicture(t *testing.T, f bench.File) {
	t.Helper()
	content := f.Bytes()
	require.Len(t, content, int(f.Size))
	require.Equal(t, []byte{0xff, 0xd9}, content[len(content)-2:])
	picture, err := jpeg.Decode(bytes.NewReader(content))
	require.NoError(t, err)
	require.Equal(t, 8, picture.Bounds().Dx())
}

func TestVerifyFindsEachDifference(t *testing.T) {
	t.Parallel()
	f := fullSet(t, "small").File(3)
	path := filepath.Join(t.TempDir(), f.Name)
	write := func(content []byte) { require.NoError(t, os.WriteFile(path, content, 0o600)) }
	require.ErrorIs(t, f.Verify(path), os.ErrNotExist)
	write(f.Bytes())
	require.NoError(t, f.Verify(path))
	for _, at := range []int64{0, 100, f.Size / 2, f.Size - 1} {
		content := f.Bytes()
		content[at] ^= 1
		write(content)
		require.Error(t, f.Verify(path), "byte %d differs", at)
	}
	write(f.Bytes()[:f.Size-1])
	require.ErrorContains(t, f.Verify(path), "bytes, want")
}
