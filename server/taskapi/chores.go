package taskapi

import (
	"context"
	"errors"
	"sync"

	"github.com/pixivoc/pixivoc/internal/webhook"
)

// chore is something to do for a task that nobody waits for.
type chore struct {
	tid        int64
	unresolved int64 // in place of tid
	start      bool
	describe   bool
	notify     bool
}

// chores wait to be done, in their order. They are as many as there are tasks
// at most, when an API starts.
type chores struct {
	mu   sync.Mutex
	list []chore
	wake chan struct{}
}

func newChores() *chores { return &chores{wake: make(chan struct{}, 1)} }

func (c *chores) add(next chore) {
	if !next.start && !next.describe && !next.notify {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, next)
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

// doChores does what comes up until ctx is done.
func (a *API) doChores(ctx context.Context) {
	for {
		for _, each := range a.chores.take() {
			if ctx.Err() != nil {
				return
			}
			a.do(ctx, each)
		}
		select {
		case <-ctx.Done():
			return
		case <-a.chores.wake:
		}
	}
}

func (a *API) do(ctx context.Context, c chore) {
	if c.unresolved != 0 {
		a.notifyUnresolved(ctx, c.unresolved)
		return
	}
	if c.start {
		task, err := a.client.Task(ctx, c.tid)
		if err == nil {
			err = task.Start(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Error("a task that was added is not started", "task", c.tid, "error", err)
		}
	}
	if r := a.view.row(c.tid); c.describe && r != nil {
		found := a.read(ctx, r.info)
		a.view.update(c.tid, func(r *row) { r.details = found })
	}
	if c.notify {
		a.notify(ctx, c.tid)
	}
}

// notify tells the receiver of a task that it has ended. The message is stored
// before the task forgets its receiver, and has the same id when a crash comes
// in between, so the receiver hears of it at least once and can drop doubles.
func (a *API) notify(ctx context.Context, tid int64) {
	r := a.view.row(tid)
	if r == nil || !r.isFinished() || r.entry.Webhook == "" {
		return
	}
	task := r.task()
	if a.tell(ctx, r.entry.WebhookID, r.entry.Webhook, &task) {
		a.tryEdit(context.WithoutCancel(ctx), tid, func(e *entry) { e.Webhook, e.WebhookID = "", "" })
	}
}

// tell hands a message over to be sent. It is true when no more needs to be
// done, be it because it never can.
func (a *API) tell(ctx context.Context, id, receiver string, task *downloadTask) bool {
	if a.sender == nil {
		return true
	}
	err := a.sender.Send(ctx, webhook.Message{ID: id, URL: receiver, Body: task.append(nil)})
	_, isRefused := errors.AsType[*webhook.RefusedError](err)
	switch {
	case err == nil:
		return true
	case errors.Is(err, webhook.ErrClosed), ctx.Err() != nil:
		return false // the next process does it
	}
	a.log.Error("webhook not sent", "id", id, "error", err)
	return isRefused
}
