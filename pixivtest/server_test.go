package pixivtest_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// rawGet speaks HTTP over a TLS connection that asks for a name (none when empty) and returns all that comes back.
// The certificate is checked against the true host whatever the name.
func rawGet(t *testing.T, s *pixivtest.Server, address, name, host, path string, config *tls.Config) (string, *tls.ConnectionState, error) {
	t.Helper()
	plain, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer plain.Close()
	require.NoError(t, plain.SetDeadline(time.Now().Add(20*time.Second)))
	if config == nil {
		config = &tls.Config{}
	}
	config.ServerName, config.MinVersion = name, tls.VersionTLS12
	config.InsecureSkipVerify = true // VerifyConnection does the same check, against the true name
	config.VerifyConnection = func(state tls.ConnectionState) error {
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: s.CertPool()})
		return err
	}
	c := tls.Client(plain, config)
	if err := c.HandshakeContext(t.Context()); err != nil {
		return "", nil, err
	}
	state := c.ConnectionState()
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nReferer: %s\r\nConnection: close\r\n\r\n", path, host, referer)
	require.NoError(t, err)
	all, err := io.ReadAll(c)
	return string(all), &state, err
}

func statusOf(answer string) string { return strings.SplitN(answer+"  ", " ", 3)[1] }

func TestHosts(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	table := s.Hosts()
	require.Len(t, table, 5)
	for _, host := range []string{
		pixivtest.HostOAuth, pixivtest.HostAPI, pixivtest.HostWeb, pixivtest.HostImages, pixivtest.HostStatic,
	} {
		require.Equal(t, s.Addr(), table[host])
		require.True(t, strings.HasPrefix(table[host], "127.0.0.1:"))
		answer, _, err := rawGet(t, s, table[host], host, host, "/", nil)
		require.NoError(t, err, host)
		require.Equal(t, "404", statusOf(answer), host)
	}
	require.Error(t, exchange(t, s.Client(), http.MethodGet, "https://www.example.com/", nil, "").sendErr, "nothing else is reached")
}

// TestFixedAddresses lets a second server come back where the first was.
func TestFixedAddresses(t *testing.T) {
	t.Parallel()
	first := start(t, pixivtest.Config{})
	again := pixivtest.Config{Addr: first.Addr(), PlainAddr: strings.TrimPrefix(first.PlainURL(), "http://")}
	require.ErrorContains(t, pixivtest.NewUnstartedServer(again).Start(), "address already in use")
	first.Close()
	second := start(t, again)
	require.Equal(t, first.Addr(), second.Addr())
	require.Equal(t, first.PlainURL(), second.PlainURL())
	for _, bad := range []string{"192.0.2.1:0", "0.0.0.0:0", ":0", "localhost:0", "127.0.0.1"} {
		require.ErrorContains(t, pixivtest.NewUnstartedServer(pixivtest.Config{Addr: bad}).Start(), "start the fake Pixiv: listen on "+bad)
	}
}

func TestServerNames(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	lenient := start(t, pixivtest.Config{LenientSNI: true})
	for _, c := range []struct {
		server     *pixivtest.Server
		name, host string
		status     string
	}{
		{s, "", pixivtest.HostImages, "404"},
		{s, "pximg.net", pixivtest.HostImages, "404"},
		{s, "s.pximg.net", pixivtest.HostImages, "404"},
		{s, "www.pixiv.net", pixivtest.HostImages, "421"},
		{s, "", pixivtest.HostAPI, "403"},
		{s, "www.pixiv.net", pixivtest.HostAPI, "403"},
		{s, "www.pixivision.net", pixivtest.HostOAuth, "403"},
		{s, "", pixivtest.HostWeb, "403"},
		{lenient, "", pixivtest.HostAPI, "404"},
		{lenient, "www.pixivision.net", pixivtest.HostOAuth, "404"},
	} {
		answer, _, err := rawGet(t, c.server, c.server.Addr(), c.name, c.host, "/", nil)
		require.NoError(t, err)
		require.Equal(t, c.status, statusOf(answer), "name %q, host %s", c.name, c.host)
	}
}

