package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pixivoc/pixivoc/internal/silence"
)

// work runs the stage on one item, again and again while its verdict is
// RetryAfter. The item's place among ConcurrencyNumber is free while it waits.
func (r *round) work(ctx context.Context, item ClaimedItem) *itemRun {
	done := &itemRun{item: item}
	for waits := 0; ; waits++ {
		rt := &stageRuntime{round: r, item: item.Item}
		done.output, done.err = r.runStage(ctx, rt, item.Item)
		done.files, done.times = rt.files, rt.times
		if done.err == nil {
			done.err = Permanent(ReasonPayload, done.output.Err())
		}
		wait, later := retryWait(done.err, waits)
		if !later || waits == maxWaits || ctx.Err() != nil {
			break
		}
		r.discard(done)
		r.run.log.Info("item waits", "stage", r.stage, "key", item.Key, "wait", wait, "cause", done.err)
		if !r.waitOutside(ctx, wait, done.err) {
			done.slotLost = !r.spec.Paced
			break
		}
	}
	if ctx.Err() != nil && done.err != nil {
		done.release = true
	}
	return done
}

// waitOutside waits without a place among the running items. False means that
// the round ended and the place is gone.
func (r *round) waitOutside(ctx context.Context, wait time.Duration, cause error) bool {
	if r.spec.Paced { // nothing else gets on meanwhile, so it is told of the task
		r.run.show(StateDownloading, fmt.Sprintf("waits %s: %s", wait.Round(time.Second), shorten(cause.Error())))
		defer r.run.show(StateDownloading, "")
		return pause(ctx, wait) == nil
	}
	slots := &r.run.client.slots
	slots.Release()
	return pause(ctx, wait) == nil && slots.Acquire(ctx) == nil
}

// maxWaits is after how many waits in a row a RetryAfter verdict counts as a
// passing failure, so that a site that always says "later" ends a task too.
const maxWaits = 20

// retryWait says whether an error asks for another run later and how long to
// wait. The wait is at least a second and grows, whatever the other side says,
// so that one that says "at once" is not stormed.
func retryWait(err error, waits int) (wait time.Duration, later bool) {
	if verdict, ok := errors.AsType[*RetryAfterError](err); ok {
		wait, later = verdict.Wait, true
	} else if limit, ok := errors.AsType[*RateLimitError](err); ok {
		wait, later = limit.Wait, true
	} else if refresh, ok := errors.AsType[*RefreshError](err); ok && Retryable(err) && !refresh.Until.IsZero() {
		wait, later = time.Until(refresh.Until), true
	}
	return min(max(wait, time.Second<<min(waits, 8)), maxLimitPause), later
}

// runStage calls the stage and turns a panic into an error of the item.
func (r *round) runStage(ctx context.Context, rt Runtime, item Item) (output Output, err error) {
	defer rescue(r.run.log.With("stage", r.stage, "key", item.Key), "stage "+r.stage, &err)
	return r.spec.Stage.Run(ctx, rt, item)
}

// settle turns the run of an item into the commit of its claim. An error that
// concerns more than the item ends the round instead.
func (r *round) settle(done *itemRun) Commit {
	commit := Commit{Claim: done.item.Claim, Round: r.number, Outcome: OutcomeDone}
	err := done.err
	if err == nil {
		if err = r.route(done); err == nil {
			commit.Items, commit.Records, commit.Bytes = done.output.Items, done.output.Records, done.bytes()
			commit.Archive = done.output.Keys
			return commit
		}
		err = Permanent(ReasonPayload, err)
	}
	if done.release || concernsTask(err) {
		if !done.release {
			r.halt(err)
		}
		done.release = true
		return commit
	}
	staged := &StageError{Task: r.run.task.TID, Stage: r.stage, Key: done.item.Key, Attempt: done.item.Attempts + 1, Err: err}
	commit.Outcome, commit.Reason, commit.Detail = OutcomeAgain, reasonOf(err), shorten(err.Error())
	if permanent, ok := errors.AsType[*PermanentError](err); ok {
		commit.Outcome, commit.Reason = OutcomeFailed, permanent.Reason
	} else if _, ok := errors.AsType[*FieldError](err); ok {
		commit.Outcome, commit.Reason = OutcomeFailed, ReasonRefused
	}
	if commit.Outcome == OutcomeFailed && done.output.Err() == nil {
		commit.Records = done.output.Records // why it failed, or what there is of it
	}
	r.run.log.Info("item failed", "outcome", commit.Outcome, "error", staged)
	return commit
}

// route gives the outputs of an item their stages.
func (r *round) route(done *itemRun) error {
	kind := r.run.kind
	at := kind.stageIndex(r.stage)
	for i := range done.output.Items {
		item := &done.output.Items[i]
		if item.Stage == "" {
			if at+1 >= len(kind.Stages) {
				return fmt.Errorf("task type %s: item %q has no stage to go to after %s", kind.Name, item.Key, r.stage)
			}
			item.Stage = kind.Stages[at+1].Stage.Name()
		}
		if err := kind.checkItem(*item, at); err != nil {
			return err
		}
	}
	return nil
}

// concernsTask tells errors that every other item would meet as well.
func concernsTask(err error) bool {
	if _, ok := errors.AsType[*AccountError](err); ok {
		return true
	}
	for _, cause := range []error{ErrDiskFull, ErrSavePath, ErrNoToken, ErrTokenRejected, ErrProxyLogin, ErrClosed} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// reasonOf returns the stable word for a passing failure.
func reasonOf(err error) string {
	if _, ok := errors.AsType[*BlockedError](err); ok {
		return ReasonBlocked
	}
	if _, ok := errors.AsType[*StatusError](err); ok {
		return ReasonServer
	}
	if _, ok := errors.AsType[*silence.TimeoutError](err); ok {
		return ReasonNetwork
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return ReasonNetwork
	}
	return ReasonOther
}
