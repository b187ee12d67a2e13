package netdial

import (
	"bufio"
	"net"
)

// readBufferSize is how much one read from the network can take ahead of TLS.
// crypto/tls reads the header and the content of each record apart; several
// records a read cost less than half the system calls.
const readBufferSize = 64 << 10

// readBuffer is a connection that reads ahead.
type readBuffer struct {
	net.Conn
	reader *bufio.Reader
}

func newReadBuffer(conn net.Conn) net.Conn {
	return readBuffer{conn, bufio.NewReaderSize(conn, readBufferSize)}
}

func (b readBuffer) Read(p []byte) (int, error) { return b.reader.Read(p) }