func TestListenCertificates(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	for certificate, good := range map[pixivtest.Certificate]bool{
		pixivtest.CertificateGood: true, pixivtest.CertificateExpired: false,
		pixivtest.CertificateSelfSigned: false, pixivtest.CertificateOtherSite: false,
	} {
		address := s.Listen(pixivtest.Address{Certificate: certificate})
		_, _, err := rawGet(t, s, address, pixivtest.HostAPI, pixivtest.HostAPI, "/", nil)
		require.Equal(t, good, err == nil, "%d: %v", certificate, err)
	}
}

func TestListenRefuseNoSNI(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	address := s.Listen(pixivtest.Address{RefuseNoSNI: true})
	_, _, err := rawGet(t, s, address, "", pixivtest.HostImages, "/", nil)
	require.ErrorContains(t, err, "remote error: tls")
	_, _, err = rawGet(t, s, address, pixivtest.HostImages, pixivtest.HostImages, "/", nil)
	require.NoError(t, err)
}

// splitter sends its first write, a TLS hello in one record, as two records that part a name.
type splitter struct {
	net.Conn
	name string
	done bool
}

func (s *splitter) Write(p []byte) (int, error) {
	if s.done {
		return s.Conn.Write(p)
	}
	s.done = true
	at := strings.Index(string(p), s.name) + len(s.name)/2
	record := func(payload []byte) []byte {
		return append([]byte{p[0], p[1], p[2], byte(len(payload) >> 8), byte(len(payload))}, payload...)
	}
	if _, err := s.Conn.Write(append(record(p[5:at]), record(p[at:])...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestListenBlockedNames(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	address := s.Listen(pixivtest.Address{BlockedNames: []string{"pixiv", "i.pximg"}})
	shake := func(name string, split bool) error {
		plain, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		defer plain.Close()
		if split {
			plain = &splitter{Conn: plain, name: name}
		}
		return tls.Client(plain, &tls.Config{ServerName: name, RootCAs: s.CertPool(), MinVersion: tls.VersionTLS12}).HandshakeContext(t.Context())
	}
	require.Error(t, shake(pixivtest.HostAPI, false))
	require.Error(t, shake(pixivtest.HostImages, false))
	require.NoError(t, shake(pixivtest.HostStatic, false))
	require.NoError(t, shake(pixivtest.HostAPI, true))
	state, err := echGet(t, s, address, s.ECHConfigList())
	require.NoError(t, err)
	require.True(t, state.ECHAccepted, "an encrypted name is not seen")
}

func echGet(t *testing.T, s *pixivtest.Server, address string, list []byte) (*tls.ConnectionState, error) {
	t.Helper()
	plain, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer plain.Close()
	c := tls.Client(plain, &tls.Config{
		ServerName: pixivtest.HostAPI, RootCAs: s.CertPool(), MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: list,
	})
	if err := c.HandshakeContext(t.Context()); err != nil {
		return nil, err
	}
	state := c.ConnectionState()
	if _, err := fmt.Fprintf(c, "GET /x HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", pixivtest.HostAPI); err != nil {
		return nil, err
	}
	_, err = io.ReadAll(c)
	return &state, err
}

func TestECHRotation(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	stale := s.ECHConfigList()
	_, err := echGet(t, s, s.Addr(), stale)
	require.NoError(t, err)
	last := s.Requests()[len(s.Requests())-1]
	require.True(t, last.ECH)
	require.Equal(t, pixivtest.HostAPI, last.ServerName, "the inner name")

	s.RotateECH()
	_, err = echGet(t, s, s.Addr(), stale)
	var rejection *tls.ECHRejectionError
	require.True(t, errors.As(err, &rejection), "%v", err)
	require.Equal(t, s.ECHConfigList(), rejection.RetryConfigList)
	_, err = echGet(t, s, s.Addr(), rejection.RetryConfigList)
	require.NoError(t, err)

	_, err = echGet(t, s, s.Listen(pixivtest.Address{NoECH: true}), s.ECHConfigList())
	require.Error(t, err, "this address knows nothing of ECH")
}

// TestListenSilent has an address that accepts and says nothing, until the client gives up or the server closes.
func TestListenSilent(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	address := s.Listen(pixivtest.Address{Silent: true})
	c, err := net.Dial("tcp", address) //nolint:noctx // loopback
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	s.Close()
	require.NoError(t, c.SetReadDeadline(time.Time{}))
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
}

func TestListenDelay(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	begin := time.Now()
	_, _, err := rawGet(t, s, s.Listen(pixivtest.Address{Delay: 60 * time.Millisecond}), pixivtest.HostAPI, pixivtest.HostAPI, "/", nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begin), 60*time.Millisecond)
}

// TestResumptionUnderAnotherName takes a session ticket to another host, as a careless client would.
func TestResumptionUnderAnotherName(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	config := &tls.Config{ClientSessionCache: sameSession{tls.NewLRUClientSessionCache(1)}}
	_, first, err := rawGet(t, s, s.Addr(), pixivtest.HostAPI, pixivtest.HostAPI, "/", config.Clone())
	require.NoError(t, err)
	require.False(t, first.DidResume)
	_, second, err := rawGet(t, s, s.Addr(), pixivtest.HostImages, pixivtest.HostImages, "/", config.Clone())
	require.NoError(t, err)
	require.True(t, second.DidResume)
}

// sameSession keeps one session for all names.
type sameSession struct{ tls.ClientSessionCache }

func (c sameSession) Get(string) (*tls.ClientSessionState, bool) { return c.ClientSessionCache.Get("") }

func (c sameSession) Put(_ string, state *tls.ClientSessionState) {
	c.ClientSessionCache.Put("", state)
}

func TestWriteCA(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, s.WriteCA(file))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(content))
	transport := s.Transport()
	defer transport.CloseIdleConnections()
	transport.TLSClientConfig.RootCAs = pool
	require.Equal(t, 404, fetch(t, &http.Client{Transport: transport}, "https://i.pximg.net/", nil).status)
	require.ErrorContains(t, s.WriteCA(filepath.Join(file, "x")), "write the certificate")
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{HTTP2: true})
	w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 100_000}})
	p := s.Picture(w.ID, 0)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL, nil)
	require.NoError(t, err)
	r.Header.Set("Referer", referer)
	for _, fault := range []pixivtest.Fault{nil, pixivtest.Reset{At: pixivtest.AtByte(1000)}, pixivtest.WrongLength{By: 5}} {
		s.ClearScript()
		if fault != nil {
			s.Script(pixivtest.Rule{Do: fault})
		}
		response, err := s.Client().Do(r)
		require.NoError(t, err)
		require.Equal(t, 2, response.ProtoMajor)
		_, err = io.ReadAll(response.Body)
		response.Body.Close()
		require.Equal(t, fault == nil, err == nil, "%v", err)
	}
}

