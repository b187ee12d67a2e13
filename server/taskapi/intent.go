package taskapi

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/setting"
)

// intent is a task that is about to be made. It is kept before the client makes
// the task, so that a process which dies in between leaves no task that nobody
// knows of: the next one makes the task to the end. The key of the task tells
// whether that was done.
type intent struct {
	Entry entry            `json:"entry"`
	Spec  pixivoc.TaskSpec `json:"spec"`
}

const intentName = settingPrefix + "intent"

// newKey names a task for ever.
func newKey() string { return "taskapi-" + rand.Text() }

// intend keeps the intent to make a task. The caller has the turn to add.
func (a *API) intend(ctx context.Context, e entry, spec pixivoc.TaskSpec) error {
	spec.Input = nil // cannot be read again
	if err := setting.Save(ctx, a.config.Settings, intentName, intent{e, spec}); err != nil {
		return err
	}
	a.intended.Store(&e.Key)
	return nil
}

// abandon forgets the intent with a key: no task is to be made of it any more.
func (a *API) abandon(ctx context.Context, key string) error {
	if last := a.intended.Load(); last == nil || *last != key {
		return nil
	}
	if err := a.config.Settings.SetSetting(ctx, intentName, nil); err != nil {
		return fmt.Errorf("remove %s: %w", intentName, err)
	}
	return nil
}

// resume makes the task to the end that the last process was about to make.
// It comes before requests are served.
func (a *API) resume(ctx context.Context) {
	var last intent
	err := setting.Load(ctx, a.config.Settings, intentName, &last)
	if err == nil && last.Entry.Key != "" {
		a.intended.Store(&last.Entry.Key)
		if !a.view.hasKey(last.Entry.Key) {
			err = a.makeAgain(ctx, last)
		}
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("a task that was about to be made is lost", "error", err)
	}
}

func (a *API) makeAgain(ctx context.Context, last intent) error {
	task, err := a.client.Create(ctx, last.Spec)
	if err != nil {
		return err
	}
	return a.begin(ctx, task, last.Entry)
}

// hasKey says whether a task is known that was made with a key.
func (v *view) hasKey(key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.rows {
		if r.entry.Key == key {
			return true
		}
	}
	return false
}
