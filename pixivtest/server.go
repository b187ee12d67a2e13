package pixivtest

import (
	"crypto/x509"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The virtual hosts of the server, by their true names.
const (
	HostOAuth  = "oauth.secure.pixiv.net" // tokens
	HostAPI    = "app-api.pixiv.net"      // the App API and the login page
	HostWeb    = "www.pixiv.net"          // pages of works and users
	HostImages = "i.pximg.net"            // originals, thumbnails, zip files
	HostStatic = "s.pximg.net"            // placeholders
)

// hosts are all virtual hosts.
func hosts() []string { return []string{HostOAuth, HostAPI, HostWeb, HostImages, HostStatic} }

// Config says how a server behaves as a whole. The zero value behaves as the live service does.
type Config struct {
	// Seed of everything that is drawn: pictures, tokens, random faults. The same seed gives the same server, but for
	// its certificates.
	Seed uint64

	// Account is whose tokens the server gives out.
	Account Account
	// Passwords by user name switches the password grant on, which Pixiv refuses since 2021-02-09.
	Passwords map[string]string
	// AccessTokenLife is how long an access token lives; zero: one hour. It is also what expires_in says, in seconds.
	AccessTokenLife time.Duration
	// CodeLife is how long an authorization code lives; zero: 30 s.
	CodeLife time.Duration
	// Rotation says what a refresh does to the refresh token; zero: it stays.
	Rotation Rotation

	// PageSize is the number of entries in a page of a list; zero: 30.
	PageSize int
	// OffsetLimit is the highest offset of a list; zero: 5000.
	OffsetLimit int
	// ListShift makes every page after the first of a list begin that many entries early, for each page before it, as
	// when works come in while a client reads the list. [User.ListShift] does it for the works of one user.
	ListShift int

	// ETag says whether pictures carry an ETag; zero: none, as far as is known of Pixiv.
	ETag ETag

	// Latency is waited before every answer. [Server.SetLatency] changes it.
	Latency time.Duration

	// Addr and PlainAddr are where [Server.Start] listens with and without TLS, as loopback address and port; empty:
	// 127.0.0.1 and a free port. A fixed port lets a server come back where another one was.
	Addr, PlainAddr string

	// LenientSNI lets the API hosts answer whatever name the TLS hello asks for, as before 2026. Without it a request
	// whose name in the hello is missing or not its Host is refused with 403.
	LenientSNI bool
	// HTTP2 offers HTTP/2. Faults that end a connection then reset the stream, and those that need an illegal header
	// do so too.
	HTTP2 bool

	// Log says how much of the requests is remembered.
	Log LogMode
	// ErrorLog gets what net/http has to say about connections; nil: nobody.
	ErrorLog *log.Logger
}

// Server is a fake Pixiv. Make one with [NewServer] or [NewUnstartedServer]. All methods are safe for concurrent use.
type Server struct {
	config  Config
	catalog *catalog
	library *library
	circle  *circle
	gallery *gallery
	tokens  *issuer
	script  script
	journal *journal
	gate    *gate

	delay atomic.Int64 // latency in nanoseconds
	etag  atomic.Int32

	mu      sync.Mutex
	network *network // nil until started
	closed  bool
}

// NewServer starts a server on loopback. Like [net/http/httptest.NewServer] it panics when it cannot listen there.
// The caller closes it.
func NewServer(config Config) *Server {
	s := NewUnstartedServer(config)
	if err := s.Start(); err != nil {
		panic(fmt.Sprintf("pixivtest: %v", err))
	}
	return s
}

// NewUnstartedServer makes a server that does not listen. [Server.RoundTripper] works at once, the network from
// [Server.Start] on.
func NewUnstartedServer(config Config) *Server {
	config = config.complete()
	s := &Server{
		config: config, catalog: newCatalog(), library: newLibrary(), circle: newCircle(), gallery: newGallery(cacheBytes), tokens: newIssuer(config),
		journal: newJournal(config.Log), gate: newGate(),
	}
	s.SetLatency(config.Latency)
	s.SetETag(config.ETag)
	return s
}

func (c Config) complete() Config {
	if c.AccessTokenLife <= 0 {
		c.AccessTokenLife = time.Hour
	}
	if c.CodeLife <= 0 {
		c.CodeLife = 30 * time.Second
	}
	if c.PageSize <= 0 {
		c.PageSize = 30
	}
	if c.OffsetLimit <= 0 {
		c.OffsetLimit = 5000
	}
	c.Account = c.Account.complete()
	return c
}

// Start makes the certificates and listens on loopback, once for TLS and once for plain HTTP. It can be called once.
// It fails when an address of the [Config] is not on loopback or is taken.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network != nil || s.closed {
		return fmt.Errorf("start the fake Pixiv: it was started or closed before")
	}
	n, err := newNetwork(s)
	if err != nil {
		return fmt.Errorf("start the fake Pixiv: %w", err)
	}
	s.network = n
	return nil
}

