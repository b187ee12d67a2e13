package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

const (
	afterProgress  = time.Second      // between two rounds when the first got on
	maxRoundPause  = time.Minute      // between two rounds that did not
	maxTimeout     = 10 * time.Minute // where a time-out stops growing
	diskPoll       = 5 * time.Second  // how often a full disk is looked at
	diskPause      = 25 * time.Second // the least time between two tries on it
	minFreeBytes   = 16 << 20         // room that ends StateDiskFull
	saveTries      = 3                // to write how a task ended
	maxDetailBytes = 1 << 10          // of an error kept with an item
	maxReach       = 1 << 20          // rounds; no task comes that far
)

// errNoProgress ends a task for which trying again has been of no use.
var errNoProgress = errors.New("no progress")

// taskRun is one run of a task, from the queue to its end.
type taskRun struct {
	client *client
	job    *job
	kind   *TaskType
	task   StoredTask  // only the run's own goroutine reads and writes it
	folder *fsafe.Root // nil for a type that saves no files
	names  heldNames
	reach  int // how many rounds before its own an item may be claimed
	log    *slog.Logger
}

// runTask is the body of a job. It writes the final state of the task unless
// somebody stopped it.
func (c *client) runTask(ctx context.Context, j *job) {
	// What was stored since the job was made counts, but a task that cannot be
	// read now may still run: the first step meets the fault again.
	stored, err := c.loadTask(ctx, j.tid)
	if err != nil {
		stored = j.live.stored()
	}
	r := &taskRun{client: c, job: j, task: stored, log: c.log.With("task", stored.TID, "type", stored.Type)}
	j.live.change(func(l *liveTask) { l.task, l.running = stored, true })
	for ended := false; !ended; {
		ended = r.end(ctx, r.run(ctx))
	}
	j.live.change(func(l *liveTask) { l.running = false })
	if ctx.Err() != nil {
		c.publishTask(context.Background(), EventTaskChanged, j.tid)
	}
}

// end writes how the task ended. It is false when there is something to do
// after all, because Create added items since the run looked. Whoever starts,
// stops or deletes the task sees it before or after, never in between.
func (r *taskRun) end(ctx context.Context, cause error) bool {
	if errors.Is(cause, ErrClosed) && r.client.isClosed() {
		return true // Shutdown ends requests before runs; the task goes on with the next client
	}
	unlock, err := r.client.locks.lock(ctx, r.task.TID)
	if err != nil || ctx.Err() != nil {
		if err == nil {
			unlock()
		}
		return true // stopped; who did it writes the state
	}
	defer unlock()
	if cause == nil {
		counts, err := r.client.config.Store.CountItems(ctx, r.task.TID)
		if err == nil && r.kind.nextStage(counts) != nil {
			return false
		}
	}
	stored := r.saveEnd(ctx, cause)
	r.client.queue.retire(r.job)
	kind := EventTaskChanged
	if stored.State == StateOver {
		kind = EventTaskOver
	}
	r.client.publishTask(context.Background(), kind, r.task.TID)
	r.client.plan(stored)
	return true
}

// saveEnd writes the final state and returns the task with it. A full disk is
// waited out, and other faults for a moment: a task that is over must not look
// as if it were not.
func (r *taskRun) saveEnd(ctx context.Context, cause error) (stored StoredTask) {
	if cause != nil {
		r.log.Info("task gave up", "error", cause)
	}
	stored = r.job.live.stored() // with a schedule that was changed meanwhile
	change := closing(stored, cause)
	stored.apply(change)
	for tries := 1; ; tries++ {
		err := notFound(r.client.config.Store.UpdateTask(context.WithoutCancel(ctx), r.task.TID, change))
		if err == nil {
			return stored
		}
		r.log.Error("save the end of the task", "error", err)
		again := errors.Is(err, ErrDiskFull) || Retryable(err) && tries < saveTries
		if !again || pause(ctx, diskPause) != nil {
			return StoredTask{}
		}
	}
}

