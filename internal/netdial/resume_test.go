package netdial

import (
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/tlstest"
)

// TestN14_ResumedSessionIsVerified takes the ticket of one name to a connection
// for another, which the separate session caches prevent otherwise.
func TestN14_ResumedSessionIsVerified(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	address := tlstest.Serve(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "one.test")}}, http.NotFoundHandler())
	d := New(Config{RootCAs: authority.Pool()})

	handshake := func(host string) (bool, error) {
		config := d.tlsConfig(host, NoSNI, nil)
		config.ClientSessionCache = d.sessions // one cache for all names
		raw, err := net.Dial("tcp", address.String())
		require.NoError(t, err)
		defer func() { _ = raw.Close() }()
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(t.Context()); err != nil {
			return conn.ConnectionState().DidResume, err
		}
		_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n"))
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1)) // takes the ticket in
		require.NoError(t, err)
		return conn.ConnectionState().DidResume, nil
	}

	resumed, err := handshake("one.test")
	require.NoError(t, err)
	require.False(t, resumed)
	resumed, err = handshake("one.test")
	require.NoError(t, err)
	require.True(t, resumed, "the ticket works")
	resumed, err = handshake("two.test")
	assert.True(t, resumed, "the ticket was used")
	var refused *tls.CertificateVerificationError
	assert.ErrorAs(t, err, &refused)
}

func TestN14_SessionsOfTwoNamesAtOneAddressAreApart(t *testing.T) {
	t.Parallel()
	cache := tls.NewLRUClientSessionCache(4)
	one, two := sessions{cache, "nosni one.test "}, sessions{cache, "nosni two.test "}
	one.Put("127.0.0.1:443", &tls.ClientSessionState{})
	_, found := one.Get("127.0.0.1:443")
	assert.True(t, found)
	_, found = two.Get("127.0.0.1:443")
	assert.False(t, found)
}

func TestVerifyRefusesWithoutNameOrCertificate(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	assert.Error(t, verify("", authority.Pool())(tls.ConnectionState{}))
	assert.Error(t, verify("one.test", authority.Pool())(tls.ConnectionState{}))
}
