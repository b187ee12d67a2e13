package taskapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// readTimeout bounds reading what a task found, so that a slow store holds
	// up the lists for a moment only.
	readTimeout = 5 * time.Second
	// maxFailures is how many failed items are looked at for their reasons.
	maxFailures = 200
	// maxReason bounds the text of a failure, in bytes.
	maxReason = 300
)

// read reads what there is to know of a task that has ended. What cannot be
// read is logged and left out.
func (a *API) read(ctx context.Context, info pixivoc.TaskInfo) details {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	found := details{isRead: true}
	task, err := a.client.Task(ctx, info.TID)
	if err == nil {
		found.paths, err = savePaths(ctx, task, info.SavePath, MaxListedPaths)
	}
	if err == nil && info.Failed > 0 {
		found.failures, err = failuresOf(ctx, task, info.Failed)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("what a task found cannot be read", "task", info.TID, "error", err)
	}
	found.Description = a.askDescription(ctx, info.TID)
	return found
}

// askDescription asks the embedder, who may do anything.
func (a *API) askDescription(ctx context.Context, tid int64) (found Description) {
	if a.config.Describe == nil {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	defer func() {
		if broken := recover(); broken != nil {
			a.log.Error("describing a task panicked", "task", tid, "panic", fmt.Sprint(broken))
		}
	}()
	task, err := a.client.Task(ctx, tid)
	if err == nil {
		found, err = a.config.Describe(ctx, task)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("a task cannot be described", "task", tid, "error", err)
	}
	return found
}

// savePaths returns the paths of the first files that a task saved. Names that
// lead out of its folder are passed over.
func savePaths(ctx context.Context, task pixivoc.Task, folder string, most int) (pathList, error) {
	if folder == "" {
		return pathList{}, nil
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return pathList{}, err
	}
	var names []string
	for record, next := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		if err = next; err != nil {
			break
		}
		var file pixivoc.File
		name := ""
		if json.Unmarshal(record.Data, &file) == nil {
			name = filepath.FromSlash(file.Name)
		}
		if filepath.IsLocal(name) && !strings.Contains(name, pathEnd) {
			names = append(names, filepath.Clean(name))
		}
		if len(names) >= most {
			break
		}
	}
	return pathList{folder, strings.Join(names, pathEnd)}, err
}

// failuresOf says how many items failed, for which reasons, and what the first
// of them said.
func failuresOf(ctx context.Context, task pixivoc.Task, failed int) (string, error) {
	reasons, first, looked := map[string]int{}, "", 0
	var failure error
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil {
			failure = err
			break
		}
		reasons[item.Reason]++
		if first == "" {
			first = fmt.Sprintf("%s: %s", item.Key, shorten(item.Detail))
		}
		if looked++; looked >= maxFailures {
			break
		}
	}
	words := []string{}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		words = append(words, fmt.Sprintf("%s %d", reason, reasons[reason]))
	}
	text := fmt.Sprintf("%d items failed", failed)
	if failed == 1 {
		text = "1 item failed"
	}
	if looked < failed && looked > 0 {
		text += fmt.Sprintf(", of the first %d", looked)
	}
	if len(words) > 0 {
		text += " (" + strings.Join(words, ", ") + "); the first is " + first
	}
	return text, failure
}

func shorten(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "…"
}
