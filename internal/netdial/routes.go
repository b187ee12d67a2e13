package netdial

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Route is what is known of one host of the address table.
type Route struct {
	Host     string         // host:port
	Address  netip.AddrPort // in use; the zero value when none is
	Strategy Strategy
	Took     time.Duration // to connect, with the TLS handshake
	Failed   []Attempt     // ways that failed in the last minutes
}

// Routes returns what is known, sorted by host.
func (d *Dialer) Routes() []Route {
	var all []Route
	for t, k := range d.memory.all() {
		all = append(all, k.route(t))
	}
	slices.SortFunc(all, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Strategy, b.Strategy))
	})
	return all
}

func (k *knowledge) route(t target) Route {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := Route{Host: t.String()}
	if !k.since.IsZero() {
		r.Address, r.Strategy, r.Took = k.best.address, k.best.strategy, k.took
	}
	for o, f := range k.faults {
		if time.Since(f.at) < faultLife {
			r.Failed = append(r.Failed, Attempt{o.address.String(), o.strategy, cause(f.err), f.err})
		}
	}
	slices.SortFunc(r.Failed, func(a, b Attempt) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Strategy, b.Strategy))
	})
	return r
}

// Doubt tells that a connection to address, which is host:port, failed after
// it was made: the next dial looks for the fastest address again.
func (d *Dialer) Doubt(address string, secure bool, err error) {
	if k := d.known(address, secure); k != nil {
		k.doubt(err)
	}
}

// Accepted tells that the host at address answered a request on a connection
// without its name.
func (d *Dialer) Accepted(address string) {
	if k := d.known(address, true); k != nil {
		k.accept()
	}
}

// Accepts says whether Accepted was ever told of address.
func (d *Dialer) Accepts(address string) bool {
	k := d.known(address, true)
	return k != nil && k.isAccepted()
}

// Refuse tells that the host at address answered that it does not serve
// connections of strategy s. It returns the next strategy, or "" if there is
// none that was not refused.
func (d *Dialer) Refuse(address string, s Strategy) Strategy {
	t, err := parseTarget(address, true)
	if err != nil {
		return ""
	}
	entry, listed := d.lookup(t.host)
	if !listed {
		return ""
	}
	k := d.memory.of(t)
	k.refuse(s)
	for _, other := range entry.Strategies {
		if !k.isRefused(other) {
			return other
		}
	}
	return ""
}

// known returns the knowledge of a host of the table, else nil.
func (d *Dialer) known(address string, secure bool) *knowledge {
	t, err := parseTarget(address, secure)
	if err != nil {
		return nil
	}
	if _, listed := d.lookup(t.host); !listed {
		return nil
	}
	return d.memory.of(t)
}
