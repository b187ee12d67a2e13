package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// maxURL bounds the address of a receiver, in bytes.
const maxURL = 2048

// closed4 are the networks of IPv4 that are not the public internet (IANA
// IPv4 Special-Purpose Address Registry), and addresses of cloud machinery
// outside of them.
var closed4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // the wire server of Azure
)

// open6 is what IANA has given out of IPv6 for the public internet, and closed6
// are the exceptions in it: Teredo and other protocol assignments,
// documentation, and 6to4, which reaches any IPv4 address.
var (
	open6   = netip.MustParsePrefix("2000::/3")
	closed6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// isPublic says whether an address is one of the public internet. Forms of IPv6
// that hold an address of IPv4 are refused, but for the mapped one, which
// systems take for IPv4 and which counts as that.
func isPublic(address netip.Addr) bool {
	if !address.IsValid() || address.Zone() != "" {
		return false
	}
	address = address.Unmap()
	closed := closed4
	if address.Is6() {
		if !open6.Contains(address) || isISATAP(address) {
			return false
		}
		closed = closed6
	}
	for _, prefix := range closed {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}

// isISATAP says whether an address ends in one of IPv4 (RFC 5214 section 6.1).
func isISATAP(address netip.Addr) bool {
	b := address.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// RefusedError says that a receiver has an address that is not public and is
// not allowed.
type RefusedError struct {
	Receiver string // host:port as it was asked for
	Address  string // ip:port it stands for, or ""
}

// Error names the receiver and the way out.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is not on the public internet; allow it by its host:port to send there", e.Receiver)
}

// receiver is an address to send to that was read and found to be in order.
type receiver struct {
	url *url.URL
	// key is host:port in one form, to compare and to log by.
	key string
}

func parseReceiver(text string) (receiver, error) {
	if len(text) > maxURL {
		return receiver{}, fmt.Errorf("the address is longer than %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	if err != nil {
		return receiver{}, fmt.Errorf("the address cannot be read") // the error would repeat it
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" {
		return receiver{}, fmt.Errorf("the address must begin with http:// or https:// and name a host")
	}
	port := u.Port()
	switch {
	case port == "" && strings.HasSuffix(u.Host, ":"):
		return receiver{}, fmt.Errorf("the address has no port behind its colon")
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	key, err := hostPort(net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return receiver{}, err
	}
	u.Fragment, u.RawFragment = "", ""
	return receiver{u, key}, nil
}

// hostPort returns a host:port in one form: in lower case, without a final dot,
// an IP address in its shortest form.
func hostPort(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || port == "" {
		return "", fmt.Errorf("%q is not of the form host:port", text)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil || n == 0 || strings.Trim(port, "0123456789") != "" {
		return "", fmt.Errorf("%q has no number of a port", text)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	} else if host == "" || strings.HasSuffix(host, ".") || strings.ContainsAny(host, ":/@[]% ") {
		return "", fmt.Errorf("%q has no name of a host", text)
	}
	return net.JoinHostPort(host, fmt.Sprint(n)), nil
}

// String shows where a message goes, without path, query and user: those may
// be secret.
func (r receiver) String() string { return r.url.Scheme + "://" + r.key }
