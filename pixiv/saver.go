package pixiv

import (
	"context"
	"iter"

	"github.com/pixivoc/pixivoc"
)

// saver makes the stages of the task types that save works: it gives them the
// Options of the task that they run for. One is enough for all types:
//
//	Stages: []pixivoc.StageSpec{
//		listStage(s.list(rankingStage)), // rankingStage takes a collector
//		{Stage: s.pictures()},
//	},
//	First: s.first(firstRanking),
type saver struct{}

func newSaver() *saver { return &saver{} }

// firstFunc is the First of a task type that saves works.
type firstFunc = func(context.Context, pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error]

// list makes a stage that finds works. What stage returns must ask nothing of
// its collector but to be called once for each work that was found.
func (s *saver) list(stage func(collector) pixivoc.Stage) pixivoc.Stage { return stage(queuePictures) }

// pictures is the last stage of a task type that saves works.
func (s *saver) pictures() pixivoc.Stage { return pictureStage{} }

// first refuses wrong options before a task is made.
func (s *saver) first(next firstFunc) firstFunc { return next }
