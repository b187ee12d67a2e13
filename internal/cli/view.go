package cli

import (
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
)

// view is what is known of the tasks of one run: the model behind every
// display. It is not safe for concurrent use.
type view struct {
	tasks   []pixivoc.TaskInfo // in the order they were given
	index   map[int64]int
	limited time.Time // paced requests wait until then
	why     pixivoc.LimitReason
	pace    pace
	resumed bool // begun files count whole when they are done, whatever came of them now
}

func newView(tasks []pixivoc.TaskInfo) *view {
	v := &view{tasks: slices.Clone(tasks), index: make(map[int64]int, len(tasks))}
	for i, info := range tasks {
		v.index[info.TID] = i
		v.resumed = v.resumed || begun(info)
	}
	return v
}

// update takes in a newer state of a task, and says whether it is one of ours.
func (v *view) update(info pixivoc.TaskInfo, at time.Time) bool {
	i, ours := v.index[info.TID]
	if !ours {
		return false
	}
	v.tasks[i] = info
	if info.LimitedUntil.After(v.limited) {
		v.limited, v.why = info.LimitedUntil, info.LimitedWhy
	}
	saved, _ := v.bytes()
	v.pace.add(v.stageKey(), paceSample{at, v.done(), saved})
	return true
}

// begun says whether a task goes on where an earlier run of it stopped.
func begun(info pixivoc.TaskInfo) bool {
	return !ended(info) && (info.Now > 0 || info.Bytes > 0 || info.State == pixivoc.StateStopped)
}

// has says whether a task is one of ours.
func (v *view) has(tid int64) bool {
	_, ours := v.index[tid]
	return ours
}

// lead is the task to show when there is room for one: the first that is
// busy, else the first that is not finished, else the last.
func (v *view) lead() pixivoc.TaskInfo {
	var open *pixivoc.TaskInfo
	for i := range v.tasks {
		switch v.tasks[i].State {
		case pixivoc.StateDownloading, pixivoc.StateDiskFull, pixivoc.StateWaitToken:
			return v.tasks[i]
		case pixivoc.StateOver, pixivoc.StateScheduled, pixivoc.StateError:
		default:
			if open == nil {
				open = &v.tasks[i]
			}
		}
	}
	switch {
	case open != nil:
		return *open
	case len(v.tasks) > 0:
		return v.tasks[len(v.tasks)-1]
	}
	return pixivoc.TaskInfo{}
}

// paused says whether the work waits because the site asked for a pause. That a
// task has left the queue may be told later than that.
func (v *view) paused(now time.Time) bool {
	switch v.lead().State {
	case pixivoc.StateDownloading, pixivoc.StateQueued:
		return v.limited.After(now)
	}
	return false
}

// finished counts the tasks that have come to an end.
func (v *view) finished() int {
	count := 0
	for _, info := range v.tasks {
		if ended(info) || info.State == pixivoc.StateOver || info.State == pixivoc.StateError {
			count++
		}
	}
	return count
}

// done and total count what the bar shows: the items of the stage of a single
// task, or the tasks when there are several.
func (v *view) done() int {
	if len(v.tasks) == 1 {
		return v.tasks[0].Now
	}
	return v.finished()
}

func (v *view) total() int {
	if len(v.tasks) == 1 {
		return v.tasks[0].Total
	}
	return len(v.tasks)
}

// share is how much of the bar is full, from 0 to 1. With several tasks the
// running ones count by what they have done. While lists are read nobody knows
// how much there will be, so that does not count.
func (v *view) share() float64 {
	if len(v.tasks) == 0 {
		return 0
	}
	sum := 0.0
	for _, info := range v.tasks {
		switch {
		case ended(info), info.State == pixivoc.StateOver:
			sum++
		case info.Total > 0 && !listing(info):
			sum += float64(info.Now) / float64(info.Total)
		}
	}
	return min(sum/float64(len(v.tasks)), 1)
}

func (v *view) bytes() (size, speed int64) {
	for _, info := range v.tasks {
		size += info.Bytes
		speed += info.Speed
	}
	return size, speed
}

// speed is bytes a second. What the kernel measures is right in the long run;
// in the first seconds the finished files tell more.
func (v *view) speed(now time.Time) int64 {
	_, speed := v.bytes()
	if v.resumed {
		return speed
	}
	return max(speed, int64(v.pace.speed(now)))
}

func (v *view) failed() int {
	count := 0
	for _, info := range v.tasks {
		count += info.Failed
	}
	return count
}

func (v *view) stageKey() string {
	if len(v.tasks) == 1 {
		return v.tasks[0].StageName
	}
	return ""
}

// remaining guesses how long it will take; 0 means nobody knows.
func (v *view) remaining(now time.Time) time.Duration {
	left := v.total() - v.done()
	perSecond := v.pace.rate(now)
	if left <= 0 || perSecond <= 0 {
		return 0
	}
	wait := time.Duration(float64(left) / perSecond * float64(time.Second))
	if v.limited.After(now) {
		wait += v.limited.Sub(now)
	}
	return wait
}

// pace measures items and bytes a second over the last paceSpan.
type pace struct {
	stage   string
	samples []paceSample // oldest first, at most one each paceStep
}

type paceSample struct {
	at    time.Time
	done  int
	bytes int64
}

const (
	paceSpan = 15 * time.Second
	paceStep = 250 * time.Millisecond
)

func (p *pace) add(stage string, sample paceSample) {
	last := len(p.samples) - 1
	if stage != p.stage || (last >= 0 && sample.done < p.samples[last].done) {
		p.stage, p.samples = stage, nil
		last = -1
	}
	if last >= 1 && sample.at.Sub(p.samples[last-1].at) < paceStep {
		p.samples[last] = sample
		return
	}
	p.samples = append(p.samples, sample)
	old := 0
	for old < len(p.samples)-2 && sample.at.Sub(p.samples[old+1].at) > paceSpan {
		old++
	}
	p.samples = slices.Delete(p.samples, 0, old)
}

// rate is items a second, 0 when there is nothing to measure yet.
func (p *pace) rate(now time.Time) float64 {
	first, last, elapsed := p.window(now)
	return float64(last.done-first.done) / elapsed
}

// speed is bytes a second, 0 when there is nothing to measure yet.
func (p *pace) speed(now time.Time) float64 {
	first, last, elapsed := p.window(now)
	return float64(last.bytes-first.bytes) / elapsed
}

// window returns the ends of what was measured and the seconds between.
func (p *pace) window(now time.Time) (first, last paceSample, elapsed float64) {
	const least = 0.5 // seconds
	if len(p.samples) < 2 {
		return first, last, 1
	}
	first, last = p.samples[0], p.samples[len(p.samples)-1]
	if elapsed = now.Sub(first.at).Seconds(); elapsed < least {
		return first, first, 1
	}
	return first, last, elapsed
}
