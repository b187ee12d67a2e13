// Package sender reads from a request who sends it.
package sender

import (
	"net/http"
	"net/netip"
	"strings"
)

// MaxToken bounds what is looked at as a token, in bytes.
const MaxToken = 512

// Bearer returns the token of an Authorization header (RFC 6750 section 2.1).
// There must be one such header, with a token that is not longer than MaxToken.
func Bearer(header http.Header) (token string, ok bool) {
	lines := header.Values("Authorization")
	if len(lines) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > MaxToken {
		return "", false
	}
	return token, true
}

// Address returns where a request comes from, or the zero Addr when that is not
// known.
func Address(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().Unmap()
}
