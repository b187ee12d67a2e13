package ugoira

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Signatures, lengths and flags of PKWARE's APPNOTE.TXT 6.3.10; the numbers of
// its sections stand beside what uses them.
const (
	localSignature      = "PK\x03\x04"
	descriptorSignature = "PK\x07\x08"
	centralSignature    = "PK\x01\x02"
	endSignature        = "PK\x05\x06"

	localLength   = 30
	centralLength = 46
	endLength     = 22
	maxComment    = 1<<16 - 1

	methodStore   = 0
	methodDeflate = 8

	flagEncrypted       = 1 << 0
	flagDescriptor      = 1 << 3
	flagPatched         = 1 << 5
	flagStrong          = 1 << 6
	flagMaskedDirectory = 1 << 13

	creatorUnix    = 3
	unixTypeMask   = 0xf000
	unixRegular    = 0x8000
	extraZip64     = 0x0001
	none32         = 1<<32 - 1
	none16         = 1<<16 - 1
	bytesPerRecord = centralLength + 512
)

// entry is one file of the archive.
type entry struct {
	name   string
	flags  uint16
	method uint16
	crc    uint32
	// packed and size count the bytes in the archive and unpacked.
	packed, size int64
	// header and data are where the local header and the bytes begin.
	header, data int64
}

// check holds the entry to the limits by what it declares; reading it holds it
// to what it declared.
func (e entry) check(limits Limits) error {
	switch {
	case e.size > limits.FrameBytes:
		return refuse(e.name, "has %d bytes, more than %d", e.size, limits.FrameBytes)
	case e.method == methodStore && e.size != e.packed:
		return refuse(e.name, "is stored, but its sizes differ: %d and %d", e.packed, e.size)
	case limits.Ratio < 0 || e.size/max(limits.Ratio, 1) > e.packed:
		return refuse(e.name, "is packed more than %d times", limits.Ratio)
	case e.size == 0:
		return refuse(e.name, "is empty")
	}
	return nil
}

