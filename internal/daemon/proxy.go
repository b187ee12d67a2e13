package daemon

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/pixivoc/pixivoc/internal/sender"
)

// trustProxies gives requests that come from a listed reverse proxy the
// address of the client it serves. Nobody else is believed.
func trustProxies(networks []netip.Prefix, next http.Handler) http.Handler {
	if len(networks) == 0 {
		return next
	}
	trusted := func(address netip.Addr) bool {
		return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(address) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := clientOf(r, trusted); ok {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// clientOf returns the last address of X-Forwarded-For that no trusted proxy
// has: those before it may be lies of the client.
func clientOf(r *http.Request, trusted func(netip.Addr) bool) (client netip.Addr, ok bool) {
	if !trusted(sender.Address(r)) {
		return client, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		address, err := netip.ParseAddr(strings.Trim(hop, "[]"))
		if withPort, portErr := netip.ParseAddrPort(hop); portErr == nil {
			address, err = withPort.Addr(), nil
		}
		if err != nil {
			return client, client.IsValid()
		}
		client = address.Unmap()
		if !trusted(client) {
			return client, true
		}
	}
	return client, client.IsValid()
}
