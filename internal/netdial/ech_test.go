package netdial_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/netdial"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

var onlyECH = []netdial.Strategy{netdial.ECH}

func TestECHNeedsNothingKnownBefore(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	s := newECHSite(t, authority, authority.Certificate(t, host))
	d := newDialer(authority, onlyECH, s.addr)
	require.True(t, dial(t, d).ConnectionState().ECHAccepted)
	assert.Equal(t, []string{outerName, host}, s.asked(), "one refusal, one success")
	require.True(t, dial(t, d).ConnectionState().ECHAccepted)
	assert.Equal(t, []string{outerName, host, host}, s.asked(), "the list of the server is remembered")
}

func TestStaleECHConfigIsReplacedByTheServers(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	s := newECHSite(t, authority, authority.Certificate(t, host))
	_, stale := tlstest.ECHKey(t, 7, outerName) // the id of the server's key, another key
	c := config(authority, onlyECH, s.addr)
	c.ECHConfigList = stale
	c.ECHHost = "unused.example"
	require.True(t, dial(t, netdial.New(c)).ConnectionState().ECHAccepted)
	assert.Equal(t, []string{outerName, host}, s.asked())
}

func TestKnownECHConfigNeedsOneHandshake(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	key, list := tlstest.ECHKey(t, 9, outerName)
	s := newSite(t, &tls.Config{
		Certificates:             []tls.Certificate{authority.Certificate(t, host), authority.Certificate(t, outerName)},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	})
	c := config(authority, onlyECH, s.addr)
	c.ECHConfigList = list
	require.True(t, dial(t, netdial.New(c)).ConnectionState().ECHAccepted)
	assert.Equal(t, []string{host}, s.asked())
}

func TestECHListFromAnImpostorIsNotUsed(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	key, _ := tlstest.ECHKey(t, 7, outerName)
	s := newSite(t, &tls.Config{ // has no certificate for the outer name
		Certificates:             []tls.Certificate{authority.Certificate(t, host)},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	})
	_, err := newDialer(authority, onlyECH, s.addr).DialTLSContext(t.Context(), "tcp", address)
	failure, ok := errors.AsType[*netdial.Error](err)
	require.True(t, ok, "%v", err)
	require.Len(t, failure.Attempts, 1)
	assert.Equal(t, netdial.Certificate, failure.Attempts[0].Cause)
	assert.Equal(t, []string{outerName}, s.asked(), "the true name was never told")
}

func TestServerWithoutRetryListIsReportedAsRejected(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	s := newSite(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, outerName)}})
	_, err := newDialer(authority, onlyECH, s.addr).DialTLSContext(t.Context(), "tcp", address)
	failure, ok := errors.AsType[*netdial.Error](err)
	require.True(t, ok, "%v", err)
	require.Len(t, failure.Attempts, 1)
	assert.Equal(t, netdial.ECHRejected, failure.Attempts[0].Cause)
	_, ok = errors.AsType[*tls.ECHRejectionError](err)
	assert.True(t, ok)
}

// echResolver publishes one list.
type echResolver struct {
	noResolver
	list  []byte
	asked atomic.Int32
	names chan string
}

func (r *echResolver) LookupECH(_ context.Context, name string) ([]byte, error) {
	r.asked.Add(1)
	r.names <- name
	return r.list, nil
}

func TestECHConfigIsLookedUpWhenTheServerSendsNone(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	key, list := tlstest.ECHKey(t, 9, outerName)
	key.SendAsRetry = false
	s := newSite(t, &tls.Config{
		Certificates:             []tls.Certificate{authority.Certificate(t, host), authority.Certificate(t, outerName)},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	})
	resolver := &echResolver{list: list, names: make(chan string, 4)}
	c := config(authority, onlyECH, s.addr)
	c.Resolver = resolver
	d := netdial.New(c)
	require.True(t, dial(t, d).ConnectionState().ECHAccepted)
	assert.Equal(t, outerName, <-resolver.names)
	require.True(t, dial(t, d).ConnectionState().ECHAccepted)
	assert.EqualValues(t, 1, resolver.asked.Load(), "the list is remembered")
}

func TestECHFallsBackToTheNextStrategy(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	plain := newSite(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, host)}})
	d := newDialer(authority, []netdial.Strategy{netdial.ECH, netdial.Split}, plain.addr)
	conn := dial(t, d)
	assert.False(t, conn.ConnectionState().ECHAccepted)
	assert.Equal(t, "hello "+host, fetch(t, conn, host))
	assert.Equal(t, netip.AddrPort(plain.addr), d.Routes()[0].Address)
	assert.Equal(t, netdial.Split, d.Routes()[0].Strategy)
}
