package pixivoc

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc/internal/netdial"
)

// ProxyMode is the road that requests take. Its numbers are those of the
// PixivOC socket protocol (command 4, SetProxyMode).
type ProxyMode int

const (
	// ModeDirect connects to the host itself. It is the default. Proxies that
	// the environment names (HTTP_PROXY and the like) are ignored.
	ModeDirect ProxyMode = 0
	// ModeProxy connects through TransportConfig.Proxy, which also looks the
	// host up.
	ModeProxy ProxyMode = 1
	// ModeIP connects to the addresses that the HostTable has for the host, in
	// place of those in DNS, and with the strategies it has for it. PixivOC
	// calls it "domain to IP".
	ModeIP ProxyMode = 2
)

// String returns "direct", "proxy" or "ip".
func (m ProxyMode) String() string {
	switch m {
	case ModeDirect:
		return "direct"
	case ModeProxy:
		return "proxy"
	case ModeIP:
		return "ip"
	}
	return "unknown"
}

// Transport is an http.RoundTripper for the three proxy modes. It can be used
// without the rest of the package, as http.Client{Transport: t}. The zero
// value is ready and connects directly. It is safe for concurrent use.
//
// Whatever the mode and the strategy, the certificate of an https host is
// checked against the host in the URL, on every connection. Nothing turns that
// off. The request itself stays as it is, its URL and Host header included.
//
// It speaks HTTP/1.1 only: HTTP/2 would put all pictures from one host on one
// connection, where a single reset kills them all and where a limit on
// concurrent requests bounds no connections. The head of an answer may have 64
// KiB. An answer is decompressed only if the request has no Accept-Encoding
// header of its own, as with http.Transport.
//
// RoundTrip returns a *DialError when the host was not reached, a *ProxyError
// when the fault is the proxy's, and a *MisdirectedError in place of an answer
// which says that a host wants its true name.
type Transport struct {
	configuring sync.Mutex
	road        atomic.Pointer[road]
}

// NewTransport returns a Transport for config. A wrong field gives a
// *FieldError.
func NewTransport(config TransportConfig) (*Transport, error) {
	t := &Transport{}
	if err := t.Configure(config); err != nil {
		return nil, err
	}
	return t, nil
}

// Configure changes the road: the next request takes the new one, those under
// way end on the old one, whose connections are then closed. A wrong field
// gives a *FieldError and nothing changes. A config equal to the one in force
// keeps all connections.
func (t *Transport) Configure(config TransportConfig) error {
	t.configuring.Lock()
	defer t.configuring.Unlock()
	old := t.road.Load()
	if old != nil && old.config.equal(config) {
		return nil
	}
	next, err := newRoad(config)
	if err != nil {
		return err
	}
	t.road.Store(next)
	if old != nil {
		old.closeIdle()
	}
	return nil
}

// Config returns a copy of the configuration in force.
func (t *Transport) Config() TransportConfig { return t.current().config.clone() }

// CloseIdleConnections closes the connections that no request uses.
func (t *Transport) CloseIdleConnections() { t.current().closeIdle() }

// Routes says what ModeIP has found out about the hosts of the table since the
// last Configure, sorted by host. It is empty in the other modes.
func (t *Transport) Routes() []Route { return routesOf(t.current().dialer.Routes()) }

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	r := t.current()
	response, err := r.roundTrip(request)
	if t.road.Load() != r {
		// Configure came between: it could not close the connection of this
		// request, which the old road would now keep. After this call it is
		// closed as soon as its body is.
		r.closeIdle()
	}
	return response, err
}

func (t *Transport) current() *road {
	if r := t.road.Load(); r != nil {
		return r
	}
	direct, err := newRoad(TransportConfig{})
	if err != nil {
		panic("pixivoc: the zero TransportConfig is valid: " + err.Error())
	}
	t.road.CompareAndSwap(nil, direct)
	return t.road.Load()
}

// road is what one configuration amounts to.
type road struct {
	config TransportConfig
	dialer *netdial.Dialer
	proxy  *url.URL // nil outside ModeProxy
	secure *http.Transport
	plain  *http.Transport // apart, since an HTTP proxy serves http:// without a tunnel
}

const (
	defaultIdlePerHost = MaxConcurrencyNumber
	idleLife           = 90 * time.Second
	maxResponseHeader  = 64 << 10
)

func newRoad(config TransportConfig) (*road, error) {
	dial, err := config.netdial()
	if err != nil {
		return nil, err
	}
	r := &road{config: config.clone(), dialer: netdial.New(dial), proxy: dial.Proxy}
	r.secure = r.newHTTP()
	r.plain = r.newHTTP()
	if r.asksProxy() {
		r.plain.Proxy = http.ProxyURL(r.proxy)
		r.plain.DialContext = r.dialer.DialProxy
		r.plain.DialTLSContext = r.dialer.DialProxy
	}
	return r, nil
}

