package pixivtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc/pixivtest/internal/authority"
)

// outerName is the name that hellos with Encrypted Client Hello show to the outside: Cloudflare's.
const outerName = "cloudflare-ech.com"

// headerTimeout bounds how long a connection may take to ask for something.
const headerTimeout = 30 * time.Second

// network is the listeners of a server and what belongs to them.
type network struct {
	server    *Server
	authority *authority.Authority
	main      string // address
	plain     string // URL
	transport *http.Transport

	ech   atomic.Pointer[tls.EncryptedClientHelloKey]
	outer tls.Certificate

	mu          sync.Mutex
	closed      bool
	servers     []*http.Server
	connections map[*connection]struct{}
	goroutines  sync.WaitGroup // of listeners and of connections
}

func newNetwork(s *Server) (*network, error) {
	n := &network{server: s, connections: map[*connection]struct{}{}}
	err := n.listenAll()
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *network) listenAll() (err error) {
	if n.authority, err = authority.New(); err != nil {
		return err
	}
	if n.outer, err = n.authority.Issue(authority.Leaf{Names: []string{outerName}}); err != nil {
		return err
	}
	if err = n.newECHKey(); err != nil {
		return err
	}
	if n.main, err = n.listen(n.server.config.Addr, Address{}); err != nil {
		return err
	}
	plain, err := n.serve(n.server.config.PlainAddr, nil, Address{})
	if err != nil {
		return err
	}
	n.plain = "http://" + plain
	n.transport = n.newTransport()
	return nil
}

// newECHKey takes a new key for Encrypted Client Hello into use. The old one is forgotten.
func (n *network) newECHKey() error {
	id := uint8(1)
	if old := n.ech.Load(); old != nil {
		id = old.Config[4] + 1 // the config begins with version and length, two bytes each
	}
	key, err := authority.NewECHKey(id, outerName)
	if err != nil {
		return err
	}
	n.ech.Store(&key)
	return nil
}

// listenLocally listens on an address of loopback; empty means any port of 127.0.0.1.
func listenLocally(at string) (net.Listener, error) {
	if at == "" {
		at = "127.0.0.1:0"
	}
	local, err := netip.ParseAddrPort(at)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", at, err)
	}
	if !local.Addr().IsLoopback() {
		return nil, fmt.Errorf("listen on %s: not an address of loopback", at)
	}
	return net.Listen("tcp", at)
}

// serve listens on loopback, with TLS unless config is nil, and returns the address.
func (n *network) serve(at string, config *tls.Config, address Address) (string, error) {
	inner, err := listenLocally(at)
	if err != nil {
		return "", err
	}
	var listener net.Listener = &watched{Listener: inner, network: n, address: address}
	logger := n.server.config.ErrorLog
	if logger == nil {
		logger = log.New(io.Discard, "", 0)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(n.server.serve),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       10 * time.Minute,
		ErrorLog:          logger,
		ConnState:         n.connState,
		ConnContext:       n.connContext,
		Protocols:         new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	if config != nil {
		server.Protocols.SetHTTP2(n.server.config.HTTP2)
		server.TLSConfig = config
	} else {
		server.BaseContext = func(net.Listener) context.Context {
			return context.WithValue(context.Background(), plainKey{}, true)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		_ = inner.Close() // nothing was accepted
		return "", fmt.Errorf("listen: %w", net.ErrClosed)
	}
	n.servers = append(n.servers, server)
	n.goroutines.Go(func() {
		if config != nil {
			_ = server.ServeTLS(listener, "", "") // always http.ErrServerClosed here
			return
		}
		_ = server.Serve(listener)
	})
	return inner.Addr().String(), nil
}

type (
	plainKey      struct{} // context: the request came to the plain listener
	connectionKey struct{} // context: the connection it came over
)

func fromPlain(r *http.Request) bool { return r.Context().Value(plainKey{}) != nil }

func (n *network) connContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, unwrap(c))
}

// connState counts the goroutine that net/http runs for each connection.
func (n *network) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		n.goroutines.Add(1)
	case http.StateClosed, http.StateHijacked:
		n.goroutines.Done()
	}
}

// unwrap is our own connection under TLS.
func unwrap(c net.Conn) *connection {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*connection)
}

func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	servers := n.servers
	n.mu.Unlock()
	for _, server := range servers {
		_ = server.Close() // what cannot be closed is closed already
	}
	n.mu.Lock()
	open := make([]*connection, 0, len(n.connections))
	for c := range n.connections {
		open = append(open, c)
	}
	n.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
	if n.transport != nil {
		n.transport.CloseIdleConnections()
	}
	n.goroutines.Wait()
}

// newTransport makes a transport that finds the hosts at this server.
func (n *network) newTransport() *http.Transport {
	dialer := &net.Dialer{}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if n.server.knows(host) && port == "443" {
				address = n.main
			} else if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
				return nil, fmt.Errorf("dial %s: not a host of the fake Pixiv", address)
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{RootCAs: n.authority.Pool(), MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 64,
		ForceAttemptHTTP2:   n.server.config.HTTP2,
		DisableCompression:  true,
	}
	return transport
}
