package pixivoc_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
)

func TestTransportConfig_Validate(t *testing.T) {
	t.Parallel()
	oneHost := func(name string, host pixivoc.Host) pixivoc.TransportConfig {
		return pixivoc.TransportConfig{Mode: pixivoc.ModeIP, Hosts: pixivoc.HostTable{name: host}}
	}
	addresses := func(all ...string) pixivoc.Host { return pixivoc.Host{Addresses: all} }
	strategies := func(all ...pixivoc.Strategy) pixivoc.Host { return pixivoc.Host{Strategies: all} }
	for about, test := range map[string]struct {
		config pixivoc.TransportConfig
		field  string // "" when it is good
		reason string
	}{
		"zero":                  {pixivoc.TransportConfig{}, "", ""},
		"mode 3":                {pixivoc.TransportConfig{Mode: 3}, "ProxyMode", "3 is not one of"},
		"mode -1":               {pixivoc.TransportConfig{Mode: -1}, "ProxyMode", "-1 is not one of"},
		"no proxy":              {pixivoc.TransportConfig{Mode: pixivoc.ModeProxy}, "Proxy", "has no scheme"},
		"bad proxy":             {pixivoc.TransportConfig{Mode: pixivoc.ModeProxy, Proxy: "ftp://u:canary@proxy.test"}, "Proxy", "scheme other than"},
		"bad proxy, unused":     {pixivoc.TransportConfig{Proxy: "proxy.test"}, "Proxy", "has no scheme"},
		"good proxy":            {pixivoc.TransportConfig{Mode: pixivoc.ModeProxy, Proxy: "socks5h://u:p@[::1]:1"}, "", ""},
		"negative timeout":      {pixivoc.TransportConfig{Timeout: -time.Second}, "Timeout", "-1s is negative"},
		"negative idle":         {pixivoc.TransportConfig{MaxIdlePerHost: -1}, "MaxIdlePerHost", "-1 is negative"},
		"empty ECH list":        {pixivoc.TransportConfig{ECHConfigList: []byte{}}, "ECHConfigList", "is not"},
		"cut ECH list":          {pixivoc.TransportConfig{ECHConfigList: []byte{0, 9, 1, 2, 3}}, "ECHConfigList", "is not"},
		"bad ECH host":          {pixivoc.TransportConfig{ECHHost: "a b"}, "ECHHost", "is not a host name"},
		"addresses":             {oneHost("a.test", addresses("192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443")), "", ""},
		"suffix":                {oneHost("*.a.test", addresses("192.0.2.1")), "", ""},
		"host is upper case":    {oneHost("A.test", addresses("192.0.2.1")), "Hosts", `"A.test" is not a host name in lower case`},
		"host is empty":         {oneHost("", addresses("192.0.2.1")), "Hosts", "is not a host name"},
		"host is a star":        {oneHost("*", addresses("192.0.2.1")), "Hosts", "is not a host name"},
		"host has a port":       {oneHost("a.test:443", addresses("192.0.2.1")), "Hosts", "is not a host name"},
		"host ends with a dot":  {oneHost("a.test.", addresses("192.0.2.1")), "Hosts", "is not a host name"},
		"long label":            {oneHost(strings.Repeat("a", 64)+".test", addresses("192.0.2.1")), "Hosts", "is not a host name"},
		"address is a name":     {oneHost("a.test", addresses("b.test")), "Hosts", `a.test: "b.test" is not an address`},
		"address has port 0":    {oneHost("a.test", addresses("192.0.2.1:0")), "Hosts", "is not an address"},
		"address has no port":   {oneHost("a.test", addresses("192.0.2.1:")), "Hosts", "is not an address"},
		"port is too large":     {oneHost("a.test", addresses("192.0.2.1:65536")), "Hosts", "is not an address"},
		"unknown strategy":      {oneHost("a.test", strategies("domain-fronting")), "Hosts", `"domain-fronting" is not one of`},
		"strategy twice":        {oneHost("a.test", strategies("sni", "ech", "sni")), "Hosts", "strategy sni twice"},
		"too many addresses":    {oneHost("a.test", addresses(make([]string, 65)...)), "Hosts", "more than 64 addresses"},
		"bad table, not in use": {pixivoc.TransportConfig{Hosts: pixivoc.HostTable{"a.test": addresses("x")}}, "Hosts", "is not an address"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			err := test.config.Validate()
			_, newErr := pixivoc.NewTransport(test.config)
			assert.Equal(t, err, newErr)
			if test.field == "" {
				require.NoError(t, err)
				return
			}
			field, ok := errors.AsType[*pixivoc.FieldError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, test.field, field.Field)
			assert.Contains(t, field.Reason, test.reason)
			assert.NotContains(t, err.Error(), "canary")
		})
	}
	many := pixivoc.HostTable{}
	for i := range 1025 {
		many[fmt.Sprintf("h%d.test", i)] = pixivoc.Host{}
	}
	assert.ErrorContains(t, many.Validate(), "more than 1024 hosts")
}

