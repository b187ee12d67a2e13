package pixivoc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/pixivoc/pixivoc/internal/netdial"
)

// Strategy is how a TLS connection tells the server which host is meant. The
// certificate is checked against the true host in all of them.
type Strategy string

const (
	// StrategySNI sends the host name, as every client does (RFC 6066 section
	// 3). A network that filters by name sees it.
	StrategySNI Strategy = "sni"
	// StrategyNoSNI sends no name. It works where the server has one
	// certificate for all, and where it does not insist on a name.
	StrategyNoSNI Strategy = "nosni"
	// StrategyECH sends the name encrypted (Encrypted Client Hello, RFC 9849).
	// It needs a server that knows it, as Cloudflare's do.
	StrategyECH Strategy = "ech"
	// StrategySplit sends the name cut over several TLS records, which filters
	// that look at single records miss and every server joins again. A new
	// connection takes 0.4 s longer.
	StrategySplit Strategy = "split"
)

// Host is what ModeIP knows of a host.
type Host struct {
	// Addresses to connect to, in place of those in DNS: "ip", "ip:port" or
	// "[ip]:port". A port takes the place of the one in the URL. They are
	// tried next to each other; the fastest is remembered.
	Addresses []string `json:"addresses,omitempty"`
	// Strategies to try for https, in this order; what worked is remembered.
	Strategies []Strategy `json:"strategies,omitempty"`
}

// HostTable has a Host for host names, or for "*.suffix", which stands for all
// names below suffix. A name in full goes before a suffix, a longer suffix
// before a shorter one. Names are in lower case.
type HostTable map[string]Host

// bounds of a table: it is data, which may come from afar
const (
	maxHosts     = 1024
	maxAddresses = 64
)

// DefaultHosts returns what is known to work in mainland China. The caller may
// change the table.
func DefaultHosts() HostTable {
	// Pixiv's own servers, which answer without a name with a certificate for
	// *.pximg.net. Addresses: Pixeval NetworkSettingsGroup.cs (2026-08-08),
	// Pixiv-Shaft HttpDns.java (2026-05-03), Pixiv-Nginx site-pixiv.conf
	// (2025-02-09).
	pictures := Host{
		Addresses: []string{
			"210.140.139.131", "210.140.139.132", "210.140.139.133", "210.140.139.134",
			"210.140.139.135", "210.140.139.136", "210.140.139.137",
		},
		Strategies: []Strategy{StrategyNoSNI, StrategySplit},
	}
	// Cloudflare, which demands the true name since 2026-09-19 and knows ECH.
	// Addresses: Pixeval NetworkSettingsGroup.cs (2026-08-08), Pixiv-Shaft
	// CronetInterceptor.java (2026-08), pixez pixez_network_settings.dart
	// (2026-06).
	site := Host{
		Addresses:  []string{"104.18.42.239", "172.64.145.17", "104.18.10.118", "104.18.11.118"},
		Strategies: []Strategy{StrategyECH, StrategySplit},
	}
	table := HostTable{
		"i.pximg.net":            pictures,
		"s.pximg.net":            pictures,
		"app-api.pixiv.net":      site,
		"oauth.secure.pixiv.net": site,
		"accounts.pixiv.net":     site,
		"www.pixiv.net":          site,
	}
	return table.Clone()
}

// ParseHostEntry reads "host=address" or "host=strategy", as in
// "i.pximg.net=210.140.139.131", "i.pximg.net=[2001:db8::1]:443" and
// "i.pximg.net=nosni". It returns the host in lower case and the value in its
// usual form, or a *FieldError.
func ParseHostEntry(text string) (host, value string, err error) {
	host, value, ok := strings.Cut(strings.TrimSpace(text), "=")
	if !ok {
		return "", "", &FieldError{"Hosts", fmt.Sprintf("%s has no =; write it like i.pximg.net=210.140.139.131", quoted(text))}
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(host), "."))
	value = strings.TrimSpace(value)
	if err := checkHostPattern(host); err != nil {
		return "", "", err
	}
	if s := Strategy(strings.ToLower(value)); s.isKnown() {
		return host, string(s), nil
	}
	address, err := parseAddress(value)
	if err != nil {
		return "", "", &FieldError{"Hosts", fmt.Sprintf("%s: %s is neither an address like 210.140.139.131 or 127.0.0.1:8443, nor one of sni, nosni, ech and split", host, quoted(value))}
	}
	return host, addressText(address), nil
}

// ParseHostTable makes a table of texts that ParseHostEntry reads. Entries of
// one host go together, in their order.
func ParseHostTable(entries []string) (HostTable, error) {
	table := HostTable{}
	for _, text := range entries {
		name, value, err := ParseHostEntry(text)
		if err != nil {
			return nil, err
		}
		host := table[name]
		if s := Strategy(value); s.isKnown() {
			host.Strategies = append(host.Strategies, s)
		} else {
			host.Addresses = append(host.Addresses, value)
		}
		table[name] = host
	}
	if err := table.Validate(); err != nil {
		return nil, err
	}
	return table, nil
}

// Entries returns the table as texts that ParseHostTable reads, sorted by
// host. A host without addresses and strategies has none.
func (t HostTable) Entries() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		for _, address := range t[name].Addresses {
			all = append(all, name+"="+address)
		}
		for _, strategy := range t[name].Strategies {
			all = append(all, name+"="+string(strategy))
		}
	}
	return all
}

