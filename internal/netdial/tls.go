package netdial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/pixivoc/pixivoc/internal/clienthello"
)

// sessionCapacity is how many TLS sessions are kept for resumption.
const sessionCapacity = 256

// protocol is the only one offered. HTTP/2 would put all pictures of a host on
// one connection, where one reset kills them all and a limit on concurrent
// requests bounds no connections.
const protocol = "http/1.1"

// attempt opens one connection to t. It calls accepted when the address has
// accepted the connection.
func (d *Dialer) attempt(ctx context.Context, t target, o option, known *knowledge, accepted func()) (net.Conn, error) {
	connect := func() (net.Conn, error) {
		conn, err := d.connect(ctx, o.address.String())
		if err == nil {
			accepted()
		}
		return conn, err
	}
	switch {
	case !t.secure:
		return connect()
	case o.strategy == ECH:
		return d.attemptECH(ctx, t, known, connect)
	}
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	return d.handshake(ctx, conn, t.host, o.strategy, nil)
}

func (d *Dialer) connect(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := d.bound(ctx, 1)
	defer cancel()
	return d.config.Dial(ctx, "tcp", address)
}

// handshake starts TLS on conn, which it closes on failure. Success means that
// the certificate is good for host.
func (d *Dialer) handshake(ctx context.Context, conn net.Conn, host string, s Strategy, echList []byte) (net.Conn, error) {
	ctx, cancel := d.bound(ctx, 1)
	defer cancel()
	if s == Split {
		conn = clienthello.NewConn(conn, host, d.config.SplitDelay)
	}
	secure := tls.Client(conn, d.tlsConfig(host, s, echList))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake error says more
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return secure, nil
}

func (d *Dialer) tlsConfig(host string, s Strategy, echList []byte) *tls.Config {
	config := &tls.Config{
		ServerName:         host,
		RootCAs:            d.config.RootCAs,
		NextProtos:         []string{protocol},
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: sessions{d.sessions, string(s) + " " + host + " "},
	}
	switch s {
	case NoSNI:
		// Without a ServerName nothing is sent, and crypto/tls has nothing to
		// check the certificate against. So its check is switched off and the
		// same one made here, which unlike VerifyPeerCertificate also runs
		// for resumed sessions.
		config.ServerName = ""
		config.InsecureSkipVerify = true
		config.VerifyConnection = verify(host, config.RootCAs)
	case ECH:
		config.MinVersion = tls.VersionTLS13
		config.EncryptedClientHelloConfigList = echList
	}
	return config
}

// verify returns the check that crypto/tls makes of a server's certificate,
// for a connection that does not know the host's name.
func verify(host string, roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if host == "" {
			return errors.New("no host name to check the certificate against") // x509 would skip the check
		}
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server sent no certificate")
		}
		options := x509.VerifyOptions{
			DNSName:       host,
			Roots:         roots,
			Intermediates: x509.NewCertPool(),
		}
		for _, certificate := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(certificate)
		}
		if _, err := state.PeerCertificates[0].Verify(options); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
}

// sessions keeps the sessions of one host and strategy apart from all others:
// crypto/tls keys those without a server name by address, and hosts share
// addresses.
type sessions struct {
	tls.ClientSessionCache
	prefix string
}

func (s sessions) Get(key string) (*tls.ClientSessionState, bool) {
	return s.ClientSessionCache.Get(s.prefix + key)
}

func (s sessions) Put(key string, state *tls.ClientSessionState) {
	s.ClientSessionCache.Put(s.prefix+key, state)
}
