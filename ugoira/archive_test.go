package ugoira_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// raw is an entry of an archive as somebody may forge it.
type raw struct {
	name, localName string
	flags, method   uint16
	content         []byte
	packed          []byte // default: content
	claimed         uint32 // packed size, default: right
	crc             uint32 // default: right
	size            uint32 // default: right
	localSize       uint32 // default: size
	descriptor      []byte
	extra           []byte
	creator         byte
	attributes      uint32
	at              int // where the header is said to be, default: right
	gone            bool
}

// forge writes the archive that the entries describe.
func forge(entries ...raw) []byte {
	var b, directory []byte
	le := binary.LittleEndian
	for _, e := range entries {
		if e.localName == "" {
			e.localName = e.name
		}
		if e.packed == nil {
			e.packed = e.content
		}
		if e.claimed == 0 {
			e.claimed = uint32(len(e.packed))
		}
		if e.crc == 0 {
			e.crc = crc32.ChecksumIEEE(e.content)
		}
		if e.size == 0 {
			e.size = uint32(len(e.content))
		}
		if e.localSize == 0 {
			e.localSize = e.size
		}
		at := uint32(len(b))
		if e.at != 0 {
			at = uint32(e.at)
		}
		common := func(to []byte, size uint32, name string) []byte {
			to = le.AppendUint16(le.AppendUint16(le.AppendUint16(to, 20), e.flags), e.method)
			to = le.AppendUint32(le.AppendUint32(to, 0), e.crc)
			to = le.AppendUint32(le.AppendUint32(to, e.claimed), size)
			return le.AppendUint16(to, uint16(len(name)))
		}
		if !e.gone {
			b = append(common(append(b, "PK\x03\x04"...), e.localSize, e.localName), 0, 0)
			b = append(append(append(b, e.localName...), e.packed...), e.descriptor...)
		}
		directory = common(append(directory, 'P', 'K', 1, 2, 20, e.creator), e.size, e.name)
		directory = le.AppendUint16(directory, uint16(len(e.extra)))
		directory = le.AppendUint32(append(directory, 0, 0, 0, 0, 0, 0), e.attributes)
		directory = append(append(le.AppendUint32(directory, at), e.name...), e.extra...)
	}
	return ending(append(b, directory...), len(entries), len(directory), len(b))
}

func ending(b []byte, count, length, start int) []byte {
	le := binary.LittleEndian
	b = append(b, "PK\x05\x06\x00\x00\x00\x00"...)
	b = le.AppendUint16(le.AppendUint16(b, uint16(count)), uint16(count))
	return append(le.AppendUint32(le.AppendUint32(b, uint32(length)), uint32(start)), 0, 0)
}

func deflated(content []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

func table(names ...string) []ugoira.Frame {
	var frames []ugoira.Frame
	for _, name := range names {
		frames = append(frames, ugoira.Frame{File: name, Delay: 100 * time.Millisecond})
	}
	return frames
}

// check opens and verifies.
func check(archive []byte, frames []ugoira.Frame, limits ugoira.Limits) error {
	a, err := ugoira.Open(bytes.NewReader(archive), int64(len(archive)), frames, limits)
	if err != nil {
		return err
	}
	return a.Verify(context.Background())
}

func requireRefused(t *testing.T, err error, reason string) {
	t.Helper()
	var refused *ugoira.ArchiveError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, reason)
}

func TestZ1_Names(t *testing.T) {
	t.Parallel()
	picture := jpegOf(t, scene(0, 8, 8))
	first := raw{name: "000000.jpg", content: picture}
	for _, evil := range []string{
		"../000001.jpg", "/000001.jpg", `..\000001.jpg`, "C:000001.jpg", `\\host\000001.jpg`, "000001.jpg/", "a/000001.jpg",
		"000001.jpg\x00", "000001.JPG", "00001.jpg", "0000001.jpg", "000001", "000001.svg", "٠٠٠٠٠١.jpg", "", "000001.jpg.exe", "NUL",
	} {
		requireRefused(t, check(forge(first, raw{name: evil, content: picture}), table("000000.jpg"), ugoira.Limits{}), "no name of a frame")
		requireRefused(t, check(forge(first), table("000000.jpg", evil), ugoira.Limits{}), "no name of a frame")
	}
	requireRefused(t, check(forge(first, raw{name: "000001.jpg", content: picture}), table("000000.jpg"), ugoira.Limits{}), "not in the table")
	requireRefused(t, check(forge(first, first), table("000000.jpg"), ugoira.Limits{}), "twice")
	for _, mode := range []uint32{0xa000, 0x4000, 0x6000, 0x1000} {
		link := raw{name: "000000.jpg", content: picture, creator: 3, attributes: mode << 16}
		requireRefused(t, check(forge(link), table("000000.jpg"), ugoira.Limits{}), "link")
	}
	plain := raw{name: "000000.jpg", content: picture, creator: 3, attributes: 0o100644 << 16}
	require.NoError(t, check(forge(plain), table("000000.jpg"), ugoira.Limits{}))
	require.NoError(t, check(forge(first, raw{name: "animation.json", content: []byte("{")}), table("000000.jpg"), ugoira.Limits{}),
		"the table that other programs add")
}

