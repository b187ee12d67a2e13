package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/ugoira"
)

const ugoiraLong = `Convert animations of Pixiv, the archives of frames that are saved, into files that
other programs play. The archives stay as they are.

  gif   256 colours a frame, plays everywhere
  apng  every pixel as it is, plays in browsers
  webp  every pixel as it is, the smallest of the three
  mkv   a video of the original frames, nothing coded anew
  cbz   a comic book archive of the original frames
  mp4   H.264, webm VP9: coded by ffmpeg, where it is installed

Name the archives (ID_ugoira1920x1080.zip), or the TIDs of tasks for all that they
saved. How long each frame is shown is known from the task that saved the file,
from an animation.json in it, or from its sidecar of --metadata json; for other
archives --delay says it.

The result lies beside the archive, or in --output DIR; one that is there already
is left alone. With one exit code for all: 0 when all were converted, 2 when not.`

// conversion is what the ugoira command is told.
type conversion struct {
	app    *app
	to     string
	output string
	delay  seconds
	plays  int

	format    ugoira.Format
	converter *ugoira.Converter
	done      int
	failed    int
}

func (a *app) ugoiraCommand() *cobra.Command {
	c := &conversion{app: a}
	cmd := &cobra.Command{
		Use:   "ugoira FILE|TID ... [flags]",
		Short: "Convert animations to GIF, APNG, WebP and others",
		Long:  ugoiraLong,
		Example: `  pixivoc ugoira pictures/11/44298467_ugoira1920x1080.zip
  pixivoc ugoira 1767225600 --to webp
  pixivoc ugoira other.zip --to mp4 --delay 80ms --output ~/Videos`,
		Args: needArgs("an archive or the TID of a task"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.remote() != "" {
				return errors.New("ugoira reads the files of this machine; run it where they are, without --remote")
			}
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			if err := c.prepare(); err != nil {
				return err
			}
			return a.with(ctx, false, func(s *session) error { return c.run(ctx, s, args) })
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			offers, _ := a.completeTasks(0)(cmd, args, start)
			return offers, cobra.ShellCompDirectiveDefault
		},
	}
	cmd.Flags().StringVar(&c.to, "to", "gif", "`format`: gif, apng, webp, mkv, cbz, mp4, webm")
	cmd.Flags().StringVar(&c.output, "output", "", "`folder` for the results (default beside the archives)")
	cmd.Flags().Var(&c.delay, "delay", "`time` for each frame of an archive that nobody knows the times of, as 80ms")
	cmd.Flags().IntVar(&c.plays, "plays", 0, "`number` of times that it plays; 0 is for ever")
	markNumber(cmd.Flags(), "plays", 0, 65535)
	complete(cmd, "to", "gif", "apng", "webp", "mkv", "cbz", "mp4", "webm")
	return cmd
}

func (c *conversion) prepare() error {
	c.format = ugoira.Format(strings.ToLower(c.to))
	if c.format.MediaType() == "" {
		return fmt.Errorf("--to: %q is none of gif, apng, webp, mkv, cbz, mp4, webm", printable(c.to))
	}
	var ffmpeg *ugoira.FFmpeg
	if c.format == ugoira.MP4 || c.format == ugoira.WebM {
		found, err := ugoira.FindFFmpeg()
		if errors.Is(err, exec.ErrNotFound) {
			return advise(fmt.Errorf("--to %s needs ffmpeg, which is not installed", c.format), "Without it: --to webp, or --to mkv for a video.")
		}
		if err != nil {
			return err
		}
		ffmpeg = found
	}
	c.converter = ugoira.NewConverter(1, ffmpeg)
	return nil
}

// savedUgoira is an archive with the times of its frames, if they are known.
type savedUgoira struct {
	name   string
	frames []ugoira.Frame
	work   pixiv.ID
}

func (c *conversion) run(ctx context.Context, s *session, args []string) error {
	var tids, files []string
	for _, arg := range args {
		if _, err := strconv.ParseInt(arg, 10, 64); err == nil {
			tids = append(tids, arg)
		} else {
			files = append(files, arg)
		}
	}
	tasks, err := c.app.chosen(ctx, s, tids, false, nil)
	if err != nil {
		return err
	}
	for _, task := range tasks {
		if err := eachUgoira(ctx, task, func(found savedUgoira) error { return c.convert(ctx, found) }); err != nil {
			return err
		}
	}
	for _, file := range files {
		found, err := findUgoira(ctx, s, file)
		if err != nil {
			return err
		}
		if err := c.convert(ctx, found); err != nil {
			return err
		}
	}
	if c.done+c.failed == 0 {
		return c.app.print("There is no animation in what was named.\n")
	}
	if c.failed > 0 {
		return &exitError{code: ExitPartial}
	}
	return nil
}

// eachUgoira hands out the animations that a task saved.
func eachUgoira(ctx context.Context, task pixivoc.Task, do func(savedUgoira) error) error {
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordFile}) {
		if err != nil {
			return err
		}
		file, err := decodeRecord[pixiv.FileRecord](record)
		if err != nil {
			return err
		}
		if len(file.Frames) == 0 {
			continue
		}
		found := savedUgoira{name: filepath.Join(info.SavePath, filepath.FromSlash(file.Path)), work: file.WorkID}
		for _, frame := range file.Frames {
			found.frames = append(found.frames, ugoira.Frame{File: frame.File, Delay: time.Duration(frame.DelayMS) * time.Millisecond})
		}
		if err := do(found); err != nil {
			return err
		}
	}
	return nil
}

// errFound ends a search.
var errFound = errors.New("found")

// findUgoira looks for the task that saved a file.
func findUgoira(ctx context.Context, s *session, file string) (savedUgoira, error) {
	name, err := filepath.Abs(file)
	if err != nil {
		return savedUgoira{}, fmt.Errorf("archive %s: %w", file, err)
	}
	found := savedUgoira{name: name}
	for info, err := range s.client.Tasks(ctx) {
		if err != nil {
			return found, err
		}
		if inside, err := filepath.Rel(info.SavePath, name); info.SavePath == "" || err != nil || !filepath.IsLocal(inside) {
			continue
		}
		task, err := s.client.Task(ctx, info.TID)
		if err != nil {
			return found, err
		}
		err = eachUgoira(ctx, task, func(saved savedUgoira) error {
			if saved.name != name {
				return nil
			}
			found = saved
			return errFound
		})
		if errors.Is(err, errFound) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
	return found, nil
}
