package sqlite

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

const (
	// reserveSize is room for many deletions and saved tokens.
	reserveSize = 512 << 10
	// reservePause is how long to wait before trying again to make a reserve.
	reservePause = time.Minute
)

// reserve is a file that takes up room on the disk only to be given up when
// there is no other, so that what must work on a full disk does. It belongs to
// one goroutine.
type reserve struct {
	path  string
	log   *slog.Logger
	there bool
	after time.Time // no try to make it before
}

func newReserve(path string, log *slog.Logger) *reserve {
	r := &reserve{path: path, log: log}
	info, err := os.Stat(path)
	r.there = err == nil && info.Size() == reserveSize
	r.restore()
	return r
}

// release gives the room up. It reports whether there was any.
func (r *reserve) release() bool {
	if !r.there {
		return false
	}
	err := os.Remove(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("reserve cannot be given up", "error", err)
		return false
	}
	r.there = false
	r.after = time.Now().Add(reservePause)
	r.log.Warn("disk is full; the reserve of the store was given up", "bytes", reserveSize)
	return true
}

// restore makes the file again. Its content is random because some file
// systems store zeros in no room at all.
func (r *reserve) restore() {
	if r.there || time.Now().Before(r.after) {
		return
	}
	content := make([]byte, reserveSize)
	_, _ = rand.Read(content) // never fails
	if err := os.WriteFile(r.path, content, 0o600); err != nil {
		_ = os.Remove(r.path)
		r.after = time.Now().Add(reservePause)
		return
	}
	r.there = true
}
