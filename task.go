package pixivoc

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"time"
)

// State is where a task stands. The words are those of PixivOC, with Queued
// and DiskFull added.
type State string

// The states of a task.
const (
	// StateWaitStart: created, never started.
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
	// StateOver: every item is done or failed for good.
	StateOver State = "Over"
	// StateError: given up, see TaskInfo.Error; Start tries again.
	StateError State = "Error"
)

// StageOver is the stage name of a task that is over (PixivOC's last stage).
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

	// Start puts the task into the queue and returns at once. Starting a task
	// that is queued, running or over changes nothing.
	Start(ctx context.Context) error

	// Stop takes the task out of the queue or ends its run. It answers before
	// running requests have ended; Wait waits for them. What is on disk is
	// kept and resumed. Stopping a task that does not run changes nothing.
	Stop(ctx context.Context) error

	// Delete stops the task, waits until nothing of it runs, and removes it
	// with its items and records. Files it saved stay unless options say
	// otherwise.
	Delete(ctx context.Context, options DeleteOptions) error

	// Wait blocks until the task neither runs nor waits to run: until it is
	// StateWaitStart, StateStopped, StateOver or StateError. The error is never the task's own
	// (see TaskInfo.Error) but the context's, ErrTaskNotFound or ErrClosed.
	Wait(ctx context.Context) (TaskInfo, error)

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
	// came to it stays.
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
	FinishedAt    time.Time `json:"finished_at,omitzero"`
	// Error says why the task ended in Error, or what a running one waits for.
	Error string `json:"error,omitempty"`
	// LimitedUntil is when paced requests go on after a rate limit; zero when
	// there is none.
	LimitedUntil time.Time `json:"limited_until,omitzero"`
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
	// Input, when the type reads one, takes the place of Keyword for lists of
	// any length. Create reads it to the end and does not close it.
	Input io.Reader
	// Key, when not empty, names the task for its maker: Create with the key
	// of an existing task returns that task. First items that it does not
	// know yet are added, and a task that was over is opened again: it lists
	// anew and fetches only what is new.
	Key string
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