// run does the task's stages until nothing is pending. The error is why the
// task gave up, or the context's.
func (r *taskRun) run(ctx context.Context) (err error) {
	if r.kind, err = r.client.taskType(r.task.Type); err != nil {
		return err
	}
	if r.kind.Files {
		if r.folder, err = openSavePath(r.task.SavePath); err != nil {
			return err
		}
		defer func() { _ = r.folder.Close() }()
	}
	r.show(StateDownloading, "") // also while the first thing it does is to wait
	for ctx.Err() == nil {
		over, err := r.step(ctx)
		if errors.Is(err, ErrDiskFull) && ctx.Err() == nil {
			cause := err
			err = r.aside(ctx, func() error { return r.awaitRoom(ctx, cause) })
		}
		if over || err != nil {
			return err
		}
	}
	return ctx.Err()
}

// step does one round of the first stage that has something to do. over says
// that no stage has.
func (r *taskRun) step(ctx context.Context) (over bool, err error) {
	if err := r.client.accountTrouble(); err != nil {
		return false, err
	}
	if !r.task.Seeded {
		return false, r.reseed(ctx)
	}
	counts, err := r.client.config.Store.CountItems(ctx, r.task.TID)
	if err != nil {
		return false, fmt.Errorf("count items: %w", notFound(err))
	}
	r.job.live.change(func(l *liveTask) { l.counts = counts })
	spec := r.kind.nextStage(counts)
	if spec == nil {
		return true, nil
	}
	if err := r.enter(ctx, spec); err != nil {
		return false, err
	}
	return false, r.pass(ctx, spec)
}

// enter moves the task to a stage and waits for the token that it needs.
func (r *taskRun) enter(ctx context.Context, spec *StageSpec) error {
	if name := spec.Stage.Name(); name != r.task.Stage {
		r.reach = 0
		if err := r.update(ctx, TaskChange{Stage: &name, Round: new(0), Idle: new(0)}); err != nil {
			return err
		}
	}
	if spec.NeedsToken {
		if err := r.awaitToken(ctx); err != nil {
			return err
		}
	}
	r.show(StateDownloading, "")
	return nil
}

// pass does one round of a stage and decides what comes after it.
func (r *taskRun) pass(ctx context.Context, spec *StageSpec) error {
	result := r.runRound(ctx, spec)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(result.halt, ErrNoToken), errors.Is(result.halt, ErrTokenRejected):
		if r.client.tokens == nil {
			return result.halt
		}
		if err := r.awaitToken(ctx); err != nil {
			return err
		}
		return pause(ctx, afterProgress)
	case result.halt != nil:
		return result.halt
	case result.again == 0 && result.ended == 0:
		// All that is pending is claimed still, by a run that was cut off, or is
		// due in a later round of one that was.
		r.reach = min(2*r.reach+1, maxReach)
		return pause(ctx, afterProgress)
	case result.again == 0:
		return nil
	}
	idle := r.task.Idle + 1
	if result.ended > 0 {
		idle = 0
	}
	if err := r.update(ctx, TaskChange{Round: new(r.task.Round + 1), Idle: &idle}); err != nil {
		return err
	}
	if idle >= r.client.config.MaxIdleRounds {
		return fmt.Errorf("%w in %d rounds, items left: %d; first cause: %w", errNoProgress, idle, result.again, result.cause)
	}
	r.show(StateDownloading, fmt.Sprintf("failed for now, to be tried again: %d; first cause: %s", result.again, shorten(result.cause.Error())))
	return pause(ctx, roundPause(idle))
}

// roundPause grows with the rounds that made no progress: 1, 2, 4 … 60 s.
func roundPause(idle int) time.Duration {
	if idle == 0 {
		return afterProgress
	}
	wait := min(maxRoundPause, time.Second<<min(idle-1, 10))
	return wait - time.Duration(rand.Int64N(int64(wait/10)+1))
}

