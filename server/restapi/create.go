package restapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/strictjson"
)

// Bounds of what a request to create a task can hold, in bytes.
const (
	maxText           = 1 << 10
	maxKeyword        = 32 << 10
	maxIdempotencyKey = 255
)

// unfinishedFactor is how many tasks that are not over there may be for each
// that may wait or run: a creation need not start its task.
const unfinishedFactor = 10

type taskRequest struct {
	URL      string          `json:"url"`
	Type     string          `json:"type"`
	Name     string          `json:"name"`
	Keyword  string          `json:"keyword"`
	SavePath string          `json:"save_path"`
	Group    string          `json:"group"`
	Options  json.RawMessage `json:"options"`
	Key      string          `json:"key"`
	Start    bool            `json:"start"`

	Schedule       string `json:"schedule"`
	BandwidthLimit int64  `json:"bandwidth_limit"`
}

type resolveRequest struct {
	URL string `json:"url"`
}

type resolveView struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Keyword string `json:"keyword"`
}

// resolve says which task an address would make.
func (a *API) resolve(w http.ResponseWriter, r *http.Request) error {
	var given resolveRequest
	if err := decode(r, &given); err != nil {
		return err
	}
	spec, err := a.specOf(given.URL)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, resolveView{spec.Type, spec.Name, spec.Keyword})
}

func (a *API) specOf(address string) (pixivoc.TaskSpec, error) {
	switch {
	case a.config.Resolve == nil:
		return pixivoc.TaskSpec{}, fieldError("url", "is not taken by this server; give type and keyword")
	case address == "" || len(address) > maxText:
		return pixivoc.TaskSpec{}, fieldError("url", "must have 1 to %d bytes", maxText)
	}
	return a.config.Resolve(address)
}

func (a *API) createTask(w http.ResponseWriter, r *http.Request) error {
	raw, err := readJSON(r)
	if err != nil {
		return err
	}
	var given taskRequest
	if err := decodeObject(raw, &given); err != nil {
		return err
	}
	spec, err := a.spec(given)
	if err != nil {
		return err
	}
	name, err := creationName(r, callerOf(r).account.Name)
	if err != nil {
		return err
	}
	// A caller that goes away now leaves no task half made.
	ctx := context.WithoutCancel(r.Context())
	unlock, err := a.created.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	body := bodyHash(raw)
	earlier, known := a.created.find(name)
	if known {
		return a.repeatCreation(ctx, w, earlier, body, given.Start)
	}
	if open, unfinished := a.feed.counts(); open >= a.config.MaxOpenTasks || unfinished >= unfinishedFactor*a.config.MaxOpenTasks {
		return &problem{
			Status: http.StatusTooManyRequests, word: "too_many_tasks", Title: "Too many tasks wait or run",
			Detail: fmt.Sprintf("%d wait or run, %d are not over; stop or delete some, or wait", open, unfinished), retryAfter: 30 * time.Second,
		}
	}
	if name != "" && spec.Key == "" {
		// A lost answer and a crash make no second task, however late the
		// request comes again, and another request none of its own.
		spec.Key, spec.Once = "request-"+name+"-"+body, true
	}
	return a.create(ctx, w, spec, creation{Name: name, Body: body}, given.Start)
}

// create makes a task, remembers it and starts it.
func (a *API) create(ctx context.Context, w http.ResponseWriter, spec pixivoc.TaskSpec, made creation, start bool) error {
	task, err := a.client.Create(ctx, spec)
	if err != nil {
		return err
	}
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	if made.Name != "" {
		made.TID, made.At = info.TID, time.Now().UTC()
		if err := a.created.add(ctx, made); err != nil {
			return err
		}
	}
	if spec.Once && info.State != pixivoc.StateWaitStart { // it was there
		return a.replay(ctx, w, task, start)
	}
	a.feed.made(info.TID, start)
	if start {
		if err := task.Start(ctx); err != nil {
			a.feed.notStarted(info.TID)
			return err
		}
	}
	return a.answerCreated(ctx, w, task)
}

func (a *API) answerCreated(ctx context.Context, w http.ResponseWriter, task pixivoc.Task) error {
	info, err := task.Info(ctx)
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("%s/tasks/%d", base, task.ID()))
	return writeJSON(w, http.StatusCreated, info)
}

// spec makes a specification of a request.
func (a *API) spec(given taskRequest) (spec pixivoc.TaskSpec, err error) {
	for _, field := range []struct {
		name, text string
		most       int
	}{
		{"type", given.Type, maxText}, {"name", given.Name, maxText}, {"keyword", given.Keyword, maxKeyword},
		{"save_path", given.SavePath, 4 * maxText}, {"group", given.Group, maxText}, {"key", given.Key, maxText}, {"schedule", given.Schedule, maxText},
	} {
		if len(field.text) > field.most {
			return spec, fieldError(field.name, "must have at most %d bytes", field.most)
		}
	}
	if given.URL != "" {
		if given.Type != "" || given.Keyword != "" {
			return spec, fieldError("url", "takes the place of type and keyword; give one or the other")
		}
		if spec, err = a.specOf(given.URL); err != nil {
			return spec, err
		}
	} else {
		spec.Type, spec.Keyword = given.Type, given.Keyword
		if spec.Type == "" {
			return spec, fieldError("type", "is required, unless there is url")
		}
	}
	if given.Name != "" {
		spec.Name = given.Name
	}
	spec.Group, spec.Key = given.Group, given.Key
	spec.Schedule, spec.BandwidthLimit = given.Schedule, given.BandwidthLimit
	if spec.Options, err = strictjson.Merge(spec.Options, given.Options); err != nil {
		return spec, fieldError("options", "%v", err)
	}
	spec.SavePath, err = a.config.SavePath(given.SavePath)
	return spec, err
}

// creationName turns an Idempotency-Key into a name that tells callers apart.
func creationName(r *http.Request, account string) (string, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxIdempotencyKey || !utf8.ValidString(keys[0]) {
		return "", fieldError("Idempotency-Key", "must be one text of 1 to %d bytes", maxIdempotencyKey)
	}
	sum := sha256.Sum256([]byte(account + "\x00" + keys[0]))
	return hex.EncodeToString(sum[:16]), nil
}

func bodyHash(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// repeatCreation answers a request whose key made a task before.
func (a *API) repeatCreation(ctx context.Context, w http.ResponseWriter, earlier creation, body string, start bool) error {
	if earlier.Body != body {
		return &problem{Status: http.StatusUnprocessableEntity, word: "key_reused", Title: "This Idempotency-Key belongs to another request", Detail: "use a new key for a new task"}
	}
	task, err := a.client.Task(ctx, earlier.TID)
	if errors.Is(err, pixivoc.ErrTaskNotFound) {
		return &problem{Status: http.StatusGone, word: "task_deleted", Title: "The task of this Idempotency-Key was deleted"}
	}
	if err != nil {
		return err
	}
	return a.replay(ctx, w, task, start)
}

// replay answers with a task that was made before. The process may have died
// before it started the task.
func (a *API) replay(ctx context.Context, w http.ResponseWriter, task pixivoc.Task, start bool) error {
	info, err := task.Info(ctx)
	if err == nil && start && info.State == pixivoc.StateWaitStart {
		err = task.Start(ctx)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Idempotency-Replayed", "true")
	return a.answerCreated(ctx, w, task)
}
