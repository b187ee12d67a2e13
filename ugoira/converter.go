package ugoira

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/semaphore"
)

// Converter bounds how many conversions run at once, as each takes a processor
// and the memory of large pictures. It may be used from several goroutines.
type Converter struct {
	running *semaphore.Weighted
	ffmpeg  *FFmpeg
}

// NewConverter returns a Converter that runs so many conversions at once; less
// than one means one. Without ffmpeg, nil, it has no formats that need it.
func NewConverter(conversions int, ffmpeg *FFmpeg) *Converter {
	return &Converter{running: semaphore.NewWeighted(int64(max(conversions, 1))), ffmpeg: ffmpeg}
}

// Formats are those that Encode can write.
func (c *Converter) Formats() []Format {
	formats := []Format{GIF, APNG, WebP, MKV, CBZ}
	if c.ffmpeg != nil {
		formats = append(formats, MP4, WebM)
	}
	return formats
}

// Encode is [Archive.Encode], and [FFmpeg.Encode] for its formats, begun when it
// is its turn. Who waits comes in order; ctx ends the wait as well.
func (c *Converter) Encode(ctx context.Context, a *Archive, w io.Writer, format Format, options Options) (Result, error) {
	if err := c.running.Acquire(ctx, 1); err != nil {
		return Result{}, fmt.Errorf("wait to convert ugoira: %w", err)
	}
	defer c.running.Release(1)
	if c.ffmpeg != nil && ffmpegCodec(format) != nil {
		return c.ffmpeg.Encode(ctx, a, w, format)
	}
	return a.Encode(ctx, w, format, options)
}
