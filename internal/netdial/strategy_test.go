package netdial_test

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/netdial"
	"github.com/pixivoc/pixivoc/internal/tlstest"
)

// newECHSite is a site that knows ECH under outerName, with certificate for
// the true name.
func newECHSite(t *testing.T, authority *tlstest.Authority, certificate tls.Certificate) *site {
	t.Helper()
	key, _ := tlstest.ECHKey(t, 7, outerName)
	return newSite(t, &tls.Config{
		Certificates:             []tls.Certificate{certificate, authority.Certificate(t, outerName)},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{key},
	})
}

func TestEachStrategyReachesTheSitePastItsFilter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		strategy  netdial.Strategy
		forbidden string // what the filter resets on
		asked     string // the last name that the site was given
	}{
		{netdial.SNI, "no such word", host},
		{netdial.NoSNI, "pximg", ""},
		{netdial.ECH, "pximg", host},
		{netdial.Split, "pximg", host},
	} {
		t.Run(string(test.strategy), func(t *testing.T) {
			t.Parallel()
			authority := tlstest.NewAuthority(t)
			s := newECHSite(t, authority, authority.Certificate(t, host))
			filter := tlstest.NewFilter(t, test.forbidden, s.addr)
			conn := dial(t, newDialer(authority, []netdial.Strategy{test.strategy}, filter.Address))

			asked := s.asked()
			assert.Equal(t, test.asked, asked[len(asked)-1])
			assert.Equal(t, "http/1.1", conn.ConnectionState().NegotiatedProtocol)
			assert.Equal(t, test.strategy == netdial.ECH, conn.ConnectionState().ECHAccepted)
			assert.Equal(t, "hello "+host, fetch(t, conn, host), "the Host header stays true")
			assert.Zero(t, filter.Resets.Load())
		})
	}
}

func TestFilterResetsTheTrueNameAndTheNextStrategyIsTried(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	s := newSite(t, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, host)}})
	filter := tlstest.NewFilter(t, "pximg", s.addr)
	d := newDialer(authority, []netdial.Strategy{netdial.SNI, netdial.Split}, filter.Address)
	conn := dial(t, d)
	assert.Equal(t, "hello "+host, fetch(t, conn, host))
	assert.EqualValues(t, 1, filter.Resets.Load())

	dial(t, d)
	assert.EqualValues(t, 1, filter.Resets.Load(), "the strategy that worked is remembered")
	routes := d.Routes()
	require.Len(t, routes, 1)
	assert.Equal(t, netdial.Split, routes[0].Strategy)
	require.Len(t, routes[0].Failed, 1)
	assert.Equal(t, netdial.Reset, routes[0].Failed[0].Cause)
}

func TestSplitAlsoCutsTheSecondClientHello(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	s := newSite(t, &tls.Config{
		Certificates:     []tls.Certificate{authority.Certificate(t, host)},
		CurvePreferences: []tls.CurveID{tls.CurveP521}, // not what the client begins with: HelloRetryRequest
	})
	filter := tlstest.NewFilter(t, "pximg", s.addr)
	conn := dial(t, newDialer(authority, []netdial.Strategy{netdial.Split}, filter.Address))
	assert.Equal(t, tls.CurveP521, conn.ConnectionState().CurveID)
	assert.Zero(t, filter.Resets.Load())
}

func TestIntermediateCertificatesAreUsed(t *testing.T) {
	t.Parallel()
	for _, strategy := range allStrategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			authority := tlstest.NewAuthority(t)
			s := newECHSite(t, authority, authority.ViaIntermediate(t, host))
			dial(t, newDialer(authority, []netdial.Strategy{strategy}, s.addr))
		})
	}
}

func TestN12_BadCertificateIsRefusedInEveryStrategy(t *testing.T) {
	t.Parallel()
	bad := map[string]func(*testing.T, *tlstest.Authority) tls.Certificate{
		"another name": func(t *testing.T, a *tlstest.Authority) tls.Certificate { return a.Certificate(t, "pixiv.example") },
		"expired":      func(t *testing.T, a *tlstest.Authority) tls.Certificate { return a.Expired(t, host) },
		"self-signed":  func(t *testing.T, _ *tlstest.Authority) tls.Certificate { return tlstest.SelfSigned(t, host) },
		"another authority": func(t *testing.T, _ *tlstest.Authority) tls.Certificate {
			return tlstest.NewAuthority(t).Certificate(t, host)
		},
		"wildcard above": func(t *testing.T, a *tlstest.Authority) tls.Certificate { return a.Certificate(t, "*.test") },
	}
	for _, strategy := range allStrategies {
		for about, certificate := range bad {
			t.Run(string(strategy)+"/"+about, func(t *testing.T) {
				t.Parallel()
				authority := tlstest.NewAuthority(t)
				s := newECHSite(t, authority, certificate(t, authority))
				_, err := newDialer(authority, []netdial.Strategy{strategy}, s.addr).DialTLSContext(t.Context(), "tcp", address)
				failure, ok := errors.AsType[*netdial.Error](err)
				require.True(t, ok, "%v", err)
				require.Len(t, failure.Attempts, 1)
				assert.Equal(t, netdial.Certificate, failure.Attempts[0].Cause, "%v", err)
				assert.Equal(t, strategy, failure.Attempts[0].Strategy)
				_, ok = errors.AsType[*tls.CertificateVerificationError](err)
				assert.True(t, ok, "%v", err)
				assert.ErrorContains(t, err, s.addr.String())
			})
		}
	}
}

func TestN12_FailsOverPastABadCertificateAndKeepsTheError(t *testing.T) {
	t.Parallel()
	for _, strategy := range allStrategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			authority := tlstest.NewAuthority(t)
			impostor := newECHSite(t, authority, authority.Certificate(t, "pixiv.example"))
			genuine := newECHSite(t, authority, authority.Certificate(t, host))
			log := &logBuffer{}
			c := config(authority, []netdial.Strategy{strategy}, impostor.addr, genuine.addr)
			c.Logger = log.logger()
			d := netdial.New(c)
			// Both may be asked at once, so the good one may win before the
			// bad one has failed; then there is nothing to keep.
			assert.Equal(t, "hello "+host, fetch(t, dial(t, d), host))
			routes := d.Routes()
			require.Len(t, routes, 1)
			assert.Equal(t, genuine.addr, routes[0].Address)
			if len(routes[0].Failed) > 0 {
				assert.Equal(t, impostor.addr.String(), routes[0].Failed[0].Address)
				assert.Equal(t, netdial.Certificate, routes[0].Failed[0].Cause)
				assert.Contains(t, log.String(), impostor.addr.String())
				assert.Contains(t, log.String(), "cause=certificate")
			}
		})
	}
}