// TestCloseEndsEverything closes the server while an answer stalls, a connection idles and another does nothing.
func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewServer(pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 100_000}})
	p := s.Picture(w.ID, 0)
	require.Equal(t, 200, fetch(t, s.Client(), p.URL, nil).status)
	idle, err := net.Dial("tcp", s.Addr()) //nolint:noctx // loopback
	require.NoError(t, err)
	defer idle.Close()
	s.Script(pixivtest.Rule{Do: pixivtest.Stall{At: pixivtest.AtByte(50_000)}})
	transport := s.Transport()
	defer transport.CloseIdleConnections()
	got := make(chan reply, 1)
	go func() { got <- fetch(t, &http.Client{Transport: transport}, p.URL, nil) }()
	require.NoError(t, s.AwaitStalled(t.Context(), 1))
	s.Close()
	s.Close()
	broken := <-got
	require.Error(t, broken.readErr)
	require.Len(t, broken.body, 50_000)
	require.Error(t, fetch(t, s.Client(), p.URL, nil).sendErr)
	require.Error(t, s.Start())
	require.Zero(t, s.Load(pixivtest.HostImages).Connections)
}

// TestSocketStall releases a stall over a socket, and ends another by hanging up.
func TestSocketStall(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 100_000}})
	p := s.Picture(w.ID, 0)
	s.Script(pixivtest.Rule{Do: pixivtest.Stall{At: pixivtest.AtByte(50_000)}})
	var all sync.WaitGroup
	results := make([]reply, 3)
	for i := range results {
		all.Go(func() { results[i] = fetch(t, s.Client(), p.URL, nil) })
	}
	require.NoError(t, s.AwaitStalled(t.Context(), 3))
	require.Equal(t, 3, s.Load(pixivtest.HostImages).MaxRequests)
	require.Equal(t, 3, s.Load(pixivtest.HostImages).MaxConnections)
	s.ReleaseStalls()
	all.Wait()
	for _, got := range results {
		require.NoError(t, got.readErr)
		require.Equal(t, string(p.Bytes()), got.body)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(s.PlainURL(), "http://")) //nolint:noctx // loopback
	require.NoError(t, err)
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", p.Path)
	require.NoError(t, err)
	require.NoError(t, s.AwaitStalled(t.Context(), 1))
	c.Close()
	require.Eventually(t, func() bool { return s.Stalled() == 0 }, 20*time.Second, 5*time.Millisecond,
		"the server notices that the client hung up")
}