func TestTransportConfig_ShowsNoCredentials(t *testing.T) {
	t.Parallel()
	for text, shown := range map[string]string{
		"http://canary-user:canary-pass@127.0.0.1:1081": "proxy http://127.0.0.1:1081",
		"canary-user:canary-pass@127.0.0.1:1081":        "proxy (unreadable)",
	} {
		config := pixivoc.TransportConfig{Mode: pixivoc.ModeProxy, Proxy: text}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("road", "config", config)
		slog.New(slog.NewTextHandler(&log, nil)).Info("road", "config", config, "pointer", &config)
		for _, form := range []string{config.String(), fmt.Sprintf("%v", config), fmt.Sprintf("%+v", config), fmt.Sprintf("%#v", config), log.String()} {
			assert.Contains(t, form, shown)
			assert.NotContains(t, form, "canary")
		}
	}
	assert.Equal(t, "direct", pixivoc.TransportConfig{Proxy: "http://canary@proxy.test"}.String())
	assert.Equal(t, "ip", pixivoc.TransportConfig{Mode: pixivoc.ModeIP}.String())
	assert.Equal(t, "unknown", pixivoc.ProxyMode(7).String())
}

func TestTransport_PrintsNoCredentials(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, pixivoc.TransportConfig{Mode: pixivoc.ModeProxy, Proxy: "http://canary:canary@127.0.0.1:1"})
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", transport, transport, transport), "canary")
}

func TestDefaultHosts(t *testing.T) {
	t.Parallel()
	table := pixivoc.DefaultHosts()
	require.NoError(t, table.Validate())
	for _, name := range []string{"i.pximg.net", "s.pximg.net", "app-api.pixiv.net", "oauth.secure.pixiv.net", "accounts.pixiv.net", "www.pixiv.net"} {
		assert.NotEmpty(t, table[name].Addresses, name)
		assert.Equal(t, pixivoc.StrategySplit, table[name].Strategies[1], name)
	}
	assert.Equal(t, pixivoc.StrategyNoSNI, table["i.pximg.net"].Strategies[0])
	assert.Equal(t, pixivoc.StrategyECH, table["app-api.pixiv.net"].Strategies[0])
	table["i.pximg.net"].Addresses[0] = "changed"
	assert.NotEqual(t, "changed", table["s.pximg.net"].Addresses[0], "entries share nothing")
	assert.NotEqual(t, "changed", pixivoc.DefaultHosts()["i.pximg.net"].Addresses[0])
}

// TestTransport_HostsReplaceTheDefaults looks at what is tried for a host: the
// site there is another one, so the error tells.
func TestTransport_HostsReplaceTheDefaults(t *testing.T) {
	t.Parallel()
	const name = "i.pximg.net"
	s := newSite(t, greet)
	wrong := s.address.String()
	for about, test := range map[string]struct {
		entry string
		host  pixivoc.Host
		want  []pixivoc.Strategy
	}{
		"an address alone keeps the strategies": {
			name, pixivoc.Host{Addresses: []string{wrong}},
			[]pixivoc.Strategy{pixivoc.StrategySNI, pixivoc.StrategyNoSNI, pixivoc.StrategySplit},
		},
		"a suffix stands for the hosts below": {
			"*.net", pixivoc.Host{Addresses: []string{wrong}},
			[]pixivoc.Strategy{pixivoc.StrategySNI, pixivoc.StrategyNoSNI, pixivoc.StrategySplit},
		},
		"both": {
			name, pixivoc.Host{Addresses: []string{wrong}, Strategies: []pixivoc.Strategy{pixivoc.StrategySplit}},
			[]pixivoc.Strategy{pixivoc.StrategySplit},
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			config := s.byIP()
			config.Hosts = pixivoc.HostTable{test.entry: test.host}
			_, _, err := get(t, newTransport(t, config), "https://"+name)
			failure, ok := errors.AsType[*pixivoc.DialError](err)
			require.True(t, ok, "%v", err)
			var tried []pixivoc.Strategy
			for _, attempt := range failure.Attempts {
				tried = append(tried, attempt.Strategy)
				assert.Equal(t, wrong, attempt.Address)
				assert.Equal(t, pixivoc.CauseCertificate, attempt.Cause, "the site has no certificate for that name")
			}
			assert.Equal(t, test.want, tried)
		})
	}
	t.Run("an empty entry takes the host out", func(t *testing.T) {
		t.Parallel()
		config := s.byIP()
		config.Hosts = pixivoc.HostTable{name: {}, "*.net": {Addresses: []string{wrong}}}
		_, _, err := get(t, newTransport(t, config), "https://"+name)
		failure, ok := errors.AsType[*pixivoc.DialError](err)
		require.True(t, ok, "%v", err)
		assert.Empty(t, failure.Attempts)
		assert.ErrorContains(t, err, "no such host", "it was looked up")
	})
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, ok := strings.Cut(address, ":")
	require.True(t, ok)
	return port
}

