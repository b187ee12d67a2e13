package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc/internal/silence"
)

// flushAfter is how long bytes of a slow body may stay in memory only.
const flushAfter = 250 * time.Millisecond

// recordAfter is how long a transfer may take before the process can die without
// losing it, whatever its size.
const recordAfter = 500 * time.Millisecond

// flow is one body on its way into the part.
type flow struct {
	*transfer
	body   io.Reader
	watch  *silence.Watch
	end    int64 // offset behind the last byte of this body, or unknown
	buf    []byte
	filled int
	floor  floor
	began  time.Time
	last   time.Time // of the last write
}

// stream reads a body, writes it to the part, and verifies the file when it has
// all of it. The body ends at the offset end.
func (t *transfer) stream(response *http.Response, watch *silence.Watch, end int64) error {
	buf := t.fetcher.buffers.Get().(*[]byte)
	defer t.fetcher.buffers.Put(buf)
	now := time.Now()
	f := &flow{
		transfer: t, body: response.Body, watch: watch, end: end, buf: *buf, began: now, last: now,
		floor: floor{rate: t.request.MinRate, window: t.request.Timeout, since: now},
	}
	ended, err := f.copy()
	if err != nil {
		return err
	}
	if end != unknown && t.part.size < t.total {
		return fmt.Errorf("%w: %d of %d bytes", ErrIncomplete, t.part.size, t.total)
	}
	return t.verify(ended && delimited(response))
}

// delimited says whether the end of a body is told from the end of the
// connection.
func delimited(response *http.Response) bool {
	if response.ContentLength >= 0 || response.ProtoMajor >= 2 {
		return true
	}
	return len(response.TransferEncoding) > 0 && response.TransferEncoding[0] == "chunked"
}

// copy reads the body to its end. Whatever came before an error is written, as
// far as it belongs to the file.
func (f *flow) copy() (ended bool, err error) {
	f.watch.Wake()
	defer f.watch.Sleep()
	for {
		room := f.room()
		if len(room) == 0 && f.filled == 0 {
			return true, f.surplus()
		}
		var readErr error
		if len(room) > 0 {
			var n int
			n, readErr = f.body.Read(room[:f.portion(len(room))])
			f.watch.Poke()
			f.filled += n
			f.bytes += int64(n)
			if err := f.checkFlow(n); err != nil {
				return false, err
			}
			if err := f.pay(n); err != nil {
				return false, err
			}
		}
		if readErr != nil || f.due() {
			if err := f.flush(readErr != nil); err != nil {
				return false, err
			}
		}
		if readErr != nil {
			return f.ending(readErr)
		}
	}
}

// room returns the part of the buffer that may be filled: never more than the
// file still lacks.
func (f *flow) room() []byte {
	room := f.buf[f.filled:]
	if f.end != unknown {
		room = room[:min(int64(len(room)), f.end-f.part.size-int64(f.filled))]
	}
	return room
}

// due says whether the buffer should be written now.
func (f *flow) due() bool {
	return len(f.room()) == 0 || (f.settled || f.filled >= headSize) && time.Since(f.last) > flushAfter
}

// ending tells a body that is over from one that broke off.
func (f *flow) ending(readErr error) (ended bool, err error) {
	missing := f.end == unknown || f.part.size < f.end
	switch {
	case readErr == io.EOF, !missing:
		return true, nil
	case errors.Is(readErr, context.Canceled):
		return false, readErr
	}
	total := "an unknown number of"
	if f.total != unknown {
		total = fmt.Sprint(f.total)
	}
	return false, fmt.Errorf("%w: %d of %s bytes: %w", ErrIncomplete, f.part.size, total, readErr)
}

// surplus reads on behind the last byte that was announced, where the end of
// the body must be. A body that goes on is not the file.
func (f *flow) surplus() error {
	var more [1]byte
	for range 8 {
		n, err := f.body.Read(more[:])
		f.watch.Poke()
		if n > 0 {
			return f.reject(&ContentError{Reason: "the body is longer than announced", Type: f.kind})
		}
		if err != nil {
			return nil
		}
	}
	return nil
}

