package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pixivoc/pixivoc/internal/silence"
)

// maxText is how much of an answer that is not stored is read, and shown.
const (
	maxRead = 4 << 10
	maxText = 200
)

// try sends one request and takes what comes.
func (t *transfer) try(ctx context.Context) error {
	if t.existing == nil && !t.part.looked {
		if err := t.resume(); err != nil {
			return onDisk(err)
		}
	}
	if t.part.size > 0 && !t.resumable() {
		if err := t.restart(); err != nil {
			return err
		}
	}
	report, err := t.request.admit(ctx)
	if err != nil {
		return err
	}
	ctx, watch := silence.New(ctx, t.request.Timeout, ErrSilent)
	defer watch.Stop()
	response, err := t.send(ctx)
	watch.Sleep()
	if err != nil {
		err = causeOf(ctx, withoutURL(err))
		report(err)
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 300 {
		report(nil) // now, because a body may take long
	}
	err = t.receive(response, watch)
	if response.StatusCode >= 300 {
		report(limitOf(err))
	}
	if err != nil && !errors.Is(err, errAccepted) {
		return causeOf(ctx, err)
	}
	return nil
}

// limitOf returns the answer in err that asks for fewer requests, or nil.
func limitOf(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok && status.RateLimited() {
		return err
	}
	return nil
}

// causeOf returns why the watch cancelled a request, if it did, and else err.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrSilent) && !errors.Is(err, ErrSilent) {
		return cause
	}
	return err
}

// resume takes over what an earlier transfer left.
func (t *transfer) resume() error {
	buf := t.fetcher.buffers.Get().(*[]byte)
	defer t.fetcher.buffers.Put(buf)
	s, ok, err := t.part.load(hashURL(t.request.HTTP.URL.String()), t.fetcher.options.BootID, *buf)
	if !ok || err != nil {
		return err
	}
	t.validator, t.total, t.high = s.validator, s.Total, t.part.size
	return nil
}

// restart empties the part.
func (t *transfer) restart() error {
	t.validator, t.total, t.settled = validator{}, unknown, false
	return onDisk(t.part.restart())
}

// startOver empties the part because of err.
func (t *transfer) startOver(err error) error {
	if err := t.restart(); err != nil {
		return err
	}
	return &startOverError{err: err}
}

// send sends the request for what is missing. A file that is there already is
// compared by asking for the bytes behind its end: a server that has no more
// says so, and the connection stays usable, because no body is left unread.
func (t *transfer) send(ctx context.Context) (*http.Response, error) {
	r := t.request.HTTP.WithContext(ctx)
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Del("Range")
	r.Header.Del("If-Range")
	r.Header.Set("Accept-Encoding", "identity")
	if from := t.from(); from > 0 {
		r.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
		if t.existing == nil {
			r.Header.Set("If-Range", t.validator.ifRange())
		}
	}
	t.requests++
	response, err := t.request.Do(r)
	if err == nil && (response == nil || response.Body == nil) {
		err = errors.New("no answer and no error")
	}
	return response, err
}

// from returns the offset that the next request asks for.
func (t *transfer) from() int64 {
	if t.existing != nil {
		return t.existing.size
	}
	return t.part.size
}

