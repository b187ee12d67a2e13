package pixivoc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

func TestTransport_ZeroValueConnectsDirectly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(greet))
	t.Cleanup(server.Close)
	var transport pixivoc.Transport
	t.Cleanup(transport.CloseIdleConnections)
	var requests sync.WaitGroup
	for range 8 { // the first ones race to make the road
		requests.Go(func() {
			_, body, err := get(t, &transport, server.URL)
			assert.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 "+server.Listener.Addr().String(), body)
		})
	}
	requests.Wait()
	assert.Empty(t, transport.Routes())
	assert.Equal(t, pixivoc.ModeDirect, transport.Config().Mode)
}

func TestTransport_DirectUsesTheResolverAndTheTrueName(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	address := tlstest.Serve(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "local.test")}}, http.HandlerFunc(greet))
	transport := newTransport(t, pixivoc.TransportConfig{Resolver: loopbackOnly{}, RootCAs: authority.Pool()})
	host := fmt.Sprintf("local.test:%d", address.Port())
	response, body, err := get(t, transport, "https://"+host)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 "+host, body)
	assert.Equal(t, "local.test", response.TLS.ServerName)
}

func TestTransport_EveryStrategyKeepsURLAndHost(t *testing.T) {
	t.Parallel()
	for strategy, asked := range map[pixivoc.Strategy]string{
		pixivoc.StrategySNI: siteName, pixivoc.StrategyNoSNI: "", pixivoc.StrategySplit: siteName,
	} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, greet)
			transport := newTransport(t, s.byIP(strategy))
			response, body, err := get(t, transport, "https://"+siteName+"/a?b")
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 "+siteName, body, "the server would speak HTTP/2 too")
			assert.Equal(t, "https://"+siteName+"/a?b", response.Request.URL.String())
			assert.Equal(t, []string{asked}, s.asked())
			routes := transport.Routes()
			require.Len(t, routes, 1)
			assert.Equal(t, siteName+":443", routes[0].Host)
			assert.Equal(t, s.address.String(), routes[0].Address)
			assert.Equal(t, strategy, routes[0].Strategy)
			assert.Positive(t, routes[0].Took)
		})
	}
}

func TestTransport_TableAppliesToPlainHTTP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(greet))
	t.Cleanup(server.Close)
	transport := newTransport(t, pixivoc.TransportConfig{
		Mode:  pixivoc.ModeIP,
		Hosts: pixivoc.HostTable{"*.pximg.test": {Addresses: []string{server.Listener.Addr().String()}, Strategies: []pixivoc.Strategy{pixivoc.StrategyECH}}},
	})
	_, body, err := get(t, transport, "http://"+siteName+"/")
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 "+siteName, body)
}

func TestN1_UnreachableHost(t *testing.T) {
	t.Parallel()
	dead := tlstest.Dead(t).String()
	for about, test := range map[string]struct {
		config pixivoc.TransportConfig
		url    string
		is     func(*testing.T, *pixivoc.DialError)
	}{
		"refused": {
			pixivoc.TransportConfig{}, "https://" + dead,
			func(t *testing.T, e *pixivoc.DialError) {
				require.Len(t, e.Attempts, 1)
				assert.Equal(t, pixivoc.CauseRefused, e.Attempts[0].Cause)
				assert.Equal(t, pixivoc.StrategySNI, e.Attempts[0].Strategy)
				assert.ErrorIs(t, e, syscall.ECONNREFUSED)
				assert.ErrorContains(t, e, dead+" (mode direct): "+dead+" by sni: ")
				assert.False(t, e.Timeout())
			},
		},
		"unknown": {
			pixivoc.TransportConfig{Mode: pixivoc.ModeIP}, "https://nowhere.test/secret?secret",
			func(t *testing.T, e *pixivoc.DialError) {
				unknown, ok := errors.AsType[*net.DNSError](error(e))
				require.True(t, ok)
				assert.True(t, unknown.IsNotFound)
				assert.ErrorContains(t, e, "nowhere.test:443 (mode ip): ")
				assert.NotContains(t, e.Error(), "secret")
			},
		},
		"in the table": {
			pixivoc.TransportConfig{Mode: pixivoc.ModeIP, Hosts: pixivoc.HostTable{siteName: {Addresses: []string{dead}}}}, "http://" + siteName,
			func(t *testing.T, e *pixivoc.DialError) {
				assert.Equal(t, siteName+":80", e.Host)
				assert.Equal(t, pixivoc.ModeIP, e.Mode)
				require.Len(t, e.Attempts, 1)
				assert.Equal(t, dead, e.Attempts[0].Address)
				assert.Empty(t, e.Attempts[0].Strategy)
			},
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			test.config.Resolver = loopbackOnly{}
			_, _, err := get(t, newTransport(t, test.config), test.url)
			failure, ok := errors.AsType[*pixivoc.DialError](err)
			require.True(t, ok, "%v", err)
			test.is(t, failure)
			assert.True(t, pixivoc.Retryable(err))
		})
	}
}

