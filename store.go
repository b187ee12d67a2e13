package pixivoc

import (
	"context"
	"encoding/json"
	"time"
)

// Store keeps everything that must outlive the process: settings, tasks,
// their items and their records. The kernel keeps no list of items of its own.
//
// Implementations are store/sqlite (the default, one durable file) and
// store/memory; every implementation passes the suite in store/storetest.
//
// The contract, beyond the single methods:
//
//   - All methods are safe for concurrent use and return the context's error
//     soon after it is cancelled.
//   - What a method reported as done survives the death of the process. What
//     SetSetting reported as done survives a power cut as well; so does the
//     rest unless the store was opened with a documented weaker guarantee.
//   - Identifiers, sequence numbers and times come from the store, so several
//     processes can share one.
//   - A task, setting or group that does not exist gives an error that is
//     fs.ErrNotExist; a closed store gives ErrClosed.
//   - After DeleteTask has returned nothing of the task can appear again: an
//     AddItems or Commit that comes later is refused with fs.ErrNotExist.
type Store interface {
	SettingStore
	TaskStore
	ItemStore
	RecordStore
	ArchiveStore

	// Close releases the store. Calls that are under way finish first; later
	// ones return ErrClosed. Closing twice is not an error.
	Close() error
}

// SettingStore keeps small named values, among them the environment and the
// token.
type SettingStore interface {
	// Setting returns the value saved under name, or fs.ErrNotExist.
	Setting(ctx context.Context, name string) ([]byte, error)

	// SetSetting saves value under name; nil removes it. When it returns nil
	// the value survives a power cut, whatever guarantee the store was opened
	// with: a rotated refresh token depends on it.
	SetSetting(ctx context.Context, name string, value []byte) error
}

// TaskStore keeps tasks and their groups.
type TaskStore interface {
	// CreateTask stores a task with its first items in one transaction and
	// returns it with TID and CreatedAt filled in. TID is the store's Unix
	// time in seconds, or one more than the greatest TID ever given out when
	// that is larger.
	//
	// When task.Key is not empty and a task has the same key, that task is
	// returned unchanged, with existed true, and no item is added.
	CreateTask(ctx context.Context, task StoredTask, items []Item) (stored StoredTask, existed bool, err error)

	// LoadTask returns one task.
	LoadTask(ctx context.Context, tid int64) (StoredTask, error)

	// ListTasks returns at most limit tasks with a TID greater than after,
	// in rising order of TID.
	ListTasks(ctx context.Context, after int64, limit int) ([]StoredTask, error)

	// UpdateTask changes the fields that are set in change.
	UpdateTask(ctx context.Context, tid int64, change TaskChange) error

	// DeleteTask removes a task with all its items and records. Other tasks
	// go on while a large one is being removed.
	DeleteTask(ctx context.Context, tid int64) error

	// ListGroups returns all task groups in rising order of ID. A group comes
	// into being with the first task that names it and keeps its ID for ever.
	ListGroups(ctx context.Context) ([]Group, error)
}

// ItemStore keeps the work of tasks, one item for each thing to do.
type ItemStore interface {
	// AddItems queues items. An item whose Stage and Key the task already
	// knows, in whatever state, is left out; added counts the others.
	AddItems(ctx context.Context, tid int64, items []Item) (added int, err error)

	// ForgetItems removes all items of the named stages, so that the same
	// keys can be queued again. Claims on them become stale.
	ForgetItems(ctx context.Context, tid int64, stages []string) error

	// RetryItems makes all failed items of a task pending again, with Round and
	// Attempts 0; retried counts them. Reason and Detail stay. It may do so in
	// several transactions, so that other tasks go on: after an error some items
	// may be pending again and others not.
	RetryItems(ctx context.Context, tid int64) (retried int, err error)

	// Claim gives the caller exclusive hold of pending items until the lease
	// ends, oldest ID first. It returns fewer than request.Limit only when no
	// more can be claimed now.
	Claim(ctx context.Context, request ClaimRequest) ([]ClaimedItem, error)

	// Renew prolongs claims to lease from now. A claim that is stale is left
	// out and makes Renew return ErrStaleClaim, after the others were renewed.
	Renew(ctx context.Context, claims []Claim, lease time.Duration) error

	// Release gives claims back unchanged: the items are pending again and
	// nothing is counted. Stale claims are passed over.
	Release(ctx context.Context, claims []Claim) error

	// Commit ends claims. For each element, in one transaction, the item gets
	// its outcome, its outputs are queued as by AddItems, its records are
	// appended, its keys enter the archive, and the task's Bytes grow. A claim that is stale (its lease
	// ran out and the item was claimed again, or it was committed, released
	// or forgotten) is refused with ErrStaleClaim and has no effect.
	//
	// Elements are independent of each other, but a store should put many in
	// one transaction. The result is nil when all took effect; otherwise it
	// has one entry for each element.
	Commit(ctx context.Context, commits []Commit) []error

	// ListItems returns at most query.Limit items in rising order of ID.
	ListItems(ctx context.Context, query ItemQuery) ([]ItemStatus, error)

	// CountItems returns the number of items of each stage of a task. It must
	// not take longer for a task with more items.
	CountItems(ctx context.Context, tid int64) (map[string]ItemCount, error)
}