func (r *road) newHTTP() *http.Transport {
	idle := r.config.MaxIdlePerHost
	if idle == 0 {
		idle = defaultIdlePerHost
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	// Read buffers stay at 4 KiB: larger reads of a body pass them by, and
	// crypto/tls takes two records a read anyway. 16 to 256 KiB, there or
	// under TLS, cost memory and saved no time (see BenchmarkTransport).
	return &http.Transport{
		// Proxy stays nil, or the environment would name one.
		DialContext:            r.dialer.DialContext,
		DialTLSContext:         r.dialer.DialTLSContext,
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        idleLife,
		ResponseHeaderTimeout:  r.config.Timeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
		Protocols:              protocols,
	}
}

// asksProxy says whether http:// requests go to the proxy as they are.
func (r *road) asksProxy() bool {
	return r.proxy != nil && (r.proxy.Scheme == "http" || r.proxy.Scheme == "https")
}

func (r *road) closeIdle() {
	r.secure.CloseIdleConnections()
	r.plain.CloseIdleConnections()
}

func (r *road) roundTrip(request *http.Request) (*http.Response, error) {
	inner := r.secure
	if request.URL != nil && request.URL.Scheme == "http" {
		inner = r.plain
	}
	response, err := inner.RoundTrip(request)
	if err != nil {
		return nil, r.explain(request, err)
	}
	return r.judge(request, response)
}

// explain gives an error of net/http its public form.
func (r *road) explain(request *http.Request, err error) error {
	if fault, ok := errors.AsType[*netdial.ProxyError](err); ok {
		return proxyErrorOf(fault)
	}
	if fault, ok := errors.AsType[*netdial.Error](err); ok {
		return dialErrorOf(fault, r.config.Mode)
	}
	if request.URL == nil || request.Context().Err() != nil {
		return err
	}
	if r.asksProxy() && request.URL.Scheme == "http" {
		return &ProxyError{Proxy: netdial.ProxyName(r.proxy), Target: hostPort(request.URL), Err: err}
	}
	if r.config.Mode == ModeIP {
		r.dialer.Doubt(hostPort(request.URL), request.URL.Scheme == "https", err)
	}
	return err
}

// judge turns the answers that are about the road into errors.
func (r *road) judge(request *http.Request, response *http.Response) (*http.Response, error) {
	if r.asksProxy() && request.URL.Scheme == "http" && response.StatusCode == http.StatusProxyAuthRequired {
		_ = response.Body.Close() // nothing of it is wanted
		return nil, &ProxyError{
			Proxy:  netdial.ProxyName(r.proxy),
			Target: hostPort(request.URL),
			Code:   response.StatusCode,
			Err:    errors.New("407: the proxy wants another user and password"),
		}
	}
	if !r.isNameless(request, response) {
		return response, nil
	}
	address := hostPort(request.URL)
	if !r.isMisdirected(address, response) {
		return response, nil
	}
	_ = response.Body.Close() // what matters of it was read
	next := r.dialer.Refuse(address, netdial.NoSNI)
	if next != "" {
		r.closeIdle() // or the next request would go the same way
	}
	return nil, &MisdirectedError{
		Host:     request.URL.Hostname(),
		Code:     response.StatusCode,
		Strategy: StrategyNoSNI,
		Next:     Strategy(next),
	}
}

// isNameless says whether the connection of response was made without SNI by
// strategy; to an IP address it never has one.
func (r *road) isNameless(request *http.Request, response *http.Response) bool {
	if r.config.Mode != ModeIP || response.TLS == nil || response.TLS.ServerName != "" {
		return false
	}
	_, err := netip.ParseAddr(request.URL.Hostname())
	return err != nil
}

// isMisdirected says whether an answer on a connection without SNI means that
// the host wants its name. 421 says so (RFC 9110 section 15.5.20). Pixiv's
// front servers answer 403 with a short page of theirs (since 2026-03-31); but
// i.pximg.net also does so without a Referer, so once the host has answered
// otherwise a 403 is left to the caller.
func (r *road) isMisdirected(address string, response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusMisdirectedRequest:
		return true
	case http.StatusForbidden:
		kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
		return kind == "text/html" && !r.dialer.Accepts(address) && r.isShort(response)
	}
	r.dialer.Accepted(address)
	return false
}

// maxErrorPage is how long the error page of a front server may be; those of
// nginx have 150 to 600 bytes.
const maxErrorPage = 4 << 10

// isShort says whether the body is a short page. If not, it can still be read
// from its start.
func (r *road) isShort(response *http.Response) bool {
	if response.ContentLength > maxErrorPage {
		return false
	}
	body := response.Body
	if r.config.Timeout > 0 {
		defer time.AfterFunc(r.config.Timeout, func() { _ = body.Close() }).Stop()
	}
	page, err := io.ReadAll(io.LimitReader(body, maxErrorPage+1))
	if err == nil && len(page) <= maxErrorPage {
		return true
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(page), body), body}
	return false
}

// hostPort returns the address that a URL leads to.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}
