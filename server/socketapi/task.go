package socketapi

import (
	"context"
	"errors"

	"github.com/pixivoc/pixivoc"
)

// details are the nine attributes of a task in PixivOC's order.
func details(info pixivoc.TaskInfo) []any {
	return []any{
		info.Over, info.TID, info.TaskName, info.TypeName, info.StageName,
		isRunning(info), info.Now, info.Total, info.SavePath,
	}
}

// isRunning is true from the moment in which a task left the queue, also while
// its run is only being set up. A task that is over never runs.
func isRunning(info pixivoc.TaskInfo) bool {
	begins := info.State == pixivoc.StateQueued && info.QueuePosition == 0
	return !info.Over && (info.Running || begins)
}

// withTask replies whether the TID is known, after f was run on its task.
func (s *session) withTask(ctx context.Context, tid int64, what string, f func(pixivoc.Task) error) answer {
	task, err := s.client().Task(ctx, tid)
	if err == nil {
		err = f(task)
	}
	if err != nil && !errors.Is(err, pixivoc.ErrTaskNotFound) {
		s.log.Error(what, "task", tid, "error", err)
	}
	return answer{content: err == nil}
}

func (s *session) startTask(ctx context.Context, r *request) answer {
	return s.withTask(ctx, r.tid, "start task", func(task pixivoc.Task) error { return task.Start(ctx) })
}

func (s *session) stopTask(ctx context.Context, r *request) answer {
	return s.withTask(ctx, r.tid, "stop task", func(task pixivoc.Task) error { return task.Stop(ctx) })
}

func (s *session) deleteTask(ctx context.Context, r *request) answer {
	return s.withTask(ctx, r.tid, "delete task", func(task pixivoc.Task) error {
		return s.remove(ctx, task, pixivoc.DeleteOptions{})
	})
}

// remove deletes a task; its report is out before the reply.
func (s *session) remove(ctx context.Context, task pixivoc.Task, options pixivoc.DeleteOptions) error {
	if err := task.Delete(ctx, options); err != nil {
		return err
	}
	s.service.hub.deleted(task.ID())
	return nil
}

func (s *session) taskDetails(ctx context.Context, r *request) answer {
	s.out.hold()
	task, err := s.client().Task(ctx, r.tid)
	var info pixivoc.TaskInfo
	if err == nil {
		info, err = task.Info(ctx)
	}
	switch {
	case errors.Is(err, pixivoc.ErrTaskNotFound):
		return answer{content: []any{}}
	case err != nil:
		s.log.Error("task details", "task", r.tid, "error", err)
		return answer{void: VoidInternal}
	}
	return answer{content: details(info)}
}

func (s *session) allTaskDetails(ctx context.Context, _ *request) answer {
	s.out.hold()
	list := [][]any{}
	for info, err := range s.client().Tasks(ctx) {
		if err != nil {
			s.log.Error("all task details", "error", err)
			return answer{void: VoidInternal}
		}
		list = append(list, details(info))
	}
	return answer{content: list}
}

// addTask serves commands 101 to 104.
func (s *session) addTask(ctx context.Context, r *request) answer {
	spec := pixivoc.TaskSpec{
		Type: s.service.server.config.TypeNames[Command(r.command)], Name: r.taskName, Keyword: r.keyword,
	}
	if !isDigits(r.keyword) || len(r.keyword) > maxNumberLength {
		return answer{content: refusedTask()}
	}
	var err error
	if command := Command(r.command); command == CommandAddSingleWorkTask || command == CommandAddUserWorksTask {
		spec.SavePath, err = s.service.server.config.existingFolder(r.folder)
	}
	var info pixivoc.TaskInfo
	if err == nil {
		info, err = s.create(ctx, spec)
	}
	if err == nil {
		return answer{content: append([]any{true}, details(info)...)}
	}
	if _, busy := errors.AsType[*Error](err); busy {
		s.log.Warn("task refused", "command", r.command, "reason", err)
	} else if _, refused := errors.AsType[*pixivoc.FieldError](err); !refused {
		s.log.Error("add task", "command", r.command, "error", err)
	}
	return answer{content: refusedTask()}
}

// create makes a task. Its report is out, and others are held back, before it
// returns: the reply must follow.
func (s *session) create(ctx context.Context, spec pixivoc.TaskSpec) (pixivoc.TaskInfo, error) {
	done, ok := s.service.hub.begin(s.service.server.config.MaxOpenTasks)
	if !ok {
		return pixivoc.TaskInfo{}, &Error{Code: CodeBusy, Message: "too many tasks wait, run or are not over"}
	}
	defer done()
	task, err := s.client().Create(ctx, spec)
	if err != nil {
		return pixivoc.TaskInfo{}, err
	}
	s.service.hub.created(task.ID())
	s.out.hold()
	return task.Info(ctx)
}
