package guard_test

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/internal/guard"
)

// FuzzHost looks for a Host header that passes and is no name of this machine.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "a.localhost.", "evil.example", "[::ffff:127.0.0.1]", "localhost:80@evil.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		code, passed := askHost(host, guard.Config{})
		if passed != (code == http.StatusOK) {
			t.Fatalf("%q: passed %v, status %d", host, passed, code)
		}
		if !passed {
			return
		}
		name := strings.ToLower(host)
		isName := regexp.MustCompile(`^([^:@/?#\[\]% ]+\.)?localhost\.?(:[0-9]*)?$`).MatchString(name)
		if _, err := netip.ParseAddr(hostPart(name)); err != nil && !isName {
			t.Fatalf("%q passed", host)
		}
	})
}

// hostPart takes the port and the brackets off an address.
func hostPart(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	text = strings.TrimSuffix(text, ".")
	return strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
}
