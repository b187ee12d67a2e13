package taskapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// added is the answer to a request to add a task.
type added struct{ taskID, aid string }

// addTask makes a task and starts it. BBDown answers before it knows what an
// address stands for, so one that stands for nothing is no wrong request: it
// becomes a task that failed.
func (a *API) addTask(w http.ResponseWriter, r *http.Request, _ string) error {
	raw, err := readBody(r)
	if err != nil {
		return err
	}
	given, err := parseRequest(raw)
	if err != nil {
		return err
	}
	if err := a.takeWebhook(&given); err != nil {
		return err
	}
	folder, err := a.config.SavePath(given.options.WorkDir)
	if err != nil {
		return asRefusal(err)
	}
	release, err := a.adding.take(r.Context())
	if err != nil {
		return err
	}
	defer release()
	made, err := a.make(settled(r), &given, folder)
	if len(given.ignored) > 0 {
		slices.Sort(given.ignored)
		w.Header().Set(ignoredHeader, headerText(strings.Join(slices.Compact(given.ignored), ", ")))
	}
	if err != nil {
		return err
	}
	out := newWriter(w)
	out.text(`{"TaskId":`)
	out.buffer = appendText(out.buffer, made.taskID)
	out.text(`,"Aid":`)
	out.buffer = appendText(out.buffer, made.aid)
	out.text(`}`)
	out.flush()
	return nil
}

// takeWebhook refuses a receiver that will never be told.
func (a *API) takeWebhook(given *request) error {
	receiver := given.options.CallBackWebHook
	switch {
	case receiver == "":
	case a.sender == nil:
		given.options.CallBackWebHook = ""
		given.ignored = append(given.ignored, "CallBackWebHook")
	default:
		if err := a.sender.Check(receiver); err != nil {
			return badRequest("CallBackWebHook: %v", err)
		}
	}
	return nil
}

// make makes what a request asks for. The caller has the turn to add.
func (a *API) make(ctx context.Context, given *request, folder string) (added, error) {
	resolved, err := a.config.Resolve(given.url, given.options)
	if err != nil {
		return a.fallBack(ctx, *given, err)
	}
	resolved.Aid = cmp.Or(resolved.Aid, given.url)
	for _, name := range resolved.Ignored {
		given.ignored = append(given.ignored, headerText(name))
	}
	running, open := a.view.running(resolved.Aid, a.typeName(resolved.Spec.Type))
	if running != nil {
		return a.join(ctx, running)
	}
	if open >= a.config.MaxOpenTasks {
		return added{}, &refusal{http.StatusTooManyRequests, fmt.Sprintf("%d tasks wait or run; try again when some are over", open)}
	}
	e := entry{Made: true, URL: given.url, Aid: resolved.Aid, CreatedAt: now(), Key: newKey()}
	if given.options.CallBackWebHook != "" {
		e.Webhook, e.WebhookID = given.options.CallBackWebHook, newMessageID()
	}
	spec := resolved.Spec
	spec.SavePath, spec.Key = folder, e.Key
	if err := a.intend(ctx, e, spec); err != nil {
		return added{}, err
	}
	task, err := a.client.Create(ctx, spec)
	if err != nil {
		if left := a.abandon(ctx, e.Key); left != nil {
			return added{}, errors.Join(err, left)
		}
		return a.fallBack(ctx, *given, err)
	}
	if err := a.begin(ctx, task, e); err != nil {
		// Nobody will hear of this task.
		return added{}, errors.Join(err, a.abandon(ctx, e.Key), task.Delete(ctx, pixivoc.DeleteOptions{}))
	}
	return added{strconv.FormatInt(task.ID(), 10), resolved.Aid}, nil
}

// begin keeps what the client does not know of a task, and starts it.
func (a *API) begin(ctx context.Context, task pixivoc.Task, e entry) error {
	if err := a.saveEntry(ctx, task.ID(), e); err != nil {
		return err
	}
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	a.view.register(info, e)
	return task.Start(ctx)
}

// typeName returns the name of a task type that may be called by an alias.
func (a *API) typeName(called string) string {
	for _, kind := range a.client.Types() {
		if slices.Contains(kind.Aliases, called) {
			return kind.Name
		}
	}
	return called
}

// join answers for a task that is running already. One that was stopped, as
// all are after a restart without automatic start, goes on.
func (a *API) join(ctx context.Context, running *row) (added, error) {
	if running.info.State == pixivoc.StateStopped {
		task, err := a.client.Task(ctx, running.info.TID)
		if err == nil {
			err = task.Start(ctx)
		}
		if err != nil {
			return added{}, err
		}
	}
	return added{strconv.FormatInt(running.info.TID, 10), running.aid}, nil
}

// fallBack decides what becomes of a request that gave no task: a wrong option
// refuses it, an address that stands for nothing is a task that failed.
func (a *API) fallBack(ctx context.Context, given request, err error) (added, error) {
	field, isField := errors.AsType[*pixivoc.FieldError](err)
	reason := ""
	switch {
	case isField && isOption(field.Field):
		return added{}, asRefusal(err)
	case isField:
		reason = field.Field + ": " + field.Reason
	case errors.Is(err, pixivoc.ErrTypeUnknown):
		reason = "nothing here can fetch this"
	default:
		return added{}, err
	}
	u, err := a.addUnresolved(ctx, given, reason)
	if err != nil {
		return added{}, err
	}
	return added{u.taskID(), u.Aid}, nil
}

// isOption says whether a field of the client, or of a request, comes from an
// option and not from the address.
func isOption(field string) bool {
	switch field {
	case "SavePath", "WorkDir", "FilePattern", "MultiFilePattern", "SelectPage", "OnlyShowInfo", "DelayPerPage", "CallBackWebHook", "Options":
		return true
	}
	return strings.HasPrefix(field, "Options.")
}

// newMessageID names a webhook for ever.
func newMessageID() string { return "msg_" + rand.Text() }