// RecordStore reads what tasks found. Records are written by Commit only.
type RecordStore interface {
	// ListRecords returns at most query.Limit records in rising order of Seq.
	// A record that comes to be seen later has a greater Seq than all records
	// of its task that were seen before it.
	ListRecords(ctx context.Context, query RecordQuery) ([]Record, error)

	// CountRecords returns the number of records of a query; query.Limit is
	// ignored. It reads no data, but takes longer for more records, so a
	// caller who counts again should count only what came after the last.
	CountRecords(ctx context.Context, query RecordQuery) (int, error)

	// Recorded returns those of the keys under which a task has a record of
	// that kind; the others are not in the map.
	Recorded(ctx context.Context, tid int64, kind string, keys []string) (map[string]bool, error)

	// RecordedFiles returns those of the paths that the File of a record of kind
	// RecordFile has, of any task with that save path but the task except; 0
	// excepts none. It must not take longer for a store with more records.
	RecordedFiles(ctx context.Context, savePath string, except int64, paths []string) (map[string]bool, error)
}

// ArchiveStore keeps the archive: the keys of what was ever saved, by any task.
// A key is text that the site chooses, such as "pixiv:12345_p0". It stays when
// tasks are deleted and files are moved.
type ArchiveStore interface {
	// AddArchive adds entries in one transaction. A key that is there keeps
	// its time; added counts the others. A time that is zero becomes the
	// store's.
	AddArchive(ctx context.Context, entries []ArchiveEntry) (added int, err error)

	// Archived returns those of the keys that are in the archive; the others
	// are not in the map.
	Archived(ctx context.Context, keys []string) (map[string]bool, error)

	// ListArchive returns at most limit entries whose key comes after the
	// given one, in the order of the bytes of their keys. A limit of 0 or less
	// is 500.
	ListArchive(ctx context.Context, after string, limit int) ([]ArchiveEntry, error)

	// CountArchive returns the number of entries. It takes longer for more.
	CountArchive(ctx context.Context) (int, error)
}

// ArchiveEntry says that something was saved.
type ArchiveEntry struct {
	// Key names what was saved. It must not be empty.
	Key string `json:"key"`
	// At is when it entered the archive.
	At time.Time `json:"at"`
}

// StoredTask is a task as a Store keeps it.
type StoredTask struct {
	TID      int64
	Key      string // unique among tasks when not empty; see TaskSpec.Key
	Name     string
	Type     string // the stable name of the task type
	Keyword  string
	SavePath string
	Group    string
	Options  json.RawMessage // for the task type; nil when there are none

	// Schedule is TaskSpec.Schedule.
	Schedule string
	// BandwidthLimit is TaskSpec.BandwidthLimit.
	BandwidthLimit int64
	// FromInput says that the first items were read from TaskSpec.Input, so
	// that they cannot be listed again.
	FromInput bool

	// State is StateWaitStart, StateQueued, StateStopped, StateScheduled,
	// StateOver or StateError. The states in between belong to a running
	// process and are not stored.
	State State
	// Seeded says that all first items are stored.
	Seeded bool
	// Stage is the current stage, StageOver when the task is over or scheduled.
	Stage string
	// Round is the current round of the stage, from 0.
	Round int
	// Idle counts the rounds since one made progress.
	Idle int
	// Error is the text of the error that ended the task, or "", and
	// ErrorReason the stable word for it.
	Error       string
	ErrorReason string
	// Runs counts how often the task was opened.
	Runs int
	// BySchedule says that its schedule opened it the last time.
	BySchedule bool
	// Bytes is the sum of Commit.Bytes.
	Bytes int64

	CreatedAt  time.Time
	FinishedAt time.Time // of the last run that came to its end; zero before
	NextRun    time.Time // when the schedule opens the task again; zero: not at all
}

