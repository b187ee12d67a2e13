package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotPicture: the body is not a whole file of a wanted kind. The error
	// is a *ContentError.
	ErrNotPicture = errors.New("not a whole file of the wanted kind")
	// ErrHTML: an HTML page came in the place of a file, as block pages and
	// captchas do. The error is a *ContentError; it may pass.
	ErrHTML = errors.New("an HTML page in the place of a file")
	// ErrIncomplete: the body ended before its time, each time. It may pass.
	ErrIncomplete = errors.New("body ended early")
	// ErrChanged: the answers contradict each other or the Size of the request.
	ErrChanged = errors.New("the file changed at the server")
	// ErrTooLarge: the file is longer than Request.MaxBytes.
	ErrTooLarge = errors.New("file is too large")
	// ErrTaken: other files, which must stay, stand under both names of a request.
	ErrTaken = errors.New("other files stand under both names that it may have")
	// ErrRefused: Request.Refuse refused the address of the answer.
	ErrRefused = errors.New("address of the answer is refused")
	// ErrSilent: nothing arrived for Request.Timeout. It is a time-out, and may
	// pass.
	ErrSilent error = timeoutError("no answer within the time-out")
	// ErrTooSlow: the body came slower than Request.MinRate. It is a time-out,
	// and may pass.
	ErrTooSlow error = timeoutError("body is slower than the lowest rate")
	// ErrPartReplaced: something else took the place of the part. It may pass.
	ErrPartReplaced = errors.New("another file is in the place of the part")
	// ErrFinished: Finish or Discard was called for the file already.
	ErrFinished = errors.New("file was finished or discarded already")
)

// timeoutError is a net.Error that is a time-out.
type timeoutError string

func (e timeoutError) Error() string { return string(e) }
func (e timeoutError) Timeout() bool { return true }

// Temporary completes net.Error.
func (e timeoutError) Temporary() bool { return true }

// Error is what Fetch returns for a download that failed.
type Error struct {
	Name     string // of the file, as requested
	URL      string // without query and user information
	Requests int    // how many requests were sent
	Bytes    int64  // how many bytes of bodies arrived
	Err      error
}

func (e *Error) Error() string {
	if e.URL == "" {
		return fmt.Sprintf("fetch %s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("fetch %s from %s: %v", e.Name, e.URL, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// StatusError is an answer whose status is not a success.
type StatusError struct {
	Code int
	// Text is the beginning of the body in one line without markup.
	Text string
	// HTML says that the body was an HTML page.
	HTML bool
	// RetryAfter is how long the server wants us to wait, when Wait is true;
	// see ParseRetryAfter.
	RetryAfter time.Duration
	Wait       bool
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("status %d %s", e.Code, http.StatusText(e.Code))
	if e.Text != "" {
		text += fmt.Sprintf(" (%s)", e.Text)
	}
	if e.Wait {
		text += fmt.Sprintf(", wait %s", e.RetryAfter)
	}
	return text
}

// ContentError is a body that must not be stored. It is ErrHTML for a page and
// ErrNotPicture for the rest.
type ContentError struct {
	Reason string
	// Type is what the body is, as far as its first bytes show.
	Type Type
	HTML bool
	// Text is the beginning of a page in one line without markup.
	Text string
}

func (e *ContentError) Error() string {
	if e.Text != "" {
		return fmt.Sprintf("%s (%s)", e.Reason, e.Text)
	}
	return e.Reason
}

// Is makes the error ErrHTML or ErrNotPicture.
func (e *ContentError) Is(target error) bool {
	if e.HTML {
		return target == ErrHTML
	}
	return target == ErrNotPicture
}

// Permanent says whether the download can never succeed as it was asked for:
// the server does not have the file or does not give it, what it gives is not
// what was wanted, or the name cannot be used. An error of the transport whose
// method Permanent() bool says true counts too.
func Permanent(err error) bool {
	if err == nil {
		return false
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.permanent()
	}
	for _, final := range []error{ErrNotPicture, ErrTooLarge, ErrRefused, ErrChanged, ErrTaken} {
		if errors.Is(err, final) {
			return true
		}
	}
	if _, ok := errors.AsType[*fsafe.NameError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*fsafe.NotRegularError](err); ok {
		return true
	}
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return true
	}
	said, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	return ok && said.Permanent()
}

// permanent tells what a server will not change its mind about. A 403 with a
// page is a block that may pass; a 407 and a 421 are about the way to the
// server; a 401 is not expected of a file, and a login may mend it.
func (e *StatusError) permanent() bool {
	switch e.Code {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case http.StatusForbidden:
		return !e.RateLimited() && !e.HTML
	}
	return e.Code >= 400 && e.Code < 500
}

// RateLimited says whether the server wants fewer requests: status 429, or 403
// with the words that Pixiv uses (fixture error_rate_limit.json, 2026-09).
func (e *StatusError) RateLimited() bool {
	return e.Code == http.StatusTooManyRequests ||
		e.Code == http.StatusForbidden && containsFold(e.Text, "rate limit")
}

// Retryable says whether the same download may succeed later without anybody
// doing anything. It is false for nil, for what is Permanent, for a context that
// was cancelled, for a disk that is full, broken or cannot be written, and for a
// certificate that is not the server's.
func Retryable(err error) bool {
	if err == nil || Permanent(err) || errors.Is(err, context.Canceled) || errors.Is(err, ErrFinished) {
		return false
	}
	if _, ok := errors.AsType[*DiskError](err); ok {
		passing := fsafe.IsTransient(err) || fsafe.IsBusy(err) || errors.Is(err, ErrPartReplaced)
		return passing && !fsafe.IsReadOnly(err)
	}
	if isCertificate(err) {
		return false
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Code != http.StatusProxyAuthRequired && status.Code != http.StatusUnauthorized
	}
	return true
}

func isCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}

// DiskError is an error of the file layer. Whether it is about a full disk, a
// missing right or something that passes is told by the functions of fsafe.
type DiskError struct{ Err error }

func (e *DiskError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// onDisk makes an error of the file layer a *DiskError.
func onDisk(err error) error {
	if err == nil {
		return nil
	}
	return &DiskError{Err: err}
}

// also adds to an error what came up while its consequences were dealt with.
// Unlike errors.Join it keeps the text in one line.
func also(err, second error) error {
	switch {
	case err == nil:
		return second
	case second == nil:
		return err
	}
	return fmt.Errorf("%w (and %w)", err, second)
}

// withoutURL strips what http.Client wraps around an error: method and address
// with its query, which may hold secrets. Only the outermost layer counts: what
// the caller's own transport wrapped stays as it is.
func withoutURL(err error) error {
	for {
		wrapped, ok := err.(*url.Error)
		if !ok {
			return err
		}
		err = wrapped.Err
	}
}

// redacted returns an address without query and user information.
func redacted(u *url.URL) string {
	if u == nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
