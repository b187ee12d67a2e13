package tlstest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/things-go/go-socks5"
)

// Proxy is a proxy that reaches one server, whatever it is asked for.
type Proxy struct {
	upstream netip.AddrPort
	user     *url.Userinfo // who may use it; nil: everybody
	url      url.URL

	mu      sync.Mutex
	targets []string
}

// NewProxy runs a proxy of scheme http, https or socks5 until the test ends.
// An https proxy shows certificate. A nil user admits everybody.
func NewProxy(tb testing.TB, scheme string, certificate *tls.Certificate, user *url.Userinfo, upstream netip.AddrPort) *Proxy {
	tb.Helper()
	p := &Proxy{upstream: upstream, user: user}
	serve := p.serveHTTP
	switch scheme {
	case "https":
		serve = func(conn net.Conn) {
			p.serveHTTP(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}}))
		}
	case "socks5":
		serve = p.serveSOCKS
	}
	p.url = url.URL{Scheme: scheme, Host: Listen(tb, serve).String()}
	return p
}

// URL returns the proxy's URL, with user.
func (p *Proxy) URL(user *url.Userinfo) *url.URL {
	u := p.url
	u.User = user
	return &u
}

// Targets returns what the proxy was asked for by those it admitted.
func (p *Proxy) Targets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.targets...)
}

func (p *Proxy) admit(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = append(p.targets, target)
}

func (p *Proxy) serveHTTP(conn net.Conn) {
	reader := bufio.NewReader(conn)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	if p.user != nil {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user.Username()+":"+password(p.user)))
		if request.Header.Get("Proxy-Authorization") != want {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\n"+
				"Proxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\r\n")
			return
		}
	}
	p.admit(request.Host)
	server, err := net.Dial("tcp", p.upstream.String())
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if request.Method == http.MethodConnect {
		_, err = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	} else {
		err = request.Write(server)
	}
	if err != nil {
		return
	}
	join(conn, reader, server)
}

func (p *Proxy) serveSOCKS(conn net.Conn) {
	options := []socks5.Option{
		socks5.WithResolver(p),
		socks5.WithDialAndRequest(func(_ context.Context, _, _ string, request *socks5.Request) (net.Conn, error) {
			target := request.RawDestAddr
			p.admit(net.JoinHostPort(target.FQDN, strconv.Itoa(target.Port)))
			return net.Dial("tcp", p.upstream.String())
		}),
	}
	if p.user != nil {
		options = append(options, socks5.WithCredential(socks5.StaticCredentials{p.user.Username(): password(p.user)}))
	}
	_ = socks5.NewServer(options...).ServeConn(conn) // faults show at the client
}

// Resolve answers for every name, as the proxy reaches one server anyway.
func (p *Proxy) Resolve(ctx context.Context, _ string) (context.Context, net.IP, error) {
	return ctx, net.IPv4(127, 0, 0, 1), nil
}

func password(user *url.Userinfo) string {
	text, _ := user.Password()
	return text
}

// join copies both ways until one side ends.
func join(client net.Conn, buffered io.Reader, server net.Conn) {
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, buffered)
	_ = server.Close()
	back.Wait()
}
