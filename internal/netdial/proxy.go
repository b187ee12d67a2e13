package netdial

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxProxyHeader bounds the answer of a proxy to CONNECT, as in
// http.Transport.MaxResponseHeaderBytes of the transport.
const maxProxyHeader = 64 << 10

// ProxyError is a fault of the proxy, or between us and it.
type ProxyError struct {
	Proxy  string // scheme://host:port, no credentials
	Target string // host:port that was wanted from it
	// Code is the HTTP status of its answer, 0 when there was none. A SOCKS
	// proxy that refuses user and password counts as 407 too.
	Code int
	Err  error
}

func (e *ProxyError) Error() string {
	return "proxy " + e.Proxy + ": connect " + e.Target + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// ParseProxy reads the URL of a proxy: http, https, socks5 or socks5h, a host,
// a port if it is not the usual one, and user and password if the proxy wants
// them. Errors tell what is wrong without repeating the text, in which there
// may be a password.
func ParseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		return nil, errors.New("has no scheme; write it like http://127.0.0.1:1081")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a URL; write special characters of user and password as %XX")
	}
	if _, known := proxyPort(u.Scheme); !known {
		return nil, errors.New("has a scheme other than http, https, socks5 and socks5h")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#") {
		return nil, errors.New("has something after the port; a proxy has no path")
	}
	if err := checkProxyHost(u); err != nil {
		return nil, err
	}
	if err := checkCredentials(u); err != nil {
		return nil, err
	}
	u.Path = ""
	return u, nil
}

func checkProxyHost(u *url.URL) error {
	host := u.Hostname()
	if host == "" {
		return errors.New("has no host")
	}
	if _, err := netip.ParseAddr(host); err != nil {
		for _, c := range []byte(host) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
				return errors.New("has a host with characters that no host name has")
			}
		}
	}
	if strings.HasSuffix(u.Host, ":") {
		return errors.New("has a colon without a port")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("has a port that is not between 1 and 65535")
		}
	}
	return nil
}

func checkCredentials(u *url.URL) error {
	if u.User == nil {
		return nil
	}
	user := u.User.Username()
	password, _ := u.User.Password()
	for _, c := range user + password {
		if c < ' ' || c == 0x7f {
			return errors.New("has control characters in user or password")
		}
	}
	if isSOCKS(u) && (len(user) > maxSOCKSField || len(password) > maxSOCKSField) {
		return errors.New("has a user or password longer than the 255 bytes of RFC 1929")
	}
	if !isSOCKS(u) && strings.Contains(user, ":") {
		return errors.New("has a colon in the user, which RFC 7617 forbids")
	}
	return nil
}

// proxyPort returns the port a proxy of that scheme has when its URL names
// none, as curl and net/http have it.
func proxyPort(scheme string) (uint16, bool) {
	switch scheme {
	case "http":
		return 80, true
	case "https":
		return 443, true
	case "socks5", "socks5h":
		return 1080, true
	}
	return 0, false
}

func isSOCKS(u *url.URL) bool { return strings.HasPrefix(u.Scheme, "socks5") }

// ProxyAddress returns host:port of a URL from ParseProxy.
func ProxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		number, _ := proxyPort(u.Scheme)
		port = strconv.Itoa(int(number))
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// ProxyName returns a URL from ParseProxy without user and password.
func ProxyName(u *url.URL) string { return u.Scheme + "://" + ProxyAddress(u) }

func (d *Dialer) proxyError(target string, code int, err error) error {
	return &ProxyError{Proxy: ProxyName(d.config.Proxy), Target: target, Code: code, Err: err}
}

// DialProxy opens a connection to the proxy itself, with TLS when it is an
// https one. The error is a *ProxyError.
func (d *Dialer) DialProxy(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := d.bound(ctx, 2)
	defer cancel()
	return d.dialProxy(ctx, "the proxy itself")
}

func (d *Dialer) dialProxy(ctx context.Context, target string) (net.Conn, error) {
	conn, err := d.reach(ctx, ProxyAddress(d.config.Proxy), d.config.Proxy.Scheme == "https")
	if err != nil {
		return nil, d.proxyError(target, 0, err)
	}
	return conn, nil
}

// tunnel opens a connection to target through the proxy.
func (d *Dialer) tunnel(ctx context.Context, target string) (net.Conn, error) {
	conn, err := d.dialProxy(ctx, target)
	if err != nil {
		return nil, err
	}
	ask := d.askCONNECT
	if isSOCKS(d.config.Proxy) {
		ask = d.askSOCKS
	}
	ctx, cancel := d.bound(ctx, 1)
	defer cancel()
	code := 0
	err = obey(ctx, conn, func() (err error) {
		code, err = ask(conn, target)
		return err
	})
	if err != nil {
		_ = conn.Close() // the error above says more
		return nil, d.proxyError(target, code, err)
	}
	return conn, nil
}

// tunnelTLS opens a TLS connection to target through the proxy.
func (d *Dialer) tunnelTLS(ctx context.Context, target string) (net.Conn, error) {
	t, err := parseTarget(target, true)
	if err != nil {
		return nil, &Error{Host: target, Err: err}
	}
	conn, err := d.tunnel(ctx, target)
	if err != nil {
		return nil, err
	}
	secure, err := d.handshake(ctx, conn, t.host, SNI, nil)
	if err != nil {
		failed := Attempt{ProxyName(d.config.Proxy), SNI, cause(err), err}
		return nil, &Error{Host: target, Attempts: []Attempt{failed}}
	}
	return secure, nil
}

// obey runs f, which reads and writes conn, and cuts it off when ctx ends.
func obey(ctx context.Context, conn net.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // long past; f sees the error
	})
	err := f()
	if !stop() {
		return ctx.Err()
	}
	return err
}

// askCONNECT asks an HTTP proxy for a tunnel: RFC 9110 section 9.3.6.
func (d *Dialer) askCONNECT(conn net.Conn, target string) (int, error) {
	head := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user := d.config.Proxy.User; user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		head += "Proxy-Authorization: Basic " + credentials + "\r\n" // RFC 7617 section 2
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return 0, err
	}
	limited := &io.LimitedReader{R: conn, N: maxProxyHeader}
	reader := bufio.NewReader(limited)
	answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil && limited.N == 0:
		return 0, fmt.Errorf("answer to CONNECT is longer than %d bytes", maxProxyHeader)
	case err != nil && isTransient(err):
		return 0, fmt.Errorf("read answer to CONNECT: %w", err)
	case err != nil:
		return 0, errors.New("answer to CONNECT is not HTTP") // its text would quote what came
	}
	_ = answer.Body.Close() // nothing of it is wanted
	switch {
	case answer.StatusCode == http.StatusProxyAuthRequired && d.config.Proxy.User == nil:
		return answer.StatusCode, errors.New("407: the proxy wants user and password")
	case answer.StatusCode == http.StatusProxyAuthRequired:
		return answer.StatusCode, errors.New("407: the proxy refuses user and password")
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return answer.StatusCode, fmt.Errorf("answer to CONNECT is %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	case reader.Buffered() > 0:
		return 0, errors.New("the proxy speaks before it is asked")
	}
	return answer.StatusCode, nil
}

// isTransient says whether err comes from the connection, not from what came
// over it.
func isTransient(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
