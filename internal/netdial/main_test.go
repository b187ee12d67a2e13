package netdial_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc/internal/netdial"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The names that the tests ask for: nothing outside loopback has them.
const (
	host      = "i.pximg.test"
	address   = host + ":443"
	outerName = "outer.example"
)

var allStrategies = []netdial.Strategy{netdial.SNI, netdial.NoSNI, netdial.ECH, netdial.Split}

// newDialer returns a dialer that trusts authority and has one host.
func newDialer(authority *tlstest.Authority, strategies []netdial.Strategy, addresses ...netip.AddrPort) *netdial.Dialer {
	return netdial.New(config(authority, strategies, addresses...))
}

func config(authority *tlstest.Authority, strategies []netdial.Strategy, addresses ...netip.AddrPort) netdial.Config {
	return netdial.Config{
		Hosts:    map[string]netdial.Host{host: {Addresses: addresses, Strategies: strategies}},
		Resolver: noResolver{},
		Timeout:  20 * time.Second, // only a bug takes so long
		RootCAs:  authority.Pool(),
		ECHHost:  outerName,
	}
}

// noResolver fails the test that would leave the machine.
type noResolver struct{}

func (noResolver) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// site is an HTTPS server that keeps what names it was asked for.
type site struct {
	addr  netip.AddrPort
	mu    sync.Mutex
	names []string // as each ClientHello gave them; ECH decrypted
}

func newSite(t testing.TB, config *tls.Config) *site {
	t.Helper()
	s := &site{}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.names = append(s.names, hello.ServerName)
		return nil, nil
	}
	s.addr = tlstest.Serve(t, config, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.Host)
	}))
	return s
}

func (s *site) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.names...)
}

// dial opens a TLS connection that is closed when the test ends.
func dial(t testing.TB, d *netdial.Dialer) *tls.Conn {
	t.Helper()
	conn, err := d.DialTLSContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*tls.Conn)
}

// fetch asks over conn and returns the answer's body.
func fetch(t testing.TB, conn net.Conn, name string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	response, err := client.Get("http://" + name + "/")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

// logBuffer is where a test reads what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
