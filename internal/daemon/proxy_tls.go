package daemon

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// trustTLS makes requests that reached a listed reverse proxy over TLS look as
// if they had reached the doors so, which decides whether cookies are Secure
// and which origin a page has. Nobody else is believed.
func trustTLS(networks []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		isTrusted := err == nil && slices.ContainsFunc(networks, func(network netip.Prefix) bool {
			return network.Contains(from.Addr().Unmap())
		})
		// Of several proxies the first one knows what the browser spoke.
		scheme, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
		if isTrusted && r.TLS == nil && strings.EqualFold(strings.TrimSpace(scheme), "https") {
			r.TLS = &tls.ConnectionState{HandshakeComplete: true}
		}
		next.ServeHTTP(w, r)
	})
}
