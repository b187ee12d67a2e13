package fetch

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// walkBuffer is the buffer for reading a file through.
const walkBuffer = 32 << 10

func section(file io.ReaderAt, size int64) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(file, 0, size), walkBuffer)
}

// cutOff turns the end of the file into "not whole"; other errors stay.
func cutOff(err error) (bool, error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return false, err
}

// skip passes over n bytes.
func skip(r *bufio.Reader, n int) error {
	skipped, err := r.Discard(n)
	if err == nil && skipped < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// wholeJPEG looks for the end mark of the picture itself, not that of a
// thumbnail in its head: it follows the segments, and in the compressed data
// looks for markers. Source: ITU-T T.81, annex B.
func wholeJPEG(r *bufio.Reader) (bool, error) {
	if err := skip(r, 2); err != nil {
		return cutOff(err)
	}
	for {
		marker, err := nextMarker(r)
		if err != nil {
			return cutOff(err)
		}
		switch {
		case marker == 0xd9: // EOI
			return true, nil
		case marker == 0x01, marker >= 0xd0 && marker <= 0xd8: // TEM, RSTn, SOI
			continue
		}
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return cutOff(err)
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n < 2 {
			return false, nil
		}
		if err := skip(r, n-2); err != nil {
			return cutOff(err)
		}
	}
}

// nextMarker passes over compressed data and returns the code of the next
// marker. 0xff00 is a byte of data, and a marker may be preceded by any number
// of 0xff.
func nextMarker(r *bufio.Reader) (byte, error) {
	for {
		if _, err := r.ReadSlice(0xff); errors.Is(err, bufio.ErrBufferFull) {
			continue
		} else if err != nil {
			return 0, err
		}
		code := byte(0xff)
		for code == 0xff {
			var err error
			if code, err = r.ReadByte(); err != nil {
				return 0, err
			}
		}
		if code != 0 {
			return code, nil
		}
	}
}

// wholePNG follows the chunks by their lengths to the IEND chunk.
// Source: PNG Specification (Third Edition), section 5.
func wholePNG(file io.ReaderAt, size int64) (bool, error) {
	const frame = 12 // length, type, checksum
	var head [8]byte
	for offset := int64(len(pngSignature)); offset <= size-frame; {
		if _, err := readAt(file, head[:], offset); err != nil {
			return false, err
		}
		length := int64(binary.BigEndian.Uint32(head[:4]))
		if length > size-offset-frame {
			return false, nil
		}
		if string(head[4:]) == "IEND" {
			return true, nil
		}
		offset += length + frame
	}
	return false, nil
}

// wholeGIF follows the blocks to the trailer.
// Source: Graphics Interchange Format, Version 89a, sections 17 to 27.
func wholeGIF(r *bufio.Reader) (bool, error) {
	var screen [13]byte // header and logical screen descriptor
	if _, err := io.ReadFull(r, screen[:]); err != nil {
		return cutOff(err)
	}
	if err := skip(r, colourTable(screen[10])); err != nil {
		return cutOff(err)
	}
	for {
		block, err := r.ReadByte()
		if err != nil {
			return cutOff(err)
		}
		switch block {
		case 0x3b: // trailer
			return true, nil
		case 0x21: // extension: a label, then sub-blocks
			err = skip(r, 1)
		case 0x2c: // image: descriptor, colour table, code size, then sub-blocks
			var descriptor [9]byte
			if _, err = io.ReadFull(r, descriptor[:]); err == nil {
				err = skip(r, colourTable(descriptor[8])+1)
			}
		default:
			return false, nil
		}
		if err == nil {
			err = skipSubBlocks(r)
		}
		if err != nil {
			return cutOff(err)
		}
	}
}

// colourTable returns the length of the table that the flags announce.
func colourTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func skipSubBlocks(r *bufio.Reader) error {
	for {
		length, err := r.ReadByte()
		if err != nil || length == 0 {
			return err
		}
		if err := skip(r, int(length)); err != nil {
			return err
		}
	}
}

// Lengths and signatures of a ZIP file. Source: PKWARE APPNOTE.TXT 6.3.10,
// sections 4.3.12 and 4.3.16.
const (
	zipEndSize      = 22
	zipMaxComment   = 1<<16 - 1
	zipEndSignature = "PK\x05\x06"
	zipEntry        = "PK\x01\x02"
	zip64           = 1<<32 - 1
)

// wholeZIP looks for the end record whose comment reaches to the last byte and
// whose directory lies right before it.
func wholeZIP(file io.ReaderAt, size int64) (bool, error) {
	window := make([]byte, min(size, zipEndSize+zipMaxComment))
	if _, err := readAt(file, window, size-int64(len(window))); err != nil {
		return false, err
	}
	for end := len(window); ; {
		at := bytes.LastIndex(window[:end], []byte(zipEndSignature))
		if at < 0 {
			return false, nil
		}
		if whole, err := endRecord(file, window[at:], size-int64(len(window)-at)); whole || err != nil {
			return whole, err
		}
		end = at + len(zipEndSignature) - 1
	}
}

// endRecord checks one candidate at an offset in the file.
func endRecord(file io.ReaderAt, record []byte, offset int64) (bool, error) {
	if len(record) < zipEndSize || zipEndSize+int(binary.LittleEndian.Uint16(record[20:])) != len(record) {
		return false, nil
	}
	length := int64(binary.LittleEndian.Uint32(record[12:]))
	start := int64(binary.LittleEndian.Uint32(record[16:]))
	if start == zip64 || length == zip64 {
		return true, nil // the true numbers are in the ZIP64 record before it
	}
	if length == 0 || start+length != offset {
		return false, nil
	}
	signature := make([]byte, len(zipEntry))
	if _, err := readAt(file, signature, start); err != nil {
		return false, err
	}
	return string(signature) == zipEntry, nil
}
