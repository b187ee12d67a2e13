package netdial_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/netdial"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

var (
	login      = url.UserPassword("some user", "canary:pass/word@")
	wrongLogin = url.UserPassword("some user", "canary-wrong")
)

// through returns a dialer that uses the proxy at u.
func through(t testing.TB, authority *tlstest.Authority, u *url.URL, timeout time.Duration) *netdial.Dialer {
	t.Helper()
	proxy, err := netdial.ParseProxy(u.String())
	require.NoError(t, err)
	return netdial.New(netdial.Config{
		Proxy:    proxy,
		Timeout:  timeout,
		RootCAs:  authority.Pool(),
		Resolver: tableResolver{"proxy.test": {netip.MustParseAddr("127.0.0.1")}},
		// Not looked at.
		Hosts: map[string]netdial.Host{"*.test": {Addresses: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}}},
	})
}

func TestProxyLeadsToTheSite(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https", "socks5"} {
		for about, user := range map[string]*url.Userinfo{"open": nil, "with login": login} {
			t.Run(scheme+"/"+about, func(t *testing.T) {
				t.Parallel()
				authority := tlstest.NewAuthority(t)
				certificate := authority.Certificate(t, "proxy.test")
				s := newSite(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, host)}})
				proxy := tlstest.NewProxy(t, scheme, &certificate, user, s.addr)
				u := proxy.URL(user)
				u.Host = "proxy.test:" + u.Port()
				d := through(t, authority, u, 20*time.Second)
				assert.Equal(t, "hello "+host, fetch(t, dial(t, d), host))
				assert.Equal(t, []string{address}, proxy.Targets(), "the proxy gets the name, not an address")
				assert.Equal(t, []string{host}, s.asked())
			})
		}
	}
}

func TestProxyChecksCertificates(t *testing.T) {
	t.Parallel()
	t.Run("of the site", func(t *testing.T) {
		t.Parallel()
		authority := tlstest.NewAuthority(t)
		s := newSite(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "pixiv.example")}})
		proxy := tlstest.NewProxy(t, "http", nil, nil, s.addr)
		_, err := through(t, authority, proxy.URL(nil), 0).DialTLSContext(t.Context(), "tcp", address)
		failure, ok := errors.AsType[*netdial.Error](err)
		require.True(t, ok, "%v", err)
		require.Len(t, failure.Attempts, 1)
		assert.Equal(t, netdial.Certificate, failure.Attempts[0].Cause)
		assert.Equal(t, proxy.URL(nil).String(), failure.Attempts[0].Address)
	})
	t.Run("of the proxy", func(t *testing.T) {
		t.Parallel()
		authority := tlstest.NewAuthority(t)
		certificate := authority.Certificate(t, "another.test")
		proxy := tlstest.NewProxy(t, "https", &certificate, nil, tlstest.Silent(t))
		_, err := through(t, authority, proxy.URL(nil), 0).DialTLSContext(t.Context(), "tcp", address)
		failure, ok := errors.AsType[*netdial.ProxyError](err)
		require.True(t, ok, "%v", err)
		_, ok = errors.AsType[*tls.CertificateVerificationError](err)
		assert.True(t, ok, "%v", err)
		assert.Equal(t, proxy.URL(nil).String(), failure.Proxy)
		assert.Empty(t, proxy.Targets())
	})
}

func TestN10_ProxyRefusesTheLogin(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https", "socks5"} {
		for about, user := range map[string]*url.Userinfo{"none given": nil, "wrong": wrongLogin} {
			t.Run(scheme+"/"+about, func(t *testing.T) {
				t.Parallel()
				authority := tlstest.NewAuthority(t)
				certificate := authority.Certificate(t, "proxy.test")
				proxy := tlstest.NewProxy(t, scheme, &certificate, login, tlstest.Silent(t))
				u := proxy.URL(user)
				u.Host = "proxy.test:" + u.Port()
				_, err := through(t, authority, u, 0).DialTLSContext(t.Context(), "tcp", address)
				failure, ok := errors.AsType[*netdial.ProxyError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, 407, failure.Code)
				assert.Equal(t, address, failure.Target)
				assert.Equal(t, scheme+"://"+u.Host, failure.Proxy)
				assert.ErrorContains(t, err, failure.Proxy)
				assert.NotContains(t, err.Error(), "canary")
				assert.NotContains(t, err.Error(), "some")
				assert.Empty(t, proxy.Targets())
			})
		}
	}
}

// says returns a proxy that reads one byte and then says text.
func says(t testing.TB, text string) *url.URL {
	t.Helper()
	at := tlstest.Listen(t, func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	})
	return &url.URL{Host: at.String()}
}

