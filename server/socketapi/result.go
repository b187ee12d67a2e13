package socketapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"

	"github.com/pixivoc/pixivoc"
)

// Result makes the value of report 14 for a task that is over. The value must
// be one that encoding/json can write. It runs beside the kernel, which does
// not wait for it. Of an error clients see no more than that there was one.
type Result func(ctx context.Context, task pixivoc.Task) (any, error)

// The values of a WorkDetails task that failed, as PixivOC worded them
// (WorkDetails task of 2020-06-07).
const (
	errorDeleted = "Work has been delete"
	errorRequest = "Request failed."
)

type errorValue struct{ Error string }

// DefaultResults returns the results of PixivOC's task types by type name. A
// WorkDetails task gives the object that its record of kind "work" has under
// "illust", or {"Error": text}; a UserWorksLink task gives the list of what
// its records of kind "link" have under "url". Types that are not in the
// table give "". The caller may change the table.
func DefaultResults() map[string]Result {
	return map[string]Result{"WorkDetails": workDetails, "UserWorksLink": userWorksLink}
}

func workDetails(ctx context.Context, task pixivoc.Task) (any, error) {
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: "work"}) {
		if err != nil {
			return nil, err
		}
		var work struct {
			Illust json.RawMessage `json:"illust"`
		}
		if json.Unmarshal(record.Data, &work) == nil && len(work.Illust) > 0 {
			return work.Illust, nil
		}
	}
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil {
			return nil, err
		}
		if item.Reason == pixivoc.ReasonDeleted {
			return errorValue{errorDeleted}, nil
		}
	}
	return errorValue{errorRequest}, nil
}

func userWorksLink(ctx context.Context, task pixivoc.Task) (any, error) {
	links := []string{}
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: "link"}) {
		if err != nil {
			return nil, err
		}
		var link struct {
			URL string `json:"url"`
		}
		if err := json.Unmarshal(record.Data, &link); err != nil {
			return nil, err
		}
		links = append(links, link.URL)
	}
	return links, nil
}

// result returns the value of report 14 as JSON. ok is false when there is
// nothing to report, because the task is gone or ctx ended.
func (h *hub) result(ctx context.Context, info pixivoc.TaskInfo) (value json.RawMessage, ok bool) {
	f := h.results[info.TypeName]
	if f == nil {
		return json.RawMessage(`""`), true
	}
	task, err := h.client.Task(ctx, info.TID)
	if err == nil {
		value, err = resultJSON(ctx, f, task)
	}
	switch {
	case err == nil:
		return value, true
	case ctx.Err() != nil, errors.Is(err, pixivoc.ErrTaskNotFound), errors.Is(err, pixivoc.ErrClosed):
		return nil, false
	}
	h.log.Error("make the result of a task", "task", info.TID, "type", info.TypeName, "error", err)
	value, err = json.Marshal(errorValue{errorRequest})
	return value, err == nil
}

// resultJSON calls a Result, which is not ours and may panic.
func resultJSON(ctx context.Context, f Result, task pixivoc.Task) (value json.RawMessage, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	content, err := f(ctx, task)
	if err != nil {
		return nil, err
	}
	return json.Marshal(content)
}

// resultsOf returns the table that a Config names, by default the default.
func resultsOf(config Config) map[string]Result {
	if config.Results == nil {
		return DefaultResults()
	}
	return maps.Clone(config.Results)
}
