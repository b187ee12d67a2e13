package authority

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
)

// Numbers of an ECHConfig (RFC 9849 section 4) and of HPKE (RFC 9180 section 7).
const (
	echVersion   = 0xfe0d
	kemX25519    = 0x0020 // DHKEM(X25519, HKDF-SHA256)
	kdfSHA256    = 0x0001 // HKDF-SHA256
	aeadAES128   = 0x0001 // AES-128-GCM
	maxNameBytes = 32     // names are padded to this many bytes before they are encrypted
)

// NewECHKey makes a key for Encrypted Client Hello with an outer name. The server sends its config to clients that
// come with a stale one.
func NewECHKey(id uint8, publicName string) (tls.EncryptedClientHelloKey, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return tls.EncryptedClientHelloKey{}, fmt.Errorf("make an ECH key: %w", err)
	}
	return tls.EncryptedClientHelloKey{
		Config:      echConfig(id, key.PublicKey().Bytes(), publicName),
		PrivateKey:  key.Bytes(),
		SendAsRetry: true,
	}, nil
}

// ECHConfigList puts configs into the form that DNS carries and [tls.Config] takes (RFC 9849 section 4).
func ECHConfigList(configs ...[]byte) []byte {
	var body []byte
	for _, config := range configs {
		body = append(body, config...)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...)
}

// echConfig is one ECHConfig structure.
func echConfig(id uint8, publicKey []byte, publicName string) []byte {
	contents := []byte{id}
	contents = binary.BigEndian.AppendUint16(contents, kemX25519)
	contents = binary.BigEndian.AppendUint16(contents, uint16(len(publicKey)))
	contents = append(contents, publicKey...)
	contents = binary.BigEndian.AppendUint16(contents, 4) // length of the list of cipher suites
	contents = binary.BigEndian.AppendUint16(contents, kdfSHA256)
	contents = binary.BigEndian.AppendUint16(contents, aeadAES128)
	contents = append(contents, maxNameBytes, byte(len(publicName)))
	contents = append(contents, publicName...)
	contents = binary.BigEndian.AppendUint16(contents, 0) // no extensions
	config := binary.BigEndian.AppendUint16(nil, echVersion)
	config = binary.BigEndian.AppendUint16(config, uint16(len(contents)))
	return append(config, contents...)
}
