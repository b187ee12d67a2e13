package taskapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/setting"
)

// unresolved is an address that could not be understood, shown as a finished
// task. It never changes: a new one takes its place.
type unresolved struct {
	// ID rises; the task is kept in the slot that is the rest of its division
	// by MaxUnresolved, so the newest ones stay. Slots whose receiver is still
	// to be told are passed over.
	ID     int64     `json:"id"`
	URL    string    `json:"url,omitempty"` // "" for one that was removed
	Aid    string    `json:"aid,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at,omitzero"`
	// Webhook is who is still to be told, under WebhookID.
	Webhook   string `json:"webhook,omitempty"`
	WebhookID string `json:"webhook_id,omitempty"`

	// isHidden says that it was removed from the lists and is soon gone.
	isHidden bool
}

func (u *unresolved) taskID() string { return "unresolved-" + strconv.FormatInt(u.ID, 10) }

func (u *unresolved) task() downloadTask {
	return downloadTask{
		aid: u.Aid, url: u.URL, created: u.At, finished: u.At,
		taskID: u.taskID(), status: string(pixivoc.StateError), reason: u.Reason,
	}
}

func slotName(id int64) string {
	return fmt.Sprintf("%sunresolved/%d", settingPrefix, id%MaxUnresolved)
}

// loadUnresolved reads all slots. One that was removed still tells the last ID.
func (a *API) loadUnresolved(ctx context.Context) {
	for slot := range int64(MaxUnresolved) {
		var u unresolved
		err := setting.Load(ctx, a.config.Settings, slotName(slot), &u)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.log.Error("an address that was not understood is lost", "error", err)
		}
		if err != nil || u.ID == 0 {
			continue
		}
		a.view.setUnresolved(&u)
		a.chores.add(chore{unresolved: u.ID, notify: u.Webhook != ""})
	}
}

// setUnresolved puts an element into its slot; one without URL empties it.
func (v *view) setUnresolved(u *unresolved) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = max(v.last, u.ID)
	if u.URL == "" {
		delete(v.unresolved, u.ID%MaxUnresolved)
	} else {
		v.unresolved[u.ID%MaxUnresolved] = u
	}
}

func (v *view) findUnresolved(id int64) *unresolved {
	v.mu.Lock()
	defer v.mu.Unlock()
	if u := v.unresolved[id%MaxUnresolved]; u != nil && u.ID == id {
		return u
	}
	return nil
}

// nextUnresolved returns the ID of the next element, or 0 while the receivers of
// all are still to be told.
func (v *view) nextUnresolved() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := v.last + 1; id <= v.last+MaxUnresolved; id++ {
		if u := v.unresolved[id%MaxUnresolved]; u == nil || u.Webhook == "" {
			return id
		}
	}
	return 0
}

// addUnresolved keeps an address that nobody understood.
func (a *API) addUnresolved(ctx context.Context, given request, reason string) (*unresolved, error) {
	release, err := a.editing.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	id := a.view.nextUnresolved()
	if id == 0 {
		return nil, &refusal{http.StatusTooManyRequests, fmt.Sprintf("%d webhooks wait; try again when some are sent", MaxUnresolved)}
	}
	u := &unresolved{ID: id, URL: given.url, Aid: given.url, Reason: reason, At: now()}
	if given.options.CallBackWebHook != "" {
		u.Webhook, u.WebhookID = given.options.CallBackWebHook, newMessageID()
	}
	if err := setting.Save(ctx, a.config.Settings, slotName(u.ID), u); err != nil {
		return nil, err
	}
	a.view.setUnresolved(u)
	a.chores.add(chore{unresolved: u.ID, notify: u.Webhook != ""})
	return u, nil
}

// changeUnresolved puts another element in the place of one that is still
// there.
func (a *API) changeUnresolved(ctx context.Context, id int64, change func(*unresolved)) error {
	release, err := a.editing.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	old := a.view.findUnresolved(id)
	if old == nil {
		return nil
	}
	next := *old
	change(&next)
	if err := setting.Save(ctx, a.config.Settings, slotName(id), next); err != nil {
		return err
	}
	a.view.setUnresolved(&next)
	return nil
}

func (a *API) notifyUnresolved(ctx context.Context, id int64) error {
	u := a.view.findUnresolved(id)
	if u == nil || u.Webhook == "" {
		return nil
	}
	task := u.task()
	if err := a.tell(ctx, u.WebhookID, u.Webhook, &task); err != nil {
		return err
	}
	return a.changeUnresolved(context.WithoutCancel(ctx), id, func(u *unresolved) { u.Webhook, u.WebhookID = "", "" })
}

func (a *API) discardUnresolved(ctx context.Context, id int64) error {
	return a.changeUnresolved(ctx, id, func(u *unresolved) { *u = unresolved{ID: u.ID} })
}
