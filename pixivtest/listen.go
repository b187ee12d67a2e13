package pixivtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc/pixivtest/internal/authority"
)

// Certificate says which certificate an address shows.
type Certificate int

// The certificates. All but the first must be refused by a client.
const (
	CertificateGood       Certificate = iota // for all hosts, of the server's authority
	CertificateExpired                       // for all hosts, but out of date since yesterday
	CertificateSelfSigned                    // for all hosts, but of no authority
	CertificateOtherSite                     // of the server's authority, but for www.example.com
)

// Address describes one more TLS address of the server, with its own way of meeting a client. The zero value is like
// the main one.
type Address struct {
	Certificate Certificate

	// RefuseNoSNI ends the handshake of a hello that asks for no name.
	RefuseNoSNI bool
	// NoECH makes the address one that has never heard of Encrypted Client Hello.
	NoECH bool
	// BlockedNames plays a censor on the way: a connection whose first TLS record holds one of these texts is reset.
	// A hello that is split over several records within the text passes.
	BlockedNames []string
	// Delay before the handshake begins.
	Delay time.Duration
	// Silent accepts connections and never says a word.
	Silent bool
}

// Listen opens another address on loopback at which all hosts are served, as 127.0.0.1:port. It closes with the
// server. It panics when the server is not started or loopback cannot be listened on.
func (s *Server) Listen(address Address) string {
	opened, err := s.started("Listen").listen("", address)
	if err != nil {
		panic(fmt.Sprintf("pixivtest: Listen: %v", err))
	}
	return opened
}

// ECHConfigList is what a client needs for Encrypted Client Hello with this server, as an HTTPS record carries it.
func (s *Server) ECHConfigList() []byte {
	return authority.ECHConfigList(s.started("ECHConfigList").ech.Load().Config)
}

// RotateECH takes a new key for Encrypted Client Hello into use. Clients that come with the old config are refused and
// get the new one.
func (s *Server) RotateECH() {
	if err := s.started("RotateECH").newECHKey(); err != nil {
		panic(fmt.Sprintf("pixivtest: RotateECH: %v", err))
	}
}

// errNoName ends a handshake; the client sees an alert.
var errNoName = errors.New("the hello asks for no name")

// listen listens with TLS at a place on loopback, in the manner of address.
func (n *network) listen(at string, address Address) (string, error) {
	leaf := authority.Leaf{Names: hosts()}
	switch address.Certificate {
	case CertificateExpired:
		leaf.NotAfter = time.Now().Add(-24 * time.Hour)
	case CertificateSelfSigned:
		leaf.SelfSigned = true
	case CertificateOtherSite:
		leaf.Names = []string{"www.example.com"}
	}
	certificate, err := n.authority.Issue(leaf)
	if err != nil {
		return "", err
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			switch {
			case hello.ServerName == "" && address.RefuseNoSNI:
				return nil, errNoName
			case hello.ServerName == outerName:
				return &n.outer, nil
			}
			return &certificate, nil
		},
	}
	if !address.NoECH {
		config.GetEncryptedClientHelloKeys = func(*tls.ClientHelloInfo) ([]tls.EncryptedClientHelloKey, error) {
			return []tls.EncryptedClientHelloKey{*n.ech.Load()}, nil
		}
	}
	return n.serve(at, config, address)
}
