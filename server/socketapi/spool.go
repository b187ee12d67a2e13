package socketapi

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/pixivoc/pixivoc"
)

// spool keeps the list of a task that does not fit into one frame, in a
// temporary file that comes into being with the first text and has no name
// where the system allows it: nothing is left of it after a crash.
type spool struct {
	limit int
	all   *inputs
	size  int
	file  *os.File
}

// inputs bounds the lists of all connections together, in bytes.
type inputs struct {
	limit int64
	size  atomic.Int64
}

// take is true when there is room for n more bytes.
func (i *inputs) take(n int) bool {
	if i.size.Add(int64(n)) > i.limit {
		i.give(n)
		return false
	}
	return true
}

func (i *inputs) give(n int) { i.size.Add(int64(-n)) }

func newSpool(limit int, all *inputs) *spool { return &spool{limit: limit, all: all} }

// add appends text.
func (s *spool) add(text string) error {
	if s.size+len(text) > s.limit {
		return &pixivoc.FieldError{Field: "text", Reason: fmt.Sprintf("makes the list longer than %d bytes", s.limit)}
	}
	if s.file == nil {
		file, err := os.CreateTemp("", "pixivoc-list-*")
		if err != nil {
			return fmt.Errorf("keep list: %s", withoutPath(err))
		}
		s.file = file
		_ = os.Remove(file.Name()) // Windows keeps the name until close
	}
	if !s.all.take(len(text)) {
		return &Error{Code: CodeBusy, Message: "the lists of all clients are too long; try again later"}
	}
	n, err := s.file.WriteString(text)
	s.size += n
	s.all.give(len(text) - n)
	if err != nil {
		return fmt.Errorf("keep list: %s", withoutPath(err))
	}
	return nil
}

// open returns what was added, from the beginning.
func (s *spool) open() (io.Reader, error) {
	if s.file == nil {
		return nil, &pixivoc.FieldError{Field: "input", Reason: "nothing was sent before"}
	}
	return io.NewSectionReader(s.file, 0, int64(s.size)), nil
}

// close forgets what was added.
func (s *spool) close() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()           // it is thrown away
	_ = os.Remove(s.file.Name()) // that it is gone already is no error
	s.all.give(s.size)
	s.file, s.size = nil, 0
}

// withoutPath is the cause of a file error: a client need not learn where the
// server keeps its files.
func withoutPath(err error) error {
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err
	}
	return err
}
