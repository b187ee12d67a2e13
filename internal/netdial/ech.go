package netdial

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
)

// Numbers of an ECHConfig: RFC 9849 section 4, RFC 9180 section 7.
const (
	echVersion         = 0xfe0d
	kemX25519HKDF256   = 0x0020
	kdfHKDF256         = 0x0001
	aeadAES128GCM      = 0x0001
	x25519PublicKeyLen = 32
)

// bootstrapECHConfigList returns a list with a key that no server has. A server
// that knows ECH refuses it and sends the right list, under a certificate for
// publicName, so that nothing has to be known or looked up before.
func bootstrapECHConfigList(publicName string) []byte {
	random := make([]byte, 1+x25519PublicKeyLen)
	_, _ = rand.Read(random) // never fails: crypto/rand

	contents := []byte{random[0]} // config_id
	contents = binary.BigEndian.AppendUint16(contents, kemX25519HKDF256)
	contents = appendBlock(contents, random[1:])
	var suites []byte
	suites = binary.BigEndian.AppendUint16(suites, kdfHKDF256)
	suites = binary.BigEndian.AppendUint16(suites, aeadAES128GCM)
	contents = appendBlock(contents, suites)
	contents = append(contents, 0) // maximum_name_length: not said
	contents = append(contents, byte(len(publicName)))
	contents = append(contents, publicName...)
	contents = appendBlock(contents, nil) // extensions

	var config []byte
	config = binary.BigEndian.AppendUint16(config, echVersion)
	config = appendBlock(config, contents)
	return appendBlock(nil, config)
}

func appendBlock(b, block []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(block)))
	return append(b, block...)
}

// attemptECH opens a connection with ECH. When the server refuses the list it
// is tried once more with the one that the server, or DNS, gives instead.
func (d *Dialer) attemptECH(ctx context.Context, t target, known *knowledge, connect func() (net.Conn, error)) (net.Conn, error) {
	try := func(list []byte) (net.Conn, error) {
		conn, err := connect()
		if err != nil {
			return nil, err
		}
		return d.handshake(ctx, conn, t.host, ECH, list)
	}
	list := known.ech()
	if list == nil {
		list = d.bootstrap
	}
	conn, err := try(list)
	if err == nil || !isStale(err) {
		return conn, err
	}
	known.setECH(nil)
	better := d.betterECH(ctx, err)
	if better == nil || bytes.Equal(better, list) {
		return nil, err
	}
	conn, err = try(better)
	if err != nil {
		return nil, err
	}
	known.setECH(better)
	return conn, nil
}

// isStale says whether err may come from an old list: the server refused it, or
// the certificate was not good for the outer name in it.
func isStale(err error) bool {
	_, refused := errors.AsType[*tls.ECHRejectionError](err)
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return refused || distrusted
}

// betterECH returns the list to use after a handshake failed with err, or nil.
// A list from the server can be trusted: crypto/tls has checked that the
// server is the outer name.
func (d *Dialer) betterECH(ctx context.Context, err error) []byte {
	if refused, ok := errors.AsType[*tls.ECHRejectionError](err); ok && len(refused.RetryConfigList) > 0 {
		return refused.RetryConfigList
	}
	resolver, ok := d.config.Resolver.(ECHResolver)
	if !ok {
		return nil
	}
	ctx, cancel := d.bound(ctx, 1)
	defer cancel()
	list, err := resolver.LookupECH(ctx, d.config.ECHHost)
	if err != nil {
		d.config.Logger.Warn("no ECH configuration found", "host", d.config.ECHHost, "error", err)
		return nil
	}
	return list
}
