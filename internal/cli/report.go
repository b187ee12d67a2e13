package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// tally is what tasks had before a run.
type tally struct {
	infos   []pixivoc.TaskInfo
	saved   []int // files of each task
	files   int   // of all
	bytes   int64
	pending int // items that are neither done nor failed
	begun   bool
}

// report is how a run ended.
type report struct {
	infos    []pixivoc.TaskInfo
	saved    []int // files of each task, saved by all runs
	files    int   // saved by this run
	allFiles int   // saved by all runs of these tasks
	bytes    int64
	allBytes int64
	pending  int // items left by tasks that gave up
	elapsed  time.Duration
	resumed  bool     // bytes has what earlier runs brought of begun files
	skipped  failures // what cannot be had and need not be
	failed   failures // what should be there and is not
	previews previews // saved in place of originals, by all runs
	missing  missing  // what earlier runs saved and somebody took away
	filtered int      // works that were not wanted
	places   []string // where the files of each task are, "" for nowhere
	cut      []string // why a list of works may not be whole
	unsaved  bool     // the tasks save no files
}

// failures are items that can never be done: all counted, the first kept.
type failures struct {
	count int
	first []failure
}

type failure struct {
	tid    int64
	key    string
	reason string
	detail string
}

// maxReported is how many failures of each kind a report lists.
const maxReported = 20

func (f *failures) add(entry failure) {
	f.count++
	if len(f.first) < maxReported {
		f.first = append(f.first, entry)
	}
}

// tally counts what the tasks have.
func (s *session) tally(ctx context.Context, tasks []pixivoc.Task) (tally, error) {
	var sum tally
	for _, task := range tasks {
		info, err := task.Info(ctx)
		if err != nil {
			return tally{}, err
		}
		counts, err := s.countItems(ctx, task)
		if err != nil {
			return tally{}, err
		}
		sum.infos = append(sum.infos, info)
		sum.begun = sum.begun || begun(info)
		sum.bytes += info.Bytes
		saved, err := s.savedBy(ctx, task, info, counts)
		if err != nil {
			return tally{}, err
		}
		sum.saved = append(sum.saved, saved)
		sum.files += saved
		for _, count := range counts {
			sum.pending += count.Pending
		}
	}
	return sum, nil
}

// savedBy counts what a task has saved or, when its type saves no files,
// recorded.
func (s *session) savedBy(ctx context.Context, task pixivoc.Task, info pixivoc.TaskInfo, counts map[string]pixivoc.ItemCount) (int, error) {
	switch {
	case info.SavePath == "":
		return task.CountRecords(ctx, pixivoc.RecordQuery{})
	case info.TypeName == pixiv.Links: // may be long; each item leaves one file
		return counts[s.kinds.lastStage(info.TypeName)].Done, nil
	}
	return task.CountRecords(ctx, pixivoc.RecordQuery{Kind: pixivoc.RecordFile})
}

// report looks at tasks that have come to an end.
func (s *session) report(ctx context.Context, tasks []pixivoc.Task, before tally) (report, error) {
	now, err := s.tally(ctx, tasks)
	if err != nil {
		return report{}, err
	}
	end := report{
		infos:    now.infos,
		saved:    now.saved,
		files:    now.files - before.files,
		allFiles: now.files,
		bytes:    now.bytes - before.bytes,
		allBytes: now.bytes,
		pending:  now.pending,
		unsaved:  true,
		resumed:  before.begun,
	}
	for i, task := range tasks {
		info := now.infos[i]
		if info.SavePath != "" {
			end.unsaved = false
		}
		place, err := taskPlace(ctx, task, info)
		if err != nil {
			return report{}, err
		}
		end.places = append(end.places, place)
		skipped, err := task.CountRecords(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordSkipped})
		if err != nil {
			return report{}, err
		}
		end.filtered += skipped
		if s.kinds.lists(info.TypeName) {
			if err := end.addCuts(ctx, task); err != nil {
				return report{}, err
			}
		}
		if err := end.previews.addTask(ctx, task, info, !s.kinds.lists(info.TypeName)); err != nil {
			return report{}, err
		}
		if err := s.addFailures(ctx, &end, task, info); err != nil {
			return report{}, err
		}
	}
	return end, nil
}

// addFailures adds what can never be done.
func (s *session) addFailures(ctx context.Context, end *report, task pixivoc.Task, info pixivoc.TaskInfo) error {
	if info.Failed == 0 {
		return nil
	}
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil {
			return err
		}
		entry := failure{info.TID, itemText(info.TypeName, item.Key), printable(item.Reason), detailText(item.Detail)}
		if s.kinds.notAvailable(info, item) {
			end.skipped.add(entry)
		} else {
			end.failed.add(entry)
		}
	}
	return nil
}

// addCuts notes where Pixiv ended a list before its end.
func (r *report) addCuts(ctx context.Context, task pixivoc.Task) error {
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordLimit}) {
		if err != nil {
			return err
		}
		var limit pixiv.LimitRecord
		if err := json.Unmarshal(record.Data, &limit); err != nil {
			return fmt.Errorf("record %d: %w", record.Seq, err)
		}
		what := "list " + printable(record.Key)
		if record.Key == limit.UserID.String() {
			what = "user " + record.Key
		}
		r.cut = append(r.cut, what+": "+printable(limit.Message))
	}
	return nil
}

// verdict turns the report into the exit code.
func (r report) verdict() error {
	for _, info := range r.infos {
		if info.State == pixivoc.StateError {
			return &exitError{code: ExitError, err: gaveUp(info)}
		}
	}
	for _, info := range r.infos {
		if !ended(info) {
			return &exitError{code: ExitError, err: fmt.Errorf("task %d did not end: it is %s", info.TID, info.State)}
		}
	}
	if r.missing.count > 0 {
		return &exitError{code: ExitPartial, err: r.missing.err()}
	}
	if r.failed.count > 0 || len(r.cut) > 0 || r.previews.asked {
		return &exitError{code: ExitPartial}
	}
	return nil
}

func gaveUp(info pixivoc.TaskInfo) error {
	return advise(
		errors.New("gave up on "+info.TaskName+": "+info.Error),
		"Mend the cause, then repeat the command: it goes on where it stopped.")
}