func TestN10_ProxyMisbehaves(t *testing.T) {
	t.Parallel()
	long := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70_000)
	for _, test := range []struct {
		about, scheme, says, reason string
		code                        int
	}{
		{"refuses", "http", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden", 403},
		{"bad gateway", "http", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "502 Bad Gateway", 502},
		{"speaks garbage", "http", "\x00\x01canary\r\n\r\n", "not HTTP", 0},
		{"long header", "http", long, "longer than 65536 bytes", 0},
		{"long status line", "http", strings.Repeat("x", 70_000), "longer than 65536 bytes", 0},
		{"speaks too early", "http", "HTTP/1.1 200 OK\r\n\r\nhello", "before it is asked", 0},
		{"is HTTP", "socks5", "HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SOCKS 5", 0},
		{"wants another login", "socks5", "\x05\x01", "another way", 407},
		{"not allowed", "socks5", "\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", "not allowed by the rules", 0},
		{"host unreachable", "socks5", "\x05\x00\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00", "host unreachable", 0},
		{"unknown code", "socks5", "\x05\x00\x05\x63\x00\x01", "code 99", 0},
		{"other version", "socks5", "\x05\x00\x04\x00\x00\x01", "does not speak SOCKS 5", 0},
		{"odd address", "socks5", "\x05\x00\x05\x00\x00\x09", "does not speak SOCKS 5", 0},
	} {
		t.Run(test.scheme+"/"+test.about, func(t *testing.T) {
			t.Parallel()
			u := says(t, test.says)
			u.Scheme = test.scheme
			_, err := through(t, tlstest.NewAuthority(t), u, 20*time.Second).DialTLSContext(t.Context(), "tcp", address)
			failure, ok := errors.AsType[*netdial.ProxyError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, test.code, failure.Code)
			assert.ErrorContains(t, err, test.reason)
			assert.ErrorContains(t, err, u.String())
			assert.NotContains(t, err.Error(), "canary", "what came is not quoted")
		})
	}
}

func TestSOCKSRepliesWithEveryKindOfAddress(t *testing.T) {
	t.Parallel()
	for about, reply := range map[string]string{
		"IPv4": "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
		"IPv6": "\x05\x00\x05\x00\x00\x04" + strings.Repeat("\x00", 18),
		"name": "\x05\x00\x05\x00\x00\x03\x04name\x00\x00",
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			u := says(t, reply+"rest")
			u.Scheme = "socks5h"
			conn, err := through(t, tlstest.NewAuthority(t), u, 20*time.Second).DialContext(t.Context(), "tcp", address)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			rest := make([]byte, 4)
			_, err = io.ReadFull(conn, rest)
			require.NoError(t, err)
			assert.Equal(t, "rest", string(rest), "the reply is read to its end and no further")
		})
	}
}

func TestN10_ProxyAnswersWithoutEnd(t *testing.T) {
	t.Parallel()
	line := append([]byte("X: "), append(bytes.Repeat([]byte("x"), 1<<20), "\r\n"...)...)
	sent := make(chan int, 1)
	at := tlstest.Listen(t, func(conn net.Conn) {
		total := 0
		defer func() { sent <- total }()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); err != nil {
			return
		}
		for range 100 { // 100 MB
			n, err := conn.Write(line)
			total += n
			if err != nil {
				return
			}
		}
	})
	_, err := through(t, tlstest.NewAuthority(t), &url.URL{Scheme: "http", Host: at.String()}, 20*time.Second).
		DialTLSContext(t.Context(), "tcp", address)
	require.ErrorContains(t, err, "longer than 65536 bytes")
	assert.Less(t, <-sent, 100<<20, "the connection was dropped")
}

func TestC4_CancelEndsTheWaitForAProxy(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	at := tlstest.Listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := through(t, tlstest.NewAuthority(t), &url.URL{Scheme: "http", Host: at.String()}, 0).DialTLSContext(ctx, "tcp", address)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestN2_SilentPeerEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	for about, dialer := range map[string]func(*testing.T) *netdial.Dialer{
		"host": func(t *testing.T) *netdial.Dialer {
			c := config(tlstest.NewAuthority(t), nil, tlstest.Silent(t))
			c.Timeout = timeout
			return netdial.New(c)
		},
		"http proxy": func(t *testing.T) *netdial.Dialer {
			return through(t, tlstest.NewAuthority(t), &url.URL{Scheme: "http", Host: tlstest.Silent(t).String()}, timeout)
		},
		"https proxy": func(t *testing.T) *netdial.Dialer {
			return through(t, tlstest.NewAuthority(t), &url.URL{Scheme: "https", Host: tlstest.Silent(t).String()}, timeout)
		},
		"socks5 proxy": func(t *testing.T) *netdial.Dialer {
			return through(t, tlstest.NewAuthority(t), &url.URL{Scheme: "socks5", Host: tlstest.Silent(t).String()}, timeout)
		},
		"site behind a proxy": func(t *testing.T) *netdial.Dialer {
			proxy := tlstest.NewProxy(t, "http", nil, nil, tlstest.Silent(t))
			return through(t, tlstest.NewAuthority(t), proxy.URL(nil), timeout)
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			_, err := dialer(t).DialTLSContext(t.Context(), "tcp", address)
			timed, ok := errors.AsType[net.Error](err)
			require.True(t, ok, "%v", err)
			assert.True(t, timed.Timeout(), "%v", err)
		})
	}
}
