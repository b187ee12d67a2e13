package pixivoc_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

const frontPage = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// wantsItsName answers as code says when the ClientHello had no name.
func wantsItsName(code int, kind, page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.ServerName == "" {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, page)
			return
		}
		greet(w, r)
	}
}

func TestN13_HostWantsItsTrueName(t *testing.T) {
	t.Parallel()
	for about, handler := range map[string]http.HandlerFunc{
		"421": wantsItsName(421, "text/plain", ""),
		"403": wantsItsName(403, "text/html; charset=utf-8", frontPage),
	} {
		t.Run(about+" and nothing is left", func(t *testing.T) {
			t.Parallel()
			transport := newTransport(t, newSite(t, handler).byIP(pixivoc.StrategyNoSNI))
			for range 2 {
				_, _, err := get(t, transport, "https://"+siteName+"/?secret")
				misdirected, ok := errors.AsType[*pixivoc.MisdirectedError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, siteName, misdirected.Host)
				assert.Equal(t, pixivoc.StrategyNoSNI, misdirected.Strategy)
				assert.Empty(t, misdirected.Next)
				assert.ErrorContains(t, err, siteName+" answers "+about+" to a connection by strategy nosni: this host wants its true name; give it another strategy")
				assert.NotContains(t, err.Error(), "secret")
			}
		})
		t.Run(about+" and the next strategy works", func(t *testing.T) {
			t.Parallel()
			transport := newTransport(t, newSite(t, handler).byIP(pixivoc.StrategyNoSNI, pixivoc.StrategySplit))
			_, _, err := get(t, transport, "https://"+siteName)
			misdirected, ok := errors.AsType[*pixivoc.MisdirectedError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, pixivoc.StrategySplit, misdirected.Next)
			_, body, err := get(t, transport, "https://"+siteName)
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 "+siteName, body)
		})
	}
}

func TestN13_AnswersThatAreNotAboutTheName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(frontPage, 100)
	for about, test := range map[string]struct {
		strategy pixivoc.Strategy
		code     int
		kind     string
		page     string
	}{
		"403 with JSON":        {pixivoc.StrategyNoSNI, 403, "application/json", `{"error":{"message":"Rate Limit"}}`},
		"403 with a long page": {pixivoc.StrategyNoSNI, 403, "text/html", long},
		"404":                  {pixivoc.StrategyNoSNI, 404, "text/html", frontPage},
		"403 by true name":     {pixivoc.StrategySNI, 403, "text/html", frontPage},
		"421 by true name":     {pixivoc.StrategySNI, 421, "text/html", frontPage},
	} {
		for _, length := range []bool{true, false} {
			t.Run(about, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", test.kind)
					w.WriteHeader(test.code)
					if !length {
						_ = http.NewResponseController(w).Flush() // chunked
					}
					_, _ = io.WriteString(w, test.page)
				})
				response, body, err := get(t, newTransport(t, s.byIP(test.strategy)), "https://"+siteName)
				require.NoError(t, err)
				assert.Equal(t, test.code, response.StatusCode)
				assert.Equal(t, test.page, body, "the whole page, though it was looked at")
			})
		}
	}
}

func TestN13_A403OfAHostThatAnswersWithoutNameIsTheCallers(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") == "" {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, frontPage)
		}
	})
	transport := newTransport(t, s.byIP(pixivoc.StrategyNoSNI))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+siteName, nil)
	require.NoError(t, err)
	request.Header.Set("Referer", "https://www.pixiv.test/")
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	response, body, err := get(t, transport, "https://"+siteName)
	require.NoError(t, err)
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	assert.Equal(t, frontPage, body)
}

// TestN12_AddressThatFailsAfterTheHandshake holds that an address which takes
// connections but answers no request does not stay the chosen one.
func TestN12_AddressThatFailsAfterTheHandshake(t *testing.T) {
	t.Parallel()
	good := newSite(t, greet)
	var cut atomic.Int32
	certificate := good.authority.Certificate(t, siteName)
	bad := tlstest.Listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if _, err := secure.Read(make([]byte, 1)); err == nil {
			cut.Add(1)
		}
	})
	config := good.byIP()
	config.Hosts = pixivoc.HostTable{siteName: {Addresses: []string{bad.String(), good.address.String()}}}
	transport := newTransport(t, config)
	var failed int
	for range 5 {
		if _, _, err := get(t, transport, "https://"+siteName); err != nil {
			failed++
		}
	}
	assert.LessOrEqual(t, failed, 1)
	assert.EqualValues(t, failed, cut.Load())
	assert.Equal(t, good.address.String(), transport.Routes()[0].Address)
}

