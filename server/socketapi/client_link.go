package socketapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// errLinkLost ends the requests of a connection that is gone.
var errLinkLost = errors.New("connection lost")

// replyTimeout is how long a message from the server may take once it began.
const replyTimeout = time.Minute

// wireRequest is a request with all keys of PixivOC, in its order, and those
// of new commands when they are set.
type wireRequest struct {
	IdentificationNumber string
	Command              Command
	Account              string
	Password             string
	ProxyMode            int
	Proxy                string
	Timeout              int
	ConcurrencyNumber    int
	IntervalTime         int
	Increment            bool
	TID                  int64
	KeyWord              string
	TaskName             string
	SavePath             string
	Token                string `json:",omitempty"`
	Arguments            any    `json:",omitempty"`
}

// request makes a request in which unused keys are as PixivOC's client fills
// them.
func (c *Conn) request(command Command) wireRequest {
	return wireRequest{
		IdentificationNumber: fmt.Sprintf("S%d", c.number.Add(1)),
		Command:              command, ProxyMode: 100, Increment: true,
	}
}

// wireMessage is what the server sends.
type wireMessage struct {
	IdentificationNumber string
	SendType             SendType
	Content              json.RawMessage
}

// link is one connection to a server. Two goroutines belong to it, read and
// write; both end when it fails.
type link struct {
	conn    net.Conn
	options ClientOptions
	out     chan *call
	done    chan struct{} // closed when the connection is gone
	once    sync.Once
	err     error // why it is gone; set before done is closed

	mu      sync.Mutex
	pending map[string]*call
}

// call is a request under way.
type call struct {
	number string
	frame  []byte
	begun  atomic.Bool // writing began, so the server may have got it
	reply  chan json.RawMessage
	// arrived, when set, is called before the reply is handed over and before
	// any later message is looked at.
	arrived func()
}

func newLink(conn net.Conn, options ClientOptions) *link {
	return &link{conn: conn, options: options, out: make(chan *call), done: make(chan struct{}), pending: map[string]*call{}}
}

// fail ends the connection; the first cause stays.
func (l *link) fail(cause error) {
	l.once.Do(func() {
		l.err = cause
		close(l.done)
		// Waits for nothing: a TLS connection is cut below TLS.
		if secured, ok := l.conn.(interface{ NetConn() net.Conn }); ok {
			_ = secured.NetConn().Close()
		}
		_ = l.conn.Close() // gone either way
	})
}

func (l *link) write() {
	for {
		select {
		case <-l.done:
			return
		case c := <-l.out:
			c.begun.Store(true)
			err := l.conn.SetWriteDeadline(time.Now().Add(l.options.WriteTimeout))
			if err == nil {
				_, err = l.conn.Write(c.frame)
			}
			if err != nil {
				l.fail(err)
				return
			}
		}
	}
}

// read takes messages until the connection fails. Replies go to who waits for
// them, everything else to deliver.
func (l *link) read(deliver func(wireMessage)) {
	frames := frameReader{reader: bufio.NewReader(l.conn), limit: l.options.MaxReply, begun: func() {
		_ = l.conn.SetReadDeadline(time.Now().Add(replyTimeout)) // fails on a closed connection only
	}}
	for {
		_ = l.conn.SetReadDeadline(time.Time{}) // likewise
		body, err := frames.next()
		if err != nil {
			l.fail(err)
			return
		}
		var m wireMessage
		if err := json.Unmarshal(body, &m); err != nil {
			l.fail(fmt.Errorf("read message: %w", err))
			return
		}
		if number, isReply := strings.CutPrefix(m.IdentificationNumber, "R"); isReply {
			l.answer(number, m.Content)
		} else {
			deliver(m)
		}
	}
}

// answer hands a reply over. One that nobody waits for any more is dropped.
func (l *link) answer(number string, content json.RawMessage) {
	l.mu.Lock()
	c := l.pending[number]
	delete(l.pending, number)
	l.mu.Unlock()
	if c == nil {
		return
	}
	if c.arrived != nil {
		c.arrived()
	}
	c.reply <- content // has room for one
}

// do sends a request and waits for its reply. An error that is errLinkLost
// also is errNotSent when the server cannot have got the request.
func (l *link) do(ctx context.Context, r wireRequest, arrived func()) (json.RawMessage, error) {
	frame, err := encode(r)
	if err != nil {
		return nil, fmt.Errorf("command %d: %w", r.Command, err)
	}
	c := &call{number: r.IdentificationNumber[1:], frame: frame, reply: make(chan json.RawMessage, 1), arrived: arrived}
	l.mu.Lock()
	l.pending[c.number] = c
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.pending, c.number)
	}()
	select {
	case l.out <- c:
	case <-l.done:
		return nil, l.lost(c)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case content := <-c.reply:
		return content, nil
	case <-l.done:
		select {
		case content := <-c.reply: // was faster
			return content, nil
		default:
			return nil, l.lost(c)
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errNotSent = errors.New("request not sent")

func (l *link) lost(c *call) error {
	if !c.begun.Load() {
		return fmt.Errorf("%w: %w: %w", errLinkLost, errNotSent, l.err)
	}
	return fmt.Errorf("%w: %w", errLinkLost, l.err)
}
