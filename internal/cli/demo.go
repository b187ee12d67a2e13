package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

const demoLong = `See the main job from start to end, without network or account: all works of
an artist are fetched from a made-up Pixiv that runs on this machine.

On the way the site asks for a pause, a connection breaks, one work turns out
to be deleted and one is masked, and the demo stops itself in the middle and
starts again. At the end every file is compared with its original. Files and
database stay in a new folder; the last line says where.

` + exitCodesHelp

func (a *app) demoCommand() *cobra.Command {
	var folder string
	var remove bool
	cmd := &cobra.Command{
		Use:     "demo [flags]",
		Short:   "See it at work, without network or account",
		Long:    demoLong,
		Example: "  pixivoc demo\n  pixivoc demo --save ./demo -j 8",
		Args:    noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), folder, remove)
		},
	}
	cmd.Flags().StringVarP(&folder, "save", "o", "", "`folder` for files and database; it must be new or empty (default a temporary one)")
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the folder at the end")
	return onRoad(cmd, "concurrency")
}

// demo is one run of the demo command.
type demo struct {
	app    *app
	site   *pixivtest.Server
	folder string
	spec   pixivoc.TaskSpec
	step   int
	// requests says how many requests the downloads took.
	requests string
}

func (a *app) demo(ctx context.Context, folder string, remove bool) (err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if folder, err = demoFolder(folder); err != nil {
		return err
	}
	if remove {
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	a.plainPause = time.Second
	site := newDemoSite()
	defer site.Close()
	d := &demo{app: a, site: site, folder: folder, spec: pixivoc.TaskSpec{
		Type: pixiv.UserWorks, Name: demoArtist, Keyword: demoArtist,
		SavePath: filepath.Join(folder, "pictures"), Key: taskKey("demo", demoArtist),
	}}
	err = d.run(ctx)
	if !remove && !a.set.quiet {
		err = errors.Join(err, a.print(leftText(folder)))
	}
	if ctx.Err() != nil {
		return &exitError{ExitInterrupted, errors.New("interrupted")}
	}
	return err
}

// leftText says what the demo leaves behind.
func leftText(folder string) string {
	return "\nAll of the demo, files and database, is in\n" + folder + "\n" +
		"Remove that folder when you have seen enough; pixivoc demo --remove does it by\nitself.\n"
}

// demoFolder makes the folder of the demo.
func demoFolder(folder string) (string, error) {
	if folder == "" {
		made, err := os.MkdirTemp("", "pixivoc-demo-")
		if err != nil {
			return "", fmt.Errorf("folder of the demo: %w", err)
		}
		return made, nil
	}
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("folder of the demo: %w", err)
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return "", fmt.Errorf("folder of the demo: %w", err)
	}
	entries, err := os.ReadDir(absolute)
	if err != nil {
		return "", fmt.Errorf("folder of the demo: %w", err)
	}
	if len(entries) > 0 {
		return "", advise(fmt.Errorf("folder of the demo: %s is not empty", absolute), "Name a new one: --save DIR")
	}
	return absolute, nil
}

func (d *demo) run(ctx context.Context) error {
	d.say("A made-up Pixiv starts on %s, with TLS: %s.", d.site.Addr(), describeSite(d.site))
	started := time.Now()
	task, err := d.firstHalf(ctx)
	if err != nil {
		return err
	}
	end, records, err := d.secondHalf(ctx, task)
	if err != nil {
		return err
	}
	end.elapsed = time.Since(started)
	d.requests = countRequests(d.site)
	checked, err := d.verify(ctx, records)
	if err != nil {
		return err
	}
	d.say("All files are compared with their originals: %d of %d are the same.", checked.same, checked.want)
	d.say("The site counted %s.", d.requests)
	if !d.app.set.quiet {
		_ = d.app.print("\n")
	}
	d.app.show(end)
	if err := checked.verdict(); err != nil {
		return err
	}
	return end.verdict()
}

