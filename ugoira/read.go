package ugoira

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
)

// pictureKind is the format of a frame, told by its first bytes. The extension
// of its name may say another one.
type pictureKind int

const (
	jpegPicture pictureKind = iota + 1
	pngPicture
	gifPicture
)

const longestMark = 8

func kindOf(b []byte) pictureKind {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return jpegPicture
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return pngPicture
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return gifPicture
	}
	return 0
}

func (k pictureKind) extension() string {
	switch k {
	case jpegPicture:
		return ".jpg"
	case pngPicture:
		return ".png"
	}
	return ".gif"
}

// Verify reads all frames and checks their checksums, formats, widths and
// heights, without decoding pictures. It returns the first fault as an
// [*ArchiveError].
func (a *Archive) Verify(ctx context.Context) error {
	var buffer []byte
	for i := range a.entries {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("verify ugoira archive: %w", err)
		}
		var err error
		if buffer, err = a.read(i, buffer); err != nil {
			return err
		}
		if _, _, err = a.dimensions(i, buffer); err != nil {
			return err
		}
	}
	return nil
}

// read returns the bytes of frame i, in buffer if they fit.
func (a *Archive) read(i int, buffer []byte) ([]byte, error) {
	e := a.entries[i]
	packed := io.NewSectionReader(a.source, e.data, e.packed)
	var b []byte
	var err error
	if e.method == methodStore {
		b, err = readStored(packed, e, buffer)
	} else {
		b, err = inflate(packed, e, buffer)
	}
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(b) != e.crc {
		return nil, refuse(e.name, "its checksum is wrong")
	}
	return b, nil
}

// readStored reads bytes that are in the archive as they are: Open saw that the
// archive is long enough for them.
func readStored(packed io.Reader, e entry, buffer []byte) ([]byte, error) {
	if int64(cap(buffer)) < e.size {
		buffer = make([]byte, e.size)
	}
	b := buffer[:e.size]
	if _, err := io.ReadFull(packed, b); err != nil {
		return nil, fmt.Errorf("read ugoira frame %s: %w", e.name, err)
	}
	return b, nil
}

// inflate unpacks what is there and no byte more than the entry declares.
// Memory grows with what was unpacked, not with what is declared.
func inflate(packed io.Reader, e entry, buffer []byte) ([]byte, error) {
	source := &faultReader{source: packed}
	unpacked := flate.NewReader(source)
	b := bytes.NewBuffer(buffer[:0])
	n, err := b.ReadFrom(io.LimitReader(unpacked, e.size+1))
	switch {
	case source.fault != nil:
		return nil, fmt.Errorf("read ugoira frame %s: %w", e.name, source.fault)
	case n > e.size:
		return nil, refuse(e.name, "unpacks to more than the %d bytes it declares", e.size)
	case err != nil:
		return nil, &ArchiveError{Entry: e.name, Reason: "cannot be unpacked", Err: err}
	case n < e.size:
		return nil, refuse(e.name, "unpacks to %d bytes of the %d it declares", n, e.size)
	}
	return b.Bytes(), nil
}

// faultReader tells faults of the source from faults of what it holds.
type faultReader struct {
	source io.Reader
	fault  error
}

func (r *faultReader) Read(b []byte) (int, error) {
	n, err := r.source.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.fault = err
	}
	return n, err
}

// mark returns the first bytes of frame i.
func (a *Archive) mark(i int) ([]byte, error) {
	e := a.entries[i]
	source := &faultReader{source: io.NewSectionReader(a.source, e.data, e.packed)}
	var unpacked io.Reader = source
	if e.method == methodDeflate {
		unpacked = flate.NewReader(source)
	}
	b := make([]byte, min(longestMark, e.size))
	_, err := io.ReadFull(unpacked, b)
	if source.fault != nil {
		return nil, fmt.Errorf("read ugoira frame %s: %w", e.name, source.fault)
	}
	if err != nil {
		return nil, &ArchiveError{Entry: e.name, Reason: "cannot be unpacked", Err: err}
	}
	return b, nil
}

// onlyJPEG tells whether all frames are JPEG, which has no transparency.
func (a *Archive) onlyJPEG() (bool, error) {
	for i := range a.entries {
		b, err := a.mark(i)
		if err != nil {
			return false, err
		}
		if kindOf(b) != jpegPicture {
			return false, nil
		}
	}
	return true, nil
}

// dimensions reads width and height of the picture b, frame i, and holds them
// to the limits, so that nobody decodes more than that.
func (a *Archive) dimensions(i int, b []byte) (width, height int, err error) {
	name := a.entries[i].name
	var config image.Config
	switch kindOf(b) {
	case jpegPicture:
		config, err = jpeg.DecodeConfig(bytes.NewReader(b))
	case pngPicture:
		config, err = png.DecodeConfig(bytes.NewReader(b))
	case gifPicture:
		config, err = gif.DecodeConfig(bytes.NewReader(b))
	default:
		return 0, 0, refuse(name, "is no JPEG, PNG or GIF picture")
	}
	if err != nil {
		return 0, 0, &ArchiveError{Entry: name, Reason: "is a broken picture", Err: err}
	}
	if config.Width < 1 || config.Height < 1 {
		return 0, 0, refuse(name, "is %d x %d pixels large", config.Width, config.Height)
	}
	if int64(config.Width)*int64(config.Height) > a.limits.Pixels {
		return 0, 0, refuse(name, "is %d x %d pixels large, more than %d in all", config.Width, config.Height, a.limits.Pixels)
	}
	return config.Width, config.Height, nil
}

// size returns width and height of the animation: those of its first frame.
func (a *Archive) size() (width, height int, err error) {
	b, err := a.read(0, nil)
	if err != nil {
		return 0, 0, err
	}
	return a.dimensions(0, b)
}

// load reads frame i and checks that it is as large as the animation. Pixiv's
// own player knows no frames of differing sizes either.
func (a *Archive) load(i, width, height int, buffer []byte) ([]byte, error) {
	b, err := a.read(i, buffer)
	if err != nil {
		return nil, err
	}
	w, h, err := a.dimensions(i, b)
	if err != nil {
		return nil, err
	}
	if w != width || h != height {
		return nil, refuse(a.entries[i].name, "is %d x %d pixels large, the first frame %d x %d", w, h, width, height)
	}
	return b, nil
}

// decode decodes the picture b, frame i, whose dimensions were checked.
func (a *Archive) decode(i int, b []byte) (decoded image.Image, err error) {
	switch kindOf(b) {
	case jpegPicture:
		decoded, err = jpeg.Decode(bytes.NewReader(b))
	case pngPicture:
		decoded, err = png.Decode(bytes.NewReader(b))
	default:
		decoded, err = gif.Decode(bytes.NewReader(b))
	}
	if err != nil {
		return nil, &ArchiveError{Entry: a.entries[i].name, Reason: "is a broken picture", Err: err}
	}
	return decoded, nil
}
