package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pixivoc/pixivoc"
)

// The head of a database file, see "The Database Header" in
// https://www.sqlite.org/fileformat2.html#the_database_header.
const (
	headSize       = 100
	headMagic      = "SQLite format 3\x00"
	headPageSize   = 16 // 2 bytes, 1 meaning 65536
	headPages      = 28 // size of the database in pages, 4 bytes
	headVersion    = 60 // user_version, 4 bytes
	headIdentifier = 68 // application_id, 4 bytes
)

// applicationID marks a file as a store: "pxoc".
const applicationID = 0x70786f63

// examine looks at a file before SQLite does, which would change some of what
// it cannot use. It reports whether a new store has to be made.
func examine(path string, known int) (fresh bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, examineLeft(path)
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, &damagedError{cause: fmt.Errorf("it is no regular file but %s", info.Mode())}
	}
	head, err := readHead(path)
	if err != nil {
		return false, err
	}
	switch {
	case len(head) == 0:
		return false, &damagedError{cause: errors.New("it is empty")}
	case len(head) < headSize || string(head[:len(headMagic)]) != headMagic:
		return false, &damagedError{cause: errors.New("it is not a database")}
	}
	if id := binary.BigEndian.Uint32(head[headIdentifier:]); id != applicationID {
		return false, &damagedError{cause: fmt.Errorf("it is the database of something else, its application id is %#x", id)}
	}
	if err := examineSize(path, head, info.Size()); err != nil {
		return false, err
	}
	return false, checkVersion(int64(binary.BigEndian.Uint32(head[headVersion:])), known)
}

// examineSize finds a file that was cut short, of which SQLite would take what
// is missing of the last page for zeros. While there is a log the size may be
// anything: SQLite mends it from there.
func examineSize(path string, head []byte, size int64) error {
	if leftBehind(path) != "" {
		return nil
	}
	pageSize := int64(binary.BigEndian.Uint16(head[headPageSize:]))
	if pageSize == 1 {
		pageSize = 65536
	}
	if want := pageSize * int64(binary.BigEndian.Uint32(head[headPages:])); size < want {
		return &damagedError{cause: fmt.Errorf("it has %d bytes, %d are missing", size, want-size)}
	}
	return nil
}

// leftBehind returns the ending of a log or journal with something in it, as
// a process leaves it that dies, or "".
func leftBehind(path string) string {
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > 0 {
			return suffix
		}
	}
	return ""
}

// examineLeft refuses to make a new store beside the log of a lost one: SQLite
// would mix the two.
func examineLeft(path string) error {
	if suffix := leftBehind(path); suffix != "" {
		return &damagedError{cause: fmt.Errorf("it is missing, but its %s is there", suffix)}
	}
	return nil
}

func readHead(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return head[:n], nil
}

func checkVersion(version int64, known int) error {
	if version > int64(known) {
		return fmt.Errorf("%w: its schema is %d, the newest known one %d", pixivoc.ErrStoreVersion, version, known)
	}
	return nil
}

// notAStore takes a missing table or column for the damage that it is.
func notAStore(err error) error {
	if code(err) == sqlite3.SQLITE_ERROR {
		return &damagedError{cause: err}
	}
	return err
}

// create makes a new store under another name and gives it its own when it is
// whole, so that a file that is there is never half a store.
func (s *Store) create(ctx context.Context, schema []string) error {
	part := s.path + ".new"
	if err := removeNew(part); err != nil {
		return err
	}
	if err := s.build(ctx, part, schema); err != nil {
		return fmt.Errorf("create: %w", errors.Join(err, removeNew(part)))
	}
	if err := os.Rename(part, s.path); err != nil {
		return err
	}
	// The folder may be new, too. Not everybody may read the one above it.
	_ = syncFolder(filepath.Dir(filepath.Dir(s.path)))
	return syncFolder(filepath.Dir(s.path))
}

// removeNew removes what an attempt to make a store left.
func removeNew(part string) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(part + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// build makes the file with its journal in memory and syncs it once at the end:
// until it has its name nothing of it counts, and a start should not cost a dozen
// syncs.
func (s *Store) build(ctx context.Context, path string, schema []string) error {
	if err := createEmpty(path); err != nil {
		return err
	}
	conn, err := s.connect(ctx, path, "journal_mode(memory)", "synchronous(off)")
	if err != nil {
		return err
	}
	err = conn.script(fmt.Sprintf("PRAGMA application_id=%d", applicationID))
	if err == nil {
		err = migrate(ctx, conn, schema, 0)
	}
	if err == nil && s.options.seams.network(filepath.Dir(s.path)) == "" {
		err = conn.pragma("journal_mode", "wal") // kept in the file, see setJournal
	}
	if err := errors.Join(err, translate(conn.close())); err != nil {
		return err
	}
	return syncFile(path)
}

// createEmpty makes a file that only its owner can read; SQLite gives its own
// files the mode of the main one.
func createEmpty(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// syncFolder makes names in a folder survive a power cut. Windows and some
// network file systems cannot do it.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// repairModes takes away what others may do with the files. A file system that
// knows no modes is only complained about.
func (s *Store) repairModes() {
	if runtime.GOOS == "windows" {
		return
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-reserve", ".lock"} {
		info, err := os.Stat(s.path + suffix)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		err = os.Chmod(s.path+suffix, 0o600)
		s.options.Logger.Warn("others had access to a file of the store; taken away",
			"path", s.path+suffix, "mode", info.Mode().Perm().String(), "error", err)
	}
}