// checkFlow counts what came and cuts bodies that are too long or too slow.
func (f *flow) checkFlow(n int) error {
	if most := f.request.MaxBytes; most > 0 && f.part.size+int64(f.filled) > most {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return f.floor.add(n)
}

// flush writes the buffer to the part. What the content is must be known before
// the first byte reaches the disk.
func (f *flow) flush(last bool) error {
	chunk := f.buf[:f.filled]
	f.filled, f.last = 0, time.Now()
	if len(chunk) == 0 {
		return nil
	}
	f.watch.Sleep()
	defer f.watch.Wake()
	if f.request.Progress != nil {
		defer f.request.Progress(int64(len(chunk)))
	}
	if !f.settled {
		head := chunk
		if f.part.size > 0 {
			head = f.part.head[:min(headSize, f.part.size)]
		}
		if len(head) < headSize && last && f.request.Kind != Any &&
			(f.end == unknown || f.part.size+int64(len(chunk)) < f.end) {
			return nil // broken off before it could be anything
		}
		if err := f.settle(head); err != nil {
			return err
		}
	}
	return f.write(chunk)
}

// write appends a chunk, after making the part, and makes the transfer resumable
// once there is something to lose.
func (f *flow) write(chunk []byte) error {
	if f.part.file == nil {
		if err := f.part.create(); err != nil {
			return onDisk(err)
		}
	}
	err := f.part.append(chunk)
	f.high = max(f.high, f.part.size)
	if err == nil && f.worthRecording() {
		err = f.part.record(f.sidecar(), false)
	}
	return onDisk(err)
}

// worthRecording says whether the part needs its sidecar now: many bytes would
// be lost with the process, or few that took long, and more than one buffer is
// still to come.
func (f *flow) worthRecording() bool {
	return !f.part.hasSidecar && f.validator.proves() && f.total-f.part.size > int64(len(f.buf)) &&
		(f.part.size >= f.fetcher.options.ResumeSize || time.Since(f.began) > recordAfter)
}

// floor finds bodies that are slower than a rate, over windows of one time-out.
type floor struct {
	rate   int64 // bytes a second
	window time.Duration
	since  time.Time
	bytes  int64
}

func (r *floor) add(n int) error {
	if r.rate <= 0 || r.window <= 0 {
		return nil
	}
	r.bytes += int64(n)
	passed := time.Since(r.since)
	if passed < r.window {
		return nil
	}
	if float64(r.bytes) < float64(r.rate)*passed.Seconds() {
		return ErrTooSlow
	}
	r.since, r.bytes = time.Now(), 0
	return nil
}

// settle decides from the first bytes what the file is and what it will be
// called.
func (t *transfer) settle(head []byte) error {
	if t.settled {
		return nil
	}
	t.kind = sniff(head)
	if t.request.wantsFile() && looksLikeMarkup(head) {
		return &ContentError{Reason: ErrHTML.Error(), HTML: true, Text: plain(head)}
	}
	if !t.request.Kind.accepts(t.kind) {
		return &ContentError{Reason: "the content is neither of the wanted types", Type: t.kind}
	}
	names := t.request.names(t.request.Name, t.kind)
	if len(names) == 0 {
		return &ContentError{Reason: "the content is " + string(t.kind) + ", which the name does not fit", Type: t.kind}
	}
	t.settled, t.name = true, names[0]
	if t.name == t.request.Name {
		return nil
	}
	if t.request.Otherwise != "" {
		return t.recover()
	}
	return t.rename(names)
}

// rename finds a name among those that fit the content. A whole file of the
// announced length is the one that is wanted. Another good file may belong to
// another download: it stays, unless it has the last of the names, which nobody
// else asks for.
func (t *transfer) rename(names []string) error {
	for _, name := range names {
		t.name = name
		found, err := t.look(name)
		if err != nil {
			return onDisk(err)
		}
		if found == nil {
			return nil
		}
		if found.size == t.total {
			t.accept(found)
			return errAccepted
		}
	}
	return nil
}

// verify decides whether the bytes in the part are the whole file. The end of
// the body is proven when it was told from the end of the connection.
func (t *transfer) verify(proven bool) error {
	size := t.part.size
	switch {
	case t.request.Size > 0 && size != t.request.Size && proven:
		return t.reject(fmt.Errorf("%w: %d bytes, %d expected", ErrChanged, size, t.request.Size))
	case t.request.Size > 0 && size != t.request.Size:
		return t.reject(fmt.Errorf("%w: %d of %d bytes", ErrIncomplete, size, t.request.Size))
	case size == 0 && t.request.Kind != Any:
		return t.reject(&ContentError{Reason: "the answer is empty"})
	case size == 0 && proven:
		return t.createEmpty()
	case t.request.Kind == Any && proven:
		return nil
	case t.request.Kind == Any && t.kind == Unknown:
		return t.reject(fmt.Errorf("%w: the answer has neither a length nor an end", ErrIncomplete))
	}
	if proven && endFits(t.kind, t.part.head[:], t.part.tail[:], size) {
		return nil
	}
	whole, err := isWhole(t.kind, t.part.file, size)
	if err != nil {
		return onDisk(err)
	}
	if !whole && !proven {
		return t.reject(fmt.Errorf("%w: no end mark after %d bytes", ErrIncomplete, size))
	}
	if !whole {
		return t.reject(&ContentError{Reason: string(t.kind) + " without its end", Type: t.kind})
	}
	return nil
}

// createEmpty makes the part of an empty file.
func (t *transfer) createEmpty() error {
	if t.part.file != nil {
		return nil
	}
	return onDisk(t.part.create())
}

// reject empties the part, whose bytes are no good, and returns err.
func (t *transfer) reject(err error) error {
	return also(err, t.restart())
}
