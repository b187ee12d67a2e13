package sqlite

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/pixivoc/pixivoc"
)

// fileLock keeps other processes, and other openings in this one, away from a
// store. The file stays when the lock is released: whoever removed it could
// take it from under somebody who has just locked it.
type fileLock struct{ flock *flock.Flock }

// pidOffset leaves out the byte that is locked: on Windows nobody else may read
// that one.
const pidOffset = 1

func lockFile(path string) (*fileLock, error) {
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked {
		return nil, fmt.Errorf("%w%s", pixivoc.ErrStoreLocked, owner(path))
	}
	if err := writeOwner(path); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &fileLock{flock: lock}, nil
}

func (l *fileLock) release() error { return l.flock.Close() }

func writeOwner(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	text := strconv.Itoa(os.Getpid()) + "\n"
	_, err = file.WriteAt([]byte(text), pidOffset)
	if err == nil {
		err = file.Truncate(pidOffset + int64(len(text)))
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}

// owner says, as far as it can be found out, who holds the lock.
func owner(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	text := make([]byte, 20)
	n, err := file.ReadAt(text, pidOffset)
	if err != nil && err != io.EOF {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
