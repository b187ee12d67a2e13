package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path"
	"time"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

const (
	// unknown is the total of a body without an announced length.
	unknown = -1

	// maxRestarts is how often a download starts over at once, because the
	// bytes so far turned out to be of no use, before that counts as a failed
	// try.
	maxRestarts = 2

	// minProgress is how much further than ever before a try must come, in
	// bytes, so that the tries before it are forgotten.
	minProgress = 4 << 10
)

// transfer is one call of Fetch.
type transfer struct {
	fetcher *Fetcher
	request Request
	part    part

	// validator and total are of the representation that the part belongs to.
	validator validator
	total     int64
	// kind and name are what the content is and what the file will be called,
	// once settled.
	settled bool
	kind    Type
	name    string

	// existing is a file that stands under the final name and looks whole;
	// accepted says that the server announced its length.
	existing *existing
	accepted bool
	// there are the files that were seen under final names, whole or not.
	there map[string]existing

	requests int
	bytes    int64
	high     int64 // farthest the part ever came
	restarts int
	rejected int // bodies that were not what was wanted
}

// existing is a file that may make the download needless.
type existing struct {
	name string
	size int64
	kind Type
	own  bool // see Request.Since
	// taken says that it stays for another file of the job; see Request.Taken.
	taken bool
}

// errAccepted ends a body that need not be read: the file is there already
// under the name that its content asks for.
var errAccepted = errors.New("file is there already")

// startOverError is an error after which the part was emptied and the next
// request may follow at once.
type startOverError struct{ err error }

func (e *startOverError) Error() string { return e.err.Error() }
func (e *startOverError) Unwrap() error { return e.err }

// errContradiction is an answer to a range that is not the range.
var errContradiction = errors.New("answer is not the part that was asked for")

// run makes the file whole, or leaves a part that can be resumed.
func (t *transfer) run(ctx context.Context) (*Staged, error) {
	t.part = part{folder: t.request.Folder, name: t.request.Name, sum: newChecksums(t.request.SHA256)}
	t.name = t.request.Name
	var err error
	if t.request.Otherwise == "" {
		t.existing, err = t.look(t.name)
	} else {
		t.existing, err = t.own([]string{t.name, t.request.Otherwise})
	}
	if err != nil {
		return nil, onDisk(err)
	}
	if err := t.tryUntilWhole(ctx); err != nil {
		return nil, t.suspend(err)
	}
	if t.accepted {
		sum, err := t.sumOf(t.existing)
		if err != nil {
			return nil, t.suspend(onDisk(err))
		}
		return t.adopt(sum)
	}
	name := t.place
	if t.request.Otherwise != "" {
		name = t.choose
	}
	staged, err := name()
	if err != nil {
		return nil, t.suspend(err)
	}
	return staged, nil
}

// failed makes the error of Fetch.
func (t *transfer) failed(err error) error {
	failed := &Error{Name: t.request.Name, Requests: t.requests, Bytes: t.bytes, Err: err}
	if t.request.HTTP != nil {
		failed.URL = redacted(t.request.HTTP.URL)
	}
	return failed
}

// tryUntilWhole sends requests until the bytes are complete or nothing more is
// to be hoped for.
func (t *transfer) tryUntilWhole(ctx context.Context) error {
	for failures := 0; ; {
		before := t.high
		err := t.try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		if _, again := errors.AsType[*startOverError](err); again && t.restarts < maxRestarts {
			t.restarts++
			continue
		}
		if t.high-before >= minProgress {
			failures = 0
		}
		failures++
		if failures >= t.fetcher.options.Tries || !t.worthAnother(err) {
			return err
		}
		if err := sleep(ctx, t.fetcher.delay(failures)); err != nil {
			return err
		}
	}
}

// worthAnother says whether the next try may be made by this Fetch. A server
// that wants to be left alone is left to the caller, who knows what else is
// asked of it, and so is a block page.
func (t *transfer) worthAnother(err error) bool {
	if errors.Is(err, ErrNotPicture) {
		t.rejected++
		return t.rejected < 2 // a body may have been damaged on its way, once
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		passing := status.Code >= 500 || status.Code == http.StatusRequestTimeout ||
			status.Code == http.StatusTooEarly
		return passing && status.RetryAfter <= t.fetcher.options.MaxBackoff
	}
	return Retryable(err) && !errors.Is(err, ErrHTML)
}