func TestN2_HeadNeverComes(t *testing.T) {
	t.Parallel()
	for about, say := range map[string]string{"nothing": "", "header without end": "HTTP/1.1 200 OK\r\nA: b\r\n"} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			at := tlstest.Listen(t, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, say)
				_, _ = io.Copy(io.Discard, conn)
			})
			transport := newTransport(t, pixivoc.TransportConfig{Timeout: 100 * time.Millisecond})
			_, _, err := get(t, transport, "http://"+at.String())
			timed, ok := errors.AsType[net.Error](err)
			require.True(t, ok, "%v", err)
			assert.True(t, timed.Timeout())
		})
	}
}

func TestN2_SilentHostIsATimeout(t *testing.T) {
	t.Parallel()
	config := pixivoc.TransportConfig{Timeout: 100 * time.Millisecond}
	client := http.Client{Transport: newTransport(t, config)}
	_, err := client.Get("https://" + tlstest.Silent(t).String())
	outer, ok := errors.AsType[*url.Error](err)
	require.True(t, ok, "%v", err)
	assert.True(t, outer.Timeout(), "%v", err)
	failure, ok := errors.AsType[*pixivoc.DialError](err)
	require.True(t, ok)
	require.Len(t, failure.Attempts, 1)
	assert.Equal(t, pixivoc.CauseTimeout, failure.Attempts[0].Cause)

	config.Mode, config.Proxy = pixivoc.ModeProxy, "http://"+tlstest.Silent(t).String()
	client.Transport = newTransport(t, config)
	_, err = client.Get("https://" + siteName)
	outer, ok = errors.AsType[*url.Error](err)
	require.True(t, ok, "%v", err)
	assert.True(t, outer.Timeout(), "%v", err)
}

// TestN11_EnvironmentProxiesAreIgnored runs itself again, because net/http
// reads the variables once in a process.
func TestN11_EnvironmentProxiesAreIgnored(t *testing.T) {
	t.Parallel()
	const inside = "PIXIVOC_TEST_N11"
	if os.Getenv(inside) == "" {
		dead := "http://" + tlstest.Dead(t).String()
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), inside+"=1", "HTTP_PROXY="+dead, "HTTPS_PROXY="+dead, "ALL_PROXY="+dead, "http_proxy="+dead, "https_proxy="+dead)
		out, err := again.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "PASS")
		return
	}
	server := httptest.NewServer(http.HandlerFunc(greet))
	t.Cleanup(server.Close)
	s := newSite(t, greet)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	config := s.byIP()
	config.Hosts["local.test"] = pixivoc.Host{Addresses: []string{"127.0.0.1"}}
	for _, mode := range []pixivoc.ProxyMode{pixivoc.ModeDirect, pixivoc.ModeIP} {
		config.Mode = mode
		transport := newTransport(t, config)
		// A name, because net/http never uses those proxies for loopback addresses.
		_, body, err := get(t, transport, "http://local.test:"+port)
		require.NoError(t, err)
		assert.Equal(t, "HTTP/1.1 local.test:"+port, body)
	}
	_, _, err = get(t, newTransport(t, s.byIP()), "https://"+siteName)
	require.NoError(t, err)
}

func TestN16_ConfigureWithBodiesInFlight(t *testing.T) {
	t.Parallel()
	const inFlight = 64
	release := make(chan struct{})
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/slow" {
			<-release
		}
		_, _ = io.WriteString(w, "end")
	})
	transport := newTransport(t, s.byIP())
	bodies := make([]io.ReadCloser, inFlight)
	for i := range bodies {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+siteName+"/slow", nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(request)
		require.NoError(t, err)
		bodies[i] = response.Body
	}
	proxy := tlstest.NewProxy(t, "http", nil, nil, s.address)
	config := s.byIP()
	config.Mode, config.Proxy = pixivoc.ModeProxy, proxy.URL(nil).String()
	require.NoError(t, transport.Configure(config))

	_, body, err := get(t, transport, "https://"+siteName+"/")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(body, "end"))
	assert.Equal(t, []string{siteName + ":443"}, proxy.Targets(), "the next request takes the new road")

	close(release)
	for _, b := range bodies {
		whole, err := io.ReadAll(b)
		require.NoError(t, err, "those under way end on the old road")
		assert.Len(t, whole, 10_003)
		require.NoError(t, b.Close())
	}
	assert.Eventually(t, func() bool { return s.closed.Load() == inFlight }, 20*time.Second, time.Millisecond,
		"the connections of the old road are closed")
}

