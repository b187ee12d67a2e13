// Package clienthello cuts a TLS ClientHello into several TLS records, so that
// no single record holds the host name. Filters that look for a name in one
// record miss it; servers join the records again (RFC 8446 section 5.1 allows
// a handshake message to span records). Nothing else of the TLS session
// changes, the certificate check least of all.
package clienthello

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// TLS record content types, RFC 8446 section 5.1.
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
)

const recordHeader = 5 // type, version, length: RFC 8446 section 5.1

// flightVersion takes the place of the record version in the pieces of the
// first ClientHello. Filters follow records of version 03 01 and 03 03; RFC
// 8446 section 5.1 tells servers to ignore the field. The value is the one
// that Pixeval uses (TlsRecordFragmentedStream.cs, 2026-06-25).
const flightVersion = 0x0309

// maxHellos is how many ClientHellos one handshake can hold: the first, and
// the one that answers a HelloRetryRequest (RFC 8446 section 4.1.4).
const maxHellos = 2

// Conn is a connection that cuts the ClientHello on its way out. Everything
// else passes unchanged. Calls of Write must not overlap; those of crypto/tls
// do not.
type Conn struct {
	net.Conn
	name  string
	delay time.Duration

	hellos    int  // ClientHellos seen
	passing   bool // nothing more to look for
	closed    chan struct{}
	closeOnce sync.Once
}

// NewConn returns conn with its ClientHello for the host name cut in three, at
// the start and in the middle of the name. Before each write after the first
// it waits for delay; with 100 ms the handshake takes 400 ms longer. A delay
// of zero or less does not wait.
func NewConn(conn net.Conn, name string, delay time.Duration) *Conn {
	return &Conn{Conn: conn, name: name, delay: delay, closed: make(chan struct{})}
}

// Close closes the connection and ends a Write that waits.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Write writes p, with a ClientHello for the name in it cut. A ClientHello is
// found when p holds its record whole, as every Write of crypto/tls does. A
// write deadline holds for the writes, not for the waiting between them.
func (c *Conn) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && !c.passing {
		n, err := c.writeRecord(p[written:])
		written += n
		if err != nil {
			return written, err
		}
	}
	if written == len(p) && written > 0 {
		return written, nil
	}
	n, err := c.Conn.Write(p[written:])
	return written + n, err
}

// writeRecord writes the first record of p, or nothing when there is nothing
// left to look for; it returns how many bytes of p are done.
func (c *Conn) writeRecord(p []byte) (int, error) {
	record, ok := firstRecord(p)
	if !ok {
		c.passing = true
		return 0, nil
	}
	switch record[0] {
	case typeChangeCipherSpec, typeAlert:
		return c.Conn.Write(record)
	case typeHandshake:
		start, end, ok := serverName(record[recordHeader:], c.name)
		if !ok {
			break
		}
		c.hellos++
		c.passing = c.hellos == maxHellos
		if err := c.writePieces(record, start, end); err != nil {
			return 0, err
		}
		return len(record), nil
	}
	c.passing = true
	return 0, nil
}

// writePieces writes record as three records, cut at start and in the middle
// between start and end, which count from the end of the record's header. The
// headers of the later pieces go out alone, so that a filter that looks at
// single segments finds no whole record in any of them.
func (c *Conn) writePieces(record []byte, start, end int) error {
	version := binary.BigEndian.Uint16(record[1:])
	if c.hellos == 1 {
		version = flightVersion
	}
	payload := record[recordHeader:]
	middle := start + (end-start)/2
	first := append(appendHeader(nil, version, start), payload[:start]...)
	if _, err := c.Conn.Write(first); err != nil {
		return err
	}
	for _, piece := range [][]byte{payload[start:middle], payload[middle:]} {
		for _, part := range [][]byte{appendHeader(nil, version, len(piece)), piece} {
			if err := c.wait(); err != nil {
				return err
			}
			if _, err := c.Conn.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Conn) wait() error {
	if c.delay <= 0 {
		return nil
	}
	timer := time.NewTimer(c.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

func appendHeader(b []byte, version uint16, length int) []byte {
	b = append(b, typeHandshake)
	b = binary.BigEndian.AppendUint16(b, version)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// firstRecord returns the TLS record at the start of p, if p holds it whole.
func firstRecord(p []byte) ([]byte, bool) {
	if len(p) < recordHeader || p[1] != 3 {
		return nil, false
	}
	size := recordHeader + int(binary.BigEndian.Uint16(p[3:]))
	if len(p) < size {
		return nil, false
	}
	return p[:size], true
}
