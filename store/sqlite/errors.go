package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pixivoc/pixivoc"
)

// recovery is the advice that goes with a damaged store.
const recovery = "move it aside together with its -wal, then put a backup in its place" +
	` or save what can be read with "sqlite3 OLD .recover | sqlite3 NEW"`

// unwritableError says that the system does not let the store write: no room, a
// read-only file system, an I/O error. It is pixivoc.ErrDiskFull, because what
// helps is the same: wait until somebody mends it, then go on.
type unwritableError struct{ cause error }

func (e *unwritableError) Error() string { return "store cannot be written: " + e.cause.Error() }

func (e *unwritableError) Unwrap() []error { return []error{pixivoc.ErrDiskFull, e.cause} }

// damagedError says that what SQLite found in the file makes no sense.
type damagedError struct{ cause error }

func (e *damagedError) Error() string {
	return fmt.Sprintf("%v (%v); %s", pixivoc.ErrStoreCorrupt, e.cause, recovery)
}

func (e *damagedError) Unwrap() []error { return []error{pixivoc.ErrStoreCorrupt, e.cause} }

// code returns the extended result code of SQLite, 0 for other errors.
func code(err error) int {
	if failure, ok := errors.AsType[*sqlite.Error](err); ok {
		return failure.Code()
	}
	return 0
}

// translate gives an error of SQLite, or of the system, the meaning it has for
// callers.
func translate(err error) error {
	if err == nil || errors.Is(err, pixivoc.ErrDiskFull) || errors.Is(err, pixivoc.ErrStoreCorrupt) {
		return err
	}
	for _, unwritable := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, unwritable) {
			return &unwritableError{cause: err}
		}
	}
	full := code(err)
	switch full & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &damagedError{cause: err}
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY:
		return &unwritableError{cause: err}
	case sqlite3.SQLITE_IOERR:
		switch full {
		case sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS:
			return err
		}
		return &unwritableError{cause: err}
	}
	return err
}
