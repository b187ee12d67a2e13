package fetch

import (
	"context"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// Options are the settings of a Fetcher. A field that is zero or less has its
// default.
type Options struct {
	// Tries is how often a download that makes no progress is begun before
	// Fetch gives up. Default 3.
	Tries int
	// Backoff is the wait before the second try; it doubles with each one, up
	// to MaxBackoff, and varies by chance. Defaults 200 ms and 5 s.
	Backoff, MaxBackoff time.Duration
	// BufferSize is the memory of one transfer in bytes. Default 256 KiB.
	BufferSize int
	// ResumeSize is how many bytes of a transfer may be lost when the process
	// dies: once that many have come, or half a second has passed, what is
	// needed to resume is written beside the part. Less would cost a second
	// file for each picture. An orderly end loses nothing. Default 1 MiB.
	ResumeSize int64
	// SyncConcurrency is how many files of a group are synced at a time.
	// Default 16.
	SyncConcurrency int
	// BootID is the boot under which unsynced bytes are believed. Default
	// fsafe.BootID.
	BootID string
}

// Fetcher downloads files. It may be used by several goroutines, and holds no
// goroutine of its own. Two fetches of one file by one Fetcher never run at the
// same time.
type Fetcher struct {
	options Options
	began   time.Time
	buffers sync.Pool
	locks   locks
}

// New returns a Fetcher.
func New(options Options) *Fetcher {
	orDefault(&options.Tries, 3)
	orDefault(&options.Backoff, 200*time.Millisecond)
	orDefault(&options.MaxBackoff, 5*time.Second)
	orDefault(&options.BufferSize, 256<<10)
	orDefault(&options.ResumeSize, 1<<20)
	orDefault(&options.SyncConcurrency, 16)
	options.BufferSize = max(options.BufferSize, headSize)
	if options.BootID == "" {
		options.BootID = fsafe.BootID()
	}
	f := &Fetcher{options: options, began: time.Now()}
	f.buffers.New = func() any {
		buf := make([]byte, options.BufferSize)
		return &buf
	}
	return f
}

func orDefault[T int | int64 | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

// Fetch downloads one file. When it returns without an error the bytes are
// complete and checked, and lie in the part file; Finish gives them their name.
// When it returns an error, an *Error, the part may stay for the next Fetch of
// the same name and address.
//
// A file of that name that is there already is compared with what the server
// announces; if it is whole its body is not read, and Staged.Existing is true.
// Request.Otherwise asks for more than that.
//
// A second Fetch of the same name waits until the first was finished or
// discarded, so whoever holds a Staged must not wait for another Fetch before
// it calls Finish.
func (f *Fetcher) Fetch(ctx context.Context, request Request) (*Staged, error) {
	t := &transfer{fetcher: f, request: request, total: unknown}
	if err := request.check(); err != nil {
		return nil, t.failed(err)
	}
	release, err := f.locks.acquire(ctx, request.lockKey())
	if err != nil {
		return nil, t.failed(err)
	}
	staged, err := t.run(ctx)
	if err != nil {
		release()
		return nil, t.failed(err)
	}
	staged.release = release
	return staged, nil
}

// RemovePart removes what an earlier Fetch of that Name in that Folder left
// unfinished; nothing else of the request is looked at but FixExtension. It
// leaves alone what a Fetch of this Fetcher has under way. A part that is not
// there is no error.
func (f *Fetcher) RemovePart(request Request) error {
	if err := checkName(request.Name); err != nil {
		return err
	}
	release, _ := f.locks.try(request.lockKey())
	if release == nil {
		return nil
	}
	defer release()
	left := part{folder: request.Folder, name: request.Name}
	return onDisk(left.removeLeftovers())
}

// locks keeps two transfers off one file.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// acquire waits for the lock and returns what gives it back.
func (l *locks) acquire(ctx context.Context, key string) (release func(), err error) {
	for {
		release, held := l.try(key)
		if release != nil {
			return release, nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return nil, contextError(ctx)
		}
	}
}

// try takes the lock, or returns what is closed when it is free again.
func (l *locks) try(key string) (release func(), held <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, busy := l.held[key]; busy {
		return nil, other
	}
	mine := make(chan struct{})
	if l.held == nil {
		l.held = map[string]chan struct{}{}
	}
	l.held[key] = mine
	return func() {
		l.mu.Lock()
		delete(l.held, key)
		l.mu.Unlock()
		close(mine)
	}, nil
}

// lockKey is one for all names that may mean one file: case and normal form
// count for nothing on some file systems, and the extension may be replaced.
func (r *Request) lockKey() string {
	name := r.Name
	if r.FixExtension {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	return r.Folder.Path() + "\x00" + strings.ToLower(norm.NFC.String(name))
}
