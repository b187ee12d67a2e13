package fetch

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"path"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// part is the file of a transfer while it is on its way, with its checksums.
// The order of its calls is what makes it safe to die between any two of them:
// a sidecar never lies beside bytes of another representation than its own.
type part struct {
	folder fsafe.Folder
	name   string // of the final file, as requested

	file     fsafe.File  // nil until there are bytes
	identity fs.FileInfo // of file, when it was opened
	size     int64

	sum  checksums
	head [headSize]byte
	tail [tailSize]byte

	// looked says that leftovers of earlier transfers were looked for, and
	// hasSidecar that there is a sidecar now. recorded is the size that it
	// vouches for.
	looked     bool
	hasSidecar bool
	recorded   int64
}

// checksums are those of the bytes so far.
type checksums struct {
	crc uint32
	sha hash.Hash // nil unless wanted
}

func newChecksums(withSHA256 bool) checksums {
	var s checksums
	if withSHA256 {
		s.sha = sha256.New()
	}
	return s
}

// castagnoli returns the table of CRC-32C, which has an instruction of its own
// on most processors. The standard library keeps one table for all callers.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (s *checksums) add(chunk []byte) {
	s.crc = crc32.Update(s.crc, castagnoli(), chunk)
	if s.sha != nil {
		s.sha.Write(chunk)
	}
}

// equal says whether two files of one length have the same bytes.
func (s *checksums) equal(other *checksums) bool {
	if s.sha != nil && other.sha != nil && !bytes.Equal(s.sha.Sum(nil), other.sha.Sum(nil)) {
		return false
	}
	return s.crc == other.crc
}

func (s *checksums) reset() {
	s.crc = 0
	if s.sha != nil {
		s.sha.Reset()
	}
}

func (p *part) partName() string    { return p.name + partSuffix }
func (p *part) sidecarName() string { return p.name + sidecarSuffix }

// load takes over the part of an earlier transfer of the same address, if it
// has a sidecar that fits, and says what that is. Leftovers that are of no use
// are removed.
func (p *part) load(urlHash, bootID string, buf []byte) (sidecar, bool, error) {
	p.looked = true
	s, ok, err := readSidecar(p.folder, p.sidecarName())
	if errors.Is(err, fs.ErrNotExist) {
		return sidecar{}, false, nil
	}
	if err != nil {
		return sidecar{}, false, err
	}
	p.hasSidecar = true
	if ok && s.URL == urlHash {
		ok, err = p.take(s, bootID, buf)
		if ok || err != nil {
			return s, ok, err
		}
	}
	return sidecar{}, false, p.removeLeftovers()
}

// take opens and reads the part that a sidecar vouches for. It says false when
// the bytes are not what the sidecar says.
func (p *part) take(s sidecar, bootID string, buf []byte) (bool, error) {
	file, err := p.folder.Open(p.partName(), fsafe.Update)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return false, err
	}
	p.file, p.identity = file, info
	length := s.Synced
	if s.BootID != "" && s.BootID == bootID {
		length = info.Size()
	}
	ok := length > 0 && length >= s.Synced && length <= info.Size() && length <= s.Total &&
		p.read(s, length, buf)
	if ok && length < info.Size() {
		err = file.Truncate(length)
	}
	p.recorded = s.Synced
	if !ok || err != nil {
		p.forget()
	}
	return ok, err
}

// read takes the bytes up to length into the checksums and compares them with
// the sidecar at the place where it has one. Bytes that cannot be read are not
// what the sidecar says either: they can be had again.
func (p *part) read(s sidecar, length int64, buf []byte) bool {
	for p.size < length {
		border := length
		if p.size < s.Synced {
			border = s.Synced
		}
		chunk := buf[:min(int64(len(buf)), border-p.size)]
		n, err := readAt(p.file, chunk, p.size)
		if err != nil || n == 0 {
			return false
		}
		p.note(chunk[:n])
		if p.size == s.Synced && p.sum.crc != s.CRC32C {
			return false
		}
	}
	return true
}

// forget closes the file and counts it for nothing.
func (p *part) forget() {
	if p.file != nil {
		_ = p.file.Close()
	}
	p.file, p.identity, p.size, p.recorded = nil, nil, 0, 0
	p.sum.reset()
}

// removeLeftovers removes sidecar and part, in this order: a part without a
// sidecar is never resumed.
func (p *part) removeLeftovers() error {
	p.looked = true
	if err := remove(p.folder, p.sidecarName()); err != nil {
		return err
	}
	p.hasSidecar = false
	info, err := p.folder.Stat(p.partName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fsafe.NotRegularError{Name: p.partName(), Mode: info.Mode()}
	}
	return remove(p.folder, p.partName())
}