func TestZ2_Bombs(t *testing.T) {
	t.Parallel()
	picture := jpegOf(t, scene(0, 8, 8))
	bomb := append(bytes.Clone(picture), make([]byte, 1<<20)...)
	packed := deflated(bomb)
	nested := forge(raw{name: "000000.jpg", content: picture})
	two := []raw{{name: "000000.jpg", content: picture}, {name: "000001.jpg", content: picture}}
	whole := forge(two...)
	cases := map[string]struct {
		archive []byte
		frames  []ugoira.Frame
		limits  ugoira.Limits
		reason  string
	}{
		"ratio":            {forge(raw{name: "000000.jpg", method: 8, content: bomb, packed: packed}), table("000000.jpg"), ugoira.Limits{}, "packed more than 200 times"},
		"no ratio at all":  {whole, table("000000.jpg", "000001.jpg"), ugoira.Limits{Ratio: -1}, "packed more than"},
		"a large frame":    {whole, table("000000.jpg", "000001.jpg"), ugoira.Limits{FrameBytes: int64(len(picture)) - 1}, "more than"},
		"a large work":     {whole, table("000000.jpg", "000001.jpg"), ugoira.Limits{TotalBytes: int64(2*len(picture)) - 1}, "the frames have more than"},
		"shown often":      {whole, table("000000.jpg", "000001.jpg", "000001.jpg"), ugoira.Limits{TotalBytes: int64(3*len(picture)) - 1}, "the frames have more than"},
		"a long table":     {whole, table("000000.jpg", "000001.jpg"), ugoira.Limits{Frames: 1}, "the table has 2 frames"},
		"many entries":     {ending(nil, 60_000, 0, 0), table("000000.jpg"), ugoira.Limits{}, "has 60000 entries"},
		"a long directory": {ending(make([]byte, 1<<20), 1, 1<<20, 0), table("000000.jpg"), ugoira.Limits{}, "its directory has 1048576 bytes"},
		"nested":           {forge(raw{name: "000000.jpg", content: nested}), table("000000.jpg"), ugoira.Limits{}, "no JPEG, PNG or GIF"},
		"overlap": {
			forge(two[0], raw{name: "000001.jpg", localName: "000000.jpg", content: picture, gone: true, at: 1}), table("000000.jpg", "000001.jpg"),
			ugoira.Limits{}, "outside the archive",
		},
		"the same bytes": {overlapping(picture), table("000000.jpg", "000001.jpg"), ugoira.Limits{}, "overlaps"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, check(c.archive, c.frames, c.limits), c.reason)
		})
	}
	require.NoError(t, check(whole, table("000000.jpg", "000001.jpg"), ugoira.Limits{Frames: 2, FrameBytes: int64(len(picture)), TotalBytes: int64(2 * len(picture))}))
}

// overlapping has one entry that lies within the bytes of another.
func overlapping(picture []byte) []byte {
	inner := forge(raw{name: "000001.jpg", content: picture})
	inner = inner[:30+len("000001.jpg")+len(picture)]
	outer := raw{name: "000000.jpg", content: append(bytes.Clone(picture), inner...)}
	start := 30 + len(outer.name) + len(picture)
	return forge(outer, raw{name: "000001.jpg", content: picture, gone: true, at: start})
}