// receive takes one answer.
func (t *transfer) receive(response *http.Response, watch *silence.Watch) error {
	if t.request.Refuse != nil {
		address := t.request.HTTP.URL
		if response.Request != nil && response.Request.URL != nil {
			address = response.Request.URL
		}
		if err := t.request.Refuse(address); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	asked := t.from() > 0
	switch {
	case response.StatusCode == http.StatusOK:
		return t.receiveAll(response, watch)
	case response.StatusCode == http.StatusPartialContent && asked:
		return t.receiveRest(response, watch)
	case response.StatusCode == http.StatusPartialContent:
		return fmt.Errorf("status 206 without a range: %w", errContradiction)
	case response.StatusCode == http.StatusRequestedRangeNotSatisfiable && asked:
		return t.receiveNothing(response, watch)
	case response.StatusCode == http.StatusNoContent:
		return &ContentError{Reason: "the answer is empty"}
	}
	return t.statusError(response, watch)
}

// receiveAll takes a 200: the whole file from its first byte, asked for or not.
func (t *transfer) receiveAll(response *http.Response, watch *silence.Watch) error {
	if err := t.checkHead(response, watch); err != nil {
		return err
	}
	announced := response.ContentLength
	if t.existing != nil && t.existing.size == announced {
		t.accept(t.existing)
		return nil
	}
	t.existing = nil
	if t.part.size > 0 {
		if err := t.restart(); err != nil {
			return err
		}
	}
	t.validator, t.total = validatorOf(response.Header), max(announced, unknown)
	return t.stream(response, watch, t.total)
}

// receiveRest takes a 206 to a range. Only one that continues the part of the
// same representation is used.
func (t *transfer) receiveRest(response *http.Response, watch *silence.Watch) error {
	if t.existing != nil { // the server has more than we have
		t.existing = nil
		return t.startOver(errContradiction)
	}
	span, ok := parseContentRange(response.Header.Get("Content-Range"))
	ok = ok && span.first == t.part.size && span.total == t.total &&
		t.validator.agrees(response.Header, true) && isIdentity(response) &&
		(response.ContentLength < 0 || response.ContentLength == span.last-span.first+1)
	if !ok {
		return t.startOver(errContradiction)
	}
	return t.stream(response, watch, span.last+1)
}

// receiveNothing takes a 416, which says that nothing begins where the part or
// the existing file ends. That alone proves nothing: the lengths must agree.
func (t *transfer) receiveNothing(response *http.Response, watch *silence.Watch) error {
	span, known := parseContentRange(response.Header.Get("Content-Range"))
	_, _ = readText(response, watch) // so that the connection can be used again
	if t.existing != nil {
		found := t.existing
		if known && span.total == found.size {
			t.accept(found)
			return nil
		}
		t.existing = nil
		return t.startOver(errContradiction)
	}
	if t.part.size != t.total || known && span.total != t.total || !t.validator.agrees(response.Header, false) {
		return t.startOver(errContradiction)
	}
	if err := t.settle(t.part.head[:min(headSize, t.part.size)]); err != nil {
		return err
	}
	return t.verify(true)
}

// accept takes an existing file for the result.
func (t *transfer) accept(found *existing) {
	t.existing, t.accepted = found, true
	t.name, t.kind = found.name, found.kind
}

// checkHead refuses what can be refused before the body.
func (t *transfer) checkHead(response *http.Response, watch *silence.Watch) error {
	length := response.ContentLength
	switch {
	case t.request.wantsFile() && isHTML(response.Header.Get("Content-Type")):
		text, _ := readText(response, watch)
		return &ContentError{Reason: ErrHTML.Error(), HTML: true, Text: text}
	case !isIdentity(response):
		return &ContentError{Reason: "the body is encoded, though that was not asked for"}
	case length == 0 && t.request.Kind != Any:
		return &ContentError{Reason: "the answer is empty"}
	case t.request.MaxBytes > 0 && length > t.request.MaxBytes:
		return fmt.Errorf("%w: %d bytes announced, %d allowed", ErrTooLarge, length, t.request.MaxBytes)
	case t.request.Size > 0 && length >= 0 && length != t.request.Size:
		return fmt.Errorf("%w: %d bytes announced, %d expected", ErrChanged, length, t.request.Size)
	}
	return nil
}

// isIdentity says whether a body comes as it is stored.
func isIdentity(response *http.Response) bool {
	encoding := response.Header.Get("Content-Encoding")
	return !response.Uncompressed && (encoding == "" || strings.EqualFold(encoding, "identity"))
}

// statusError makes the error of an answer that is not a success.
func (t *transfer) statusError(response *http.Response, watch *silence.Watch) error {
	status := &StatusError{Code: response.StatusCode}
	status.Text, status.HTML = readText(response, watch)
	status.HTML = status.HTML || isHTML(response.Header.Get("Content-Type"))
	status.RetryAfter, status.Wait = ParseRetryAfter(response.Header.Get("Retry-After"), time.Now())
	return status
}

// readText reads the beginning of a body, which for most errors is all of it,
// and returns it for people, and whether it looks like a page.
func readText(response *http.Response, watch *silence.Watch) (text string, markup bool) {
	watch.Wake()
	defer watch.Sleep()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxRead))
	return plain(body), looksLikeMarkup(body)
}

// plain strips tags, scripts and everything unprintable, and shortens.
func plain(body []byte) string {
	for _, element := range []string{"script", "style"} {
		body = withoutElement(body, element)
	}
	var text strings.Builder
	inTag, blank := false, false
	for _, r := range string(body) {
		switch {
		case r == '<':
			inTag, blank = true, true
		case inTag:
			inTag = r != '>'
		case unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			blank = true
		default:
			if blank && text.Len() > 0 {
				text.WriteByte(' ')
			}
			blank = false
			text.WriteRune(r)
		}
		if text.Len() >= maxText {
			break
		}
	}
	return text.String()
}

// withoutElement cuts an element with all that is in it out of a page.
func withoutElement(body []byte, name string) []byte {
	var left []byte
	for {
		lower := bytes.ToLower(body)
		start := bytes.Index(lower, []byte("<"+name))
		if start < 0 || len(lower) != len(body) {
			return append(left, body...)
		}
		left = append(left, body[:start]...)
		length := bytes.Index(lower[start:], []byte("</"+name))
		if length < 0 {
			return left
		}
		body = body[start+length:]
	}
}

func containsFold(text, lowerPart string) bool {
	return strings.Contains(strings.ToLower(text), lowerPart)
}