// remove removes a file that may be missing.
func remove(folder fsafe.Folder, name string) error {
	if err := folder.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// create makes the empty part, in the place of whatever an earlier transfer
// left.
func (p *part) create() error {
	if !p.looked {
		if err := p.removeLeftovers(); err != nil {
			return err
		}
	}
	file, err := p.folder.Open(p.partName(), fsafe.Create)
	if dir := path.Dir(p.name); errors.Is(err, fs.ErrNotExist) && dir != "." {
		if err := p.folder.Mkdir(dir); err != nil {
			return err
		}
		file, err = p.folder.Open(p.partName(), fsafe.Create)
	}
	if errors.Is(err, fs.ErrExist) {
		if err := p.removeLeftovers(); err != nil {
			return err
		}
		file, err = p.folder.Open(p.partName(), fsafe.Create)
	}
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	p.file, p.identity = file, info
	return nil
}

// append writes a chunk at the end. What was written before an error counts.
func (p *part) append(chunk []byte) error {
	n, err := writeFull(p.file, chunk, p.size)
	p.note(chunk[:n])
	return err
}

// note takes a chunk that is in the file into the checksums and marks.
func (p *part) note(chunk []byte) {
	if p.size < headSize {
		copy(p.head[p.size:], chunk)
	}
	if len(chunk) >= tailSize {
		copy(p.tail[:], chunk[len(chunk)-tailSize:])
	} else {
		copy(p.tail[:], p.tail[len(chunk):])
		copy(p.tail[tailSize-len(chunk):], chunk)
	}
	p.sum.add(chunk)
	p.size += int64(len(chunk))
}

// writeFull writes a buffer at an offset and returns how much of it is there.
func writeFull(file io.WriterAt, buf []byte, offset int64) (int, error) {
	const patience = 10
	written := 0
	for failures := 0; written < len(buf); {
		n, err := file.WriteAt(buf[written:], offset+int64(written))
		written += n
		if n == 0 && err == nil {
			err = io.ErrShortWrite
		}
		if err == nil {
			continue
		}
		if failures++; failures > patience || !fsafe.IsTransient(err) && !errors.Is(err, io.ErrShortWrite) {
			return written, err
		}
	}
	return written, nil
}

// restart empties the part. The sidecar goes first.
func (p *part) restart() error {
	if p.hasSidecar {
		if err := remove(p.folder, p.sidecarName()); err != nil {
			return err
		}
		p.hasSidecar = false
	}
	p.size, p.recorded = 0, 0
	p.sum.reset()
	if p.file == nil {
		return nil
	}
	return p.file.Truncate(0)
}

// record writes the sidecar. It vouches for all bytes so far if they are synced.
func (p *part) record(s sidecar, synced bool) error {
	if synced {
		s.Synced, s.CRC32C = p.size, p.sum.crc
	}
	if err := s.write(p.folder, p.sidecarName(), p.hasSidecar); err != nil {
		return err
	}
	p.hasSidecar, p.recorded = true, s.Synced
	return nil
}

// keep closes the part so that a later transfer can go on: the bytes are synced,
// then the sidecar vouches for them. Where that fails the part is thrown away,
// unless an older sidecar still holds.
func (p *part) keep(s sidecar) error {
	switch {
	case p.file == nil:
		return nil
	case p.size == 0:
		return p.drop()
	case p.size == p.recorded:
		return p.close()
	}
	if err := p.file.Sync(); err != nil {
		return also(fmt.Errorf("sync %s: %w", p.partName(), err), p.drop())
	}
	if err := p.record(s, true); err != nil && !p.hasSidecar {
		return also(err, p.drop())
	}
	return p.close()
}

func (p *part) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	return err
}

// drop closes and removes the part and its sidecar.
func (p *part) drop() error {
	closeErr := p.close()
	var err error
	if p.hasSidecar {
		err = remove(p.folder, p.sidecarName())
		p.hasSidecar = err != nil
	}
	if p.identity != nil {
		err = also(err, remove(p.folder, p.partName()))
	}
	return also(closeErr, err)
}

// isOurs says whether the part file is still the one that was opened: another
// process may have begun the same file anew.
func (p *part) isOurs() error {
	info, err := p.folder.Stat(p.partName())
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || !fsafe.SameFile(info, p.identity) || info.Size() != p.size {
		return fmt.Errorf("%s: %w", p.partName(), ErrPartReplaced)
	}
	return nil
}