// Close ends all connections and returns when every goroutine of the server has ended. It may be called twice.
func (s *Server) Close() {
	s.gate.close()
	s.mu.Lock()
	n := s.network
	s.closed = true
	s.mu.Unlock()
	if n != nil {
		n.close()
	}
}

// started is the network of the server. It panics when there is none.
func (s *Server) started(method string) *network {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network == nil {
		panic("pixivtest: " + method + ": the server is not started")
	}
	return s.network
}

// Addr is the address of the TLS listener, as 127.0.0.1:port. All hosts are there.
func (s *Server) Addr() string { return s.started("Addr").main }

// Hosts maps the name of every virtual host to the address where it is served: an address table for a client that
// dials by table and checks certificates by name.
func (s *Server) Hosts() map[string]string {
	table := map[string]string{}
	for _, host := range hosts() {
		table[host] = s.Addr()
	}
	return table
}

// PlainURL is the address, without a slash at its end, of a listener without TLS that serves the paths of the image
// host whatever Host and Referer say, as mirrors do. Benchmarks use it to leave TLS out of the picture.
func (s *Server) PlainURL() string { return s.started("PlainURL").plain }

// CertPool trusts the server's own authority and nothing else.
func (s *Server) CertPool() *x509.CertPool { return s.started("CertPool").authority.Pool() }

// WriteCA writes the certificate of the server's authority to a file in PEM form, as SSL_CERT_FILE takes it.
func (s *Server) WriteCA(file string) error {
	if err := os.WriteFile(file, s.started("WriteCA").authority.PEM(), 0o644); err != nil { //nolint:gosec // a certificate is public
		return fmt.Errorf("write the certificate of the fake Pixiv: %w", err)
	}
	return nil
}

// Client is a client that reaches every host of the server by its true name, and nothing else. It has no cookies and
// sends no headers of its own. Close ends its idle connections.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.started("Client").transport} }

// Transport returns a transport like that of [Server.Client] for the caller alone, who may change it before its first
// use and closes its idle connections.
func (s *Server) Transport() *http.Transport { return s.started("Transport").newTransport() }

// SetLatency changes how long every answer waits before it begins.
func (s *Server) SetLatency(d time.Duration) { s.delay.Store(int64(max(0, d))) }

func (s *Server) latency() time.Duration { return time.Duration(s.delay.Load()) }

// SetETag changes what ETag pictures carry.
func (s *Server) SetETag(kind ETag) { s.etag.Store(int32(kind)) }

// knows says whether a name is that of a virtual host.
func (s *Server) knows(host string) bool { return slices.Contains(hosts(), strings.ToLower(host)) }

// hostOf is the host that a request is for, in lower case and without a port.
func (s *Server) hostOf(r *http.Request) string {
	if fromPlain(r) {
		return HostImages
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}

// serve answers one request that came over a socket.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	host := s.hostOf(r)
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.uses(host)
		c.network.goroutines.Add(1) // net/http no longer counts this one once a fault has taken its connection
		defer c.network.goroutines.Done()
	}
	x := s.journal.begin(r, host)
	defer x.finish()
	s.send(w, r, x, s.respond(r, x))
}

// respond makes the answer to a request: the honest one, or what a rule makes of it.
func (s *Server) respond(r *http.Request, x *exchange) *answer {
	var a *answer
	if t := s.pick(r, x.host); t != nil {
		x.rule = t.rule
		a = t.do.answer(t, r, s.honest)
	} else {
		a = s.honest(r)
	}
	a.isHead = r.Method == http.MethodHead
	return a
}

// honest is the answer that the live service would give.
func (s *Server) honest(r *http.Request) *answer {
	if fromPlain(r) {
		return s.image(r)
	}
	host := s.hostOf(r)
	switch host {
	case HostOAuth, HostAPI, HostWeb:
		if r.TLS != nil && !s.config.LenientSNI && r.TLS.ServerName != host {
			return nginxPage(http.StatusForbidden)
		}
	case HostImages, HostStatic:
		if r.TLS != nil && !imageName(r.TLS.ServerName) {
			return nginxPage(http.StatusMisdirectedRequest)
		}
	default:
		return nginxPage(http.StatusMisdirectedRequest)
	}
	switch host {
	case HostOAuth:
		return s.oauth(r)
	case HostAPI:
		return s.api(r)
	case HostWeb:
		return s.web(r)
	case HostStatic:
		return s.static(r)
	default:
		if !refererAllowed(r.Header.Get("Referer")) {
			return nginxPage(http.StatusForbidden)
		}
		return s.image(r)
	}
}

// imageName says whether the image hosts answer to a name in the TLS hello: their own domain, or none.
func imageName(name string) bool {
	return name == "" || name == "pximg.net" || strings.HasSuffix(name, ".pximg.net")
}
