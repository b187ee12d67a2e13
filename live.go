package pixivoc

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// liveTask is the task as its run knows it, ahead of the store's counters.
type liveTask struct {
	mu      sync.Mutex
	task    StoredTask
	state   State
	running bool   // the run has not ended
	waiting string // what a running task waits for
	counts  map[string]ItemCount
	// bandwidth is what the limit of the task leaves.
	bandwidth *rate.Limiter
	speed     meter
	shown     time.Time // of the last event about progress
}

func newLiveTask(task StoredTask) *liveTask {
	return &liveTask{task: task, state: StateQueued, bandwidth: newBandwidth(task.BandwidthLimit)}
}

// stored returns the task as it is stored.
func (l *liveTask) stored() StoredTask {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.task
}

// apply changes the task as UpdateTask does. mu is held.
func (l *liveTask) apply(change TaskChange) {
	l.task.apply(change)
	if change.BandwidthLimit != nil {
		setBandwidth(l.bandwidth, *change.BandwidthLimit)
	}
	if change.State != nil {
		l.state, l.waiting = *change.State, ""
	}
}

// apply does what TaskStore.UpdateTask does to the stored task.
func (t *StoredTask) apply(change TaskChange) {
	set(&t.State, change.State)
	set(&t.Seeded, change.Seeded)
	set(&t.Stage, change.Stage)
	set(&t.Round, change.Round)
	set(&t.Idle, change.Idle)
	set(&t.Error, change.Error)
	set(&t.ErrorReason, change.ErrorReason)
	set(&t.Runs, change.Runs)
	set(&t.BySchedule, change.BySchedule)
	set(&t.Schedule, change.Schedule)
	set(&t.BandwidthLimit, change.BandwidthLimit)
	set(&t.FinishedAt, change.FinishedAt)
	set(&t.NextRun, change.NextRun)
}

// change runs f on the live task under its lock.
func (l *liveTask) change(f func(*liveTask)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

func (l *liveTask) stageName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.task.Stage
}

// received counts bytes for the speed.
func (l *liveTask) received(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.speed.add(time.Now(), n)
}

// due says after what time an event about progress should go out, so that there
// are a few in a second at most. When it says 0, now is taken for that of one.
func (l *liveTask) due(now time.Time) time.Duration {
	const pause = 200 * time.Millisecond
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := pause - now.Sub(l.shown); wait > 0 {
		return wait
	}
	l.shown = now
	return 0
}

// info returns the task as it stands. known says whether the counters were
// loaded; before that only the store has them.
func (l *liveTask) info() (info TaskInfo, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info = infoOf(l.task, l.counts)
	info.State = l.state
	info.Running = l.running
	if info.Error == "" {
		info.Error = l.waiting
	}
	info.Speed = l.speed.rate(time.Now())
	return info, l.counts != nil
}

// infoOf makes the information that the store alone can give.
func infoOf(task StoredTask, counts map[string]ItemCount) TaskInfo {
	info := TaskInfo{
		Over:           task.State == StateOver,
		TID:            task.TID,
		TaskName:       task.Name,
		TypeName:       task.Type,
		StageName:      task.Stage,
		SavePath:       task.SavePath,
		State:          task.State,
		Keyword:        task.Keyword,
		Group:          task.Group,
		Bytes:          task.Bytes,
		CreatedAt:      task.CreatedAt,
		FinishedAt:     task.FinishedAt,
		Schedule:       task.Schedule,
		NextRun:        task.NextRun,
		Runs:           task.Runs,
		BySchedule:     task.BySchedule,
		BandwidthLimit: task.BandwidthLimit,
		Error:          task.Error,
		ErrorReason:    task.ErrorReason,
	}
	all := ItemCount{}
	for _, count := range counts {
		all.Total += count.Total
		all.Done += count.Done
		all.Failed += count.Failed
	}
	info.Failed = all.Failed
	current := counts[task.Stage]
	if task.Stage == StageOver {
		current = all
	}
	info.Now, info.Total = current.Done+current.Failed, current.Total
	if info.Over {
		info.Now = info.Total
	}
	return info
}

// meter measures bytes a second over the last whole seconds. The zero value is
// ready.
type meter struct {
	buckets [meterSeconds + 1]int64
	second  int64
	first   int64 // the second in which the first bytes came
}

const meterSeconds = 5

func (m *meter) add(now time.Time, n int64) {
	m.advance(now)
	if m.first == 0 {
		m.first = m.second
	}
	m.buckets[m.second%int64(len(m.buckets))] += n
}

func (m *meter) rate(now time.Time) int64 {
	m.advance(now)
	var sum int64
	for i, n := range m.buckets {
		if int64(i) != m.second%int64(len(m.buckets)) {
			sum += n
		}
	}
	return sum / min(max(m.second-m.first, 1), meterSeconds)
}

func (m *meter) advance(now time.Time) {
	second := now.Unix()
	if m.second == 0 || second-m.second > int64(len(m.buckets)) || second < m.second {
		m.buckets = [meterSeconds + 1]int64{}
		m.second = second
		return
	}
	for m.second < second {
		m.second++
		m.buckets[m.second%int64(len(m.buckets))] = 0
	}
}
