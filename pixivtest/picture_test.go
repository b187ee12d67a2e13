package pixivtest

import (
	"archive/zip"
	"image/jpeg"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest/internal/paint"
)

// TestGalleryForgets paints more than it keeps: what fell out is painted again to the same bytes, and what is kept
// stays within the limit.
func TestGalleryForgets(t *testing.T) {
	t.Parallel()
	const limit = 20_000
	g := newGallery(limit)
	painted := func(seed uint64) content {
		return g.paint(paint.Spec{Seed: seed, Label: "forget", Format: paint.JPEG, Width: 64, Height: 48, Size: 70_000})
	}
	read := func(c content) string {
		p := make([]byte, c.Size())
		_, err := c.ReadAt(p, 0)
		require.NoError(t, err)
		return string(p)
	}
	first := painted(1)
	require.Same(t, first, painted(1), "kept")
	for seed := range uint64(40) {
		painted(seed + 2)
		require.LessOrEqual(t, g.held, limit)
	}
	again := painted(1)
	require.NotSame(t, first, again, "forgotten")
	require.Equal(t, read(first), read(again))
	require.Equal(t, len(g.known), g.recent.Len())
}

// All frames in the zip file of an animation have one size.
func TestZippedFramesHaveOneSize(t *testing.T) {
	t.Parallel()
	s := NewUnstartedServer(Config{})
	user := s.AddUser(User{})
	id := s.AddWork(Work{UserID: user.ID, Type: Ugoira, Frames: 12, Sizes: Between{Min: 3 << 10, Max: 40 << 10}}).ID
	w, ok := s.catalog.work(id)
	require.True(t, ok)
	file := s.zipped(w, zipSmall)
	archive, err := zip.NewReader(file, file.Size())
	require.NoError(t, err)
	sizes := map[[2]int]int{}
	for _, frame := range archive.File {
		opened, err := frame.Open()
		require.NoError(t, err)
		config, err := jpeg.DecodeConfig(opened)
		require.NoError(t, err)
		sizes[[2]int{config.Width, config.Height}]++
	}
	require.Len(t, sizes, 1, "%v", sizes)
}