// TaskChange names the fields of a StoredTask to change; nil keeps a field.
type TaskChange struct {
	State          *State
	Seeded         *bool
	Stage          *string
	Round          *int
	Idle           *int
	Error          *string
	ErrorReason    *string
	Runs           *int
	BySchedule     *bool
	Schedule       *string
	BandwidthLimit *int64
	FinishedAt     *time.Time
	NextRun        *time.Time
}

// Group is a set of tasks that belong together by name.
type Group struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Tasks int    `json:"tasks"`
}

// Item is one thing to do in one stage of a task: a page of a list to read, a
// picture to fetch.
type Item struct {
	// ID is given by the store and rises with time.
	ID int64 `json:"id,omitempty"`
	// Stage is the stage that does the item. Empty in an Output means the
	// stage after the one that is running.
	Stage string `json:"stage,omitempty"`
	// Key tells items of a stage apart: a second item with the same key is
	// dropped, now or after a restart. It must not be empty.
	Key string `json:"key"`
	// Payload is what the stage needs to know, as JSON. A typed stage made by
	// NewStage reads it.
	Payload json.RawMessage `json:"payload,omitempty"`
	// Round is the first round in which the item may be claimed.
	Round int `json:"round,omitempty"`
	// Attempts counts the earlier runs that ended in a passing failure.
	Attempts int `json:"attempts,omitempty"`
}

// ClaimRequest says which items to claim.
type ClaimRequest struct {
	Task  int64
	Stage string
	// Round is the greatest Item.Round to take.
	Round int
	// Owner names the claiming client, for people who look into the store.
	Owner string
	// Limit is the greatest number of items to claim, at least 1.
	Limit int
	// Lease is how long the claim holds without Renew.
	Lease time.Duration
}

// Claim is the right to commit an item. It is worth nothing once the item was
// claimed anew: Fence is greater each time an item is claimed.
type Claim struct {
	Task  int64
	Item  int64
	Fence int64
}

// ClaimedItem is an item with the claim on it.
type ClaimedItem struct {
	Item
	Claim Claim
}

// Outcome is how the run of an item ended.
type Outcome string

// The outcomes of an item.
const (
	// OutcomeDone is final: the item was done.
	OutcomeDone Outcome = "done"
	// OutcomeFailed is final: the item can never be done.
	OutcomeFailed Outcome = "failed"
	// OutcomeAgain leaves the item pending for the round after Commit.Round
	// and counts an attempt.
	OutcomeAgain Outcome = "again"
)

// Commit is the end of one claim.
type Commit struct {
	Claim   Claim
	Outcome Outcome
	// Round is the round the item ran in; only OutcomeAgain looks at it.
	Round int
	// Reason is the stable word for a failure, Detail its text.
	Reason string
	Detail string
	// Items are queued. Each must name its Stage.
	Items []Item
	// Records are appended. One whose Kind and Key the task already has is
	// left out.
	Records []Record
	// Archive are keys that enter the archive; see ArchiveStore.
	Archive []string
	// Bytes is what the item added to the save path.
	Bytes int64
}

// ItemState is the state of a stored item.
type ItemState string

// The states of an item. Pending items may be claimed.
const (
	ItemPending ItemState = "pending"
	ItemDone    ItemState = "done"
	ItemFailed  ItemState = "failed"
)

// ItemStatus is an item with its state.
type ItemStatus struct {
	Item
	State ItemState `json:"state"`
	// Reason is the stable word for the last failure and Detail its text;
	// both are empty for an item that never failed.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// ItemQuery selects items of a task.
type ItemQuery struct {
	Task  int64
	Stage string    // "" for all stages
	State ItemState // "" for all states
	After int64     // only items with a greater ID
	Limit int       // 0 or less: 500
}

// ItemCount counts the items of one stage. Total = Pending + Done + Failed.
type ItemCount struct {
	Total   int `json:"total"`
	Pending int `json:"pending"`
	Done    int `json:"done"`
	Failed  int `json:"failed"`
}

// Record is one thing that a task found: the description of a work, a file
// that was saved, a link.
type Record struct {
	// Seq is given by the store. It rises over the whole store and is never
	// used twice, so it serves as an offset that later records do not shift.
	Seq  int64 `json:"seq"`
	Task int64 `json:"task"`
	// Kind says what Data is; see the task type that wrote it.
	Kind string `json:"kind"`
	// Key tells records of a kind apart within a task.
	Key  string          `json:"key"`
	Data json.RawMessage `json:"data"`
	At   time.Time       `json:"at"`
}

// RecordQuery selects records of a task.
type RecordQuery struct {
	Task    int64
	Kind    string // "" for all kinds
	After   int64  // only records with a greater Seq
	Through int64  // only records with this Seq or a smaller one; 0 or less: no bound
	Limit   int    // 0 or less: 500
}
