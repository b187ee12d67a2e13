package socketapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Errors of a Conn, to be told apart with errors.Is.
var (
	// ErrDisconnected: the connection was lost after a request was sent and
	// before its reply came. Whether the server did it is not known. Requests
	// that may be made twice are repeated and end so only when that does not
	// help, for instance because they are longer than the server takes.
	ErrDisconnected = errors.New("connection lost, the outcome is not known")
	// ErrRefused: the server refused what a command of PixivOC asked for. It
	// does not say why; the new commands do.
	ErrRefused = errors.New("refused by the server")
	// ErrUnauthorized: the server closed the connection on seeing the token.
	ErrUnauthorized = errors.New("token refused by the server")
)

// The defaults of ClientOptions.
const (
	DefaultMaxReply     = 64 << 20
	DefaultDialTimeout  = 10 * time.Second
	DefaultMinReconnect = 100 * time.Millisecond
	DefaultMaxReconnect = 30 * time.Second
)

// ClientOptions makes a Conn. The zero value speaks to a plain listener.
type ClientOptions struct {
	// TLS, when set, is the configuration of a TLS connection. Without a
	// ServerName it is the host of the address.
	TLS *tls.Config
	// Token authenticates the connection, each time it is made.
	Token string
	// Dial, when set, makes connections in place of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// DialTimeout bounds making a connection, with TLS and authentication; 0
	// means DefaultDialTimeout.
	DialTimeout time.Duration
	// WriteTimeout is how long the server may take to accept a request; 0
	// means DefaultWriteTimeout.
	WriteTimeout time.Duration
	// MaxReply is the greatest length of a message from the server in bytes; 0
	// means DefaultMaxReply.
	MaxReply int
	// MinReconnect and MaxReconnect bound the pause before a lost connection
	// is made again; it doubles with each try, with some chance in it. 0 means
	// the defaults.
	MinReconnect, MaxReconnect time.Duration
	// ReportQueue is how many reports a reader may be behind before it has
	// lost some; 0 means DefaultReportQueue.
	ReportQueue int
	// Logger is told of lost connections; nil discards it.
	Logger *slog.Logger
}

func (o ClientOptions) filled() ClientOptions {
	o.DialTimeout = cmp.Or(o.DialTimeout, DefaultDialTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, DefaultWriteTimeout)
	o.MaxReply = cmp.Or(o.MaxReply, DefaultMaxReply)
	o.MinReconnect = cmp.Or(o.MinReconnect, DefaultMinReconnect)
	o.MaxReconnect = cmp.Or(o.MaxReconnect, DefaultMaxReconnect)
	o.ReportQueue = cmp.Or(o.ReportQueue, DefaultReportQueue)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	return o
}

// Conn is a client of the socket protocol, PixivOC's or ours. A connection that
// is lost is made again in the background; requests wait for it until their
// context ends. All methods are safe for concurrent use. Close it at the end.
type Conn struct {
	options          ClientOptions
	network, address string
	stop             context.CancelFunc
	running          sync.WaitGroup
	number           atomic.Int64

	mu        sync.Mutex
	link      *link         // nil while there is none
	changed   chan struct{} // closed when link changes
	closed    bool
	listeners map[*listener]struct{}
	wanted    map[*subscription]struct{}

	subscribing chan struct{} // held while the server is told what is wanted
}

// Dial connects to a server: at "host:port", or at the path of a Unix socket,
// which begins with "/" or "unix:". ctx bounds the first connection only.
func Dial(ctx context.Context, address string, options ClientOptions) (*Conn, error) {
	background, stop := context.WithCancel(context.Background())
	c := &Conn{
		options: options.filled(), network: "tcp", address: address, stop: stop,
		changed: make(chan struct{}), listeners: map[*listener]struct{}{}, wanted: map[*subscription]struct{}{},
		subscribing: make(chan struct{}, 1),
	}
	if path, found := strings.CutPrefix(address, "unix:"); found || strings.HasPrefix(address, "/") {
		c.network, c.address = "unix", path
	}
	c.number.Store(time.Now().UnixMicro())
	first, err := c.connect(ctx)
	if err != nil {
		stop()
		c.running.Wait()
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	c.put(first)
	c.running.Go(func() { c.keep(background, first) })
	return c, nil
}

// Close ends the connection and waits for what belongs to it. Requests under
// way end with pixivoc.ErrClosed. Closing twice does no harm.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.running.Wait()
	return nil
}

// keep makes the connection in use anew when it is lost, until ctx ends.
func (c *Conn) keep(ctx context.Context, l *link) {
	defer c.endListeners()
	for {
		select {
		case <-l.done:
		case <-ctx.Done():
			l.fail(pixivoc.ErrClosed)
			return
		}
		c.put(nil)
		c.options.Logger.Warn("connection lost", "server", c.address, "error", l.err)
		if l = c.reconnect(ctx); l == nil {
			return
		}
		c.put(l)
	}
}

// reconnect tries until there is a connection, or ctx ends.
func (c *Conn) reconnect(ctx context.Context) *link {
	for pause := c.options.MinReconnect; ; pause = min(2*pause, c.options.MaxReconnect) {
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		l, err := c.connect(ctx)
		if err == nil {
			c.options.Logger.Info("connected again", "server", c.address)
			return l
		}
		c.options.Logger.Debug("connect", "server", c.address, "error", err)
	}
}

// connect makes a connection that is ready for requests.
func (c *Conn) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	conn, err := c.options.Dial(ctx, c.network, c.address)
	if err != nil {
		return nil, err
	}
	if c.options.TLS != nil {
		if conn, err = c.secure(ctx, conn); err != nil {
			return nil, err
		}
	}
	l := newLink(conn, c.options)
	c.running.Go(l.write)
	c.running.Go(func() { l.read(c.deliver) })
	if err := c.prepare(ctx, l); err != nil {
		l.fail(err)
		return nil, err
	}
	return l, nil
}

func (c *Conn) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := c.options.TLS.Clone()
	if host, _, err := net.SplitHostPort(c.address); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one to tell
		return nil, err
	}
	return secured, nil
}

// prepare authenticates a new connection and subscribes to what is wanted.
func (c *Conn) prepare(ctx context.Context, l *link) error {
	if c.options.Token != "" {
		r := c.request(CommandAuthenticate)
		r.Token = c.options.Token
		_, err := l.do(ctx, r, nil)
		switch {
		case errors.Is(err, errLinkLost):
			return fmt.Errorf("%w: %w", ErrUnauthorized, err)
		case err != nil:
			return err
		}
	}
	if want := c.subscribed(); want != (subscribeArguments{}) {
		r := c.request(CommandSubscribe)
		r.Arguments = want
		if _, err := l.do(ctx, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// put makes l the connection in use and rouses who waits for one.
func (c *Conn) put(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	close(c.changed)
	c.changed = make(chan struct{})
	if l != nil {
		for listener := range c.listeners {
			listener.add(Report{Kind: ReportConnected})
		}
	}
}

// endListeners ends all that wait for reports or a connection.
func (c *Conn) endListeners() {
	c.put(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	for listener := range c.listeners {
		listener.end()
	}
}

// current waits for a connection.
func (c *Conn) current(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		l, changed, closed := c.link, c.changed, c.closed
		c.mu.Unlock()
		switch {
		case closed:
			return nil, pixivoc.ErrClosed
		case l != nil:
			return l, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a connection to %s: %w", c.address, ctx.Err())
		}
	}
}
