package webhook_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/webhook"
)

// inside are addresses that no stranger may make us connect to.
var inside = []string{
	"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
	"192.168.0.1", "169.254.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192",
	"168.63.129.16", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.88.99.1",
	"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
	"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2002:a9fe:a9fe::",
	"2001::1", "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
	"fec0::1", "ff02::1", "5f00::1", "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1", "2606:4700:4700::1111%eth0",
}

func TestW1_AddressesInside(t *testing.T) {
	t.Parallel()
	for _, text := range inside {
		address, err := netip.ParseAddr(text)
		require.NoError(t, err, text)
		assert.False(t, webhook.IsPublic(address), text)
		refused := webhook.Dial("name.example:80", netip.AddrPortFrom(address, 80).String())
		assert.ErrorAs(t, refused, new(*webhook.RefusedError), text)
	}
	assert.False(t, webhook.IsPublic(netip.Addr{}))
	assert.Error(t, webhook.Dial("name.example:80", "no address"))
}

func TestW1_PublicAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1",
		"192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888",
	} {
		assert.True(t, webhook.IsPublic(netip.MustParseAddr(text)), text)
	}
}

// TestW1_Spellings sends to every way of writing an address of this machine
// that the system's resolver may understand: a listener there hears nothing.
func TestW1_Spellings(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, nil)
	_, port, err := net.SplitHostPort(to.hostPort(t))
	require.NoError(t, err)
	sender, written := open(t, webhook.Options{})
	for i, host := range []string{
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",
		"127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "a.localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "127.0.0.1%2e", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1",
		"user@127.0.0.1", "8.8.8.8@127.0.0.1", "127.0.0.1.nip.example", "rebound.example",
	} {
		address := "http://" + host + ":" + port + "/hook"
		message := webhook.Message{ID: "spelling-" + strings.Repeat("x", i+1), URL: address, Body: []byte("{}")}
		if err := sender.Send(t.Context(), message); err != nil {
			assert.NotContains(t, err.Error(), "/hook", host)
			continue
		}
	}
	idle(t, sender)
	assert.Contains(t, written.String(), "rebound.example")
	assert.Empty(t, to.all(), "something came through")
	assert.Contains(t, written.String(), "webhook refused")
}

func TestW1_TheNameIsAllowedAndNotItsAddress(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, nil)
	_, port, err := net.SplitHostPort(to.hostPort(t))
	require.NoError(t, err)
	sender, _ := open(t, webhook.Options{Allow: []string{"LocalHost.:" + port}})
	send(t, sender, "by-name", "http://localhost:"+port+"/a")
	idle(t, sender)
	assert.Len(t, to.all(), 1)
	require.Error(t, sender.Check("http://127.0.0.1:"+port+"/a"), "the same place under another name")
	require.NoError(t, sender.Check("http://LOCALHOST:"+port+"/a"))
	require.NoError(t, sender.Check("http://localhost:1/a"), "only the dialer knows what a name stands for")
	send(t, sender, "other-port", "http://localhost:1/a")
	idle(t, sender)
	assert.Len(t, to.all(), 1)
}

func TestCheckRefusesForms(t *testing.T) {
	t.Parallel()
	sender, _ := open(t, webhook.Options{})
	for _, address := range []string{
		"", "x", "/hook", "//host/hook", "ftp://host/hook", "file:///etc/passwd", "gopher://host/", "javascript:alert(1)",
		"http:", "http://", "http:///hook", "http://:80/", "http:host/", "http://host:/", "http://host:0/", "http://host:70000/", "http://host:http/",
		"http://ho st/", "http://host\r\nX: y/", "http://[::1/", "http://" + strings.Repeat("a", 2048), "http://10.0.0.1/secret", "http://[fe80::1%25eth0]/",
	} {
		err := sender.Check(address)
		require.Error(t, err, address)
		assert.NotContains(t, err.Error(), "secret")
	}
	for _, address := range []string{"http://example.com", "https://EXAMPLE.com:8443/a?b=c#d", "https://user:word@example.com/", "HTTP://8.8.8.8/"} {
		require.NoError(t, sender.Check(address), address)
	}
}

func FuzzReceiver(f *testing.F) {
	for _, seed := range []string{"http://example.com/a", "https://[::1]:80", "http://127.1", "http://a@b:c@d/", "HTTP://0x7f000001:80"} {
		f.Add(seed)
	}
	sender, err := webhook.Open(f.Context(), webhook.Options{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = sender.Close() })
	f.Fuzz(func(t *testing.T, address string) {
		if sender.Check(address) != nil {
			return
		}
		low := strings.ToLower(address)
		if !strings.HasPrefix(low, "http://") && !strings.HasPrefix(low, "https://") {
			t.Fatalf("%q passed", address)
		}
	})
}

func FuzzHostPort(f *testing.F) {
	for _, seed := range []string{"a:1", "[::1]:80", "A.:65535", "::1:80", "[::ffff:1.2.3.4]:8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := webhook.HostPort(text)
		if err != nil {
			return
		}
		again, err := webhook.HostPort(one)
		if err != nil || again != one {
			t.Fatalf("%q became %q and then %q", text, one, again)
		}
	})
}
