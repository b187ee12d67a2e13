package pixivoc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

// serveDNS answers every A question with 127.0.0.1 and every HTTPS question
// with list.
func serveDNS(list []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var message dnsmessage.Message
		if message.Unpack(body) != nil || len(message.Questions) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		message.Response = true
		question := message.Questions[0]
		head := dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, TTL: 60}
		switch question.Type {
		case dnsmessage.TypeA:
			message.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
		case dnsmessage.TypeHTTPS:
			record := &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Priority: 1, Target: dnsmessage.MustNewName(".")}}
			record.SetParam(dnsmessage.SVCParamECH, list)
			message.Answers = []dnsmessage.Resource{{Header: head, Body: record}}
		}
		packed, _ := message.Pack()
		w.Header().Set("Content-Type", "application/dns-message")
		_, _ = w.Write(packed)
	}
}

func TestDoH_FindsAddressesAndECHForATransport(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	key, list := tlstest.ECHKey(t, 5, "outer.example")
	key.SendAsRetry = false // so that DNS has to help
	server := tlstest.Serve(t, &tls.Config{
		Certificates:             []tls.Certificate{authority.Certificate(t, siteName), authority.Certificate(t, "outer.example")},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	}, http.HandlerFunc(greet))
	dns := tlstest.Serve(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "dns.test")}}, serveDNS(list))
	resolver, err := pixivoc.NewDoH("https://dns.test/dns-query", newTransport(t, pixivoc.TransportConfig{
		Mode: pixivoc.ModeIP, RootCAs: authority.Pool(),
		Hosts: pixivoc.HostTable{"dns.test": {Addresses: []string{dns.String()}}},
	}))
	require.NoError(t, err)
	t.Cleanup(resolver.CloseIdleConnections)

	transport := newTransport(t, pixivoc.TransportConfig{
		Mode: pixivoc.ModeIP, RootCAs: authority.Pool(), Resolver: resolver, ECHHost: "outer.example",
		Hosts: pixivoc.HostTable{siteName: {Strategies: []pixivoc.Strategy{pixivoc.StrategyECH}}}, // no addresses: looked up
	})
	response, _, err := get(t, transport, "https://"+siteName+":"+portOf(t, server.String()))
	require.NoError(t, err)
	assert.True(t, response.TLS.ECHAccepted)

	found, err := resolver.LookupECH(t.Context(), "outer.example")
	require.NoError(t, err)
	assert.Equal(t, list, found)
}

func TestDoH_OwnRoadGoesToTheGivenAddresses(t *testing.T) {
	t.Parallel()
	dead := tlstest.Dead(t).String()
	resolver, err := pixivoc.NewDoH("https://DNS.test/dns-query", nil, dead)
	require.NoError(t, err)
	t.Cleanup(resolver.CloseIdleConnections)
	_, err = resolver.LookupNetIP(t.Context(), "ip4", siteName)
	unknown, ok := errors.AsType[*net.DNSError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, siteName, unknown.Name)
	failure, ok := errors.AsType[*pixivoc.DialError](err)
	require.True(t, ok, "%v", err)
	require.Len(t, failure.Attempts, 1)
	assert.Equal(t, dead, failure.Attempts[0].Address)
	assert.Equal(t, "dns.test:443", failure.Host)
}

func TestNewDoH_Refuses(t *testing.T) {
	t.Parallel()
	for about, test := range map[string]struct {
		endpoint  string
		transport http.RoundTripper
		addresses []string
		field     string
	}{
		"not https":            {"http://dns.test/", nil, nil, "endpoint"},
		"not a URL":            {"dns.test", nil, nil, "endpoint"},
		"bad address":          {"https://dns.test/", nil, []string{"dns.test"}, "Hosts"},
		"addresses in the way": {"https://dns.test/", http.DefaultTransport, []string{"127.0.0.1"}, "addresses"},
	} {
		_, err := pixivoc.NewDoH(test.endpoint, test.transport, test.addresses...)
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%s: %v", about, err)
		assert.Equal(t, test.field, field.Field, about)
	}
}

type fixedResolver map[string][]string

func (r fixedResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, text := range r[host] {
		found = append(found, netip.MustParseAddr(text))
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

func TestRefreshHosts(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 40 {
		many = append(many, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}).String())
	}
	table := pixivoc.HostTable{
		"new.test":   {Addresses: []string{"192.0.2.1", "192.0.2.2"}, Strategies: []pixivoc.Strategy{pixivoc.StrategyECH}},
		"many.test":  {Addresses: []string{"192.0.2.1"}},
		"gone.test":  {Addresses: []string{"192.0.2.3"}},
		"fixed.test": {Addresses: []string{"127.0.0.1:8443"}},
		"*.all.test": {Addresses: []string{"192.0.2.4"}},
	}
	before := table.Clone()
	fresh, err := pixivoc.RefreshHosts(t.Context(), table, fixedResolver{
		"new.test":   {"192.0.2.9", "::ffff:192.0.2.2"},
		"many.test":  many,
		"fixed.test": {"192.0.2.9"},
		"*.all.test": {"192.0.2.9"},
	})
	assert.Equal(t, before, table, "the table given stays as it is")
	assert.Equal(t, pixivoc.Host{Addresses: []string{"192.0.2.9", "192.0.2.2", "192.0.2.1"}, Strategies: []pixivoc.Strategy{pixivoc.StrategyECH}}, fresh["new.test"])
	assert.Equal(t, many[:16], fresh["many.test"].Addresses)
	for _, name := range []string{"gone.test", "fixed.test", "*.all.test"} {
		assert.Equal(t, table[name], fresh[name], name)
	}
	require.Error(t, err)
	assert.Equal(t, "refresh gone.test: lookup gone.test: no such host", err.Error())
	unknown, ok := errors.AsType[*net.DNSError](err)
	require.True(t, ok)
	assert.True(t, unknown.IsNotFound)
}