func TestZ3_Containers(t *testing.T) {
	t.Parallel()
	picture := jpegOf(t, scene(0, 8, 8))
	size := uint32(len(picture))
	crc := crc32.ChecksumIEEE(picture)
	good := raw{name: "000000.jpg", content: picture}
	with := func(change func(*raw)) []byte {
		e := good
		change(&e)
		return forge(e)
	}
	whole := forge(good)
	le := binary.LittleEndian
	descriptor := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, crc), size), size)
	commented := func(comment string) []byte {
		b := bytes.Clone(whole)
		le.PutUint16(b[len(b)-2:], uint16(len(comment)))
		return append(b, comment...)
	}
	cases := map[string]struct {
		archive []byte
		reason  string
	}{
		"checksum":                 {with(func(e *raw) { e.crc = 1 }), "checksum"},
		"stored, sizes differ":     {with(func(e *raw) { e.size = size + 1 }), "sizes differ"},
		"sizes of header differ":   {with(func(e *raw) { e.localSize = size + 1 }), "differ in its size"},
		"name of header differs":   {with(func(e *raw) { e.localName = "000001.jpg" }), "header and the directory differ"},
		"declares too little":      {with(func(e *raw) { e.method, e.packed, e.size = 8, deflated(picture), size-1 }), "more than the"},
		"declares too much":        {with(func(e *raw) { e.method, e.packed, e.size = 8, deflated(picture), size+1 }), "unpacks to"},
		"broken stream":            {with(func(e *raw) { e.method, e.packed = 8, bytes.Repeat([]byte{7}, 99) }), "cannot be unpacked"},
		"empty":                    {with(func(e *raw) { e.content = nil }), "empty"},
		"encrypted":                {with(func(e *raw) { e.flags = 1 }), "encrypted"},
		"strongly encrypted":       {with(func(e *raw) { e.flags = 1 << 6 }), "encrypted"},
		"directory encrypted":      {with(func(e *raw) { e.flags = 1 << 13 }), "encrypted"},
		"patch":                    {with(func(e *raw) { e.flags = 1 << 5 }), "patch"},
		"unknown method":           {with(func(e *raw) { e.method = 93 }), "method 93"},
		"zip64 size":               {with(func(e *raw) { e.size = 1<<32 - 1 }), "zip64"},
		"zip64 extra":              {with(func(e *raw) { e.extra = []byte{9, 9, 1, 0, 0, 1, 0, 0, 0} }), "zip64"},
		"zip64 archive":            {ending(nil, 1<<16-1, 0, 0), "zip64"},
		"wrong descriptor":         {with(func(e *raw) { e.flags, e.descriptor = 8, append([]byte{1}, descriptor[1:]...) }), "descriptor"},
		"no descriptor":            {with(func(e *raw) { e.flags = 8 }), "descriptor"},
		"a directory as comment":   {commented(string(whole)), "two directories"},
		"a signature in a comment": {commented("PK\x05\x06"), "signature"},
		"two directories":          {commented(strings.Repeat("x", 9) + string(ending(nil, 0, 0, 0))), "two directories"},
		"appended":                 {append(bytes.Clone(whole), 0), "no zip"},
		"prepended":                {append([]byte{0}, whole...), "not where it says"},
		"behind another":           {append(bytes.Clone(whole), whole...), "not where it says"},
		"cut off":                  {whole[:len(whole)-1], "no zip"},
		"a part of several":        {bytes.Replace(whole, []byte("PK\x05\x06\x00"), []byte("PK\x05\x06\x01"), 1), "one part of several"},
		"count too small":          {recount(whole, 0), "bytes for 0 entries"},
		"reaches the directory":    {with(func(e *raw) { e.claimed, e.size = size+1, size+1 }), "outside the archive"},
		"count of two too small":   {recount(forge(good, raw{name: "000001.jpg", content: picture}), 1), "more entries than it says"},
		"count too large":          {recount(whole, 2), "broken"},
		"nothing":                  {nil, "too few"},
		"no zip":                   {picture, "no zip"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, check(c.archive, table("000000.jpg"), ugoira.Limits{}), c.reason)
		})
	}
	for name, archive := range map[string][]byte{
		"plain":                     whole,
		"deflated":                  with(func(e *raw) { e.method, e.packed = 8, deflated(picture) }),
		"descriptor":                with(func(e *raw) { e.flags, e.descriptor = 8, descriptor }),
		"descriptor with signature": with(func(e *raw) { e.flags, e.descriptor = 8, append([]byte("PK\x07\x08"), descriptor...) }),
		"comment":                   commented("from Pixiv"),
		"extra":                     with(func(e *raw) { e.extra = []byte{9, 9, 1, 0, 0} }),
	} {
		require.NoError(t, check(archive, table("000000.jpg"), ugoira.Limits{}), name)
	}
}

