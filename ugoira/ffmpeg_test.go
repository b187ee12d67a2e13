package ugoira_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// fakeFFmpeg stands in for ffmpeg: what it does is in a file beside it. It
// writes its arguments, its environment and what it read where it is told to.
func fakeFFmpeg() int {
	mode, err := os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "mode"))
	if err != nil {
		return 99
	}
	switch string(mode) {
	case "hang":
		_, _ = io.Copy(io.Discard, os.Stdin)
		select {}
	case "refuse":
		fmt.Fprintf(os.Stderr, "%s\nno such\x1b codec\n", strings.Repeat("x", 1<<20))
		return 3
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 98
	}
	if string(mode) == "strict" && !bytes.HasSuffix(input, []byte("\x00\x01")) {
		return 96 // the end is missing
	}
	name := os.Args[len(os.Args)-1]
	text := strings.Join(os.Args[1:], " ") + "\n" + strings.Join(os.Environ(), " ") + "\n"
	if filepath.Base(name) != name || os.WriteFile(name, append([]byte(text), input...), 0o600) != nil {
		return 97
	}
	return 0
}

// installFFmpeg puts the stand-in in the only folder of PATH.
func installFFmpeg(t *testing.T, mode string) *ugoira.FFmpeg {
	t.Helper()
	folder := t.TempDir()
	program := "ffmpeg"
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	self, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, program), content, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "mode"), []byte(mode), 0o600))
	t.Setenv("PATH", folder)
	t.Setenv("TMPDIR", t.TempDir())
	ffmpeg, err := ugoira.FindFFmpeg()
	require.NoError(t, err)
	return ffmpeg
}

// requireNoTraces holds that nothing is left in the folder for such files.
func requireNoTraces(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // TMPDIR means nothing there
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFFmpeg(t *testing.T) {
	ffmpeg := installFFmpeg(t, "work")
	t.Setenv("SECRET", "canary")
	t.Setenv("FFREPORT", "file=report")
	for format, codec := range map[ugoira.Format]string{ugoira.MP4: "libx264", ugoira.WebM: "libvpx-vp9"} {
		w := jpegs(t, 31, 20, 100, 50, 70)
		var b bytes.Buffer
		result, err := ugoira.NewConverter(0, ffmpeg).Encode(t.Context(), w.open(t), &b, format, ugoira.Options{})
		require.NoError(t, err)
		require.EqualValues(t, b.Len(), result.Bytes)
		require.Equal(t, 3, result.Frames)
		require.Equal(t, 220*time.Millisecond, result.Duration)
		arguments, rest, _ := strings.Cut(b.String(), "\n")
		environment, mkv, _ := strings.Cut(rest, "\n")
		require.Contains(t, arguments, "-f matroska -i pipe:0 ")
		require.Contains(t, arguments, "-c:v "+codec+" ")
		require.True(t, strings.HasSuffix(arguments, "-f "+string(format)+" result."+string(format)), arguments)
		require.NotContains(t, environment, "canary")
		require.NotContains(t, environment, "FFREPORT")
		requireShowings(t, []byte(mkv), []int{100, 50, 69, 1})
		requireNoTraces(t)
	}
	require.Contains(t, ugoira.NewConverter(1, ffmpeg).Formats(), ugoira.MP4)
}

// requireShowings holds how long the blocks of a Matroska file are shown.
func requireShowings(t *testing.T, file []byte, want []int) {
	t.Helper()
	var durations []int
	for _, duration := range elementsOf(t, file, 0)[1].path(t, 0x1F43B675, 0xA0, 0x9B) {
		durations = append(durations, duration.number())
	}
	require.Equal(t, want, durations)
}

func TestFFmpeg_TakesPNGFramesAsAPNG(t *testing.T) {
	ffmpeg := installFFmpeg(t, "work")
	var b bytes.Buffer
	_, err := ffmpeg.Encode(t.Context(), pngs(t, 20, 20, 100, 50).open(t), &b, ugoira.MP4)
	require.NoError(t, err)
	require.Contains(t, b.String(), "-f apng -i pipe:0 ")
	_, _, frames := apngFrames(t, b.Bytes()[bytes.Index(b.Bytes(), []byte("\x89PNG")):])
	require.Len(t, frames, 2)
}

func TestFFmpeg_Fails(t *testing.T) {
	ffmpeg := installFFmpeg(t, "refuse")
	_, err := ffmpeg.Encode(t.Context(), jpegs(t, 200, 200, 100, 50).open(t), io.Discard, ugoira.MP4)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
	require.ErrorContains(t, err, "no such? codec")
	require.Less(t, len(err.Error()), 3<<10)
	requireNoTraces(t)

	_, err = ffmpeg.Encode(t.Context(), jpegs(t, 20, 20, 100).open(t), io.Discard, ugoira.GIF)
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// TestFFmpeg_BadArchive holds that a bad archive is told as such, whether ffmpeg
// takes note or not.
func TestFFmpeg_BadArchive(t *testing.T) {
	ffmpeg := installFFmpeg(t, "strict")
	_, err := ffmpeg.Encode(t.Context(), jpegs(t, 8, 8, 100, 100).open(t), io.Discard, ugoira.MP4)
	require.NoError(t, err)
	requireBadArchive(t, ffmpeg)
	requireBadArchive(t, installFFmpeg(t, "work"))
}

func requireBadArchive(t *testing.T, ffmpeg *ugoira.FFmpeg) {
	t.Helper()
	picture := jpegOf(t, scene(0, 8, 8))
	archive := forge(raw{name: "000000.jpg", content: picture}, raw{name: "000001.jpg", content: picture, crc: 1})
	a, err := ugoira.Open(bytes.NewReader(archive), int64(len(archive)), table("000000.jpg", "000001.jpg"), ugoira.Limits{})
	require.NoError(t, err)
	_, err = ffmpeg.Encode(t.Context(), a, io.Discard, ugoira.MP4)
	requireRefused(t, err, "checksum")
	requireNoTraces(t)
}

func TestFFmpeg_IsEnded(t *testing.T) {
	ffmpeg := installFFmpeg(t, "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := ffmpeg.Encode(ctx, jpegs(t, 20, 20, 100).open(t), io.Discard, ugoira.MP4)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	requireNoTraces(t)
}

func TestFFmpeg_IsNotThere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := ugoira.FindFFmpeg()
	require.ErrorIs(t, err, exec.ErrNotFound)
	converter := ugoira.NewConverter(1, nil)
	require.NotContains(t, converter.Formats(), ugoira.WebM)
	_, err = converter.Encode(t.Context(), jpegs(t, 20, 20, 100).open(t), io.Discard, ugoira.WebM, ugoira.Options{})
	require.ErrorIs(t, err, errors.ErrUnsupported)
}
