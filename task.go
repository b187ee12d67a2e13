package pixivoc

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"time"
)

// State is where a task stands. The words are those of PixivOC, with Queued,
// DiskFull and Scheduled added.
type State string

// The states of a task.
const (
	// StateWaitStart: created, or opened again by Create, and not started since.
	StateWaitStart State = "WaitStart"
	// StateQueued: started, waits until fewer than Config.MaxRunning tasks run.
	StateQueued State = "Queued"
	// StateWaitToken: started, but nobody is logged in or the login was refused.
	StateWaitToken State = "WaitToken"
	// StateDownloading: at work, whatever the stage does.
	StateDownloading State = "Downloading"
	// StateDiskFull: started, waits for room at the save path and goes on by itself.
	StateDiskFull State = "DiskFull"
	// StateStopped: stopped by Task.Stop; Start goes on where it stopped.
	StateStopped State = "Stopped"
	// StateScheduled: waits for its schedule to open it again, at
	// TaskInfo.NextRun.
	StateScheduled State = "Scheduled"
	// StateOver: every item is done or failed for good.
	StateOver State = "Over"
	// StateError: given up, see TaskInfo.Error; Start tries again, and so does
	// the schedule when there is one.
	StateError State = "Error"
)

// StageOver is the stage name of a task that is over (PixivOC's last stage) or
// scheduled.
const StageOver = "TaskOver"

// Task is one job of a Client. A Task is a handle: it holds no state of its
// own, any number of them may stand for the same task, and all methods are
// safe for concurrent use. After the task was deleted they return
// ErrTaskNotFound.
type Task interface {
	// ID returns the TID.
	ID() int64

	// Info returns the task as it stands now.
	Info(ctx context.Context) (TaskInfo, error)

	// Start puts the task into the queue and returns at once. A task that has a
	// schedule and waits for its next run is opened again now. Starting a task
	// that is queued, running or over changes nothing.
	Start(ctx context.Context) error

	// Reopen starts the task as Start does, but also one that is over, and tries
	// again what failed for good: those items are pending again, with no
	// attempts. A task that is over or scheduled reads its lists anew, unless it
	// was made from a TaskSpec.Input, which cannot be read again; any other goes
	// on where it is. What is done stays done. Reopening a task that is queued or
	// running changes nothing.
	Reopen(ctx context.Context) error

	// Stop takes the task out of the queue or ends its run. It answers before
	// running requests have ended; Wait waits for them. What is on disk is
	// kept and resumed. A schedule rests until the task is started. Stopping a
	// task that neither runs nor waits to run changes nothing.
	Stop(ctx context.Context) error

	// Delete stops the task, waits until nothing of it runs, and removes it
	// with its items and records. Files it saved stay unless options say
	// otherwise.
	Delete(ctx context.Context, options DeleteOptions) error

	// Wait blocks until the task neither runs nor waits to run: until it is
	// StateWaitStart, StateStopped, StateScheduled, StateOver or StateError.
	// A task that waits for a login is waited for. The error is never the task's
	// own (see TaskInfo.Error) but the context's, ErrTaskNotFound or ErrClosed;
	// the TaskInfo is zero then.
	Wait(ctx context.Context) (TaskInfo, error)

	// SetSchedule changes TaskSpec.Schedule, "" to none. A task that is over is
	// scheduled then; one that was scheduled is over without. A text that is no
	// schedule gives a *FieldError.
	SetSchedule(ctx context.Context, schedule string) error

	// SetBandwidthLimit changes TaskSpec.BandwidthLimit, at once and for files
	// that are under way. A value out of bounds gives a *FieldError.
	SetBandwidthLimit(ctx context.Context, limit int64) error

	// Items lists the task's items in the order they were found, page by
	// page, so a large task needs no more memory than a small one.
	// query.Task and query.Limit are ignored.
	Items(ctx context.Context, query ItemQuery) iter.Seq2[ItemStatus, error]

	// Records lists what the task found, page by page. query.Task and
	// query.Limit are ignored.
	Records(ctx context.Context, query RecordQuery) iter.Seq2[Record, error]

	// CountRecords returns how many records Records would list. query.Task
	// and query.Limit are ignored.
	CountRecords(ctx context.Context, query RecordQuery) (int, error)
}

// DeleteOptions says what Task.Delete does beside removing the task.
type DeleteOptions struct {
	// Files also removes the files that the task saved, what it had begun, and
	// the folders that this leaves empty. A file that was there before the task
	// came to it stays, and so does one that a record of another task with the
	// same save path names.
	Files bool
}