// recount sets the number of entries.
func recount(archive []byte, count byte) []byte {
	b := bytes.Clone(archive)
	b[len(b)-14], b[len(b)-12] = count, count
	return b
}

func TestZ4_Tables(t *testing.T) {
	t.Parallel()
	w := jpegs(t, 8, 8, 0, -1, 1_000_000_000, 15, 100)
	want := []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, time.Minute, 15 * time.Millisecond, 100 * time.Millisecond}
	a := w.open(t)
	for i, frame := range a.Frames() {
		require.Equal(t, want[i], frame.Delay)
	}
	require.Equal(t, time.Minute+135*time.Millisecond, a.Duration())
	requireRefused(t, check(w.zip, append(w.frames, table("000005.jpg")...), ugoira.Limits{}), `"000005.jpg": is in the table of frames but not in the archive`)
	requireRefused(t, check(w.zip, nil, ugoira.Limits{}), "table of frames is empty")
	requireRefused(t, check(forge(), table("000000.jpg"), ugoira.Limits{}), "not in the archive")
}

// hugePNG says that it is so large.
func hugePNG(tb testing.TB, width, height uint32) []byte {
	tb.Helper()
	b := pngOf(tb, flat(0, 1, 1))
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append(append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, b[24:29]...))...), b[33:]...)
}

func TestZ5_Pixels(t *testing.T) {
	t.Parallel()
	var gifPicture bytes.Buffer
	gifPicture.WriteString("GIF89a\xff\xff\xff\xff\x00\x00\x00")
	jpegPicture := jpegOf(t, scene(0, 8, 8))
	frame := bytes.Index(jpegPicture, []byte{0xff, 0xc0})
	copy(jpegPicture[frame+5:], "\xff\xff\xff\xff")
	for name, c := range map[string]struct {
		picture []byte
		reason  string
	}{
		"png":            {hugePNG(t, 65_535, 65_535), "65535 x 65535 pixels"},
		"png, overflow":  {hugePNG(t, 1<<31-1, 1<<31-1), "picture"},
		"jpeg":           {jpegPicture, "65535 x 65535 pixels"},
		"gif":            {gifPicture.Bytes(), "65535 x 65535 pixels"},
		"webp":           {[]byte("RIFF\x1c\x00\x00\x00WEBPVP8L\x0f\x00\x00\x00\x2f\xff\xff\xff\x0f"), "no JPEG, PNG or GIF"},
		"broken":         {[]byte("\xff\xd8\xff\xff\xff"), "broken picture"},
		"only a mark":    {[]byte("\x89PNG\r\n\x1a\n"), "broken picture"},
		"the page of an": {[]byte("<!DOCTYPE html>"), "no JPEG, PNG or GIF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive := forge(raw{name: "000000.jpg", content: c.picture})
			requireRefused(t, check(archive, table("000000.jpg"), ugoira.Limits{}), c.reason)
			a, err := ugoira.Open(bytes.NewReader(archive), int64(len(archive)), table("000000.jpg"), ugoira.Limits{})
			require.NoError(t, err)
			for _, format := range []ugoira.Format{ugoira.GIF, ugoira.APNG, ugoira.WebP, ugoira.CBZ} {
				_, err = a.Encode(t.Context(), &memory{}, format, ugoira.Options{})
				requireRefused(t, err, c.reason)
			}
		})
	}
	small := forge(raw{name: "000000.jpg", content: jpegOf(t, scene(0, 8, 8))})
	requireRefused(t, check(small, table("000000.jpg"), ugoira.Limits{Pixels: 63}), "more than 63 in all")
	require.NoError(t, check(small, table("000000.jpg"), ugoira.Limits{Pixels: 64}))
}

func TestFramesOfDifferingSize(t *testing.T) {
	t.Parallel()
	var w work
	w.add("000000.jpg", jpegOf(t, scene(0, 8, 8)), 100)
	w.add("000001.jpg", jpegOf(t, scene(0, 8, 9)), 100)
	w.pack(t, zip.Store)
	for _, format := range []ugoira.Format{ugoira.GIF, ugoira.APNG, ugoira.WebP, ugoira.MKV} {
		_, err := w.open(t).Encode(t.Context(), &memory{}, format, ugoira.Options{})
		requireRefused(t, err, `"000001.jpg": is 8 x 9 pixels large, the first frame 8 x 8`)
	}
	encode(t, w.open(t), ugoira.CBZ, ugoira.Options{})
}

