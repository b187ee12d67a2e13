package socketapi

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// A frame is the length of its body in four bytes, signed and little endian,
// and the body, which is one JSON object in UTF-8 (PixivOC wrote the length
// with the Python struct format "i").
const headerSize = 4

// keptBuffer is how large a body's buffer may be to be used again: a request
// of PixivOC's client has some 240 to 700 bytes.
const keptBuffer = 4 << 10

// errFrameTooLong: a message does not fit into a signed 32 bit length.
var errFrameTooLong = errors.New("message longer than a frame can be")

// lengthError is a length that no frame of this protocol has. Nothing after it
// can be understood.
type lengthError struct{ reason CloseReason }

func (e *lengthError) Error() string { return "unusable frame length: " + string(e.reason) }

// frameReader reads the frames of one connection.
type frameReader struct {
	reader *bufio.Reader
	limit  int
	// begun is called when the first byte of a frame has come: from then on the
	// frame must be completed in time.
	begun  func()
	buffer []byte
}

// next returns the body of the next frame. It is valid until the next call.
// Memory is taken as bytes arrive, not as the length announces them. The error
// is io.EOF when the connection ends between two frames.
func (f *frameReader) next() ([]byte, error) {
	if cap(f.buffer) > keptBuffer {
		f.buffer = nil
	}
	var header [headerSize]byte
	var err error
	if header[0], err = f.reader.ReadByte(); err != nil {
		return nil, err
	}
	if f.begun != nil {
		f.begun()
	}
	for i := 1; i < headerSize; i++ {
		if header[i], err = f.reader.ReadByte(); err != nil {
			return nil, cutOff(err)
		}
	}
	length := int32(binary.LittleEndian.Uint32(header[:]))
	if length < 0 || int64(length) > int64(f.limit) {
		return nil, &lengthError{headReason(header, length)}
	}
	return f.body(int(length))
}

func (f *frameReader) body(length int) ([]byte, error) {
	body := f.buffer[:0]
	for len(body) < length {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(max(512, 2*cap(body)), length))
			copy(grown, body)
			body = grown
		}
		n, err := f.reader.Read(body[len(body):min(cap(body), length)])
		body = body[:len(body)+n]
		if err != nil && len(body) < length {
			return nil, cutOff(err)
		}
	}
	f.buffer = body
	return body, nil
}

// cutOff tells an end inside a frame from one between frames.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// headReason names what a length that cannot be one probably is. The letters
// of an HTTP method read as a number of more than 500 million; a TLS record
// begins with 22, 3 and its minor version.
func headReason(header [headerSize]byte, length int32) CloseReason {
	isLetter := func(b byte) bool { return b >= 'A' && b <= 'Z' || b == ' ' }
	switch {
	case header[0] == 0x16 && header[1] == 3 && header[2] <= 4:
		return ClosedTLSHead
	case isLetter(header[0]) && isLetter(header[1]) && isLetter(header[2]) && isLetter(header[3]):
		return ClosedHTTPHead
	case length < 0:
		return ClosedNegativeLength
	}
	return ClosedTooLong
}

// sealFrame writes the length into the four bytes that were left free for it
// at the start of frame.
func sealFrame(frame []byte) ([]byte, error) {
	length := len(frame) - headerSize
	if length > math.MaxInt32 {
		return nil, errFrameTooLong
	}
	binary.LittleEndian.PutUint32(frame, uint32(length))
	return frame, nil
}
