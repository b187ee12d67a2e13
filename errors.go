package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrClosed: the client or store was shut down.
	ErrClosed = errors.New("closed")
	// ErrNoToken: nobody is logged in. Log in and try again.
	ErrNoToken = errors.New("not logged in")
	// ErrTokenRejected: the site refuses the refresh token. Log in again.
	ErrTokenRejected = errors.New("login refused by the site")
	// ErrTokenExpired: the site calls the access token expired. Site.Judge
	// returns it; the kernel refreshes the token and repeats the request.
	ErrTokenExpired = errors.New("access token expired")
	// ErrTaskNotFound: no task has that TID, or it was deleted.
	ErrTaskNotFound = errors.New("task not found")
	// ErrTypeUnknown: Config.Types has no task type of that name.
	ErrTypeUnknown = errors.New("unknown task type")
	// ErrState: the operation does not fit the state of its object.
	ErrState = errors.New("not possible in this state")
	// ErrStaleClaim: the claim was lost; see Store.
	ErrStaleClaim = errors.New("stale claim")
	// ErrStoreLocked: another process has the store open.
	ErrStoreLocked = errors.New("store is in use by another process")
	// ErrStoreVersion: the store was written by a newer version.
	ErrStoreVersion = errors.New("store is of a newer version")
	// ErrStoreCorrupt: the store cannot be trusted; nothing was changed.
	ErrStoreCorrupt = errors.New("store is damaged")
	// ErrDiskFull: no room at the save path or for the store.
	ErrDiskFull = errors.New("disk full")
	// ErrSavePath: the save path cannot be written: no right, read-only, not
	// a folder. Mend it and start the task again.
	ErrSavePath = errors.New("save path not usable")
)

// The stable words for the reason of a failed item. A task type may have words
// of its own.
const (
	ReasonDeleted   = "deleted"   // gone at the site, or never there
	ReasonMasked    = "masked"    // the site shows a placeholder to this account
	ReasonForbidden = "forbidden" // the site refuses this account
	ReasonRefused   = "refused"   // the site refuses the request as wrong
	ReasonContent   = "content"   // what came is not what was asked for
	ReasonName      = "name"      // the name or what stands under it is in the way
	ReasonPayload   = "payload"   // the item does not fit its stage
	ReasonPanic     = "panic"     // the stage panicked; see the log
	ReasonNetwork   = "network"   // connection, time-out, cut body
	ReasonServer    = "server"    // the site answered with an error of its own
	ReasonBlocked   = "blocked"   // a block page or captcha came instead
	ReasonOther     = "other"
)

// The stable words for why a task ended in StateError, beside ReasonOther.
const (
	ReasonLogin      = "login"       // nobody is logged in, or the login was refused
	ReasonAccount    = "account"     // the site says that something is wrong with the account
	ReasonSavePath   = "save_path"   // the save path cannot be written
	ReasonProxyLogin = "proxy_login" // the proxy wants another user or password
	ReasonNoProgress = "no_progress" // round after round brought nothing
)

// FieldError refuses a value that somebody gave.
type FieldError struct {
	Field  string // as it is called in the API, for instance "Timeout"
	Reason string // what is wrong and what would be right
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// StatusError is an answer that was not a success.
type StatusError struct {
	Method string
	URL    string // without query and user information
	Code   int
	// Message is what the site said, shortened, without markup.
	Message string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: status %d", e.Method, e.URL, e.Code)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// RateLimitError says that the site wants fewer requests. The kernel lets all
// paced requests wait and tries again; no attempt is counted.
type RateLimitError struct {
	// Wait is how long the site wants us to wait; 0 when it did not say.
	Wait time.Duration
	Err  error
}

func (e *RateLimitError) Error() string {
	if e.Wait > 0 {
		return fmt.Sprintf("rate limit, wait %s: %v", e.Wait, e.Err)
	}
	return fmt.Sprintf("rate limit: %v", e.Err)
}

// Unwrap returns the cause.
func (e *RateLimitError) Unwrap() error { return e.Err }

// BlockedError says that something between us and the site answered in its
// place, with a block page or a captcha. It passes, or another proxy mode
// helps.
type BlockedError struct {
	Host string
	Err  error
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("%s answers with a block page: %v", e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *BlockedError) Unwrap() error { return e.Err }

// RefreshError says why a token could not be had. It is ErrTokenRejected when
// the site refused; otherwise the fault may pass.
type RefreshError struct {
	// Until is when the next try is made; zero: at once.
	Until time.Time
	Err   error
}

func (e *RefreshError) Error() string { return "refresh token: " + textOf(e.Err) }

// Unwrap returns the cause.
func (e *RefreshError) Unwrap() error { return e.Err }

// textOf is the text of a cause, also of one that was left out.
func textOf(err error) string {
	if err == nil {
		return "for no given reason"
	}
	return err.Error()
}

// StageError is the error of one run of an item.
type StageError struct {
	Task    int64
	Stage   string
	Key     string
	Attempt int // 1 for the first run
	Err     error
}

func (e *StageError) Error() string {
	return fmt.Sprintf("task %d, %s %q, attempt %d: %v", e.Task, e.Stage, e.Key, e.Attempt, e.Err)
}

// Unwrap returns the cause.
func (e *StageError) Unwrap() error { return e.Err }

// PermanentError is a failure that no further try can mend.
type PermanentError struct {
	Reason string // one of the Reason words, or a task type's own
	Err    error
}

func (e *PermanentError) Error() string { return textOf(e.Err) }

// Unwrap returns the cause.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent is a verdict of a Stage: the item can never be done. It returns
// nil when err is nil.
func Permanent(reason string, err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{Reason: reason, Err: err}
}

// RetryAfterError is a failure that costs the item no attempt.
type RetryAfterError struct {
	Wait time.Duration
	Err  error
}

func (e *RetryAfterError) Error() string { return textOf(e.Err) }

// Unwrap returns the cause.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter is a verdict of a Stage: run the item again after wait, without
// counting an attempt. It returns nil when err is nil.
func RetryAfter(wait time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &RetryAfterError{Wait: wait, Err: err}
}

// Retryable says whether trying again later may help: it is false for nil,
// for permanent errors, refused input, a cancelled context, and whatever needs
// somebody to act first.
func Retryable(err error) bool {
	if err == nil {
		return false
	}
	if _, ok := errors.AsType[*PermanentError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*FieldError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*AccountError](err); ok {
		return false
	}
	if misdirected, ok := errors.AsType[*MisdirectedError](err); ok && misdirected.Next == "" {
		return false
	}
	for _, final := range []error{
		context.Canceled, ErrClosed, ErrNoToken, ErrTokenRejected, ErrTaskNotFound,
		ErrTypeUnknown, ErrState, ErrStaleClaim, ErrStoreLocked, ErrStoreVersion,
		ErrStoreCorrupt, ErrSavePath, ErrProxyLogin,
	} {
		if errors.Is(err, final) {
			return false
		}
	}
	return true
}
