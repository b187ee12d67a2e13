package fsafe

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
)

// IsDiskFull says whether err comes from a full disk or a used-up quota.
// Somebody has to make room; trying again at once is of no use.
func IsDiskFull(err error) bool { return isOneOf(err, diskFull) }

// IsReadOnly says whether err comes from a folder that this process cannot
// write to: the file system is read-only or the right is missing.
func IsReadOnly(err error) bool {
	return isOneOf(err, readOnly) || errors.Is(err, fs.ErrPermission)
}

// IsTransient says whether err comes from something that passes by itself: too
// many open files, an interrupted call, too little memory.
func IsTransient(err error) bool { return isOneOf(err, transient) }

// IsBusy says whether err may come from another program that has the file open
// and keeps it from being replaced, as virus scanners on Windows do for a
// moment. There it cannot always be told from a missing right: IsReadOnly may be
// true of the same error.
func IsBusy(err error) bool { return isOneOf(err, busy) }

func isOneOf(err error, numbers func() []syscall.Errno) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(numbers(), number)
}
