package taskapi

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/webhook"
)

// chore is something to do for a task that nobody waits for.
type chore struct {
	tid        int64
	unresolved int64 // in place of tid
	start      bool
	describe   bool
	notify     bool
	remove     bool
	// tried says that it was said already why this cannot be done.
	tried bool
}

func (c chore) isDone() bool { return !c.start && !c.describe && !c.notify && !c.remove }

// chores wait to be done, in their order. They are about as many as there are
// tasks at most, when an API starts.
type chores struct {
	mu   sync.Mutex
	list []chore
	wake chan struct{}
}

func newChores() *chores { return &chores{wake: make(chan struct{}, 1)} }

func (c *chores) add(next ...chore) {
	next = slices.DeleteFunc(next, chore.isDone)
	if len(next) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, next...)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *chores) take() []chore {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

// doChores does what comes up until ctx is done. What cannot be done is tried
// again after a pause.
func (a *API) doChores(ctx context.Context) {
	var later, removed []chore
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		for _, each := range a.chores.take() {
			if ctx.Err() != nil {
				return
			}
			left := a.do(ctx, each)
			switch {
			case !left.isDone():
				if len(later) == 0 {
					again.Reset(a.config.Webhooks.BackOff)
				}
				later = append(later, left)
			case each.remove:
				removed = append(removed, each)
			}
		}
		a.removed(ctx, removed)
		removed = nil
		select {
		case <-ctx.Done():
			return
		case <-a.chores.wake:
		case <-again.C:
			a.chores.add(later...)
			later = nil
		}
	}
}

// do does a chore and returns what is left to be done of it.
func (a *API) do(ctx context.Context, c chore) chore {
	if c.start {
		a.startLate(ctx, c.tid)
	}
	if r := a.view.row(c.tid); c.describe && r != nil {
		found := a.read(ctx, r.info)
		a.view.update(c.tid, func(r *row) { r.details = found })
	}
	c.start, c.describe = false, false
	notify, remove, id := a.notify, a.discard, c.tid
	if c.unresolved != 0 {
		notify, remove, id = a.notifyUnresolved, a.discardUnresolved, c.unresolved
	}
	var err error
	if c.notify {
		err = notify(ctx, id)
		c.notify = err != nil
	}
	if c.remove && err == nil {
		err = remove(ctx, id)
		c.remove = err != nil
	}
	if err != nil && !c.tried && ctx.Err() == nil && !errors.Is(err, webhook.ErrClosed) && !errors.Is(err, pixivoc.ErrClosed) {
		a.log.Warn("a webhook or a removal is tried again", "task", id, "error", err)
		c.tried = true
	}
	return c
}

// startLate starts a task that the last process made and did not come to start.
func (a *API) startLate(ctx context.Context, tid int64) {
	task, err := a.client.Task(ctx, tid)
	if err == nil {
		err = task.Start(ctx)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("a task that was added is not started", "task", tid, "error", err)
	}
}

// notify tells the receiver of a task that it has ended. The message is stored
// before the task forgets its receiver, and has the same id when a crash comes
// in between, so the receiver hears of it at least once and can drop doubles.
func (a *API) notify(ctx context.Context, tid int64) error {
	r := a.view.row(tid)
	if r == nil || !r.isFinished() || r.entry.Webhook == "" {
		return nil
	}
	task := r.task()
	if err := a.tell(ctx, r.entry.WebhookID, r.entry.Webhook, &task); err != nil {
		return err
	}
	return a.edit(context.WithoutCancel(ctx), tid, func(e *entry) { e.Webhook, e.WebhookID = "", "" })
}

// tell hands a message over to be sent. What can never be sent is logged and is
// no error.
func (a *API) tell(ctx context.Context, id, receiver string, task *downloadTask) error {
	if a.sender == nil {
		return nil
	}
	err := a.sender.Send(ctx, webhook.Message{ID: id, URL: receiver, Body: task.append(nil)})
	if errors.Is(err, webhook.ErrMessage) {
		a.log.Error("webhook not sent", "id", id, "error", err)
		return nil
	}
	return err
}
