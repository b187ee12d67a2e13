package sender_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/internal/sender"
	"github.com/stretchr/testify/assert"
)

func TestT4_Bearer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lines []string
		token string
	}{
		{nil, ""}, {[]string{""}, ""}, {[]string{"bearer"}, ""}, {[]string{"bearer "}, ""}, {[]string{"abc"}, ""}, {[]string{"Basic abc"}, ""},
		{[]string{"Bearer abc", "Bearer abc"}, ""}, {[]string{"Bearer " + strings.Repeat("a", 513)}, ""},
		{[]string{"Bearer abc"}, "abc"}, {[]string{"BEARER abc"}, "abc"}, {[]string{"bearer  abc "}, "abc"},
	} {
		token, ok := sender.Bearer(http.Header{"Authorization": test.lines})
		assert.Equal(t, test.token, token, test.lines)
		assert.Equal(t, test.token != "", ok, test.lines)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]netip.Addr{
		"192.0.2.1:80": netip.MustParseAddr("192.0.2.1"), "[::1]:80": netip.IPv6Loopback(), "[::ffff:192.0.2.1]:80": netip.MustParseAddr("192.0.2.1"),
		"": {}, "@": {}, "192.0.2.1": {},
	} {
		assert.Equal(t, want, sender.Address(&http.Request{RemoteAddr: remote}), remote)
	}
}
