package taskapi

import (
	"context"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc/internal/setting"
)

// settingPrefix begins the names of everything this package keeps.
const settingPrefix = "taskapi/"

// entry is what the client does not know of a task. It is kept under the TID.
// The zero value is that of a task which was made at another door.
type entry struct {
	// Made says that the task was made here; the next three fields are of the
	// request.
	Made      bool      `json:"made,omitempty"`
	URL       string    `json:"url,omitempty"`
	Aid       string    `json:"aid,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	// Key is that of the task.
	Key string `json:"key,omitempty"`
	// Webhook is who is still to be told of the end, under WebhookID.
	Webhook   string `json:"webhook,omitempty"`
	WebhookID string `json:"webhook_id,omitempty"`

	// CancelledAt and HiddenAt hold until the task runs again.
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	HiddenAt    time.Time `json:"hidden_at,omitzero"`
	// EndedAt is when the task was seen to end in error, which the client
	// does not keep.
	EndedAt time.Time `json:"ended_at,omitzero"`
}

func entryName(tid int64) string { return fmt.Sprintf("%s%d", settingPrefix, tid) }

func (a *API) loadEntry(ctx context.Context, tid int64) (e entry, err error) {
	err = setting.Load(ctx, a.config.Settings, entryName(tid), &e)
	return e, err
}

// edit changes what is kept of a task, in the store and then in the view.
func (a *API) edit(ctx context.Context, tid int64, change func(*entry)) error {
	release, err := a.editing.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	var e entry
	if row := a.view.row(tid); row != nil {
		e = row.entry
	} else if e, err = a.loadEntry(ctx, tid); err != nil {
		return err
	}
	change(&e)
	if err := a.saveEntry(ctx, tid, e); err != nil {
		return err
	}
	a.view.update(tid, func(r *row) { r.entry = e })
	return nil
}

func (a *API) saveEntry(ctx context.Context, tid int64, e entry) error {
	return setting.Save(ctx, a.config.Settings, entryName(tid), e)
}

// dropEntry forgets a task that is gone.
func (a *API) dropEntry(ctx context.Context, tid int64) error {
	release, err := a.editing.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	row := a.view.drop(tid)
	if row == nil || row.entry == (entry{}) {
		return nil
	}
	if err := a.abandon(ctx, row.entry.Key); err != nil {
		return err
	}
	if err := a.config.Settings.SetSetting(ctx, entryName(tid), nil); err != nil {
		return fmt.Errorf("remove %s: %w", entryName(tid), err)
	}
	return nil
}
