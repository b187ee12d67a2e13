package restapi

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/pixivoc/pixivoc"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// page is a part of a list. Next is the value of the parameter "after" that
// gives the following part; it is absent on the last one.
type page struct {
	Next int64 `json:"next_after,omitempty"`
}

type tasksPage struct {
	Tasks []pixivoc.TaskInfo `json:"tasks"`
	page
}

func (a *API) listTasks(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	after, limit := q.number("after", 0, 0, math.MaxInt64), q.number("limit", defaultPage, 1, maxPage)
	state, group := pixivoc.State(q.text("state")), q.text("group")
	if err := q.check(); err != nil {
		return err
	}
	list := tasksPage{Tasks: []pixivoc.TaskInfo{}}
	for info, err := range a.client.Tasks(r.Context()) {
		if err != nil {
			return err
		}
		if info.TID <= after || state != "" && info.State != state || group != "" && info.Group != group {
			continue
		}
		if len(list.Tasks) == int(limit) {
			list.Next = list.Tasks[limit-1].TID
			break
		}
		list.Tasks = append(list.Tasks, info)
	}
	return writeJSON(w, http.StatusOK, list)
}

// task returns the task that the path names. An id is digits and nothing else.
func (a *API) task(r *http.Request) (pixivoc.Task, error) {
	tid, ok := pathNumber(r, "tid")
	if !ok {
		return nil, pixivoc.ErrTaskNotFound
	}
	return a.client.Task(r.Context(), tid)
}

func pathNumber(r *http.Request, name string) (int64, bool) {
	text := r.PathValue(name)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}

func (a *API) getTask(w http.ResponseWriter, r *http.Request) error {
	return a.withTask(w, r, func(context.Context, pixivoc.Task) error { return nil })
}

func (a *API) startTask(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	again := q.truth("again")
	if err := q.check(); err != nil {
		return err
	}
	return a.onTask(w, r, func(ctx context.Context, task pixivoc.Task) error {
		if again {
			return task.Reopen(ctx)
		}
		return task.Start(ctx)
	})
}

func (a *API) stopTask(w http.ResponseWriter, r *http.Request) error {
	return a.withTask(w, r, func(ctx context.Context, task pixivoc.Task) error { return task.Stop(ctx) })
}

type taskPatch struct {
	Schedule       *string `json:"schedule"`
	BandwidthLimit *int64  `json:"bandwidth_limit"`
}

// patchTask changes what can be changed of a task.
func (a *API) patchTask(w http.ResponseWriter, r *http.Request) error {
	var given taskPatch
	if err := decode(r, &given); err != nil {
		return err
	}
	switch {
	case given.Schedule == nil && given.BandwidthLimit == nil:
		return fieldError("schedule", "or bandwidth_limit is required: there is nothing to change")
	case given.Schedule != nil && len(*given.Schedule) > maxText:
		return fieldError("schedule", "must have at most %d bytes", maxText)
	}
	if limit := given.BandwidthLimit; limit != nil && *limit != 0 && *limit < pixivoc.MinBandwidthLimit {
		// Looked at here, so that nothing is changed by half.
		return fieldError("bandwidth_limit", "is %d, want 0 or at least %d", *limit, pixivoc.MinBandwidthLimit)
	}
	return a.withTask(w, r, func(ctx context.Context, task pixivoc.Task) error {
		if given.Schedule != nil {
			if err := task.SetSchedule(ctx, *given.Schedule); err != nil {
				return err
			}
		}
		if given.BandwidthLimit != nil {
			return task.SetBandwidthLimit(ctx, *given.BandwidthLimit)
		}
		return nil
	})
}

// withTask is onTask for a request that takes no parameters.
func (a *API) withTask(w http.ResponseWriter, r *http.Request, do func(context.Context, pixivoc.Task) error) error {
	if err := query(r).check(); err != nil {
		return err
	}
	return a.onTask(w, r, do)
}

// onTask does something with a task and answers with how it stands then.
func (a *API) onTask(w http.ResponseWriter, r *http.Request, do func(context.Context, pixivoc.Task) error) error {
	task, err := a.task(r)
	if err != nil {
		return err
	}
	if err := do(r.Context(), task); err != nil {
		return err
	}
	info, err := task.Info(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, info)
}

func (a *API) deleteTask(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	files := q.truth("files")
	if err := q.check(); err != nil {
		return err
	}
	task, err := a.task(r)
	if err != nil {
		return err
	}
	if err := task.Delete(r.Context(), pixivoc.DeleteOptions{Files: files}); err != nil {
		return err
	}
	return writeNothing(w)
}

type itemView struct {
	ID       int64             `json:"id"`
	Stage    string            `json:"stage"`
	Key      string            `json:"key"`
	State    pixivoc.ItemState `json:"state"`
	Attempts int               `json:"attempts"`
	Reason   string            `json:"reason,omitempty"`
	Detail   string            `json:"detail,omitempty"`
}

type itemsPage struct {
	Items []itemView `json:"items"`
	page
}

func (a *API) listItems(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	selected := pixivoc.ItemQuery{
		State: pixivoc.ItemState(q.word("state", string(pixivoc.ItemPending), string(pixivoc.ItemDone), string(pixivoc.ItemFailed))),
		Stage: q.text("stage"), After: q.number("after", 0, 0, math.MaxInt64),
	}
	limit := int(q.number("limit", defaultPage, 1, maxPage))
	if err := q.check(); err != nil {
		return err
	}
	task, err := a.task(r)
	if err != nil {
		return err
	}
	list := itemsPage{Items: []itemView{}}
	for item, err := range task.Items(r.Context(), selected) {
		if err != nil {
			return err
		}
		if len(list.Items) == limit {
			list.Next = list.Items[limit-1].ID
			break
		}
		list.Items = append(list.Items, itemView{item.ID, item.Stage, item.Key, item.State, item.Attempts, item.Reason, item.Detail})
	}
	return writeJSON(w, http.StatusOK, list)
}