func TestParseHostEntry(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"i.pximg.net=210.140.139.131":        {"i.pximg.net", "210.140.139.131"},
		" I.PXIMG.net. = 127.0.0.1:8443 ":    {"i.pximg.net", "127.0.0.1:8443"},
		"*.pximg.net=[2001:DB8::1]:443":      {"*.pximg.net", "[2001:db8::1]:443"},
		"i.pximg.net=[2001:db8::1]":          {"i.pximg.net", "2001:db8::1"},
		"i.pximg.net=2001:db8::1":            {"i.pximg.net", "2001:db8::1"},
		"i.pximg.net=::ffff:192.0.2.1":       {"i.pximg.net", "192.0.2.1"},
		"i.pximg.net=[::ffff:192.0.2.1]:443": {"i.pximg.net", "192.0.2.1:443"},
		"i.pximg.net=NoSNI":                  {"i.pximg.net", "nosni"},
		"xn--bcher-kva.test=ech":             {"xn--bcher-kva.test", "ech"},
		"i.pximg.net=fe80::1%eth0":           {"i.pximg.net", "fe80::1%eth0"},
	} {
		host, value, err := pixivoc.ParseHostEntry(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, [2]string{host, value}, text)
	}
	for text, reason := range map[string]string{
		"":                            "has no =",
		"i.pximg.net":                 "has no =",
		"i.pximg.net:210.1.1.1":       "has no =",
		"=210.140.139.131":            "is not a host name",
		"i.pximg.net=":                "neither an address",
		"i.pximg.net=host.test":       "neither an address",
		"i.pximg.net=1.2.3.4:0":       "neither an address",
		"i.pximg.net=1.2.3.4:http":    "neither an address",
		"i.pximg.net=[1.2.3.4":        "neither an address",
		"i.pximg.net=1.2.3.4=5":       "neither an address",
		"https://i.pximg.net=1.2.3.4": "is not a host name",
		"i..net=1.2.3.4":              "is not a host name",
		"i.pximg.net/=1.2.3.4":        "is not a host name",
		"b\u00fccher.test=1.2.3.4":    "is not a host name",
	} {
		_, _, err := pixivoc.ParseHostEntry(text)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%s: %v", text, err)
		assert.Equal(t, "Hosts", field.Field)
		assert.Contains(t, field.Reason, reason, text)
	}
	_, _, err := pixivoc.ParseHostEntry(strings.Repeat("x", 1<<20))
	assert.Less(t, len(err.Error()), 200, "a long text is not repeated whole")
}

func TestParseHostTable(t *testing.T) {
	t.Parallel()
	table, err := pixivoc.ParseHostTable([]string{"b.test=192.0.2.1", "a.test=192.0.2.2:443", "b.test=192.0.2.3", "b.test=nosni", "a.test=ech", "b.test=split"})
	require.NoError(t, err)
	assert.Equal(t, pixivoc.HostTable{
		"a.test": {Addresses: []string{"192.0.2.2:443"}, Strategies: []pixivoc.Strategy{"ech"}},
		"b.test": {Addresses: []string{"192.0.2.1", "192.0.2.3"}, Strategies: []pixivoc.Strategy{"nosni", "split"}},
	}, table)
	again, err := pixivoc.ParseHostTable(table.Entries())
	require.NoError(t, err)
	assert.Equal(t, table, again)
	again, err = pixivoc.ParseHostTable(pixivoc.DefaultHosts().Entries())
	require.NoError(t, err)
	assert.Equal(t, pixivoc.DefaultHosts(), again)
	for _, bad := range [][]string{{"a.test"}, {"a.test=ech", "a.test=ech"}} {
		_, err := pixivoc.ParseHostTable(bad)
		assert.Error(t, err)
	}
	assert.Empty(t, pixivoc.HostTable(nil).Entries())
	assert.Nil(t, pixivoc.HostTable(nil).Clone())
	assert.NoError(t, pixivoc.HostTable(nil).Validate())
}

func FuzzParseHostEntry(f *testing.F) {
	for _, text := range pixivoc.DefaultHosts().Entries() {
		f.Add(text)
	}
	f.Add("*.a.test=[2001:db8::1]:443")
	f.Add("a.test = fe80::1%eth0")
	f.Fuzz(func(t *testing.T, text string) {
		host, value, err := pixivoc.ParseHostEntry(text)
		if err != nil {
			if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok {
				t.Fatalf("not a FieldError: %v", err)
			}
			return
		}
		againHost, againValue, err := pixivoc.ParseHostEntry(host + "=" + value)
		if err != nil || againHost != host || againValue != value {
			t.Fatalf("%q gives %q=%q, which gives %q=%q, %v", text, host, value, againHost, againValue, err)
		}
		table, err := pixivoc.ParseHostTable([]string{text})
		if err != nil {
			t.Fatalf("%q is an entry but no table: %v", text, err)
		}
		if _, err := pixivoc.NewTransport(pixivoc.TransportConfig{Mode: pixivoc.ModeIP, Hosts: table}); err != nil {
			t.Fatalf("%q is no table for a Transport: %v", text, err)
		}
	})
}
