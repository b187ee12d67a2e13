package pixivtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// watched is a listener that knows its connections.
type watched struct {
	net.Listener
	network *network
	address Address
}

// Accept implements [net.Listener].
func (l *watched) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: raw, network: l.network, address: l.address, gone: make(chan struct{})}
	n := l.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		_ = raw.Close() // the next Accept fails
		return nil, net.ErrClosed
	}
	n.connections[c] = struct{}{}
	return c, nil
}

// connection is one accepted connection, below TLS.
type connection struct {
	net.Conn
	network *network
	address Address

	looked bool   // at the hello; only the goroutine that reads uses it and early
	early  []byte // read from the wire but not yet by TLS

	once sync.Once
	gone chan struct{}

	mu   sync.Mutex
	host string // of its first request; empty before
}

// Read implements [net.Conn]. The first call plays what stands between a client and this address.
func (c *connection) Read(p []byte) (int, error) {
	if !c.looked {
		c.looked = true
		if err := c.greet(); err != nil {
			return 0, err
		}
	}
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// greet waits as the address wants it and looks for a forbidden name in the first TLS record.
func (c *connection) greet() error {
	if c.address.Silent {
		_, _ = io.Copy(io.Discard, c.Conn) // until the client hangs up or the server closes
		return io.EOF
	}
	if !c.network.server.gate.wait(context.Background(), c.gone, c.address.Delay) {
		return net.ErrClosed
	}
	if len(c.address.BlockedNames) == 0 {
		return nil
	}
	record := make([]byte, 5) // type, version, length (RFC 8446 section 5.1)
	n, err := io.ReadFull(c.Conn, record)
	if err == nil {
		record = append(record, make([]byte, binary.BigEndian.Uint16(record[3:]))...)
		var more int
		more, err = io.ReadFull(c.Conn, record[n:])
		n += more
	}
	c.early = record[:n]
	for _, name := range c.address.BlockedNames {
		if bytes.Contains(c.early, []byte(name)) {
			closeConn(c, endReset)
			return net.ErrClosed
		}
	}
	return err
}

// uses says which host a request over the connection is for.
func (c *connection) uses(host string) {
	c.mu.Lock()
	first := c.host == ""
	if first {
		c.host = host
	}
	c.mu.Unlock()
	if first {
		c.network.server.journal.connected(host, 1)
	}
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		close(c.gone)
		c.mu.Lock()
		host := c.host
		c.host = "-" // a request that comes too late does not count it again
		c.mu.Unlock()
		if host != "" {
			c.network.server.journal.connected(host, -1)
		}
		c.network.mu.Lock()
		defer c.network.mu.Unlock()
		delete(c.network.connections, c)
	})
	return err
}
