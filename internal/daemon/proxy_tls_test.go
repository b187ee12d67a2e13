//go:build unix

package daemon

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCookiesBehindAProxy logs in through a proxy that ends TLS, through one
// that does not, and through one that nobody listed.
func TestCookiesBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		proxy, scheme string
		isSecure      bool
	}{
		{"127.0.0.1", "https", true},
		{"127.0.0.0/8", "HTTPS, http", true},
		{"127.0.0.1", "http", false},
		{"127.0.0.1", "", false},
		{"192.0.2.1", "https", false},
	} {
		t.Run(test.proxy+" "+test.scheme, func(t *testing.T) {
			t.Parallel()
			p := start(t, "--demo", "--legacy-http", "--trusted-proxy", test.proxy)
			password := p.password(t)
			for path, body := range map[string]string{
				"/api/v1/session":   `{"name":"admin","password":"` + password + `"}`,
				"/permission/login": "password=" + password,
			} {
				header := http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Content-Type": {"application/json"}}
				if test.scheme != "" {
					header.Set("X-Forwarded-Proto", test.scheme)
				}
				if body[0] != '{' {
					header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				_, answer, got := p.send(t, request{method: http.MethodPost, path: path, body: body, header: header})
				require.Contains(t, got.Get("Set-Cookie"), "HttpOnly", answer)
				if test.isSecure {
					assert.Contains(t, got.Get("Set-Cookie"), "; Secure", path)
				} else {
					assert.NotContains(t, got.Get("Set-Cookie"), "; Secure", path)
				}
			}
			p.stop(t)
		})
	}
}
