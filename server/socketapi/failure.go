package socketapi

import (
	"context"
	"errors"

	"github.com/pixivoc/pixivoc"
)

// Code says what kind of failure an Error is.
type Code string

// The codes.
const (
	CodeInvalid      Code = "invalid"       // Field was refused
	CodeNotFound     Code = "not_found"     // no task with that TID
	CodeNotLoggedIn  Code = "not_logged_in" //
	CodeLoginRefused Code = "login_refused" // by the site
	CodeUnknownType  Code = "unknown_type"  // of a task
	CodeState        Code = "state"         // not possible as things stand
	CodeDiskFull     Code = "disk_full"     //
	CodeSavePath     Code = "save_path"     // cannot be written
	CodeForbidden    Code = "forbidden"     // the client has no right to
	CodeBusy         Code = "busy"          // too many logins or tasks there are already
	CodeTimeout      Code = "timeout"       // not done in Config.CommandTimeout
	CodeClosed       Code = "closed"        // the server ends
	CodeInternal     Code = "internal"      // the log of the server has the cause
	CodeLogin        Code = "login"         // a login failed, but not for good
)

// Error is the failure of a new command. On the side of a client, errors.Is
// finds in it the errors of package pixivoc that its Code stands for.
type Error struct {
	Code    Code   `json:"code"`
	Field   string `json:"field,omitempty"` // of the arguments, with CodeInvalid
	Message string `json:"message"`
}

func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// Is says whether target is the error of package pixivoc that Code stands for.
func (e *Error) Is(target error) bool {
	for _, pair := range codes() {
		if pair.code == e.Code {
			return target == pair.err
		}
	}
	return false
}

// As makes a *pixivoc.FieldError of an Error with CodeInvalid.
func (e *Error) As(target any) bool {
	field, ok := target.(**pixivoc.FieldError)
	if !ok || e.Code != CodeInvalid {
		return false
	}
	*field = &pixivoc.FieldError{Field: e.Field, Reason: e.Message}
	return true
}

type codeOf struct {
	err  error
	code Code
}

// codes is the one table between errors and codes.
func codes() []codeOf {
	return []codeOf{
		{pixivoc.ErrTaskNotFound, CodeNotFound},
		{pixivoc.ErrNoToken, CodeNotLoggedIn},
		{pixivoc.ErrTokenRejected, CodeLoginRefused},
		{pixivoc.ErrTypeUnknown, CodeUnknownType},
		{pixivoc.ErrState, CodeState},
		{pixivoc.ErrDiskFull, CodeDiskFull},
		{pixivoc.ErrSavePath, CodeSavePath},
		{pixivoc.ErrClosed, CodeClosed},
		{context.DeadlineExceeded, CodeTimeout},
	}
}

// failure turns an error into what a client is told. known is false for one
// whose text is not for clients; it belongs into the log.
func failure(err error) (e *Error, known bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e, true
	}
	if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return &Error{CodeInvalid, field.Field, field.Reason}, true
	}
	for _, pair := range codes() {
		if errors.Is(err, pair.err) {
			return &Error{Code: pair.code, Message: err.Error()}, true
		}
	}
	return &Error{Code: CodeInternal, Message: "the server could not do it; its log tells why"}, false
}