// timeout is the environment's, grown with the rounds when Increment is on.
func (r *taskRun) timeout() time.Duration {
	env := r.client.Env()
	if !env.Increment {
		return env.Timeout
	}
	return max(env.Timeout, min(env.Timeout+time.Duration(r.task.Round)*TimeoutIncrement, maxTimeout))
}

// update changes the stored task and the live one alike.
func (r *taskRun) update(ctx context.Context, change TaskChange) error {
	if err := r.client.config.Store.UpdateTask(ctx, r.task.TID, change); err != nil {
		return fmt.Errorf("update task: %w", notFound(err))
	}
	r.job.live.change(func(l *liveTask) { l.apply(change) })
	r.task = r.job.live.stored()
	return nil
}

// show changes what can be seen of the run.
func (r *taskRun) show(state State, waiting string) {
	changed := false
	r.job.live.change(func(l *liveTask) {
		if l.state == StateStopped {
			return // Stop has the last word
		}
		changed = l.state != state || l.waiting != waiting
		l.state, l.waiting = state, waiting
	})
	if changed {
		r.client.publishTask(context.Background(), EventTaskChanged, r.task.TID)
	}
}

// aside waits without a place among the running tasks.
func (r *taskRun) aside(ctx context.Context, wait func() error) error {
	stepped := r.client.queue.stepAside(r.job)
	err := wait()
	if stepped && err == nil {
		r.show(StateQueued, "")
	}
	if back := r.client.queue.comeBack(ctx, r.job); err == nil {
		err = back
	}
	return err
}

// awaitToken returns when somebody is logged in.
func (r *taskRun) awaitToken(ctx context.Context) error {
	c := r.client
	if c.tokens == nil {
		return nil
	}
	if _, err := c.tokens.Token(ctx); err == nil || Retryable(err) {
		return nil // a passing fault is met again by the request itself
	}
	return r.aside(ctx, func() error { return r.awaitLogin(ctx) })
}

// awaitLogin is awaitToken without a place. A login that was refused is tried
// again when the token changes, and when its cool-down ends.
func (r *taskRun) awaitLogin(ctx context.Context) error {
	c := r.client
	for {
		changed := c.token.next()
		_, err := c.tokens.Token(ctx)
		if err == nil || Retryable(err) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.show(StateWaitToken, err.Error())
		var again <-chan time.Time // never, unless there is a cool-down
		if refused, ok := errors.AsType[*RefreshError](err); ok && !refused.Until.IsZero() {
			again = time.After(time.Until(refused.Until))
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitRoom returns when there is room at the save path again, but not before
// diskPause has passed: a quota may refuse what the disk has room for, and then
// nothing but trying shows when it ends.
func (r *taskRun) awaitRoom(ctx context.Context, cause error) error {
	r.log.Info("disk full, waiting for room", "error", cause)
	for waited := time.Duration(0); ; waited += diskPoll {
		where := r.task.SavePath
		var free int64
		enough := where == ""
		if !enough {
			var err error
			free, err = fsafe.Free(where)
			enough = err != nil || free >= minFreeBytes
		}
		if enough && waited >= diskPause {
			return nil
		}
		r.show(StateDiskFull, fmt.Sprintf("%v (%d MiB free)", cause, free>>20))
		if err := pause(ctx, diskPoll); err != nil {
			return err
		}
	}
}

// openSavePath makes the save path when it is missing and opens it.
func openSavePath(path string) (*fsafe.Root, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, savePathError(path, err)
	}
	folder, err := fsafe.Open(path)
	if err != nil {
		return nil, savePathError(path, err)
	}
	return folder, nil
}

func savePathError(path string, err error) error {
	if fsafe.IsDiskFull(err) {
		return fmt.Errorf("open save path %s: %w: %w", path, ErrDiskFull, err)
	}
	return fmt.Errorf("open save path %s: %w: %w", path, ErrSavePath, err)
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func shorten(text string) string {
	if len(text) > maxDetailBytes {
		text = text[:maxDetailBytes] + " …"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
