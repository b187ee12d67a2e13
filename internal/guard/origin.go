package guard

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// knowsHost checks the Host header, with or without port. An empty one, as
// HTTP/1.0 allows it, is foreign.
func (g *Guard) knowsHost(r *http.Request) bool {
	name, ok := hostName(r.Host)
	if !ok {
		return false
	}
	if g.hosts[name] || strings.HasSuffix(name, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && isOwn(address, r)
}

// hostName returns the host of a Host header in one form: in lower case,
// without port, brackets and final dot.
func hostName(hostport string) (string, bool) {
	host := hostport
	if name, port, err := net.SplitHostPort(hostport); err == nil {
		if strings.Trim(port, "0123456789") != "" {
			return "", false
		}
		host = name
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return address.Unmap().String(), err == nil && address.Is6()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().String(), true
	}
	return host, host != "" && !strings.ContainsAny(host, ":@/?#[]% ")
}

// isOwn says whether an address belongs to this machine. No page can give
// itself such an origin by a name server.
func isOwn(address netip.Addr, r *http.Request) bool {
	if address.IsLoopback() {
		return true
	}
	is := func(own net.Addr) bool {
		text := own.String()
		if prefix, err := netip.ParsePrefix(text); err == nil {
			return prefix.Addr().Unmap() == address
		}
		port, err := netip.ParseAddrPort(text)
		return err == nil && port.Addr().Unmap().WithZone("") == address
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && is(local) {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(own, is)
}

// answerOrigin says whether the request names an origin whose pages may use
// the door, and tells the browser so.
func (g *Guard) answerOrigin(w http.ResponseWriter, r *http.Request) (allowed bool) {
	w.Header().Add("Vary", "Origin")
	origins := r.Header.Values("Origin")
	if len(origins) != 1 || !g.allowsOrigin(r, origins[0]) {
		return false
	}
	if g.origins["*"] {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	} else {
		w.Header().Set("Access-Control-Allow-Origin", origins[0])
	}
	w.Header().Set("Access-Control-Expose-Headers", "*")
	return true
}

// allowsOrigin says whether pages of an origin may use the door: its own pages
// and those that are configured. The host was checked before, so an origin
// that equals it is not a rebound one.
func (g *Guard) allowsOrigin(r *http.Request, origin string) bool {
	return g.origins["*"] || g.origins[strings.ToLower(origin)] || isSame(r, origin)
}

// isSame says whether an address is of the door's own origin. An https origin
// is the same also where the request came in plain: there a proxy in front has
// ended TLS, and nobody else can have this host and port.
func isSame(r *http.Request, text string) bool {
	address, err := url.Parse(text)
	if err != nil || address.Host == "" {
		return false // "null" among others
	}
	return strings.EqualFold(address.Host, r.Host) &&
		(address.Scheme == "https" || address.Scheme == "http" && r.TLS == nil)
}

// isForeign says whether a request comes from a page of another origin, allowed
// or not. SameSite does not keep cookies off such requests: all ports of a host
// are one site.
func isForeign(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		referer := r.Header.Get("Referer") // of an old browser
		return referer != "" && !isSame(r, referer)
	}
	return len(origins) > 1 || !isSame(r, origins[0])
}

// isForged says whether a browser sent the request for a page that may not.
func (g *Guard) isForged(r *http.Request, allowed bool) bool {
	// A browser may fetch a link before anybody follows it.
	for _, header := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if value := strings.ToLower(r.Header.Get(header)); strings.Contains(value, "prefetch") || strings.Contains(value, "preview") {
			return true
		}
	}
	if len(r.Header.Values("Origin")) > 0 {
		return !allowed
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		// Browsers before 2023, and all of them towards an address without
		// TLS that is not loopback, say nothing but where they come from.
		referer := r.Header.Get("Referer")
		return referer != "" && !isSame(r, referer) && !g.isConfigured(referer)
	}
	return true
}

// isConfigured says whether an address is of a configured origin.
func (g *Guard) isConfigured(text string) bool {
	address, err := url.Parse(text)
	return err == nil && (g.origins["*"] || g.origins[strings.ToLower(address.Scheme+"://"+address.Host)])
}

// preflight answers the question of a browser what a page may send (Fetch
// standard, CORS-preflight). Access to private networks is never granted.
func (g *Guard) preflight(w http.ResponseWriter, r *http.Request, allowed bool) {
	w.Header().Add("Vary", "Access-Control-Request-Method")
	w.Header().Add("Vary", "Access-Control-Request-Headers")
	if allowed {
		w.Header().Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
		if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
			w.Header().Set("Access-Control-Allow-Headers", headers)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
