package pixivoc

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc/internal/fetch"
)

// stageRuntime is the Runtime of one run of one item.
type stageRuntime struct {
	round *round
	item  Item
	files []*fetch.Staged
	times map[*fetch.Staged]time.Time // of Download.ModTime
}

func (s *stageRuntime) Do(request *http.Request) (*http.Response, error) {
	return s.round.run.client.do(request, s.round.run.timeout())
}

func (s *stageRuntime) Task() TaskInfo {
	info, _ := s.round.run.job.live.info()
	return s.round.run.client.withLimit(info)
}

func (s *stageRuntime) Recorded(ctx context.Context, kind string, keys ...string) (map[string]bool, error) {
	run := s.round.run
	found, err := run.client.config.Store.Recorded(ctx, run.task.TID, kind, keys)
	return found, notFound(err)
}

func (s *stageRuntime) Archived(ctx context.Context, keys ...string) (map[string]bool, error) {
	return s.round.run.client.config.Store.Archived(ctx, keys)
}

func (s *stageRuntime) Options() json.RawMessage { return s.round.run.task.Options }

func (s *stageRuntime) Env() Env { return s.round.run.client.Env() }

func (s *stageRuntime) Logger() *slog.Logger {
	return s.round.run.log.With("stage", s.round.stage, "key", s.item.Key)
}