// delay returns the wait after a number of failures in a row: it doubles, and
// half of it is by chance, so that many transfers do not come back at once.
func (f *Fetcher) delay(failures int) time.Duration {
	wait := f.options.MaxBackoff
	if shift := failures - 1; shift < 20 {
		wait = min(f.options.Backoff<<shift, wait)
	}
	return wait/2 + rand.N(wait/2+1)
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextError returns the error of a context that is done, with its cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause != nil && !errors.Is(cause, err) && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// look says what stands under a final name: nothing, a file that looks whole,
// or, as an error, something that is no file. A file that is not whole counts as
// nothing; it stays until the new one is whole. So does one that is taken.
func (t *transfer) look(name string) (*existing, error) {
	info, err := t.request.Folder.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fsafe.NotRegularError{Name: name, Mode: info.Mode()}
	}
	size, taken := info.Size(), false
	if t.request.Taken != nil {
		if taken, err = t.request.Taken(name); err != nil {
			return nil, err
		}
	}
	if size > 0 || taken {
		if t.there == nil {
			t.there = map[string]existing{}
		}
		t.there[name] = existing{name: name, size: size, own: t.isOwn(info.ModTime()), taken: taken}
	}
	if taken || size == 0 || t.request.Size > 0 && t.request.Size != size && t.request.Otherwise == "" {
		return nil, nil
	}
	found := &existing{name: name, size: size, own: t.isOwn(info.ModTime())}
	if t.request.Kind == Any {
		return found, nil
	}
	if found.kind, err = t.examine(name, size); err != nil || found.kind == Unknown {
		return nil, err
	}
	return found, nil
}

// examine returns the type of a file that is whole, of the wanted kind and under
// the right extension, and Unknown for others.
func (t *transfer) examine(name string, size int64) (Type, error) {
	file, err := t.request.Folder.Open(name, fsafe.Read)
	if err != nil {
		return Unknown, err
	}
	defer func() { _ = file.Close() }()
	var head [headSize]byte
	var tail [tailSize]byte
	n, headErr := readAt(file, head[:], 0)
	_, tailErr := readAt(file, tail[:], max(size-tailSize, 0))
	kind := sniff(head[:n])
	if headErr != nil || tailErr != nil || !t.request.Kind.accepts(kind) || typeOfExtension(path.Ext(name)) != kind {
		return Unknown, nil // what cannot be read can be had again
	}
	if endFits(kind, head[:], tail[:], size) {
		return kind, nil
	}
	if whole, err := isWhole(kind, file, size); err != nil || !whole {
		return Unknown, nil
	}
	return kind, nil
}

// suspend ends a transfer that failed. What can be resumed is kept; the error is
// that of the transfer, with what came up on the way.
func (t *transfer) suspend(err error) error {
	if !t.resumable() || !worthKeeping(err) {
		return also(err, onDisk(t.part.drop()))
	}
	return also(err, onDisk(t.part.keep(t.sidecar())))
}

// resumable says whether a later request may ask for the rest.
func (t *transfer) resumable() bool {
	return t.part.size > 0 && t.part.size <= t.total && t.validator.proves()
}

// worthKeeping says whether the part may be of use after such an error. Bytes
// that could not be read or written are not believed.
func worthKeeping(err error) bool {
	if _, ok := errors.AsType[*DiskError](err); ok {
		return fsafe.IsDiskFull(err) || fsafe.IsTransient(err) || fsafe.IsBusy(err)
	}
	return !Permanent(err) && !errors.Is(err, ErrPartReplaced)
}

// sidecar returns what is to be recorded of the transfer.
func (t *transfer) sidecar() sidecar {
	return sidecar{
		Version: sidecarVersion, URL: hashURL(t.request.HTTP.URL.String()), validator: t.validator,
		Total: t.total, BootID: t.fetcher.options.BootID,
	}
}
