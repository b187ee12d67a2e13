package daemon

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeTimeout is how long a client may take to accept a piece of an
	// answer, unless its door says otherwise.
	writeTimeout = 30 * time.Second
	// slowHead is after how long a connection that never sent a whole head is
	// closed when its place is needed.
	slowHead = 2 * time.Second
	// placePause is how often a full server looks for a place.
	placePause = 100 * time.Millisecond
)

// connections is a listener that holds at most so many connections at a time.
// When all places are taken it closes the connection that was idle for
// longest, and else waits: those in the queue of the system are served when
// others have been.
type connections struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex
	quiet map[*connection]quiet // no request is being served on them
}

type quiet struct {
	since time.Time
	fresh bool // none ever was
}

func limit(listener net.Listener, most int) *connections {
	return &connections{
		Listener: listener, places: make(chan struct{}, most), closed: make(chan struct{}),
		quiet: map[*connection]quiet{},
	}
}

// Accept waits for a place, then for a connection.
func (c *connections) Accept() (net.Conn, error) {
	if err := c.takePlace(); err != nil {
		return nil, err
	}
	conn, err := c.Listener.Accept()
	if err != nil {
		<-c.places
		return nil, err
	}
	return &connection{Conn: conn, owner: c}, nil
}

func (c *connections) takePlace() error {
	select {
	case c.places <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case c.places <- struct{}{}:
			return nil
		case <-c.closed:
			return net.ErrClosed
		case <-timer.C:
			c.closeQuietest(time.Now())
			timer.Reset(placePause)
		}
	}
}

// closeQuietest closes the connection that was idle for longest, or else a
// fresh one whose head does not come.
func (c *connections) closeQuietest(now time.Time) {
	c.mu.Lock()
	var found *connection
	var best quiet
	for conn, q := range c.quiet {
		if q.fresh && now.Sub(q.since) < slowHead {
			continue
		}
		if found == nil || best.fresh && !q.fresh || best.fresh == q.fresh && q.since.Before(best.since) {
			found, best = conn, q
		}
	}
	delete(c.quiet, found)
	c.mu.Unlock()
	if found != nil {
		_ = found.Close()
	}
}

// Close ends Accept.
func (c *connections) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Listener.Close()
}

// watch is the ConnState of the server.
func (c *connections) watch(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	own, ok := conn.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.quiet[own] = quiet{since: time.Now(), fresh: true}
	case http.StateIdle:
		c.quiet[own] = quiet{since: time.Now()}
	default:
		delete(c.quiet, own)
	}
}

// connection has one of the places.
type connection struct {
	net.Conn
	owner *connections
	once  sync.Once
	// bounded says that a door set a deadline of its own.
	bounded atomic.Bool
}

// Write bounds the time of one piece, so that a client that stops reading is
// dropped and one that reads slowly is not.
func (c *connection) Write(p []byte) (int, error) {
	if !c.bounded.Load() {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline takes the place of the bound; the zero time brings it back.
func (c *connection) SetWriteDeadline(t time.Time) error {
	c.bounded.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is for reading and writing.
func (c *connection) SetDeadline(t time.Time) error {
	c.bounded.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// Close gives the place back.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.owner.places })
	return err
}

// CloseWrite tells the other side that nothing more comes; the server does it
// before it closes a connection whose request it did not read to the end.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