// firstHalf logs in, creates the task, and stops in the middle of it.
func (d *demo) firstHalf(ctx context.Context) (tid int64, err error) {
	s, err := d.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	account, err := s.client.Login(ctx, pixivoc.RefreshToken(d.site.RefreshToken()))
	if err != nil {
		return 0, fmt.Errorf("login: %w", err)
	}
	d.say("Logged in with a refresh token as %s.", accountText(account))
	task, err := s.client.Create(ctx, d.spec)
	if err != nil {
		return 0, err
	}
	d.say("Task %d: all works of artist %s. On the way the site asks for a pause, and a connection breaks.", task.ID(), demoArtist)
	if err := d.follow(ctx, s, task, demoStopAt); err != nil {
		return 0, err
	}
	if err := task.Stop(ctx); err != nil {
		return 0, err
	}
	info, err := task.Wait(ctx) // until the files that were under way are kept
	if err != nil {
		return 0, err
	}
	d.say("Stopped on purpose at %d of %d files: client and database are closed, then opened again.", info.Now, info.Total)
	return task.ID(), nil
}

// secondHalf opens everything again and goes on to the end.
func (d *demo) secondHalf(ctx context.Context, tid int64) (end report, records []pixiv.FileRecord, err error) {
	s, err := d.open(ctx)
	if err != nil {
		return end, nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if _, err := s.client.Account(); err != nil {
		return end, nil, fmt.Errorf("after the restart: %w", err)
	}
	task, err := s.client.Task(ctx, tid)
	if err != nil {
		return end, nil, fmt.Errorf("after the restart: %w", err)
	}
	d.say("Login and task are still there. The download goes on.")
	if err := d.follow(ctx, s, task, 1); err != nil {
		return end, nil, err
	}
	if end, err = s.report(ctx, []pixivoc.Task{task}, tally{}); err != nil {
		return end, nil, err
	}
	records, err = fileRecords(ctx, task)
	return end, records, err
}

// open opens the data folder of the demo with the road to the made-up Pixiv.
func (d *demo) open(ctx context.Context) (*session, error) {
	table, err := demoHosts(d.site)
	if err != nil {
		return nil, err
	}
	patch := pixivoc.EnvPatch{
		ProxyMode:    new(pixivoc.ModeIP),
		Hosts:        &table,
		Timeout:      new(10 * time.Second),
		IntervalTime: new(demoInterval),
	}
	if d.app.set.given["concurrency"] != "" {
		patch.ConcurrencyNumber = &d.app.set.concurrency
	}
	return d.app.openFolder(ctx, filepath.Join(d.folder, "data"), pixivoc.Config{
		Env:       patch,
		Transport: pixivoc.TransportConfig{RootCAs: d.site.CertPool()},
	})
}

// follow starts the task and shows it until that share of its files is done.
func (d *demo) follow(ctx context.Context, s *session, task pixivoc.Task, share float64) error {
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	label := "artist " + demoArtist
	watch := d.app.startWatch(ctx, s.client, label, []pixivoc.TaskInfo{info}, d.app.set.quiet, nil)
	defer watch.stop()
	if err := task.Start(ctx); err != nil {
		return err
	}
	if share >= 1 {
		_, err := task.Wait(ctx)
		return err
	}
	for event := range s.client.Events(ctx) {
		info, err := task.Info(ctx)
		if err != nil {
			return err
		}
		done := info.StageName == pixiv.StageDownloadPicture && float64(info.Now) >= share*float64(info.Total)
		if done || event.Kind == pixivoc.EventTaskOver {
			return nil
		}
	}
	return ctx.Err()
}

// say writes one numbered step of the demo.
func (d *demo) say(format string, args ...any) {
	if d.app.set.quiet {
		return
	}
	d.step++
	s := d.app.screenOf(d.app.stdout)
	number := fmt.Sprintf("%d.", d.step)
	width := helpWidth
	if s.width > 0 {
		width = min(s.width, helpWidth)
	}
	text := wrap(number+" "+fmt.Sprintf(format, args...), width, "   ")
	_ = d.app.print(s.paint(styleStrong, number) + strings.TrimPrefix(text, number) + "\n")
}