func TestTransport_EqualConfigKeepsConnections(t *testing.T) {
	t.Parallel()
	s := newSite(t, greet)
	transport := newTransport(t, s.byIP())
	for range 3 {
		_, _, err := get(t, transport, "https://"+siteName)
		require.NoError(t, err)
		config := transport.Config()
		config.Hosts[siteName].Addresses[0] = "192.0.2.1" // a copy: changes nothing
		require.NoError(t, transport.Configure(s.byIP()))
	}
	assert.EqualValues(t, 1, s.opened.Load())
	changed := s.byIP()
	changed.Timeout++
	require.NoError(t, transport.Configure(changed))
	_, _, err := get(t, transport, "https://"+siteName)
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.opened.Load())

	changed.RootCAs = tlstest.NewAuthority(t).Pool()
	require.NoError(t, transport.Configure(changed))
	_, _, err = get(t, transport, "https://"+siteName)
	failure, ok := errors.AsType[*pixivoc.DialError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, pixivoc.CauseCertificate, failure.Attempts[0].Cause, "whom to trust counts from the next request on")
}

func TestTransport_RefusedConfigChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, greet)
	transport := newTransport(t, s.byIP())
	err := transport.Configure(pixivoc.TransportConfig{Mode: pixivoc.ModeProxy})
	field, ok := errors.AsType[*pixivoc.FieldError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "Proxy", field.Field)
	assert.Equal(t, pixivoc.ModeIP, transport.Config().Mode)
	_, _, err = get(t, transport, "https://"+siteName)
	assert.NoError(t, err)
}

func TestTransport_KeepsAsManyConnectionsAsRequestsRan(t *testing.T) {
	t.Parallel()
	const parallel = 64
	var together sync.WaitGroup
	s := newSite(t, func(http.ResponseWriter, *http.Request) {
		together.Done()
		together.Wait()
	})
	transport := newTransport(t, s.byIP())
	for range 3 {
		together.Add(parallel)
		var requests sync.WaitGroup
		for range parallel {
			requests.Go(func() {
				_, _, err := get(t, transport, "https://"+siteName)
				assert.NoError(t, err)
			})
		}
		requests.Wait()
	}
	assert.EqualValues(t, parallel, s.opened.Load())
}

func TestU17_LongHead(t *testing.T) {
	t.Parallel()
	for about, header := range map[string]string{
		"one long header":   "X: " + strings.Repeat("x", 10<<20) + "\r\n",
		"2,000 headers":     strings.Repeat("Some-Header: with some value in it\r\n", 2000),
		"Set-Cookie flood":  strings.Repeat("Set-Cookie: a=bcdefghijklmnopqrstuvwxyz\r\n", 5000),
		"NUL in the header": "X: a\x00b\r\n",
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			dropped := make(chan struct{})
			at := tlstest.Listen(t, func(conn net.Conn) {
				defer close(dropped)
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+header+"Content-Length: 0\r\n\r\n")
				_, _ = io.Copy(io.Discard, conn)
			})
			_, _, err := get(t, newTransport(t, pixivoc.TransportConfig{}), "http://"+at.String())
			require.Error(t, err)
			select {
			case <-dropped:
			case <-t.Context().Done():
				t.Error("the connection was kept")
			}
		})
	}
}

func TestTransport_CompressionIsUpToTheRequest(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Accept-Encoding"))
	}))
	t.Cleanup(server.Close)
	transport := newTransport(t, pixivoc.TransportConfig{})
	for header, want := range map[string]string{"": "gzip", "identity": "identity"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		if header != "" {
			request.Header.Set("Accept-Encoding", header)
		}
		response, err := transport.RoundTrip(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, string(body))
	}
}

func TestTransport_BadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, pixivoc.TransportConfig{})
	for _, target := range []string{"file:///etc/passwd", "ftp://127.0.0.1/", "//127.0.0.1/", "https://127.0.0.1:99999/"} {
		u, err := url.Parse(target)
		require.NoError(t, err)
		body := &closeCounter{}
		_, err = transport.RoundTrip(&http.Request{Method: http.MethodPost, URL: u, Body: body, Header: http.Header{}})
		require.Error(t, err, target)
		assert.Positive(t, body.closed, "%s: the body is closed as the contract of RoundTripper says", target)
	}
	_, err := transport.RoundTrip(&http.Request{Header: http.Header{}})
	assert.Error(t, err)
}

type closeCounter struct{ closed int }

func (*closeCounter) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closeCounter) Close() error           { c.closed++; return nil }

func TestC4_CancelledRequest(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, pixivoc.TransportConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+tlstest.Silent(t).String(), nil)
	require.NoError(t, err)
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = transport.RoundTrip(request)
	assert.ErrorIs(t, err, context.Canceled)
}
