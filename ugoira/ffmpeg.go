package ugoira

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FFmpeg is the program ffmpeg of this machine, version 5.1 or later. It may be
// used from several goroutines.
type FFmpeg struct {
	path string
}

// FindFFmpeg looks for ffmpeg in the folders of PATH, never in the current one.
// Where there is none the error wraps [exec.ErrNotFound].
func FindFFmpeg() (*FFmpeg, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, fmt.Errorf("find ffmpeg: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find ffmpeg: %w", err)
	}
	return &FFmpeg{path}, nil
}

const (
	// ffmpegPatience is how long an ended ffmpeg may keep its pipes open.
	ffmpegPatience = 5 * time.Second
	// ffmpegWords is how much of its errors is kept.
	ffmpegWords = 2 << 10
)

// Encode has ffmpeg code the animation as MP4 or WebM and writes it to w. The
// frames keep their times to the millisecond. A width or height that is odd
// grows by one, as the codecs want. ctx ends ffmpeg.
//
// The arguments of ffmpeg are fixed: neither they nor the names of files come
// from outside. It reads the frames from a pipe and works in a folder of its
// own, which is removed afterwards.
func (f *FFmpeg) Encode(ctx context.Context, a *Archive, w io.Writer, format Format) (Result, error) {
	codec := ffmpegCodec(format)
	if codec == nil {
		return Result{}, fmt.Errorf("convert ugoira to %.16q by ffmpeg: %w", format, errors.ErrUnsupported)
	}
	result, err := f.encode(ctx, a, w, format, codec)
	if err != nil {
		return Result{}, fmt.Errorf("convert ugoira to %s: %w", format, err)
	}
	return result, nil
}

func (f *FFmpeg) encode(ctx context.Context, a *Archive, w io.Writer, format Format, codec []string) (_ Result, err error) {
	jpegs, err := a.onlyJPEG()
	if err != nil {
		return Result{}, err
	}
	folder, err := os.MkdirTemp("", "ugoira-*")
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	name := "result" + format.Extension()
	command := exec.CommandContext(ctx, f.path, slices.Concat(ffmpegInput(jpegs), codec, []string{name})...)
	command.Dir = folder
	command.Env = ffmpegEnvironment()
	command.WaitDelay = ffmpegPatience
	words := &lastWords{}
	command.Stderr = words
	stdin, err := command.StdinPipe()
	if err != nil {
		return Result{}, err
	}
	if err := command.Start(); err != nil {
		return Result{}, err
	}
	result, fedErr := a.feed(ctx, stdin, jpegs)
	if err := ffmpegEnd(ctx, command.Wait(), fedErr, words); err != nil {
		return Result{}, err
	}
	result.Bytes, err = copyFile(w, filepath.Join(folder, name))
	return result, err
}

// feed writes the frames in a format that keeps their times, and closes stdin.
func (a *Archive) feed(ctx context.Context, stdin io.WriteCloser, jpegs bool) (Result, error) {
	out := &output{buffered: bufio.NewWriterSize(stdin, 1<<16), target: stdin}
	var result Result
	var err error
	if jpegs {
		result, err = a.encodeMKV(ctx, out, true)
	} else {
		result, err = a.encodeAPNG(ctx, out, Options{Plays: 1})
	}
	if err == nil {
		err = out.buffered.Flush()
	}
	return result, errors.Join(err, stdin.Close())
}

// ffmpegEnd tells which of two errors is the cause: when ffmpeg gives up, so
// does the pipe, and when frames are missing, so may ffmpeg.
func ffmpegEnd(ctx context.Context, ended, fed error, words *lastWords) error {
	var refused *ArchiveError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(fed, &refused):
		return fed
	case ended != nil:
		return fmt.Errorf("ffmpeg: %w: %s", ended, words)
	}
	return fed
}

func copyFile(w io.Writer, name string) (int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, file)
	return n, errors.Join(err, file.Close())
}

// ffmpegInput are the arguments about the input and what all formats share.
func ffmpegInput(jpegs bool) []string {
	demuxer := "apng"
	if jpegs {
		demuxer = "matroska"
	}
	return []string{
		"-nostdin", "-hide_banner", "-loglevel", "error",
		"-protocol_whitelist", "pipe", "-f", demuxer, "-i", "pipe:0",
		"-map", "0:v:0", "-map_metadata", "-1",
		// Colour is kept for pairs of pixels, so sides have to be even.
		"-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,format=yuv420p",
		// Frames are shown as long as they were, not at a steady pace.
		"-fps_mode", "vfr", "-enc_time_base", "1:1000",
	}
}

// ffmpegCodec are the arguments for the format, nil if it is none of ffmpeg's.
// The qualities are such that eyes see no difference.
func ffmpegCodec(format Format) []string {
	switch format {
	case MP4:
		return []string{
			"-c:v", "libx264", "-preset", "medium", "-crf", "17",
			"-video_track_timescale", "1000", "-movflags", "+faststart", "-f", "mp4",
		}
	case WebM:
		return []string{"-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-deadline", "good", "-cpu-used", "2", "-f", "webm"}
	}
	return nil
}

// ffmpegEnvironment is what ffmpeg needs to start. Other variables may be
// secrets, or have it write files (FFREPORT).
func ffmpegEnvironment() []string {
	var kept []string
	for _, name := range [...]string{"PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot", "TMPDIR", "TEMP", "TMP"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

// lastWords keeps the end of what is written.
type lastWords struct {
	kept []byte
}

func (l *lastWords) Write(b []byte) (int, error) {
	l.kept = append(l.kept, b...)
	if surplus := len(l.kept) - ffmpegWords; surplus > 0 {
		l.kept = append(l.kept[:0], l.kept[surplus:]...)
	}
	return len(b), nil
}

// String is one line of text that can be printed.
func (l *lastWords) String() string {
	line := string(bytes.Join(bytes.Fields(l.kept), []byte(" ")))
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
}
