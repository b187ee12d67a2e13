package ugoira

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Format is a format to convert to.
type Format string

// The formats. GIF loses colours, MP4 and WebM are coded anew; the others keep
// every pixel as it is decoded, MKV and CBZ the very bytes of the frames.
const (
	// GIF has at most 256 colours a frame, chosen for each frame, and delays
	// of 10 ms. No frame is shown for less than 20 ms, as players would show it
	// for 100: of faster animations frames are left out, so that the total
	// time stays.
	GIF Format = "gif"
	// APNG is an animated PNG.
	APNG Format = "apng"
	// WebP is an animated lossless WebP. Its size stands at its start, so it is
	// written to an [io.WriteSeeker].
	WebP Format = "webp"
	// MKV is a Matroska video of the original JPEG frames.
	MKV Format = "mkv"
	// CBZ is a comic book archive of the original frames.
	CBZ Format = "cbz"
	// MP4 is H.264 video by ffmpeg ([FFmpeg.Encode]).
	MP4 Format = "mp4"
	// WebM is VP9 video by ffmpeg ([FFmpeg.Encode]).
	WebM Format = "webm"
)

// Extension is the ending of the names of files of this format, with its dot.
func (f Format) Extension() string { return "." + string(f) }

// MediaType is the media type of this format, empty for an unknown one.
func (f Format) MediaType() string {
	switch f {
	case GIF, APNG, WebP:
		return "image/" + string(f)
	case MKV:
		return "video/x-matroska"
	case CBZ:
		return "application/vnd.comicbook+zip"
	case MP4, WebM:
		return "video/" + string(f)
	}
	return ""
}

// Options are wishes about the result. The zero value is a good one.
type Options struct {
	// Plays is how often the animation plays in formats that can tell: GIF,
	// APNG and WebP. 0 means for ever. At most 65,535.
	Plays int
	// NoDither leaves out the dithering of GIF: smaller files with steps in
	// smooth areas.
	NoDither bool
	// Comic describes the work in a CBZ. nil leaves the description out.
	Comic *Comic
}

// Result tells what was written.
type Result struct {
	// Bytes is the size of the result.
	Bytes int64
	// Frames is the number of frames that are in the result.
	Frames int
	// Duration is how long one pass of the result takes, 0 for CBZ.
	Duration time.Duration
}

// Encode writes the animation to w. ctx ends it between two frames. What was
// written before an error is of no use.
//
// The formats MP4 and WebM need [FFmpeg.Encode]; asked for them, or for an
// unknown format, Encode returns an error that wraps [errors.ErrUnsupported].
// So it does for MKV if a frame is no JPEG picture.
func (a *Archive) Encode(ctx context.Context, w io.Writer, format Format, options Options) (Result, error) {
	if options.Plays < 0 || options.Plays > 1<<16-1 {
		return Result{}, fmt.Errorf("convert ugoira: options.plays is %d, not 0 to 65535", options.Plays)
	}
	out := &output{buffered: bufio.NewWriterSize(w, 1<<16), target: w}
	var result Result
	var err error
	switch format {
	case GIF:
		result, err = a.encodeGIF(ctx, out, options)
	case APNG:
		result, err = a.encodeAPNG(ctx, out, options)
	case WebP:
		result, err = a.encodeWebP(ctx, out, options)
	case MKV:
		result, err = a.encodeMKV(ctx, out, false)
	case CBZ:
		result, err = a.encodeCBZ(ctx, out, options)
	default:
		return Result{}, fmt.Errorf("convert ugoira to %.16q: %w", format, errors.ErrUnsupported)
	}
	if err == nil {
		err = out.buffered.Flush()
	}
	if err != nil {
		return Result{}, fmt.Errorf("convert ugoira to %s: %w", format, err)
	}
	result.Bytes = out.count
	return result, nil
}

// output is a buffered writer that counts.
type output struct {
	buffered *bufio.Writer
	target   io.Writer
	count    int64
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.buffered.Write(b)
	o.count += int64(n)
	return n, err
}