// Clone returns a copy that shares nothing with t.
func (t HostTable) Clone() HostTable {
	if t == nil {
		return nil
	}
	clone := make(HostTable, len(t))
	for name, host := range t {
		clone[name] = Host{slices.Clone(host.Addresses), slices.Clone(host.Strategies)}
	}
	return clone
}

// Validate returns a *FieldError for the first entry, by name, that is wrong.
func (t HostTable) Validate() error {
	if len(t) > maxHosts {
		return &FieldError{"Hosts", fmt.Sprintf("has more than %d hosts", maxHosts)}
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if err := checkHostPattern(name); err != nil {
			return err
		}
		if err := t[name].check(name); err != nil {
			return err
		}
	}
	return nil
}

func (h Host) check(name string) error {
	if len(h.Addresses) > maxAddresses {
		return &FieldError{"Hosts", fmt.Sprintf("%s has more than %d addresses", name, maxAddresses)}
	}
	for _, text := range h.Addresses {
		if _, err := parseAddress(text); err != nil {
			return &FieldError{"Hosts", fmt.Sprintf("%s: %s is not an address like 210.140.139.131 or 127.0.0.1:8443", name, quoted(text))}
		}
	}
	for i, s := range h.Strategies {
		if !s.isKnown() {
			return &FieldError{"Hosts", fmt.Sprintf("%s: %s is not one of sni, nosni, ech and split", name, quoted(string(s)))}
		}
		if slices.Contains(h.Strategies[:i], s) {
			return &FieldError{"Hosts", fmt.Sprintf("%s has the strategy %s twice", name, s)}
		}
	}
	return nil
}

func (s Strategy) isKnown() bool {
	switch s {
	case StrategySNI, StrategyNoSNI, StrategyECH, StrategySplit:
		return true
	}
	return false
}

// overDefaults returns DefaultHosts with the entries of t in it, as
// TransportConfig.Hosts says.
func (t HostTable) overDefaults() HostTable {
	table := DefaultHosts()
	for name, own := range table {
		if host, ok := t.find(name); ok {
			table[name] = host.over(own)
		}
	}
	for name, host := range t {
		if _, done := table[name]; !done {
			table[name] = host.over(Host{})
		}
	}
	return table
}

// find returns the entry for a host: its own, or the one of its longest
// suffix.
func (t HostTable) find(name string) (Host, bool) {
	host, ok := t[name]
	for rest := name; !ok; {
		_, parent, more := strings.Cut(rest, ".")
		if !more {
			break
		}
		host, ok = t["*."+parent]
		rest = parent
	}
	return host, ok
}

// over returns h with what it does not say taken from other. The empty Host
// stays empty: it is looked up and named.
func (h Host) over(other Host) Host {
	if len(h.Addresses) == 0 && len(h.Strategies) == 0 {
		return Host{}
	}
	if len(h.Strategies) == 0 {
		h.Strategies = other.Strategies
		if len(h.Addresses) > 0 && h.isLoopback() {
			h.Strategies = append([]Strategy{StrategySNI}, h.Strategies...)
		}
	}
	if len(h.Addresses) == 0 {
		h.Addresses = other.Addresses
	}
	return h
}

// isLoopback says whether no filter can stand before any address.
func (h Host) isLoopback() bool {
	return !slices.ContainsFunc(h.Addresses, func(text string) bool {
		address, err := parseAddress(text)
		return err != nil || !address.Addr().IsLoopback()
	})
}

// netdial returns a valid table in the form of the dialer.
func (t HostTable) netdial() map[string]netdial.Host {
	table := make(map[string]netdial.Host, len(t))
	for name, host := range t {
		var entry netdial.Host
		for _, text := range host.Addresses {
			if address, err := parseAddress(text); err == nil {
				entry.Addresses = append(entry.Addresses, address)
			}
		}
		for _, s := range host.Strategies {
			entry.Strategies = append(entry.Strategies, netdial.Strategy(s))
		}
		table[name] = entry
	}
	return table
}

func (t HostTable) equal(other HostTable) bool {
	return maps.EqualFunc(t, other, func(a, b Host) bool {
		return slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Strategies, b.Strategies)
	})
}

// parseAddress reads an address with or without a port; port 0 is none.
func parseAddress(text string) (netip.AddrPort, error) {
	bare := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		bare = text[1 : len(text)-1]
	}
	if ip, err := netip.ParseAddr(bare); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), 0), nil
	}
	address, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if address.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("port 0")
	}
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), nil
}

func addressText(address netip.AddrPort) string {
	if address.Port() == 0 {
		return address.Addr().String()
	}
	return address.String()
}

func checkHostPattern(pattern string) error {
	if isHostName(strings.TrimPrefix(pattern, "*.")) && pattern == strings.ToLower(pattern) {
		return nil
	}
	return &FieldError{"Hosts", fmt.Sprintf("%s is not a host name in lower case or *.suffix", quoted(pattern))}
}

// isHostName says whether name consists of labels as in RFC 1123 section 2.1;
// underscores are let through, which DNS has too.
func isHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// quoted shows text from outside in an error, at most 64 bytes of it.
func quoted(text string) string {
	const most = 64
	if len(text) > most {
		text = text[:most] + "..."
	}
	return fmt.Sprintf("%q", text)
}