func TestN10_Proxies(t *testing.T) {
	t.Parallel()
	right, wrong := url.UserPassword("canary-user", "canary-p@ss"), url.UserPassword("canary-user", "canary-no")
	for _, scheme := range []string{"http", "https", "socks5"} {
		for _, target := range []string{"http", "https"} {
			t.Run(scheme+" to "+target, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, greet)
				plain := httptest.NewServer(http.HandlerFunc(greet))
				t.Cleanup(plain.Close)
				upstream := s.address
				if target == "http" {
					upstream = addrPort(t, plain.Listener.Addr().String())
				}
				certificate := s.authority.Certificate(t, "local.test")
				proxy := tlstest.NewProxy(t, scheme, &certificate, right, upstream)
				config := s.byIP(pixivoc.StrategySplit)
				config.Mode = pixivoc.ModeProxy
				for _, user := range []*url.Userinfo{right, wrong, nil} {
					u := proxy.URL(user)
					u.Host = "local.test:" + u.Port()
					config.Proxy = u.String()
					transport := newTransport(t, config)
					_, body, err := get(t, transport, target+"://"+siteName+"/?canary")
					if user == right {
						require.NoError(t, err)
						assert.Equal(t, "HTTP/1.1 "+siteName, body)
						continue
					}
					failure, ok := errors.AsType[*pixivoc.ProxyError](err)
					require.True(t, ok, "%v", err)
					assert.Equal(t, 407, failure.Code)
					assert.ErrorIs(t, err, pixivoc.ErrProxyLogin)
					assert.ErrorContains(t, err, "proxy "+scheme+"://"+u.Host+" to "+siteName+":")
					assert.NotContains(t, err.Error(), "canary")
				}
				assert.Len(t, proxy.Targets(), 1)
			})
		}
	}
}

func TestN10_DeadAndBabblingProxies(t *testing.T) {
	t.Parallel()
	babbling := tlstest.Listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, strings.Repeat("canary", 20_000))
	})
	for about, at := range map[string]string{"dead": tlstest.Dead(t).String(), "babbling": babbling.String()} {
		for _, scheme := range []string{"http", "https", "socks5"} {
			for _, target := range []string{"http", "https"} {
				t.Run(about+" "+scheme+" to "+target, func(t *testing.T) {
					t.Parallel()
					transport := newTransport(t, pixivoc.TransportConfig{
						Mode: pixivoc.ModeProxy, Proxy: scheme + "://canary:canary@" + at, Resolver: loopbackOnly{},
					})
					_, _, err := get(t, transport, target+"://"+siteName)
					failure, ok := errors.AsType[*pixivoc.ProxyError](err)
					require.True(t, ok, "%v", err)
					assert.Equal(t, scheme+"://"+at, failure.Proxy)
					assert.NotErrorIs(t, err, pixivoc.ErrProxyLogin)
					assert.Less(t, len(err.Error()), 400)
					if about == "dead" {
						assert.Contains(t, err.Error(), "refused")
						_, ok := errors.AsType[*pixivoc.DialError](err)
						assert.True(t, ok)
					}
				})
			}
		}
	}
}

func TestN10_ProxyDiesMidBody(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"http", "https"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			die := make(chan struct{})
			handler := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000000")
				_, _ = io.WriteString(w, strings.Repeat("x", 500_000))
				_ = http.NewResponseController(w).Flush()
				<-die
				panic(http.ErrAbortHandler) // cuts the tunnel's far end, and with it the tunnel
			}
			s := newSite(t, handler)
			plain := httptest.NewServer(http.HandlerFunc(handler))
			t.Cleanup(plain.Close)
			upstream := s.address
			if target == "http" {
				upstream = addrPort(t, plain.Listener.Addr().String())
			}
			config := s.byIP()
			config.Mode, config.Proxy = pixivoc.ModeProxy, tlstest.NewProxy(t, "http", nil, nil, upstream).URL(nil).String()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target+"://"+siteName, nil)
			require.NoError(t, err)
			response, err := newTransport(t, config).RoundTrip(request)
			require.NoError(t, err)
			defer func() { _ = response.Body.Close() }()
			_, err = io.ReadFull(response.Body, make([]byte, 500_000))
			require.NoError(t, err)
			close(die)
			_, err = io.ReadAll(response.Body)
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
		})
	}
}

func TestTransport_ECH(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	key, list := tlstest.ECHKey(t, 3, "outer.example")
	address := tlstest.Serve(t, &tls.Config{
		Certificates:             []tls.Certificate{authority.Certificate(t, siteName), authority.Certificate(t, "outer.example")},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	}, http.HandlerFunc(greet))
	for about, config := range map[string]pixivoc.TransportConfig{
		"bootstrap": {ECHHost: "outer.example"},
		"given":     {ECHConfigList: list},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			config.Mode = pixivoc.ModeIP
			config.RootCAs = authority.Pool()
			config.Hosts = pixivoc.HostTable{siteName: {Addresses: []string{address.String()}, Strategies: []pixivoc.Strategy{pixivoc.StrategyECH}}}
			response, _, err := get(t, newTransport(t, config), "https://"+siteName)
			require.NoError(t, err)
			assert.True(t, response.TLS.ECHAccepted)
		})
	}
}
