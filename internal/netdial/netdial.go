// Package netdial opens connections for HTTP: to a host itself, through a
// proxy, or to addresses that a table names, in which case it finds the
// address and the way of saying the host name that answer best and remembers
// them. A certificate is checked against the true host name on every
// connection, whatever is said on the wire.
package netdial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Strategy is how a TLS connection tells the server which host is meant.
type Strategy string

// The strategies.
const (
	SNI   Strategy = "sni"   // the host name, as everybody does
	NoSNI Strategy = "nosni" // nothing
	ECH   Strategy = "ech"   // the host name, encrypted (RFC 9849)
	Split Strategy = "split" // the host name, cut over several TLS records
)

// Host is one entry of the address table.
type Host struct {
	// Addresses are tried instead of DNS; port 0 stands for the port asked
	// for. Without any the host is looked up.
	Addresses []netip.AddrPort
	// Strategies are tried in this order. None means SNI.
	Strategies []Strategy
}

// Resolver looks host names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// ECHResolver is a Resolver that also finds the ECHConfigList which the HTTPS
// record of a host publishes.
type ECHResolver interface {
	LookupECH(ctx context.Context, host string) ([]byte, error)
}

// Config makes a Dialer. It must not change afterwards.
type Config struct {
	// Hosts is the address table: by host name, or by "*.suffix" for all
	// names below suffix. Not used together with Proxy.
	Hosts map[string]Host
	// Proxy is what ParseProxy returned; nil for none.
	Proxy *url.URL
	// Resolver looks up names that Hosts has no addresses for; nil is the
	// system's.
	Resolver Resolver
	// Timeout bounds connecting and each TLS handshake; 0 is no bound but the
	// two minutes after which any dial is given up.
	Timeout time.Duration
	// RootCAs are the trusted authorities; nil is the system's.
	RootCAs *x509.CertPool
	// ECHConfigList is what ECH begins with; nil lets the server send its own.
	ECHConfigList []byte
	// ECHHost is the outer name of ECH when ECHConfigList is nil, and whose
	// HTTPS record is asked for when ECH is refused.
	ECHHost string
	// SplitDelay is the pause between the pieces of a split ClientHello.
	SplitDelay time.Duration
	// Logger gets a warning for each address that was passed over; nil
	// discards it.
	Logger *slog.Logger
	// Dial opens TCP connections; nil is a net.Dialer's DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// maxDial ends a dial that nothing else ends: net/http lets a dial go on after
// the request that wanted it has gone.
const maxDial = 2 * time.Minute

// Dialer opens connections. It is safe for concurrent use.
type Dialer struct {
	config    Config
	bootstrap []byte // ECHConfigList for a host of which nothing is known
	sessions  tls.ClientSessionCache
	memory    memory
}

// New returns a Dialer for config.
func New(config Config) *Dialer {
	if config.Proxy != nil {
		config.Hosts = nil
	}
	if config.Resolver == nil {
		config.Resolver = net.DefaultResolver
	}
	if config.Dial == nil {
		// One address is dialled at a time, so the fallback delay of
		// net.Dialer plays no part.
		config.Dial = new(net.Dialer).DialContext
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	bootstrap := config.ECHConfigList
	if bootstrap == nil {
		bootstrap = bootstrapECHConfigList(config.ECHHost)
	}
	return &Dialer{
		config:    config,
		bootstrap: bootstrap,
		sessions:  tls.NewLRUClientSessionCache(sessionCapacity),
	}
}

// DialContext opens a connection to address, which is host:port. The error is
// an *Error or a *ProxyError.
func (d *Dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := d.bound(ctx, 1)
	defer cancel()
	if d.config.Proxy != nil {
		return d.tunnel(ctx, address)
	}
	return d.reach(ctx, address, false)
}

// DialTLSContext opens a TLS connection to address, which is host:port, and
// returns it as a *tls.Conn after the handshake. The error is an *Error or a
// *ProxyError.
func (d *Dialer) DialTLSContext(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := d.bound(ctx, 2)
	defer cancel()
	if d.config.Proxy != nil {
		return d.tunnelTLS(ctx, address)
	}
	return d.reach(ctx, address, true)
}

// reach opens a connection to address, past all that the address table and the
// memory know.
func (d *Dialer) reach(ctx context.Context, address string, secure bool) (net.Conn, error) {
	t, err := parseTarget(address, secure)
	if err != nil {
		return nil, &Error{Host: address, Err: err}
	}
	entry, listed := d.lookup(t.host)
	addresses, err := d.addresses(ctx, entry, t)
	if err != nil {
		return nil, &Error{Host: address, Err: err}
	}
	var known *knowledge // of hosts in the table only: DNS brings its own order
	if listed {
		known = d.memory.of(t)
	}
	r := race{
		options: options(addresses, t.strategies(entry)),
		next:    connectHeadStart,
		turn:    strategyHeadStart,
		patient: true,
		try: func(ctx context.Context, o option, accepted func()) (net.Conn, error) {
			return d.attempt(ctx, t, o, known, accepted)
		},
	}
	if listed && len(r.options) > 1 {
		choice, err := known.choose(ctx, d.patience())
		if err != nil {
			return nil, &Error{Host: address, Err: err}
		}
		defer choice.release()
		r.next, r.patient = choice.headStart, false
		r.options = known.order(r.options, choice)
	}
	r.fit(d.config.Timeout)
	won, failed := r.run(ctx)
	if listed {
		known.learn(won, failed)
	}
	return d.conclude(t, won, failed)
}

// patience is how long a dial waits for another one to find the fastest
// address.
func (d *Dialer) patience() time.Duration {
	if d.config.Timeout > 0 {
		return min(maxHeadStart, d.config.Timeout/2)
	}
	return maxHeadStart
}

// conclude turns the end of a race into what a dial returns. Failures beside a
// success are logged, since nobody will be told of them otherwise.
func (d *Dialer) conclude(t target, won outcome, failed []outcome) (net.Conn, error) {
	if won.conn == nil {
		return nil, &Error{Host: t.String(), Attempts: attempts(failed)}
	}
	for _, f := range attempts(failed) {
		d.config.Logger.Warn("address passed over", "host", t.host, "address", f.Address,
			"strategy", string(f.Strategy), "cause", string(f.Cause), "error", f.Err)
	}
	return won.conn, nil
}

// addresses returns where t can be reached: what entry says, or what the
// resolver finds.
func (d *Dialer) addresses(ctx context.Context, entry Host, t target) ([]netip.AddrPort, error) {
	var found []netip.AddrPort
	for _, a := range entry.Addresses {
		if a.Port() == 0 {
			a = netip.AddrPortFrom(a.Addr(), t.port)
		}
		found = append(found, a)
	}
	if len(found) > 0 {
		return found, nil
	}
	if ip, err := netip.ParseAddr(t.host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip, t.port)}, nil
	}
	ctx, cancel := d.bound(ctx, 1)
	defer cancel()
	ips, err := d.config.Resolver.LookupNetIP(ctx, "ip", t.host)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: t.host, IsNotFound: true}
	}
	for _, ip := range ips {
		found = append(found, netip.AddrPortFrom(ip.Unmap(), t.port))
	}
	return found, nil
}

