package legacyapi

import (
	"context"
	"errors"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// PixivOC's names of its task types.
const (
	wordSingleWork    = "SingleWork"
	wordUserWorks     = "UserWorks"
	wordWorkDetails   = "WorkDetails"
	wordUserWorksLink = "UserWorksLink"
)

// PixivOC's names of stages that the kernel has other words for (HTTP version
// of 2021-02-01).
const (
	stageInit     = "Init" // never started
	stageOver     = "Over"
	stageError    = "Error"
	stagePictures = "DownloadPictures"
)

// stagePicture is what the socket version and we call stagePictures.
const stagePicture = "DownloadPicture"

// unmarked takes the markup out of text that the original's page puts into
// HTML as it is. Task names have none: they are refused with it.
var unmarked = strings.NewReplacer("<", "‹", ">", "›")

// details are the nine attributes of a task in the order of this interface.
func (a *API) details(info pixivoc.TaskInfo) []any {
	word, known := a.words[info.TypeName]
	if !known {
		word = info.TypeName
	}
	return []any{
		info.Over || info.State == pixivoc.StateError, info.TID, info.TaskName, unmarked.Replace(word),
		unmarked.Replace(info.SavePath), unmarked.Replace(stageWord(info)), stateWord(info.State),
		info.Total - info.Now, info.Total,
	}
}

// stageWord returns PixivOC's name of where a task stands.
func stageWord(info pixivoc.TaskInfo) string {
	switch {
	case info.State == pixivoc.StateWaitStart:
		return stageInit
	case info.State == pixivoc.StateError:
		return stageError
	case info.Over:
		return stageOver
	case info.StageName == stagePicture:
		return stagePictures
	}
	return info.StageName
}

// stateWord returns PixivOC's word for a state. Of those that it did not have,
// two are of tasks which were started and can be stopped; one that waits for
// its schedule can be started, like one that was stopped.
func stateWord(state pixivoc.State) string {
	switch state {
	case pixivoc.StateQueued, pixivoc.StateDiskFull:
		state = pixivoc.StateDownloading
	case pixivoc.StateScheduled:
		state = pixivoc.StateStopped
	}
	return string(state)
}

// isOpen says whether a task waits to run or runs.
func isOpen(info pixivoc.TaskInfo) bool {
	switch info.State {
	case pixivoc.StateQueued, pixivoc.StateWaitToken, pixivoc.StateDownloading, pixivoc.StateDiskFull:
		return true
	}
	return false
}

// withTask says whether there is a task of the TID that the caller names,
// after do was done with it.
func (a *API) withTask(in *input, tid int64, do func(context.Context, pixivoc.Task) error) (found bool, err error) {
	task, err := a.client.Task(in.r.Context(), tid)
	if err == nil {
		err = do(in.r.Context(), task)
	}
	if errors.Is(err, pixivoc.ErrTaskNotFound) {
		return false, nil
	}
	return err == nil, err
}

// move starts or stops a task, for which somebody must be logged in.
func (a *API) move(in *input, do func(context.Context, pixivoc.Task) error) (any, error) {
	tid, err := in.number("tid")
	if err != nil {
		return nil, err
	}
	has, err := a.isLoggedIn()
	if err != nil {
		return nil, err
	}
	if !has {
		return []any{false, "Please login."}, nil
	}
	found, err := a.withTask(in, tid, do)
	if err != nil {
		return nil, err
	}
	return []any{found, ""}, nil
}

func (a *API) startTask(in *input) (any, error) {
	return a.move(in, func(ctx context.Context, task pixivoc.Task) error { return task.Start(ctx) })
}

func (a *API) stopTask(in *input) (any, error) {
	return a.move(in, func(ctx context.Context, task pixivoc.Task) error { return task.Stop(ctx) })
}

// deleteTask removes a task; its files stay.
func (a *API) deleteTask(in *input) (any, error) {
	tid, err := in.number("tid")
	if err != nil {
		return nil, err
	}
	found, err := a.withTask(in, tid, func(ctx context.Context, task pixivoc.Task) error {
		return task.Delete(ctx, pixivoc.DeleteOptions{})
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// taskDetail describes a task; there is nothing in it when there is none.
func (a *API) taskDetail(in *input) (any, error) {
	tid, err := in.number("tid")
	if err != nil {
		return nil, err
	}
	result := []any{}
	_, err = a.withTask(in, tid, func(ctx context.Context, task pixivoc.Task) error {
		info, err := task.Info(ctx)
		if err == nil {
			result = a.details(info)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (a *API) allTaskDetail(in *input) (any, error) {
	list := [][]any{}
	for info, err := range a.client.Tasks(in.r.Context()) {
		if err != nil {
			return nil, err
		}
		list = append(list, a.details(info))
	}
	return list, nil
}