// TaskInfo is what can be seen of a task from outside. The first nine fields
// are the attributes of a PixivOC task.
type TaskInfo struct {
	Over      bool   `json:"over"`
	TID       int64  `json:"tid"`
	TaskName  string `json:"task_name"`
	TypeName  string `json:"type_name"`
	StageName string `json:"stage_name"`
	Running   bool   `json:"running"`
	// Now counts the finished items of the current stage and Total all of
	// them: 0 <= Now <= Total. For a task that is over both count the items of
	// all stages.
	Now      int    `json:"now"`
	Total    int    `json:"total"`
	SavePath string `json:"save_path"`

	State   State  `json:"state"`
	Keyword string `json:"keyword"`
	Group   string `json:"group,omitempty"`
	// Failed counts the items of all stages that can never be done.
	Failed int `json:"failed"`
	// Bytes counts what the task saved, Speed is bytes a second over the last
	// few seconds.
	Bytes int64 `json:"bytes"`
	Speed int64 `json:"speed"`
	// QueuePosition is 1 for the next task to run, 0 for one not in the queue.
	QueuePosition int       `json:"queue_position,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
	// FinishedAt is when the task, or the last run of its schedule, came to its
	// end.
	FinishedAt time.Time `json:"finished_at,omitzero"`
	// Schedule is TaskSpec.Schedule, with single blanks.
	Schedule string `json:"schedule,omitempty"`
	// NextRun is when the schedule opens the task again. It is zero when there
	// is no schedule, and while the task waits, runs or is stopped.
	NextRun time.Time `json:"next_run,omitzero"`
	// Runs counts how often the task was opened: by its first start, by its
	// schedule, by Start between two runs, by Reopen, and by Create with its key.
	Runs int `json:"runs,omitempty"`
	// BySchedule says that its schedule opened the task the last time, and
	// nobody started it since.
	BySchedule bool `json:"by_schedule,omitempty"`
	// BandwidthLimit is TaskSpec.BandwidthLimit.
	BandwidthLimit int64 `json:"bandwidth_limit,omitempty"`
	// Error says why the task ended in Error, or what a running one waits for.
	Error string `json:"error,omitempty"`
	// ErrorReason is the stable word for why the task ended in Error: one of
	// ReasonAccount, ReasonLogin, ReasonSavePath, ReasonProxyLogin,
	// ReasonNoProgress and ReasonOther.
	ErrorReason string `json:"error_reason,omitempty"`
	// LimitedUntil is when paced requests go on, and LimitedWhy what holds them
	// back; zero when nothing does, and for a task that does not run.
	LimitedUntil time.Time   `json:"limited_until,omitzero"`
	LimitedWhy   LimitReason `json:"limited_why,omitempty"`
}

// TaskSpec describes a task to create.
type TaskSpec struct {
	// Type is the name or an alias of a task type in Config.Types.
	Type string
	// Name is the task's name and, for most types, the folder under SavePath.
	// It must be a legal file name on every system; see *FieldError.
	Name string
	// Keyword is what the type works on: a work id, a user id, a list.
	Keyword string
	// SavePath is the folder to save in. It is made when the task starts.
	// Types that save no files ignore it.
	SavePath string
	// Group is any name that collects tasks, or "".
	Group string
	// Options is for the task type, or nil.
	Options json.RawMessage
	// Schedule lets the task run again and again: "" for no schedule, "every
	// 6h" for so long after the end of each run (from a minute to a year; "2d"
	// and "1w" are days and weeks), or a cron line of five fields, minute, hour,
	// day of month, month and day of week, such as "30 4 * * mon-fri", by the
	// clock of the machine or, with "TZ=Asia/Tokyo " in front, by another one.
	//
	// The first run begins with Start. A task whose items are all done is
	// StateScheduled until the next one, which reads the lists anew and does
	// what is new. Runs that were missed because the process or the machine was
	// asleep are made up for by one. Schedules are obeyed by a client with
	// Config.AutoStart. A task with an Input cannot have one, because its list
	// cannot be read again.
	Schedule string
	// BandwidthLimit bounds what the files of the task bring in, in bytes a
	// second, beside Env.BandwidthLimit; 0 is no limit, else at least
	// MinBandwidthLimit.
	BandwidthLimit int64
	// Input, when the type reads one, takes the place of Keyword for lists of
	// any length. Create reads it to the end and does not close it.
	Input io.Reader
	// Key, when not empty, names the task for its maker: Create with the key
	// of an existing task returns that task. First items that it does not
	// know yet are added, and a task that was over is opened again: it lists
	// anew and fetches only what is new. Its other fields stay as they are.
	Key string
	// Once, with a Key, leaves an existing task as it is: Create returns it and
	// adds nothing, as for a request that is sent again.
	Once bool
}

// TaskType is a kind of task: how a keyword becomes the first items, and which
// stages do them. Types are values in Config.Types; they are not registered
// anywhere else.
type TaskType struct {
	// Name is stable: it is stored. Aliases are older names, still accepted.
	Name    string
	Aliases []string
	// Title says in a few words what the type does.
	Title string
	// Files says that tasks of this type save files and need a SavePath.
	Files bool
	// Stages run one after the other: a stage begins when no item of the one
	// before is pending. A stage without items is passed over.
	Stages []StageSpec
	// First turns a specification into the first items; an item that names no
	// stage belongs to Stages[0]. It yields a *FieldError to refuse one. It
	// may yield any number of items: they are stored as they come.
	First func(ctx context.Context, spec TaskSpec) iter.Seq2[Item, error]
}

// StageSpec is the place of a stage in a task type.
type StageSpec struct {
	Stage Stage
	// Paced runs the items one at a time. Otherwise ConcurrencyNumber items
	// run at a time, over all tasks. Requests made with Runtime.Do are paced
	// in both cases.
	Paced bool
	// NeedsToken makes the task wait in StateWaitToken while nobody is logged in.
	NeedsToken bool
	// Relist drops the items of this stage when a task that was over is
	// opened again, so that a list is read anew.
	Relist bool
}