// lookup finds the entry for host: the one of that name, or the one with the
// longest suffix.
func (d *Dialer) lookup(host string) (Host, bool) {
	if entry, ok := d.config.Hosts[host]; ok {
		return entry, true
	}
	for rest := host; ; {
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			return Host{}, false
		}
		if entry, ok := d.config.Hosts["*."+parent]; ok {
			return entry, true
		}
		rest = parent
	}
}

// bound limits ctx to so many times the Timeout.
func (d *Dialer) bound(ctx context.Context, times int) (context.Context, context.CancelFunc) {
	limit := maxDial
	if d.config.Timeout > 0 {
		limit = time.Duration(times) * d.config.Timeout
	}
	return context.WithTimeout(ctx, limit)
}

// target is what a dial shall reach.
type target struct {
	host   string // lower case, without the dot of the root
	port   uint16
	secure bool // with TLS
}

func (t target) String() string { return net.JoinHostPort(t.host, strconv.Itoa(int(t.port))) }

// strategies returns what to try for t; without TLS there is nothing to vary.
func (t target) strategies(entry Host) []Strategy {
	switch {
	case !t.secure:
		return []Strategy{""}
	case len(entry.Strategies) == 0:
		return []Strategy{SNI}
	}
	return entry.Strategies
}

func parseTarget(address string, secure bool) (target, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return target{}, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return target{}, &net.AddrError{Err: "port is not between 1 and 65535", Addr: address}
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return target{host, uint16(number), secure}, nil
}
