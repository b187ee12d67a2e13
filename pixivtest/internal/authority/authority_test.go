package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest/internal/authority"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	a, err := authority.New()
	require.NoError(t, err)
	fromFile := x509.NewCertPool()
	require.True(t, fromFile.AppendCertsFromPEM(a.PEM()))
	for name, c := range map[string]struct {
		leaf authority.Leaf
		ask  string
		ok   bool
	}{
		"good":        {authority.Leaf{Names: []string{"i.pximg.net"}}, "i.pximg.net", true},
		"wildcard":    {authority.Leaf{Names: []string{"*.pximg.net"}}, "s.pximg.net", true},
		"other name":  {authority.Leaf{Names: []string{"i.pximg.net"}}, "www.pixiv.net", false},
		"expired":     {authority.Leaf{Names: []string{"i.pximg.net"}, NotAfter: time.Now().Add(-time.Hour)}, "i.pximg.net", false},
		"self-signed": {authority.Leaf{Names: []string{"i.pximg.net"}, SelfSigned: true}, "i.pximg.net", false},
	} {
		certificate, err := a.Issue(c.leaf)
		require.NoError(t, err, name)
		for _, pool := range []*x509.CertPool{a.Pool(), fromFile} {
			_, err = certificate.Leaf.Verify(x509.VerifyOptions{DNSName: c.ask, Roots: pool})
			require.Equal(t, c.ok, err == nil, "%s: %v", name, err)
		}
	}
}

// TestECH shakes hands with a current config, then with a stale one, whose refusal must carry the current one.
func TestECH(t *testing.T) {
	t.Parallel()
	a, err := authority.New()
	require.NoError(t, err)
	inner, err := a.Issue(authority.Leaf{Names: []string{"app-api.pixiv.net"}})
	require.NoError(t, err)
	outer, err := a.Issue(authority.Leaf{Names: []string{"cloudflare-ech.com"}})
	require.NoError(t, err)
	key, err := authority.NewECHKey(1, "cloudflare-ech.com")
	require.NoError(t, err)
	stale, err := authority.NewECHKey(2, "cloudflare-ech.com")
	require.NoError(t, err)
	server := &tls.Config{
		Certificates:             []tls.Certificate{inner, outer},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	}
	shake := func(list []byte) (tls.ConnectionState, error) {
		near, far := net.Pipe()
		defer near.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer far.Close()
			_ = tls.Server(far, server).HandshakeContext(t.Context()) // the client's view is what counts
		}()
		defer func() { <-done }()
		client := tls.Client(near, &tls.Config{
			ServerName: "app-api.pixiv.net", RootCAs: a.Pool(), MinVersion: tls.VersionTLS13,
			EncryptedClientHelloConfigList: list,
		})
		err := client.HandshakeContext(t.Context())
		near.Close()
		return client.ConnectionState(), err
	}
	state, err := shake(authority.ECHConfigList(key.Config))
	require.NoError(t, err)
	require.True(t, state.ECHAccepted)

	_, err = shake(authority.ECHConfigList(stale.Config))
	var rejection *tls.ECHRejectionError
	require.True(t, errors.As(err, &rejection), "%v", err)
	require.Equal(t, authority.ECHConfigList(key.Config), rejection.RetryConfigList)
}
