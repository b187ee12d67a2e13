package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pixivoc/pixivoc/internal/doh"
)

// DoH is a Resolver that asks a server over HTTPS (RFC 8484), which a network
// cannot answer in its place. As TransportConfig.Resolver it also finds ECH
// configurations. Answers are kept for the time they give, but at least 30
// seconds and at most an hour. It is safe for concurrent use.
type DoH struct {
	client *doh.Client
	own    *Transport // nil when the caller gave a road
}

// dohTimeout bounds each step of a query over a Transport of our own.
const dohTimeout = 10 * time.Second

// NewDoH returns a DoH that sends its queries to endpoint, for instance
// "https://1.1.1.1/dns-query", over transport. With a nil transport it
// connects directly; addresses, which are like those of a Host, then take the
// place of DNS for the endpoint's own host. Do not give it the Transport whose
// Resolver it will be: the two would wait for each other.
func NewDoH(endpoint string, transport http.RoundTripper, addresses ...string) (*DoH, error) {
	d := &DoH{}
	if transport == nil {
		d.own = &Transport{}
		transport = d.own
	} else if len(addresses) > 0 {
		return nil, &FieldError{"addresses", "go with a nil transport only"}
	}
	client, err := doh.New(endpoint, transport)
	if err != nil {
		return nil, &FieldError{"endpoint", err.Error()}
	}
	d.client = client
	if d.own == nil {
		return d, nil
	}
	config := TransportConfig{Timeout: dohTimeout}
	if len(addresses) > 0 {
		config.Mode = ModeIP
		config.Hosts = HostTable{strings.ToLower(client.Host()): {Addresses: addresses, Strategies: []Strategy{StrategySNI}}}
	}
	if err := d.own.Configure(config); err != nil {
		return nil, err
	}
	return d, nil
}

// LookupNetIP returns the addresses of host; network is "ip", "ip4" or "ip6".
// The error is a *net.DNSError.
func (d *DoH) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if d.client == nil {
		return nil, errNoDoH(host)
	}
	return d.client.LookupNetIP(ctx, network, host)
}

// LookupECH returns the ECHConfigList that the HTTPS record of host publishes,
// for TransportConfig.ECHConfigList. The error is a *net.DNSError.
func (d *DoH) LookupECH(ctx context.Context, host string) ([]byte, error) {
	if d.client == nil {
		return nil, errNoDoH(host)
	}
	return d.client.LookupECH(ctx, host)
}

func errNoDoH(host string) error {
	return &net.DNSError{Err: "the DoH was not made with NewDoH", Name: host}
}

// CloseIdleConnections closes the connections that no query uses, unless they
// belong to a transport that NewDoH was given.
func (d *DoH) CloseIdleConnections() {
	if d.own != nil {
		d.own.CloseIdleConnections()
	}
}

const (
	// maxRefreshed bounds the addresses of a host after RefreshHosts.
	maxRefreshed = 16
	// refreshAtOnce is how many hosts RefreshHosts looks up at a time.
	refreshAtOnce = 8
)

// RefreshHosts looks every host of table up and returns a new table with the
// addresses found before those it had, 16 in all. "*.suffix" entries, and those
// with a port, which somebody chose, stay as they are; so do hosts that are not
// found. The table is good even with an error, which joins what went wrong.
// Transport.Configure puts it in force.
func RefreshHosts(ctx context.Context, table HostTable, resolver Resolver) (HostTable, error) {
	fresh := table.Clone()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(table)), func(name string) bool {
		return strings.HasPrefix(name, "*.") || table[name].hasPort()
	})
	found := make([][]netip.Addr, len(names))
	faults := make([]error, len(names))
	var lookups errgroup.Group
	lookups.SetLimit(refreshAtOnce)
	for i, name := range names {
		lookups.Go(func() error {
			if found[i], faults[i] = resolver.LookupNetIP(ctx, "ip", name); faults[i] != nil {
				faults[i] = fmt.Errorf("refresh %s: %w", name, faults[i])
			}
			return nil
		})
	}
	_ = lookups.Wait() // no lookup ends the others
	for i, name := range names {
		fresh[name] = fresh[name].with(found[i])
	}
	return fresh, errors.Join(faults...)
}

// hasPort says whether an address of h has a port, or cannot be read.
func (h Host) hasPort() bool {
	return slices.ContainsFunc(h.Addresses, func(text string) bool {
		address, err := parseAddress(text)
		return err != nil || address.Port() != 0
	})
}

// with returns h with found before its own addresses.
func (h Host) with(found []netip.Addr) Host {
	var all []string
	for _, ip := range found {
		all = append(all, ip.Unmap().String())
	}
	all = append(all, h.Addresses...)
	var kept []string
	for _, address := range all {
		if len(kept) < maxRefreshed && !slices.Contains(kept, address) {
			kept = append(kept, address)
		}
	}
	h.Addresses = kept
	return h
}
