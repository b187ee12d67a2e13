package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/pixivoc/pixivoc"
)

// errLoginNeeded is why a run ends whose tasks wait for a login.
var errLoginNeeded = fmt.Errorf("the tasks wait for a login: %w", pixivoc.ErrTokenRejected)

// job is a set of tasks that a command runs to their end.
type job struct {
	label string // for the bar, as "user 11"
	tasks []pixivoc.Task
	// again says how to go on after an interrupt.
	again string
	// show, when set, writes what the tasks recorded in place of a report,
	// which then goes to standard error and only when something is missing.
	show func(context.Context, pixivoc.Task) error
}

// runJob starts the tasks, shows how they get on, and reports at the end. The
// error is an *exitError unless the job could not be carried out.
func (a *app) runJob(ctx context.Context, s *session, j job) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	before, err := s.tally(ctx, j.tasks)
	if err != nil {
		return err
	}
	started := time.Now()
	if err := a.runTasks(ctx, s, j, before); err != nil {
		if ctx.Err() != nil {
			stop() // from here on a second ctrl-C ends the process at once
			return a.interrupted(ctx, s, j)
		}
		return err
	}
	end, err := s.report(ctx, j.tasks, before)
	if err != nil {
		return err
	}
	end.elapsed = time.Since(started)
	if before.files > 0 && s.remote == "" { // the files of a daemon are where it is
		if err := end.addMissing(ctx, j.tasks); err != nil {
			return err
		}
	}
	if j.show == nil {
		a.show(end)
		return end.verdict()
	}
	for _, task := range j.tasks {
		if err := j.show(ctx, task); err != nil {
			return err
		}
	}
	if end.failed.count+len(end.cut) > 0 {
		a.console.printf("%s", strings.TrimSuffix(end.table(a.screenOf(a.console.out)), "\n"))
	}
	return end.verdict()
}

// runTasks starts the tasks and waits until they have come to an end.
func (a *app) runTasks(ctx context.Context, s *session, j job, before tally) error {
	run, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)
	if a.followed(s, before) {
		watch := a.startWatch(run, s.client, j.label, before.infos, a.set.quiet, func() { refuse(errLoginNeeded) })
		defer watch.stop()
	}
	for _, task := range j.tasks {
		if err := task.Start(run); err != nil {
			return err
		}
	}
	for _, task := range j.tasks {
		if _, err := task.Wait(run); err != nil {
			if cause := context.Cause(run); cause != nil && errors.Is(err, run.Err()) {
				return cause
			}
			return err
		}
	}
	return nil
}

// followed says whether the run needs events: for a display, or to notice
// that a task waits for a login. A quiet run of links needs none, and events
// cost time with each file.
func (a *app) followed(s *session, before tally) bool {
	if !a.set.quiet || a.events {
		return true
	}
	for _, info := range before.infos {
		if s.kinds.needsLogin(info.TypeName) {
			return true
		}
	}
	return false
}

// interrupted stops the tasks and says how to go on. A daemon's tasks were
// handed over to it and go on.
func (a *app) interrupted(ctx context.Context, s *session, j job) error {
	if s.remote != "" {
		a.tell(s.left(j))
		return &exitError{code: ExitInterrupted}
	}
	a.console.printf("Stopping ... (ctrl-C again ends at once)")
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	var left []pixivoc.TaskInfo
	for _, task := range j.tasks {
		if err := task.Stop(bounded); err != nil {
			return &exitError{ExitInterrupted, err}
		}
	}
	for _, task := range j.tasks {
		info, err := task.Wait(bounded)
		if err != nil {
			return &exitError{ExitInterrupted, err}
		}
		if !ended(info) {
			left = append(left, info)
		}
	}
	a.tell(stoppedText(j, left))
	return &exitError{code: ExitInterrupted}
}

// tell writes a sentence to standard error, broken to fit a terminal.
func (a *app) tell(text string) {
	a.console.printf("%s", wrap(text, a.screenOf(a.console.out).width-1, ""))
}

// stoppedText says where tasks were stopped and how to go on.
func stoppedText(j job, left []pixivoc.TaskInfo) string {
	where := ""
	switch {
	case len(left) == 0:
		return "Stopped; all was done already."
	case len(j.tasks) > 1:
		where = fmt.Sprintf(" with %d of %d tasks to go", len(left), len(j.tasks))
	case !listing(left[0]):
		where = fmt.Sprintf(" with %d of %s to go", left[0].Total-left[0].Now, plural(left[0].Total, "file", "files"))
	}
	return "Stopped" + where + ". What is saved stays, begun files too. To go on: " + j.again + "."
}

// untilInterrupt returns a context that the first ctrl-C or SIGTERM ends; from
// then on a second one ends the process at once.
func untilInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