// readDirectory reads the entries of the archive in the order of the directory.
// archive/zip would read a directory of any length, take one of several, and
// leave overlaps alone.
func readDirectory(r io.ReaderAt, size int64, limits Limits) ([]entry, error) {
	end, err := readEnd(r, size, limits)
	if err != nil {
		return nil, err
	}
	raw, err := readAt(r, end.start, end.length)
	if err != nil {
		return nil, fmt.Errorf("read directory of ugoira archive: %w", err)
	}
	entries := make([]entry, 0, end.count)
	for range end.count {
		var e entry
		if e, raw, err = parseCentral(raw); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(raw) != 0 {
		return nil, refuse("", "the directory has more entries than it says")
	}
	return entries, locate(r, entries, end.start)
}

// directoryEnd is the end of central directory record (4.3.16).
type directoryEnd struct {
	count         int
	start, length int64
}

func readEnd(r io.ReaderAt, size int64, limits Limits) (directoryEnd, error) {
	length := min(size, endLength+maxComment)
	if length < endLength {
		return directoryEnd{}, refuse("", "has %d bytes, too few for a zip", size)
	}
	tail, err := readAt(r, size-length, length)
	if err != nil {
		return directoryEnd{}, fmt.Errorf("read end of ugoira archive: %w", err)
	}
	record := -1
	for i := 0; i+endLength <= len(tail); i++ {
		next := bytes.Index(tail[i:], []byte(endSignature))
		if next < 0 || i+next+endLength > len(tail) {
			break
		}
		i += next
		// Only a record whose comment ends with the file is one.
		if i+endLength+int(binary.LittleEndian.Uint16(tail[i+20:])) != len(tail) {
			continue
		}
		if record >= 0 {
			return directoryEnd{}, refuse("", "has two directories")
		}
		record = i
	}
	if record < 0 {
		return directoryEnd{}, refuse("", "is no zip: there is no directory at its end")
	}
	if comment := tail[record+endLength:]; bytes.Contains(comment, []byte("PK")) {
		return directoryEnd{}, refuse("", "has a comment with a signature in it")
	}
	return parseEnd(tail[record:], size-length+int64(record), limits)
}

func parseEnd(b []byte, at int64, limits Limits) (directoryEnd, error) {
	le := binary.LittleEndian
	disk, diskOfDirectory := le.Uint16(b[4:]), le.Uint16(b[6:])
	here, count := le.Uint16(b[8:]), le.Uint16(b[10:])
	length, start := le.Uint32(b[12:]), le.Uint32(b[16:])
	end := directoryEnd{count: int(count), start: int64(start), length: int64(length)}
	switch {
	case count == none16 || length == none32 || start == none32:
		return end, refuse("", "is a zip64 archive")
	case disk != 0 || diskOfDirectory != 0 || here != count:
		return end, refuse("", "is one part of several")
	case end.count > limits.Frames+1:
		return end, refuse("", "has %d entries, more than %d", end.count, limits.Frames)
	case end.start+end.length != at:
		return end, refuse("", "its directory is not where it says")
	case end.length > int64(end.count)*bytesPerRecord:
		return end, refuse("", "its directory has %d bytes for %d entries", end.length, end.count)
	}
	return end, nil
}

// parseCentral takes one central directory header (4.3.12) off raw.
func parseCentral(raw []byte) (entry, []byte, error) {
	le := binary.LittleEndian
	if len(raw) < centralLength || string(raw[:4]) != centralSignature {
		return entry{}, nil, refuse("", "its directory is broken")
	}
	nameEnd := centralLength + int(le.Uint16(raw[28:]))
	extraEnd := nameEnd + int(le.Uint16(raw[30:]))
	commentEnd := extraEnd + int(le.Uint16(raw[32:]))
	if commentEnd > len(raw) {
		return entry{}, nil, refuse("", "its directory is cut off")
	}
	e := entry{
		name:   string(raw[centralLength:nameEnd]),
		flags:  le.Uint16(raw[8:]),
		method: le.Uint16(raw[10:]),
		crc:    le.Uint32(raw[16:]),
		packed: int64(le.Uint32(raw[20:])),
		size:   int64(le.Uint32(raw[24:])),
		header: int64(le.Uint32(raw[42:])),
	}
	mode := le.Uint32(raw[38:]) >> 16 & unixTypeMask
	switch {
	case e.name != foreignTable && !isFrameName(e.name):
		return e, nil, refuse(e.name, "is no name of a frame")
	case raw[5] == creatorUnix && mode != 0 && mode != unixRegular:
		return e, nil, refuse(e.name, "is a link or another special file")
	case e.packed == none32 || e.size == none32 || e.header == none32 || hasExtra(raw[nameEnd:extraEnd], extraZip64):
		return e, nil, refuse(e.name, "is a zip64 entry")
	case le.Uint16(raw[34:]) != 0:
		return e, nil, refuse(e.name, "lies on another disk")
	}
	return e, raw[commentEnd:], e.checkMethod()
}

func (e entry) checkMethod() error {
	const protected = flagEncrypted | flagStrong | flagMaskedDirectory
	switch {
	case e.flags&protected != 0:
		return refuse(e.name, "is encrypted")
	case e.flags&flagPatched != 0:
		return refuse(e.name, "is a patch")
	case e.method != methodStore && e.method != methodDeflate:
		return refuse(e.name, "is packed by method %d", e.method)
	}
	return nil
}

func hasExtra(extra []byte, id uint16) bool {
	for len(extra) >= 4 {
		if binary.LittleEndian.Uint16(extra) == id {
			return true
		}
		length := 4 + int(binary.LittleEndian.Uint16(extra[2:]))
		if length > len(extra) {
			return false
		}
		extra = extra[length:]
	}
	return false
}

// locate reads the local header of each entry and checks that no two entries
// share bytes and none reaches into the directory.
func locate(r io.ReaderAt, entries []entry, directory int64) error {
	type extent struct {
		start, end int64
		name       string
	}
	extents := make([]extent, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		end, err := e.locate(r, directory)
		if err != nil {
			return err
		}
		extents = append(extents, extent{e.header, end, e.name})
	}
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(extents); i++ {
		if extents[i].start < extents[i-1].end {
			return refuse(extents[i].name, "overlaps entry %q", extents[i-1].name)
		}
	}
	return nil
}

// locate checks the local header (4.3.7) against the directory, sets where the
// bytes begin, and returns where the entry ends. Readers differ in which of the
// two they believe, so they have to agree.
func (e *entry) locate(r io.ReaderAt, directory int64) (end int64, err error) {
	if e.header+localLength > directory {
		return 0, refuse(e.name, "lies outside the archive")
	}
	b, err := readAt(r, e.header, localLength)
	if err != nil {
		return 0, fmt.Errorf("read header of ugoira frame %s: %w", e.name, err)
	}
	le := binary.LittleEndian
	nameLength, extraLength := int64(le.Uint16(b[26:])), int64(le.Uint16(b[28:]))
	e.data = e.header + localLength + nameLength + extraLength
	end = e.data + e.packed
	if end > directory || string(b[:4]) != localSignature {
		return 0, refuse(e.name, "lies outside the archive")
	}
	name, err := readAt(r, e.header+localLength, nameLength)
	if err != nil {
		return 0, fmt.Errorf("read header of ugoira frame %s: %w", e.name, err)
	}
	if string(name) != e.name || le.Uint16(b[6:]) != e.flags || le.Uint16(b[8:]) != e.method {
		return 0, refuse(e.name, "its header and the directory differ")
	}
	if e.flags&flagDescriptor != 0 {
		return e.descriptor(r, end, directory)
	}
	if !e.declares(b[14:]) {
		return 0, refuse(e.name, "its header and the directory differ in its size")
	}
	return end, nil
}

// declares tells whether the checksum and the sizes at the start of b are those
// of the directory.
func (e *entry) declares(b []byte) bool {
	le := binary.LittleEndian
	return le.Uint32(b) == e.crc && int64(le.Uint32(b[4:])) == e.packed && int64(le.Uint32(b[8:])) == e.size
}

// descriptor checks the data descriptor (4.3.9), which may or may not begin
// with a signature, and returns where it ends.
func (e *entry) descriptor(r io.ReaderAt, at, directory int64) (end int64, err error) {
	b, err := readAt(r, at, min(16, directory-at))
	if err != nil {
		return 0, fmt.Errorf("read descriptor of ugoira frame %s: %w", e.name, err)
	}
	if len(b) == 16 && string(b[:4]) == descriptorSignature && e.declares(b[4:]) {
		return at + 16, nil
	}
	if len(b) >= 12 && e.declares(b) {
		return at + 12, nil
	}
	return 0, refuse(e.name, "its descriptor and the directory differ")
}

// readAt reads length bytes at offset. An archive that ends before the size its
// owner gave for it is an error of the reader.
func readAt(r io.ReaderAt, offset, length int64) ([]byte, error) {
	b := make([]byte, length)
	n, err := r.ReadAt(b, offset)
	if int64(n) == length {
		return b, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}
