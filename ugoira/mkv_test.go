package ugoira_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// element is an EBML element, read from the text of RFC 8794 and 9559 alone.
type element struct {
	id uint32
	// at is where it begins, content where its content does, in the file.
	at, content int
	bytes       []byte
}

// elementsOf takes apart what begins at offset of the file.
func elementsOf(tb testing.TB, b []byte, offset int) []element {
	tb.Helper()
	var all []element
	for at := 0; at < len(b); {
		start := at
		idLength := bits.LeadingZeros8(b[at]) + 1
		var id uint32
		for _, x := range b[at : at+idLength] {
			id = id<<8 | uint32(x)
		}
		at += idLength
		sizeLength := bits.LeadingZeros8(b[at]) + 1
		size := int(b[at]) & (1<<(8-sizeLength) - 1)
		for _, x := range b[at+1 : at+sizeLength] {
			size = size<<8 | int(x)
		}
		at += sizeLength
		require.LessOrEqual(tb, at+size, len(b), "element %x", id)
		all = append(all, element{id, offset + start, offset + at, b[at : at+size]})
		at += size
	}
	return all
}

func (e element) inner(tb testing.TB) []element { return elementsOf(tb, e.bytes, e.content) }

// path finds the elements under e that the ids lead to.
func (e element) path(tb testing.TB, ids ...uint32) []element {
	tb.Helper()
	if len(ids) == 0 {
		return []element{e}
	}
	var found []element
	for _, child := range e.inner(tb) {
		if child.id == ids[0] {
			found = append(found, child.path(tb, ids[1:]...)...)
		}
	}
	return found
}

func (e element) number() int {
	n := 0
	for _, x := range e.bytes {
		n = n<<8 | int(x)
	}
	return n
}

func one(tb testing.TB, found []element) element {
	tb.Helper()
	require.Len(tb, found, 1)
	return found[0]
}

func TestMKV(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 64, 48, 10, 4000, 33, 2000, 60_000, 10, 47)
	file, result := encode(t, w.open(t), ugoira.MKV, ugoira.Options{})
	top := elementsOf(t, file, 0)
	require.Len(t, top, 2)
	require.EqualValues(t, 0x1A45DFA3, top[0].id)
	require.Equal(t, "matroska", string(one(t, top[0].path(t, 0x4282)).bytes))
	segment := top[1]
	require.EqualValues(t, 0x18538067, segment.id)

	track := one(t, segment.path(t, 0x1654AE6B, 0xAE))
	require.Equal(t, "V_MJPEG", string(one(t, track.path(t, 0x86)).bytes))
	require.Equal(t, 64, one(t, track.path(t, 0xE0, 0xB0)).number())
	require.Equal(t, 48, one(t, track.path(t, 0xE0, 0xBA)).number())
	require.Equal(t, 1_000_000, one(t, segment.path(t, 0x1549A966, 0x2AD7B1)).number())
	duration := one(t, segment.path(t, 0x1549A966, 0x4489)).number()
	require.InDelta(t, result.Duration.Milliseconds(), math.Float64frombits(uint64(duration)), 0)

	i, at := 0, 0
	clusters := segment.path(t, 0x1F43B675)
	for _, cluster := range clusters {
		start := one(t, cluster.path(t, 0xE7)).number()
		for _, group := range cluster.path(t, 0xA0) {
			block := one(t, group.path(t, 0xA1)).bytes
			require.EqualValues(t, 0x81, block[0])
			require.Equal(t, at, start+int(int16(binary.BigEndian.Uint16(block[1:]))), "frame %d", i)
			require.Zero(t, block[3])
			require.Equal(t, w.pictures[i], block[4:])
			shown := one(t, group.path(t, 0x9B)).number()
			require.EqualValues(t, w.frames[i].Delay.Milliseconds(), shown)
			at += shown
			i++
		}
	}
	require.Len(t, w.frames, i)
	require.Greater(t, len(clusters), 2)
	checkIndices(t, segment, clusters)
}

// checkIndices holds that what the indices point to is there.
func checkIndices(t *testing.T, segment element, clusters []element) {
	t.Helper()
	there := map[int]uint32{}
	for _, e := range segment.inner(t) {
		there[e.at-segment.content] = e.id
	}
	seeks := segment.path(t, 0x114D9B74, 0x4DBB)
	require.Len(t, seeks, 3)
	for _, seek := range seeks {
		require.EqualValues(t, one(t, seek.path(t, 0x53AB)).number(), there[one(t, seek.path(t, 0x53AC)).number()])
	}
	points := segment.path(t, 0x1C53BB6B, 0xBB)
	require.Len(t, points, len(clusters))
	for i, point := range points {
		require.Equal(t, one(t, clusters[i].path(t, 0xE7)).number(), one(t, point.path(t, 0xB3)).number())
		require.Equal(t, clusters[i].at-segment.content, one(t, point.path(t, 0xB7, 0xF1)).number())
	}
}

func TestMKV_LargeFramesMakeClusters(t *testing.T) {
	t.Parallel()
	var w work
	large := append(jpegOf(t, scene(0, 16, 16)), make([]byte, 3<<20)...)
	for i := range 5 {
		w.add(name(i, ".jpg"), large, 100)
	}
	w.pack(t, 0)
	file, _ := encode(t, w.open(t), ugoira.MKV, ugoira.Options{})
	clusters := elementsOf(t, file, 0)[1].path(t, 0x1F43B675)
	require.Len(t, clusters, 3)
}

func TestMKV_TakesNoPNG(t *testing.T) {
	t.Parallel()
	_, err := pngs(t, 16, 16, 100).open(t).Encode(t.Context(), io.Discard, ugoira.MKV, ugoira.Options{})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "JPEG")
	require.Equal(t, 100*time.Millisecond, pngs(t, 16, 16, 100).open(t).Duration())
}