// wire returns everything that comes over a plain connection for one request, and how it ends.
func wire(t *testing.T, s *pixivtest.Server, path string) (head, body string, err error) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.PlainURL(), "http://")) //nolint:noctx // loopback
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: i.pximg.net\r\n\r\n", path)
	require.NoError(t, err)
	all, err := io.ReadAll(bufio.NewReader(c))
	head, body, _ = strings.Cut(string(all), "\r\n\r\n")
	return head, body, err
}

// TestFaultsOnTheWire looks at the bytes that a client library hides.
func TestFaultsOnTheWire(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 100_000}})
	p := s.Picture(w.ID, 0)
	whole := string(p.Bytes())
	for name, c := range map[string]struct {
		fault  pixivtest.Fault
		head   []string
		absent string
		body   string
	}{
		"surplus":       {pixivtest.Surplus{Bytes: 5}, []string{"Content-Length: 100000"}, "", whole + "\x00\x00\x00\x00\x00"},
		"too few":       {pixivtest.WrongLength{By: -10}, []string{"Content-Length: 99990"}, "", whole},
		"too many":      {pixivtest.WrongLength{By: 10}, []string{"Content-Length: 100010"}, "", whole},
		"two lengths":   {pixivtest.WrongLength{Values: []string{"1", "2"}}, []string{"Content-Length: 1\r\nContent-Length: 2"}, "", whole},
		"until close":   {pixivtest.NoLength{}, []string{"Connection: close"}, "Content-Length", whole},
		"NUL":           {pixivtest.ExtraHeaders{Raw: "X-Bad: \x00\r\n"}, []string{"X-Bad: \x00"}, "", whole},
		"slow header":   {pixivtest.SlowHeader{Bytes: 7}, []string{"HTTP/1.1 200 OK", "Last-Modified"}, "", whole},
		"no last chunk": {pixivtest.Chain{pixivtest.Cut{}, pixivtest.NoLength{Chunked: true}}, []string{"Transfer-Encoding: chunked"}, "Content-Length", ""},
	} {
		s.ClearScript()
		s.Script(pixivtest.Rule{Name: name, Do: c.fault})
		head, body, err := wire(t, s, p.Path)
		require.NoError(t, err, name)
		for _, line := range c.head {
			require.Contains(t, head, line, name)
		}
		if c.absent != "" {
			require.NotContains(t, head, c.absent, name)
		}
		require.True(t, c.body == body, "%s: %d bytes", name, len(body))
	}
	s.ClearScript()
	s.Script(pixivtest.Rule{Do: pixivtest.Reset{At: pixivtest.AtByte(9)}})
	_, body, err := wire(t, s, p.Path)
	require.Error(t, err)
	require.Equal(t, whole[:9], body)
}

func TestLatency(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{Latency: 30 * time.Millisecond})
	begin := time.Now()
	fetch(t, s.Client(), "https://i.pximg.net/", nil)
	require.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)
}
