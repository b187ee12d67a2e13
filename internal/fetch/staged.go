package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// busyTries is how often a file is renamed that another program has open, and
// busyWait the first wait between; it doubles.
const (
	busyTries = 6
	busyWait  = 25 * time.Millisecond
)

// Staged is a file whose bytes are complete and checked but have not got their
// final name yet. It holds an open file and the right to its name: it must be
// given to Finish, or Discard must be called. The fields are for reading.
type Staged struct {
	// Name is the final name in the folder of the request; its extension may
	// be another than requested.
	Name string
	// Type is what the content is; Unknown for some of kind Any.
	Type Type
	// Size is the length in bytes, CRC32C the checksum of all of them with the
	// Castagnoli polynomial, and SHA256 the hash if it was asked for, or nil.
	Size   int64
	CRC32C uint32
	SHA256 []byte
	// Existing says that the file was there already, whole, under its final
	// name.
	Existing bool
	// Wanted is the name that was asked for, with the extension of the content,
	// when the file has another one because of a file that stands there and must
	// stay; see Request.Replace. Else it is "".
	Wanted string
	// Own says that an existing file is the job's own; see Request.Since.
	Own bool
	// Shared says that an existing file is another one of the job; see
	// Request.Taken.
	Shared bool
	// Stood says that a file stood under the final name, which was adopted or is
	// replaced.
	Stood bool
	// Requests is how many requests were sent, and Fetched how many bytes of
	// bodies arrived, those that were thrown away included.
	Requests int
	Fetched  int64

	folder  fsafe.Folder
	part    part
	sidecar sidecar
	release func()
	done    atomic.Bool
}

// stage hands over the part.
func (t *transfer) stage() *Staged {
	staged := &Staged{
		Name: t.name, Type: t.kind, Size: t.part.size, CRC32C: t.part.sum.crc,
		Requests: t.requests, Fetched: t.bytes, folder: t.request.Folder, part: t.part,
	}
	_, staged.Stood = t.there[t.name]
	if t.part.sum.sha != nil {
		staged.SHA256 = t.part.sum.sha.Sum(nil)
	}
	if t.resumable() {
		staged.sidecar = t.sidecar()
	}
	return staged
}

// adopt takes the existing file, which has these checksums, for the result.
// What this and earlier transfers left beside it goes away.
func (t *transfer) adopt(sum checksums) (*Staged, error) {
	if err := t.part.drop(); err != nil {
		return nil, onDisk(err)
	}
	leftovers := part{folder: t.request.Folder, name: t.request.Name}
	if err := leftovers.removeLeftovers(); err != nil {
		return nil, onDisk(err)
	}
	staged := &Staged{
		Name: t.existing.name, Type: t.existing.kind, Size: t.existing.size, CRC32C: sum.crc,
		Existing: true, Stood: true, Own: t.existing.own, Shared: t.existing.taken,
		Requests: t.requests, Fetched: t.bytes, folder: t.request.Folder,
	}
	if sum.sha != nil {
		staged.SHA256 = sum.sha.Sum(nil)
	}
	return staged, nil
}

// sumOf reads an existing file.
func (t *transfer) sumOf(found *existing) (checksums, error) {
	sum := newChecksums(t.request.SHA256)
	file, err := t.request.Folder.Open(found.name, fsafe.Read)
	if err != nil {
		return sum, err
	}
	defer func() { _ = file.Close() }()
	buf := t.fetcher.buffers.Get().(*[]byte)
	defer t.fetcher.buffers.Put(buf)
	for offset := int64(0); ; {
		n, err := file.ReadAt(*buf, offset)
		sum.add((*buf)[:n])
		offset += int64(n)
		if err == io.EOF && offset == found.size {
			return sum, nil
		}
		if err == io.EOF {
			return sum, fmt.Errorf("%s changed its length while it was read", found.name)
		}
		if err != nil {
			return sum, err
		}
	}
}

// Discard throws the bytes away and gives the name free. A file that was there
// already stays. It does nothing after Finish or another Discard.
func (s *Staged) Discard() error {
	if !s.done.CompareAndSwap(false, true) {
		return nil
	}
	defer s.release()
	if err := s.part.drop(); err != nil {
		return fmt.Errorf("discard %s: %w", s.Name, err)
	}
	return nil
}

// sync makes the bytes durable. Bytes whose sync failed may be lost although a
// second sync says otherwise, so the part is thrown away.
func (s *Staged) sync() error {
	if s.Existing {
		return s.folder.Sync(s.Name)
	}
	if err := s.part.file.Sync(); err != nil {
		return also(fmt.Errorf("sync %s: %w", s.part.partName(), err), s.part.drop())
	}
	return nil
}

// publish gives the part its final name.
func (s *Staged) publish(ctx context.Context) error {
	if s.Existing {
		return nil
	}
	if err := s.part.isOurs(); err != nil {
		return also(err, s.part.close())
	}
	// Some systems do not rename a file that is open.
	if err := s.part.close(); err != nil {
		return also(err, s.part.drop())
	}
	if err := s.rename(ctx); err != nil {
		return also(s.inTheWay(err), s.keep())
	}
	if s.part.hasSidecar {
		return remove(s.folder, s.part.sidecarName())
	}
	return nil
}

// rename tries for a while when another program has one of the files open.
func (s *Staged) rename(ctx context.Context) error {
	wait := busyWait
	for tries := 1; ; tries++ {
		err := s.folder.Rename(s.part.partName(), s.Name)
		if err == nil || tries == busyTries || !fsafe.IsBusy(err) || sleep(ctx, wait) != nil {
			return err
		}
		wait *= 2
	}
}

// inTheWay says what keeps a rename from succeeding, if it is no regular file.
func (s *Staged) inTheWay(err error) error {
	info, statErr := s.folder.Stat(s.Name)
	if statErr == nil && !info.Mode().IsRegular() {
		return &fsafe.NotRegularError{Name: s.Name, Mode: info.Mode()}
	}
	return err
}

// keep leaves the part for a later Fetch, which will find it complete.
func (s *Staged) keep() error {
	if s.Existing {
		return nil
	}
	if s.sidecar.Version == 0 {
		return s.part.drop()
	}
	if s.part.file == nil {
		file, err := s.folder.Open(s.part.partName(), fsafe.Update)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		s.part.file = file
	}
	return s.part.keep(s.sidecar)
}
