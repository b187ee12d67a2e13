package socketapi

import (
	"context"
	"iter"

	"github.com/pixivoc/pixivoc"
)

const (
	defaultPage = 100
	maxPage     = 500
	// maxPageBytes ends a page early when its entries are large.
	maxPageBytes = 256 << 10
)

// createAny makes a task of any type.
func (s *session) createAny(ctx context.Context, r *request) (any, error) {
	in, err := arguments[createArguments](r)
	if err != nil {
		return nil, err
	}
	spec := pixivoc.TaskSpec{
		Type: in.Type, Name: in.Name, Keyword: in.Keyword, SavePath: in.SavePath,
		Group: in.Group, Options: in.Options, Key: in.Key, Schedule: in.Schedule, BandwidthLimit: in.BandwidthLimit,
	}
	if s.savesFiles(in.Type) {
		if spec.SavePath, err = s.service.server.config.anyFolder(in.SavePath); err != nil {
			return nil, err
		}
	}
	if spec.Input, err = s.takeInput(in.Input); err != nil {
		return nil, err
	}
	info, err := s.create(ctx, spec)
	if err == nil && in.Input {
		s.input.close()
	}
	return info, err
}

// savesFiles says whether a task type has a save path. An unknown type is left
// to the kernel.
func (s *session) savesFiles(name string) bool {
	for _, kind := range s.client().Types() {
		if kind.Name == name {
			return kind.Files
		}
		for _, alias := range kind.Aliases {
			if alias == name {
				return kind.Files
			}
		}
	}
	return false
}

func (s *session) task(ctx context.Context, r *request) (any, error) {
	s.out.hold()
	task, err := s.namedTask(ctx, r)
	if err != nil {
		return nil, err
	}
	return task.Info(ctx)
}

func (s *session) namedTask(ctx context.Context, r *request) (pixivoc.Task, error) {
	in, err := arguments[taskArguments](r)
	if err != nil {
		return nil, err
	}
	return s.client().Task(ctx, in.TID)
}

func (s *session) tasks(ctx context.Context, _ *request) (any, error) {
	list := taskList{Seq: s.service.hub.hold(s), Tasks: []pixivoc.TaskInfo{}}
	for info, err := range s.client().Tasks(ctx) {
		if err != nil {
			return nil, err
		}
		list.Tasks = append(list.Tasks, info)
	}
	return list, nil
}

func (s *session) start(ctx context.Context, r *request) (any, error) {
	task, err := s.namedTask(ctx, r)
	if err != nil {
		return nil, err
	}
	return nil, task.Start(ctx)
}

func (s *session) reopen(ctx context.Context, r *request) (any, error) {
	task, err := s.namedTask(ctx, r)
	if err != nil {
		return nil, err
	}
	return nil, task.Reopen(ctx)
}

func (s *session) stopAny(ctx context.Context, r *request) (any, error) {
	task, err := s.namedTask(ctx, r)
	if err != nil {
		return nil, err
	}
	return nil, task.Stop(ctx)
}

func (s *session) deleteAny(ctx context.Context, r *request) (any, error) {
	in, err := arguments[deleteArguments](r)
	if err != nil {
		return nil, err
	}
	task, err := s.client().Task(ctx, in.TID)
	if err != nil {
		return nil, err
	}
	return nil, s.remove(ctx, task, pixivoc.DeleteOptions{Files: in.Files})
}

func (s *session) change(ctx context.Context, r *request) (any, error) {
	in, err := arguments[changeArguments](r)
	if err != nil {
		return nil, err
	}
	task, err := s.client().Task(ctx, in.TID)
	if err == nil && in.Schedule != nil {
		err = task.SetSchedule(ctx, *in.Schedule)
	}
	if err == nil && in.BandwidthLimit != nil {
		err = task.SetBandwidthLimit(ctx, *in.BandwidthLimit)
	}
	return nil, err
}

func (s *session) items(ctx context.Context, r *request) (any, error) {
	in, err := arguments[itemsArguments](r)
	if err != nil {
		return nil, err
	}
	task, err := s.client().Task(ctx, in.TID)
	if err != nil {
		return nil, err
	}
	query := pixivoc.ItemQuery{Stage: in.Stage, State: in.State, After: in.After}
	return pageOf(task.Items(ctx, query), in.Limit, func(item pixivoc.ItemStatus) int {
		return len(item.Payload) + len(item.Detail)
	})
}

func (s *session) records(ctx context.Context, r *request) (any, error) {
	in, err := arguments[recordsArguments](r)
	if err != nil {
		return nil, err
	}
	task, err := s.client().Task(ctx, in.TID)
	if err != nil {
		return nil, err
	}
	query := pixivoc.RecordQuery{Kind: in.Kind, After: in.After, Through: in.Through}
	return pageOf(task.Records(ctx, query), in.Limit, func(record pixivoc.Record) int { return len(record.Data) })
}

func (s *session) countRecords(ctx context.Context, r *request) (any, error) {
	in, err := arguments[recordsArguments](r)
	if err != nil {
		return nil, err
	}
	task, err := s.client().Task(ctx, in.TID)
	if err != nil {
		return nil, err
	}
	n, err := task.CountRecords(ctx, pixivoc.RecordQuery{Kind: in.Kind, After: in.After, Through: in.Through})
	return recordCount{n}, err
}

// pageOf takes the first entries of a list, at least one if there is any.
func pageOf[T any](list iter.Seq2[T, error], limit int, size func(T) int) (page[T], error) {
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	p := page[T]{List: []T{}}
	bytes := 0
	for entry, err := range list {
		if err != nil {
			return p, err
		}
		if len(p.List) == limit || len(p.List) > 0 && bytes+size(entry) > maxPageBytes {
			p.More = true
			break
		}
		p.List = append(p.List, entry)
		bytes += size(entry)
	}
	return p, nil
}
