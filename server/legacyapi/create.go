package legacyapi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// unfinishedFactor is how many tasks that are not over there may be for each
// that may wait or run: a creation starts nothing.
const unfinishedFactor = 10

// maxSavePath bounds a save path, in bytes (PATH_MAX of Linux).
const maxSavePath = 4096

// noTask is the result of a creation that was refused.
func noTask() any { return []any{false, []any{}} }

// create makes a task of one of PixivOC's types. A name, path or keyword that
// is refused is no fault of the form: the status is true.
func (a *API) create(in *input, word string) (any, error) {
	spec, err := a.spec(in, word)
	var info pixivoc.TaskInfo
	if err == nil {
		info, err = a.add(in.r.Context(), spec)
	}
	field, isRefused := errors.AsType[*pixivoc.FieldError](err)
	switch {
	case isRefused:
		a.log.Debug("task refused", "field", field.Field, "reason", field.Reason)
		return noTask(), nil
	case err != nil:
		return nil, err
	}
	return []any{true, a.details(info)}, nil
}

// spec makes a specification of what a caller sent.
func (a *API) spec(in *input, word string) (spec pixivoc.TaskSpec, err error) {
	keyword, err := in.text("keyWord")
	if err != nil {
		return spec, err
	}
	if spec.Name, err = in.text("taskName"); err != nil {
		return spec, err
	}
	files := false
	switch word {
	case wordSingleWork:
		spec.Type, files = a.config.SingleWork, true
	case wordUserWorks:
		spec.Type, files = a.config.UserWorks, true
	case wordWorkDetails:
		spec.Type = a.config.WorkDetails
	case wordUserWorksLink:
		spec.Type = a.config.UserWorksLink
	}
	wish := ""
	if files {
		if wish, err = in.text("savePath"); err != nil {
			return spec, err
		}
	}
	var ok bool
	if spec.Keyword, ok = integer(keyword); !ok || strings.HasPrefix(spec.Keyword, "-") {
		return spec, &pixivoc.FieldError{Field: "Keyword", Reason: "must be the number of a work or user"}
	}
	if files {
		spec.SavePath, err = a.folder(wish)
	}
	return spec, err
}

// folder returns where to save when a caller wants to save in wish. It must
// exist, as in the original. The page puts it into HTML, so it must not hold
// markup.
func (a *API) folder(wish string) (string, error) {
	refuse := func(reason string) (string, error) {
		return "", &pixivoc.FieldError{Field: "SavePath", Reason: reason}
	}
	switch {
	case wish == "":
		return refuse("is required")
	case len(wish) > maxSavePath:
		return refuse(fmt.Sprintf("must have at most %d bytes", maxSavePath))
	case strings.ContainsAny(wish, "<>\x00"):
		return refuse("must not hold < or > or a zero byte")
	}
	folder, err := a.config.SavePath(wish)
	if err != nil {
		return "", err
	}
	if about, err := os.Stat(folder); err != nil || !about.IsDir() {
		return refuse("is not an existing folder")
	}
	return folder, nil
}

// add makes a task unless there are too many. One is made at a time, so that
// the bound holds between requests that come together.
func (a *API) add(ctx context.Context, spec pixivoc.TaskSpec) (pixivoc.TaskInfo, error) {
	select {
	case a.creating <- struct{}{}:
		defer func() { <-a.creating }()
	case <-ctx.Done():
		return pixivoc.TaskInfo{}, ctx.Err()
	}
	open, unfinished := 0, 0
	for info, err := range a.client.Tasks(ctx) {
		switch {
		case err != nil:
			return pixivoc.TaskInfo{}, err
		case isOpen(info):
			open++
		}
		if !info.Over {
			unfinished++
		}
	}
	if open >= a.config.MaxOpenTasks || unfinished >= unfinishedFactor*a.config.MaxOpenTasks {
		a.log.Warn("task refused: too many wait, run or are not over", "open", open, "unfinished", unfinished)
		return pixivoc.TaskInfo{}, &pixivoc.FieldError{Field: "MaxOpenTasks", Reason: "is reached"}
	}
	task, err := a.client.Create(ctx, spec)
	if err != nil {
		return pixivoc.TaskInfo{}, err
	}
	return task.Info(ctx)
}
