package daemon

import (
	"context"
	"log/slog"

	"github.com/pixivoc/pixivoc"
)

// journal logs what becomes of tasks, for whoever reads the log a year later.
type journal struct {
	log    *slog.Logger
	states map[int64]pixivoc.State // of tasks that have not come to an end
}

// keepJournal follows the kernel until ctx ends.
func keepJournal(ctx context.Context, client pixivoc.Client, logger *slog.Logger) {
	j := &journal{log: logger, states: map[int64]pixivoc.State{}}
	for event := range client.Events(ctx) {
		j.take(event)
	}
}

func (j *journal) take(event pixivoc.Event) {
	task := event.Task
	switch event.Kind {
	case pixivoc.EventSnapshot:
		j.begin(event.Tasks)
	case pixivoc.EventTaskCreated:
		j.states[task.TID] = task.State
		j.log.Info("task created", "task", task.TID, "type", task.TypeName, "name", task.TaskName, "keyword", task.Keyword)
	case pixivoc.EventTaskChanged:
		j.changed(task)
	case pixivoc.EventTaskOver:
		delete(j.states, task.TID)
		j.log.Info("task over", "task", task.TID, "name", task.TaskName, "items", task.Total, "failed", task.Failed, "bytes", task.Bytes)
	case pixivoc.EventTaskDeleted:
		delete(j.states, task.TID)
		j.log.Info("task deleted", "task", task.TID, "name", task.TaskName)
	case pixivoc.EventLimited:
		j.limited(event)
	case pixivoc.EventAccount:
		j.log.Error("the site has something against the account; all tasks stop", "detail", event.Error)
	}
}

func (j *journal) limited(event pixivoc.Event) {
	switch {
	case event.Until.IsZero():
		j.log.Info("requests go on")
	case event.Why == pixivoc.LimitQuietHours:
		j.log.Info("requests wait", "why", event.Why, "until", event.Until)
	default:
		j.log.Warn("requests wait", "why", event.Why, "until", event.Until)
	}
}

// begin notes where the tasks stand, and tells how many go on.
func (j *journal) begin(tasks []pixivoc.TaskInfo) {
	clear(j.states)
	open := 0
	for _, task := range tasks {
		if task.Over {
			continue
		}
		j.states[task.TID] = task.State
		if isUnderWay(task.State) {
			open++
		}
	}
	if open > 0 {
		j.log.Info("tasks go on", "count", open)
	}
}

func isUnderWay(state pixivoc.State) bool {
	switch state {
	case pixivoc.StateQueued, pixivoc.StateDownloading, pixivoc.StateWaitToken, pixivoc.StateDiskFull:
		return true
	}
	return false
}

// changed tells of another state; how far a task is, is told elsewhere.
func (j *journal) changed(task pixivoc.TaskInfo) {
	before := j.states[task.TID]
	if before == task.State || task.Over {
		return
	}
	j.states[task.TID] = task.State
	log := j.log.With("task", task.TID, "name", task.TaskName)
	switch task.State {
	case pixivoc.StateDownloading:
		switch before {
		case pixivoc.StateDiskFull:
			log.Info("there is room again, task goes on")
		case pixivoc.StateWaitToken:
			log.Info("somebody is logged in, task goes on")
		default:
			log.Info("task runs")
		}
	case pixivoc.StateDiskFull:
		log.Warn("disk full, task waits for room", "save_path", task.SavePath)
	case pixivoc.StateWaitToken:
		log.Warn("nobody is logged in, task waits")
	case pixivoc.StateStopped:
		log.Info("task stopped")
	case pixivoc.StateScheduled:
		log.Info("task waits for its next run", "at", task.NextRun)
	case pixivoc.StateError:
		log.Error("task gave up", "error", task.Error)
	}
}
