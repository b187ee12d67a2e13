package pixivoc

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Stage is one step of a task type. Run does one item; the kernel calls it
// from many goroutines at a time unless the stage is paced.
//
// A crash may come between the end of Run and the commit of its output, so an
// item may run again: Run must be idempotent. It should return soon after ctx
// is cancelled.
//
// The error is the verdict on the item. Permanent ends it as failed; of the
// output its records are kept then, and nothing else. RetryAfter runs it again
// later without counting an attempt. Any other error is taken for a passing one:
// the item stays for the next round.
type Stage interface {
	// Name is stable: it is stored, and shown as TaskInfo.StageName.
	Name() string
	Run(ctx context.Context, rt Runtime, item Item) (Output, error)
}

// Runtime is what a running stage may use. It is valid during Run only.
type Runtime interface {
	// Do sends a request as Client.Do does, with the task's own timeout.
	Do(request *http.Request) (*http.Response, error)

	// Download fetches a file into the task's save path. It returns when the
	// bytes are complete and checked; they get their final name, and become
	// durable, together with the commit of the item. A file that is already
	// whole is not fetched again.
	Download(ctx context.Context, download Download) (File, error)

	// Recorded returns those of the keys under which the task has a record of
	// that kind; the others are not in the map. What items under way are about
	// to record is not seen. A stage that reads a list, the newest first, may
	// stop where all is known.
	Recorded(ctx context.Context, kind string, keys ...string) (map[string]bool, error)

	// Archived returns those of the keys that are in the archive, whichever
	// task put them there; the others are not in the map.
	Archived(ctx context.Context, keys ...string) (map[string]bool, error)

	// Task returns the task as it stands.
	Task() TaskInfo

	// Options returns TaskSpec.Options.
	Options() json.RawMessage

	// Env returns the environment in force.
	Env() Env

	// Pin keeps value under name for good, unless something is kept there
	// already, and returns what is kept. It is for what must not change between
	// tasks, or when the site changes its mind: the folder of an artist, say.
	// All tasks of the store share the names, so a name begins with what the
	// task type is for, "pixiv/" for instance. The value is never empty.
	Pin(ctx context.Context, name, value string) (string, error)

	// Logger returns a logger that names the task and the stage. It is never
	// nil.
	Logger() *slog.Logger
}

// Download describes a file to fetch.
type Download struct {
	// Request is the GET to send. The kernel adds Range and If-Range, but neither
	// the site's token nor what Site.Authorize puts on a request.
	Request *http.Request
	// Name is the path below the save path, with slashes. A file that stands
	// there already, with other content, is replaced only when a record of
	// kind RecordFile names it; else it stays, see File.Wanted. One that another
	// item of the task has saved in the same run of the task, or is saving, stays
	// as well: the same bytes share it, others get another name. Each part must pass
	// CheckName; use CleanName for text that comes from outside. The names of
	// one item must differ in more than case and extension.
	Name string
	// Otherwise is for a Name that does not identify the content, such as the
	// last part of an address: it is a name that does. When set, a whole file
	// that stands under Name and is older than the task is neither taken for
	// this one by its length nor replaced. The bytes are fetched and compared:
	// the same bytes adopt the existing file, other bytes go to Otherwise. When
	// a file of other bytes stands there too, the error is permanent, with
	// ReasonName, and both stay.
	Otherwise string
	// Any accepts content of every kind. Otherwise the file must be a whole
	// JPEG, PNG, GIF, WebP or ZIP, and its extension follows what it is.
	Any bool
	// ModTime, when set, becomes the time of last change of a file that was
	// saved, as far as the file system keeps such times. It is set after the
	// commit of the item: until then the time tells a file of this task from
	// one that was there before.
	ModTime time.Time
	// Refuse, when set, is asked for the address of the answer, after
	// redirects; an error from it ends the download. A *PermanentError or
	// *BlockedError is returned as it is, any other one as permanent.
	Refuse func(*url.URL) error
}

// File is a file that was fetched.
type File struct {
	// Name is the path below the save path; its extension may differ from
	// the one asked for.
	Name string `json:"path"`
	// Bytes is the length of the file.
	Bytes int64 `json:"bytes"`
	// Checksum is the checksum in hexadecimal and ChecksumKind its algorithm,
	// "crc32c" or "sha256".
	Checksum     string `json:"checksum"`
	ChecksumKind string `json:"checksum_kind"`
	// Existing says that the file was there before the task, which saved
	// nothing under its name.
	Existing bool `json:"existing,omitempty"`
	// Wanted is the path that the file would have, when a file stands there that
	// no task of the store saved, or that another item of the task did: that one
	// stays, and this one has its checksum in its name.
	Wanted string `json:"wanted,omitempty"`
}

// Output is what the run of an item gave: items for later stages, records, and
// keys for the archive. The zero value is empty and ready to use. It is not safe
// for concurrent use.
type Output struct {
	Items   []Item
	Records []Record
	Keys    []string // see Archive
	err     error
}

// Queue adds an item with that payload for the next stage.
func (o *Output) Queue(key string, payload any) { o.QueueTo("", key, payload) }

// QueueTo adds an item for the named stage: the running one or one after it.
// A payload that cannot be written as JSON fails the item that is running.
func (o *Output) QueueTo(stage, key string, payload any) {
	raw, err := json.Marshal(payload)
	if err != nil {
		o.fail(fmt.Errorf("payload of item %q: %w", key, err))
		return
	}
	o.Items = append(o.Items, Item{Stage: stage, Key: key, Payload: raw})
}

// Record adds a record. Data that cannot be written as JSON fails the item
// that is running.
func (o *Output) Record(kind, key string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		o.fail(fmt.Errorf("data of record %s %q: %w", kind, key, err))
		return
	}
	o.Records = append(o.Records, Record{Kind: kind, Key: key, Data: raw})
}

// Archive puts a key into the archive of what was ever saved, together with the
// end of the item. A key that is empty or longer than MaxArchiveKey fails the
// item that is running.
func (o *Output) Archive(key string) {
	if err := checkArchiveKey(key); err != nil {
		o.fail(err)
		return
	}
	o.Keys = append(o.Keys, key)
}

// Err returns the first error of Queue, QueueTo, Record or
// Archive.
func (o *Output) Err() error { return o.err }

func (o *Output) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// NewItem makes an item for First or for a test of a stage. It panics when
// payload cannot be written as JSON, which is a mistake in the program.
func NewItem(key string, payload any) Item {
	raw, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("pixivoc: payload of item %q: %v", key, err))
	}
	return Item{Key: key, Payload: raw}
}

// NewStage makes a Stage from a function that takes its payload as a value of
// type In. A payload that does not fit In fails the item for good.
func NewStage[In any](name string, run func(ctx context.Context, rt Runtime, in In) (Output, error)) Stage {
	return typedStage[In]{name: name, run: run}
}

type typedStage[In any] struct {
	name string
	run  func(context.Context, Runtime, In) (Output, error)
}

func (s typedStage[In]) Name() string { return s.name }

func (s typedStage[In]) Run(ctx context.Context, rt Runtime, item Item) (Output, error) {
	var in In
	if err := json.Unmarshal(item.Payload, &in); err != nil {
		return Output{}, Permanent(ReasonPayload, fmt.Errorf("payload of item %q: %w", item.Key, err))
	}
	return s.run(ctx, rt, in)
}
