// Package tlstest makes certificates, TLS servers and a filter between them
// and a client, all on loopback, for tests.
package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// Authority issues certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority returns a new authority, which nobody trusts yet.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber:          serial(tb),
		Subject:               pkix.Name{CommonName: "test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	return &Authority{parse(tb, sign(tb, template, template, key, key)), key}
}

// Pool returns the pool that trusts the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Certificate returns a good certificate for names.
func (a *Authority) Certificate(tb testing.TB, names ...string) tls.Certificate {
	tb.Helper()
	return a.issue(tb, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names)
}

// Expired returns a certificate for names that was good until an hour ago.
func (a *Authority) Expired(tb testing.TB, names ...string) tls.Certificate {
	tb.Helper()
	return a.issue(tb, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), names)
}

// ViaIntermediate returns a good certificate for names together with the
// intermediate authority that signed it.
func (a *Authority) ViaIntermediate(tb testing.TB, names ...string) tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber:          serial(tb),
		Subject:               pkix.Name{CommonName: "test intermediate"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der := sign(tb, template, a.certificate, key, a.key)
	leaf := (&Authority{parse(tb, der), key}).Certificate(tb, names...)
	leaf.Certificate = append(leaf.Certificate, der)
	return leaf
}

// SelfSigned returns a certificate for names that no authority signed.
func SelfSigned(tb testing.TB, names ...string) tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	template := leaf(tb, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names)
	return tls.Certificate{Certificate: [][]byte{sign(tb, template, template, key, key)}, PrivateKey: key}
}

func (a *Authority) issue(tb testing.TB, from, until time.Time, names []string) tls.Certificate {
	tb.Helper()
	key := newKey(tb)
	der := sign(tb, leaf(tb, from, until, names), a.certificate, key, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func leaf(tb testing.TB, from, until time.Time, names []string) *x509.Certificate {
	tb.Helper()
	return &x509.Certificate{
		SerialNumber: serial(tb),
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    from,
		NotAfter:     until,
		DNSNames:     names,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func serial(tb testing.TB) *big.Int {
	tb.Helper()
	number, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatal(err)
	}
	return number
}

func sign(tb testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func parse(tb testing.TB, der []byte) *x509.Certificate {
	tb.Helper()
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return certificate
}
