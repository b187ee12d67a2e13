package socketapi

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pixivoc/pixivoc"
)

// spool keeps the list of a task that does not fit into one frame, in a
// temporary file that comes into being with the first text.
type spool struct {
	limit int
	size  int
	file  *os.File
}

func newSpool(limit int) *spool { return &spool{limit: limit} }

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
	}
	n, err := s.file.WriteString(text)
	s.size += n
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
	_ = s.file.Close() // it is thrown away
	_ = os.Remove(s.file.Name())
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
