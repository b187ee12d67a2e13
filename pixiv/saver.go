package pixiv

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// saver makes the stages of the task types that save works: it gives them the
// Options of the task that they run for. One is enough for all types:
//
//	Stages: s.saving(
//		listStage(s.list(rankingStage)), // rankingStage takes a collector
//	),
//	First: s.first(firstRanking),
type saver struct {
	options   optionsCache
	turns     turns
	converter func() *converter
}

func newSaver() *saver { return &saver{converter: sync.OnceValue(newConverter)} }

// firstFunc is the First of a task type that saves works.
type firstFunc = func(context.Context, pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error]

// first refuses wrong options before a task is made; next checks those that are
// its own, see ownOptions.
func (s *saver) first(next firstFunc) firstFunc {
	return func(ctx context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
		if err := checkOptions(spec.Options, spec.Type); err != nil {
			return single(pixivoc.Item{}, err)
		}
		if err := s.checkFormats(spec.Options); err != nil {
			return single(pixivoc.Item{}, err)
		}
		return next(ctx, spec)
	}
}

// list makes a stage that finds works. What stage returns must ask nothing of
// its collector but to be called once for each work that was found.
func (s *saver) list(stage func(collector) pixivoc.Stage) pixivoc.Stage {
	return listing{saver: s, stage: stage, name: stage(nil).Name()}
}

type listing struct {
	saver *saver
	stage func(collector) pixivoc.Stage
	name  string
}

func (l listing) Name() string { return l.name }

func (l listing) Run(ctx context.Context, rt pixivoc.Runtime, item pixivoc.Item) (pixivoc.Output, error) {
	settings, err := l.saver.options.read(rt.Options())
	if err != nil {
		return pixivoc.Output{}, err
	}
	collect := func(out *pixivoc.Output, work *Work) error { return queueWork(ctx, rt, settings, out, work) }
	return l.stage(collect).Run(ctx, rt, item)
}

// saving are the stages of a task type that saves works: those that list them,
// and those of their files. Conversions come one by one, which keeps them from
// taking the places of downloads while they wait for each other.
func (s *saver) saving(lists ...pixivoc.StageSpec) []pixivoc.StageSpec {
	return append(lists,
		pixivoc.StageSpec{Stage: pictureStage{s}},
		pixivoc.StageSpec{Stage: s.conversions(), Paced: true},
	)
}

// turn lets an item start when its turn has come, see Options.DelayMS. Until
// then it waits outside of its place among the running ones.
func (s *saver) turn(ctx context.Context, rt pixivoc.Runtime, key string, delay time.Duration) error {
	if delay == 0 {
		return nil
	}
	wait, start := s.turns.take(rt.Task().TID, key, delay, time.Now())
	if !start {
		return pixivoc.RetryAfter(wait, errors.New("its turn has not come, see delay_ms"))
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// optionsCache reads the options of each task once, as a rule: a task has many
// items, and a filter takes long to read.
type optionsCache struct {
	mu       sync.Mutex
	settings map[string]*settings
}

// maxCached is for how many different options settings are kept.
const maxCached = 64

func (c *optionsCache) read(raw json.RawMessage) (*settings, error) {
	c.mu.Lock()
	known, ok := c.settings[string(raw)]
	c.mu.Unlock()
	if ok {
		return known, nil
	}
	fresh, err := readSettings(raw)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settings == nil || len(c.settings) >= maxCached {
		c.settings = map[string]*settings{}
	}
	c.settings[string(raw)] = fresh
	return fresh, nil
}