// brokenReader fails where it is told to.
type brokenReader struct {
	*bytes.Reader
	from int64
}

var errDisk = errors.New("the disk is broken")

func (r brokenReader) ReadAt(b []byte, offset int64) (int, error) {
	if offset+int64(len(b)) > r.from {
		return 0, errDisk
	}
	return r.Reader.ReadAt(b, offset)
}

// TestFaultsOfTheReader holds that a fault of the disk is not taken for one of
// the archive, which would have it fetched again.
func TestFaultsOfTheReader(t *testing.T) {
	t.Parallel()
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		w := work{}
		w.add("000000.jpg", jpegOf(t, scene(0, 64, 64)), 100)
		w.pack(t, method)
		size := int64(len(w.zip))
		_, err := ugoira.Open(brokenReader{bytes.NewReader(w.zip), 0}, size, w.frames, ugoira.Limits{})
		requireFault(t, err, errDisk)
		_, err = ugoira.Open(bytes.NewReader(w.zip), size+1, w.frames, ugoira.Limits{})
		requireFault(t, err, io.ErrUnexpectedEOF)

		source := &brokenReader{bytes.NewReader(w.zip), size}
		a, err := ugoira.Open(source, size, w.frames, ugoira.Limits{})
		require.NoError(t, err)
		source.from = 60
		requireFault(t, a.Verify(t.Context()), errDisk)
		for _, format := range []ugoira.Format{ugoira.GIF, ugoira.APNG, ugoira.WebP, ugoira.MKV, ugoira.CBZ} {
			_, err = a.Encode(t.Context(), &memory{}, format, ugoira.Options{})
			requireFault(t, err, errDisk)
		}
	}
}

func requireFault(t *testing.T, err, fault error) {
	t.Helper()
	require.ErrorIs(t, err, fault)
	var refused *ugoira.ArchiveError
	require.NotErrorAs(t, err, &refused)
}

// FuzzOpen opens what is like an archive. Whatever opens stays within limits.
func FuzzOpen(f *testing.F) {
	picture := jpegOf(f, scene(0, 8, 8))
	f.Add(forge(raw{name: "000000.jpg", content: picture}))
	f.Add(forge(raw{name: "000000.jpg", content: picture}, raw{name: "000001.png", method: 8, content: picture, packed: deflated(picture)}))
	f.Add(overlapping(picture))
	f.Add(ending(nil, 0, 0, 0))
	limits := ugoira.Limits{Frames: 4, FrameBytes: 1 << 16, TotalBytes: 1 << 17, Pixels: 1 << 14}
	f.Fuzz(func(t *testing.T, archive []byte) {
		for _, frames := range [][]ugoira.Frame{table("000000.jpg"), table("000000.jpg", "000001.png")} {
			a, err := ugoira.Open(bytes.NewReader(archive), int64(len(archive)), frames, limits)
			if err == nil {
				err = a.Verify(t.Context())
			}
			if err == nil {
				_, err = a.Encode(t.Context(), io.Discard, ugoira.GIF, ugoira.Options{})
			}
			var refused *ugoira.ArchiveError
			if err != nil && !errors.As(err, &refused) {
				t.Fatalf("a bad archive gives %v", err)
			}
		}
	})
}

// TestGIFFrames holds that also frames that are GIF pictures are read.
func TestGIFFrames(t *testing.T) {
	t.Parallel()
	var w work
	w.add("000000.gif", gifOf(t, flat(0, 24, 24), image.Rect(0, 0, 24, 24)), 100)
	w.add("000001.gif", gifOf(t, flat(1, 24, 24), image.Rect(4, 5, 20, 21)), 100)
	w.pack(t, zip.Store)
	file, _ := encode(t, w.open(t), ugoira.APNG, ugoira.Options{})
	header, _, frames := apngFrames(t, file)
	shown := showAPNG(t, header, frames)
	requireSame(t, w.decoded(t)[0], shown[0], "whole")
	requireSame(t, w.decoded(t)[1], shown[1].SubImage(image.Rect(4, 5, 20, 21)), "part")
	require.Zero(t, shown[1].NRGBAAt(3, 5).A)
}
