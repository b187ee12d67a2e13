package pixivoc

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc/internal/netdial"
)

// Resolver looks host names up. *net.Resolver is one, and *DoH.
type Resolver interface {
	// LookupNetIP returns the addresses of host; network is "ip", "ip4" or
	// "ip6". An unknown host is a *net.DNSError.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// TransportConfig makes a Transport. The zero value is a direct connection.
// Printed or logged it shows no credentials.
type TransportConfig struct {
	// Mode is the road; the zero value is ModeDirect.
	Mode ProxyMode
	// Proxy is the URL of the proxy for ModeProxy, which needs it: scheme
	// http, https, socks5 or socks5h, a host, a port if it is not 80, 443 or
	// 1080, and user and password if the proxy wants them, with special
	// characters as %XX. The proxy looks names up in all of them.
	Proxy string
	// Hosts is for ModeIP. It replaces DefaultHosts host by host, a "*.suffix"
	// entry all hosts below: an entry without addresses keeps those of the
	// default, one without strategies keeps its strategies, and with an empty
	// one the host is looked up and named, as in ModeDirect. With nothing but
	// loopback addresses, where no filter is, the strategies that are kept
	// come after StrategySNI.
	Hosts HostTable
	// Resolver looks up hosts that are not in the table, and the proxy; nil is
	// the system's resolver. One that has the method LookupECH, as *DoH
	// has, is also asked for the ECH configuration when a server refuses the
	// last one without sending another.
	Resolver Resolver
	// Timeout bounds each of connecting, the TLS handshake, and waiting for
	// the head of an answer; connecting to all addresses of a host together
	// takes at most twice as long. It does not bound a body. 0 bounds
	// nothing but a dial, which is given up after two minutes.
	Timeout time.Duration
	// RootCAs are the authorities to trust; nil means those of the system,
	// which on Linux honours SSL_CERT_FILE and SSL_CERT_DIR.
	RootCAs *x509.CertPool
	// MaxIdlePerHost is how many unused connections to a host are kept, for 90
	// seconds; 0 means 64, the most that ConcurrencyNumber can be.
	MaxIdlePerHost int
	// ECHConfigList is what StrategyECH begins with, as in the ech parameter
	// of an HTTPS record (RFC 9849 section 4). With nil the server is asked
	// for it by way of a key that it refuses, which costs one handshake; no
	// DNS is needed. What a server sends in its place is used from then on.
	ECHConfigList []byte
	// ECHHost is the outer name that StrategyECH shows while ECHConfigList is
	// nil, and the host whose HTTPS record the Resolver is asked for; empty
	// means "cloudflare-ech.com", which serves all of Cloudflare.
	ECHHost string
	// SplitDelay is the pause between the pieces of StrategySplit, of which
	// there are four in a handshake; 0 means 100 ms, a negative value none.
	SplitDelay time.Duration
	// Logger gets a warning for each address that was passed over in favour of
	// another; nil discards it.
	Logger *slog.Logger
}

const (
	// defaultECHHost: Cloudflare's outer name, NateScarlet/pixiv
	// docs/direct-connection.rst (2026-09).
	defaultECHHost = "cloudflare-ech.com"
	// defaultSplitDelay: Pixeval's TlsRecordFragmentedStream.cs (2026-06-25).
	defaultSplitDelay = 100 * time.Millisecond
)

// Validate returns a *FieldError for the first field that is wrong, as
// NewTransport would.
func (c TransportConfig) Validate() error {
	_, err := c.netdial()
	return err
}

// netdial checks the fields and returns them in the form of the dialer.
func (c TransportConfig) netdial() (netdial.Config, error) {
	dial := netdial.Config{
		Resolver:      c.Resolver,
		Timeout:       c.Timeout,
		RootCAs:       c.RootCAs,
		ECHConfigList: bytes.Clone(c.ECHConfigList),
		ECHHost:       c.ECHHost,
		SplitDelay:    c.SplitDelay,
		Logger:        c.Logger,
	}
	if dial.ECHHost == "" {
		dial.ECHHost = defaultECHHost
	}
	if dial.SplitDelay == 0 {
		dial.SplitDelay = defaultSplitDelay
	}
	if err := c.checkNumbers(); err != nil {
		return netdial.Config{}, err
	}
	if c.Proxy != "" || c.Mode == ModeProxy {
		proxy, err := netdial.ParseProxy(c.Proxy)
		if err != nil {
			return netdial.Config{}, &FieldError{"Proxy", err.Error()}
		}
		if c.Mode == ModeProxy {
			dial.Proxy = proxy
		}
	}
	if err := c.Hosts.Validate(); err != nil {
		return netdial.Config{}, err
	}
	if c.Mode == ModeIP {
		dial.Hosts = c.Hosts.overDefaults().netdial()
	}
	return dial, nil
}

func (c TransportConfig) checkNumbers() error {
	switch {
	case c.Mode < ModeDirect || c.Mode > ModeIP:
		return &FieldError{"ProxyMode", fmt.Sprintf("%d is not one of 0 (direct), 1 (proxy), 2 (ip)", int(c.Mode))}
	case c.Timeout < 0:
		return &FieldError{"Timeout", fmt.Sprintf("%s is negative; 0 means none", c.Timeout)}
	case c.MaxIdlePerHost < 0:
		return &FieldError{"MaxIdlePerHost", fmt.Sprintf("%d is negative; 0 means %d", c.MaxIdlePerHost, defaultIdlePerHost)}
	case c.ECHConfigList != nil && !isECHConfigList(c.ECHConfigList):
		return &FieldError{"ECHConfigList", "is not an ECHConfigList; it begins with its own length"}
	case c.ECHHost != "" && (!isHostName(c.ECHHost) || len(c.ECHHost) > 253):
		return &FieldError{"ECHHost", "is not a host name"}
	}
	return nil
}

// isECHConfigList looks at the length alone: what is wrong inside the server
// replaces.
func isECHConfigList(list []byte) bool {
	return len(list) > 4 && int(binary.BigEndian.Uint16(list)) == len(list)-2
}

// String returns mode and proxy, the latter without user and password.
func (c TransportConfig) String() string {
	if c.Mode != ModeProxy {
		return c.Mode.String()
	}
	return c.Mode.String() + " " + c.proxyName()
}

// GoString returns what String returns, so that %#v shows no password.
func (c TransportConfig) GoString() string { return c.String() }

// LogValue implements slog.LogValuer; it shows no password.
func (c TransportConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c TransportConfig) proxyName() string {
	proxy, err := netdial.ParseProxy(c.Proxy)
	if err != nil {
		return "(unreadable)"
	}
	return netdial.ProxyName(proxy)
}

func (c TransportConfig) clone() TransportConfig {
	c.Hosts = c.Hosts.Clone()
	c.ECHConfigList = bytes.Clone(c.ECHConfigList)
	return c
}

func (c TransportConfig) equal(other TransportConfig) bool {
	return c.Mode == other.Mode &&
		c.Proxy == other.Proxy &&
		c.Hosts.equal(other.Hosts) &&
		isSame(c.Resolver, other.Resolver) &&
		c.Timeout == other.Timeout &&
		c.RootCAs.Equal(other.RootCAs) &&
		c.MaxIdlePerHost == other.MaxIdlePerHost &&
		slices.Equal(c.ECHConfigList, other.ECHConfigList) &&
		c.ECHHost == other.ECHHost &&
		c.SplitDelay == other.SplitDelay &&
		c.Logger == other.Logger
}

// isSame compares resolvers, some of which cannot be compared.
func isSame(a, b Resolver) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
