package cli

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/ugoira"
)

// convert makes the result of one archive. An archive that cannot be converted
// is told and counted; the error is for what ends the command.
func (c *conversion) convert(ctx context.Context, found savedUgoira) error {
	target := c.target(found.name)
	began := time.Now()
	result, err := c.write(ctx, found, target)
	switch {
	case ctx.Err() != nil:
		return &exitError{ExitInterrupted, errors.New("interrupted")}
	case errors.Is(err, fs.ErrExist):
		c.done++
		return c.app.print(fmt.Sprintf("%s  is there already\n", printable(target)))
	case err != nil:
		c.failed++
		c.app.console.printf("%s: %s", printable(found.name), printable(err.Error()))
		return nil
	}
	c.done++
	return c.app.print(fmt.Sprintf("%s  %s, %s, %s\n", printable(target), bytesText(result.Bytes),
		plural(result.Frames, "frame", "frames"), durationText(time.Since(began))))
}

func (c *conversion) target(name string) string {
	folder := filepath.Dir(name)
	if c.output != "" {
		folder = c.output
	}
	return filepath.Join(folder, strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))+c.format.Extension())
}

// write converts into a file beside the target, which gets its name when it is
// whole.
func (c *conversion) write(ctx context.Context, found savedUgoira, target string) (result ugoira.Result, err error) {
	if _, err := os.Lstat(target); err == nil {
		return result, fs.ErrExist
	}
	in, err := os.Open(found.name)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	stat, err := in.Stat()
	if err != nil {
		return result, err
	}
	frames, err := c.frames(found, in, stat.Size())
	if err != nil {
		return result, err
	}
	archive, err := ugoira.Open(in, stat.Size(), frames, ugoira.Limits{})
	if err != nil {
		return result, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return result, err
	}
	out, err := os.OpenFile(filepath.Join(filepath.Dir(target), ".pixivoc-"+rand.Text()+c.format.Extension()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return result, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(out.Name())))
		}
	}()
	options := ugoira.Options{Plays: c.plays}
	if found.work > 0 {
		options.Comic = &ugoira.Comic{Title: "Pixiv " + found.work.String(), Web: "https://www.pixiv.net/artworks/" + found.work.String()}
	}
	result, err = c.converter.Encode(ctx, archive, out, c.format, options)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return result, err
	}
	return result, os.Rename(out.Name(), target)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// frames are the times of the frames: what the task recorded, what the archive
// or its sidecar says, or --delay for each.
func (c *conversion) frames(found savedUgoira, in io.ReaderAt, size int64) ([]ugoira.Frame, error) {
	if len(found.frames) > 0 {
		return found.frames, nil
	}
	names, err := ugoira.Names(in, size, ugoira.Limits{}) // before anything else reads the archive
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, animationTable) {
		return readAnimation(in, size)
	}
	if frames := framesBeside(found.name); len(frames) > 0 {
		return frames, nil
	}
	var frames []ugoira.Frame
	for _, name := range names {
		frames = append(frames, ugoira.Frame{File: name, Delay: time.Duration(c.delay)})
	}
	if c.delay <= 0 {
		return nil, errors.New("nobody knows how long its frames are shown: no task saved it; say it with --delay 80ms")
	}
	slices.SortFunc(frames, func(a, b ugoira.Frame) int { return strings.Compare(a.File, b.File) })
	return frames, nil
}

// framesBeside reads the frames in the sidecar of an archive, see --metadata. They
// are nil where there is none, or none that is understood.
func framesBeside(archive string) (frames []ugoira.Frame) {
	const limit = 4 << 20
	at := strings.LastIndex(archive, "_ugoira")
	if at < 0 {
		return nil
	}
	stem := archive[:at]
	if stat, err := os.Stat(stem + ".json"); err != nil || !stat.Mode().IsRegular() || stat.Size() > limit {
		return nil
	}
	raw, err := os.ReadFile(stem + ".json")
	if err != nil {
		return nil
	}
	var sidecar struct {
		Frames []pixiv.FrameRecord `json:"frames"`
	}
	if json.Unmarshal(raw, &sidecar) != nil {
		return nil
	}
	for _, frame := range sidecar.Frames {
		frames = append(frames, ugoira.Frame{File: frame.File, Delay: time.Duration(frame.DelayMS) * time.Millisecond})
	}
	return frames
}

// animationTable is the entry of an archive that other programs put the times of
// its frames into.
const animationTable = "animation.json"

// readAnimation reads the table that other programs put into an archive: the
// list of frames as Pixiv gives it, or an object with it.
func readAnimation(archive io.ReaderAt, size int64) ([]ugoira.Frame, error) {
	const limit = 1 << 20
	entries, err := zip.NewReader(archive, size)
	if err != nil {
		return nil, err
	}
	in, err := entries.Open(animationTable)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	raw, err := io.ReadAll(io.LimitReader(in, limit))
	if err != nil {
		return nil, err
	}
	return parseAnimation(raw)
}

func parseAnimation(raw []byte) ([]ugoira.Frame, error) {
	type frame struct {
		File  string `json:"file"`
		Delay int64  `json:"delay"`
	}
	var list []frame
	var object struct {
		Frames []frame `json:"frames"`
		Ugoira struct {
			Frames []frame `json:"frames"`
		} `json:"ugokuIllustData"`
	}
	if json.Unmarshal(raw, &list) != nil {
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, fmt.Errorf("animation.json: %w", err)
		}
		list = slices.Concat(object.Frames, object.Ugoira.Frames)
	}
	var frames []ugoira.Frame
	for _, f := range list {
		delay := min(max(f.Delay, 0), time.Minute.Milliseconds())
		frames = append(frames, ugoira.Frame{File: f.File, Delay: time.Duration(delay) * time.Millisecond})
	}
	return frames, nil
}
