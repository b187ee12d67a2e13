package netdial_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/netdial"
)

func TestParseProxy(t *testing.T) {
	t.Parallel()
	for text, name := range map[string]string{
		"http://127.0.0.1:1081":               "http://127.0.0.1:1081",
		"http://127.0.0.1:1081/":              "http://127.0.0.1:1081",
		"HTTP://Proxy.test":                   "http://Proxy.test:80",
		"https://proxy.test":                  "https://proxy.test:443",
		"socks5://[::1]":                      "socks5://[::1]:1080",
		"socks5h://user:pa%3Ass@proxy_1:9050": "socks5h://proxy_1:9050",
		"http://user@proxy.test:8080":         "http://proxy.test:8080",
	} {
		u, err := netdial.ParseProxy(text)
		require.NoError(t, err, text)
		assert.Equal(t, name, netdial.ProxyName(u))
	}
}

func TestK6_HostileProxyText(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                                 "no scheme",
		"127.0.0.1:1081":                   "no scheme",
		"canary:canary@127.0.0.1:1081":     "no scheme",
		"ftp://canary@proxy.test":          "scheme other than",
		"socks4://proxy.test":              "scheme other than",
		"http://":                          "no host",
		"http://user:canary@":              "no host",
		"http://:8080":                     "no host",
		"http://proxy.test:":               "colon without a port",
		"http://proxy.test:0":              "between 1 and 65535",
		"http://proxy.test:65536":          "between 1 and 65535",
		"http://proxy.test:canary":         "not a URL",
		"http://proxy.test:-1":             "not a URL",
		"http://proxy.test/canary":         "no path",
		"http://proxy.test?canary":         "no path",
		"http://proxy.test?":               "no path",
		"http://proxy.test#canary":         "no path",
		"http://proxy.test#":               "no path",
		"http://u:canary%zz@proxy.test":    "not a URL",
		"http://u:canary/@proxy.test":      "", // any reason will do
		"http://u:canary%0d%0a@proxy":      "control characters",
		"http://u%3acanary:p@proxy":        "colon in the user",
		"http://b\u00fccher.test":          "characters that no host name has",
		"http://proxy test":                "",
		"http://proxy.test:80\r\nX: 1":     "",
		"socks5://" + long + ":p@proxy":    "255 bytes",
		"socks5://u:" + long + "@proxy":    "255 bytes",
		"http://u:canary@proxy.test:80:80": "",
	} {
		_, err := netdial.ParseProxy(text)
		require.Error(t, err, text)
		assert.ErrorContains(t, err, reason, text)
		assert.NotContains(t, err.Error(), "canary", text)
	}
}

var long = strings.Repeat("x", 256)

func FuzzParseProxy(f *testing.F) {
	f.Add("http://user:password@127.0.0.1:1081")
	f.Add("socks5h://[::1]:9050")
	f.Add("https://proxy.test/")
	f.Add("http://%zz")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := netdial.ParseProxy(text)
		if err != nil {
			if len(text) > 8 && strings.Contains(err.Error(), text) {
				t.Fatalf("error repeats the text: %v", err)
			}
			return
		}
		name := netdial.ProxyName(u)
		again, err := netdial.ParseProxy(name)
		if err != nil || netdial.ProxyName(again) != name || again.User != nil {
			t.Fatalf("name %q of %q is not the same proxy: %v", name, text, err)
		}
	})
}
