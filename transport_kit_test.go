package pixivoc_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

// siteName is the host that the tests of the Transport ask for: nothing outside
// loopback has it.
const siteName = "i.pximg.test"

// tlsSite is an HTTPS server on loopback for siteName.
type tlsSite struct {
	authority *tlstest.Authority
	address   netip.AddrPort
	opened    atomic.Int32 // connections
	closed    atomic.Int32
	mu        sync.Mutex
	names     []string // of the ClientHellos
}

func newSite(t testing.TB, handler http.HandlerFunc) *tlsSite {
	t.Helper()
	authority := tlstest.NewAuthority(t)
	s := &tlsSite{authority: authority}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true // which nobody shall use
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened.Add(1)
		case http.StateClosed:
			s.closed.Add(1)
		}
	}
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{authority.Certificate(t, siteName)},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.names = append(s.names, hello.ServerName)
			return nil, nil
		},
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.address = netip.MustParseAddrPort(server.Listener.Addr().String())
	return s
}

func greet(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s", r.Proto, r.Host)
}

// asked returns the names that the ClientHellos gave.
func (s *tlsSite) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.names...)
}

// byIP is a configuration that leads to the site by its address.
func (s *tlsSite) byIP(strategies ...pixivoc.Strategy) pixivoc.TransportConfig {
	return pixivoc.TransportConfig{
		Mode:       pixivoc.ModeIP,
		Hosts:      pixivoc.HostTable{siteName: {Addresses: []string{s.address.String()}, Strategies: strategies}},
		Resolver:   loopbackOnly{},
		RootCAs:    s.authority.Pool(),
		Timeout:    20 * time.Second, // only a bug takes so long
		SplitDelay: time.Millisecond,
	}
}

// loopbackOnly resolves names below "local.test" to loopback and no others, so
// that no test leaves the machine.
type loopbackOnly struct{}

func (loopbackOnly) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "local.test" {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func newTransport(t testing.TB, config pixivoc.TransportConfig) *pixivoc.Transport {
	t.Helper()
	transport, err := pixivoc.NewTransport(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// get asks transport for url and returns the answer with its body read.
func get(t testing.TB, transport http.RoundTripper, url string) (*http.Response, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func addrPort(t testing.TB, text string) netip.AddrPort {
	t.Helper()
	address, err := netip.ParseAddrPort(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
