package tlstest

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// Serve runs an HTTPS server until the test ends and returns its address.
func Serve(tb testing.TB, config *tls.Config, handler http.Handler) netip.AddrPort {
	tb.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	server.StartTLS()
	tb.Cleanup(server.Close)
	return netip.MustParseAddrPort(server.Listener.Addr().String())
}

// ECHKey returns a key for a server that knows ECH under the outer name
// publicName, and the ECHConfigList that goes with it (RFC 9849 section 4).
func ECHKey(tb testing.TB, id byte, publicName string) (tls.EncryptedClientHelloKey, []byte) {
	tb.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	contents := []byte{id, 0, 0x20} // config_id, DHKEM(X25519, HKDF-SHA256)
	contents = block(contents, key.PublicKey().Bytes())
	contents = block(contents, []byte{0, 1, 0, 1}) // HKDF-SHA256, AES-128-GCM
	contents = append(contents, 32, byte(len(publicName)))
	contents = append(contents, publicName...)
	contents = block(contents, nil)
	config := block([]byte{0xfe, 0x0d}, contents)
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: key.Bytes(), SendAsRetry: true}, block(nil, config)
}

func block(b, contents []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(contents)))
	return append(b, contents...)
}

// Filter is a listener that passes connections on to a server, but resets
// those in which it sees a forbidden word within one TLS record from the
// client, or in bytes that are no record.
type Filter struct {
	Address netip.AddrPort
	Passed  atomic.Int32 // connections that got past their first record
	Resets  atomic.Int32
}

// NewFilter runs a filter before the server at upstream until the test ends.
func NewFilter(tb testing.TB, forbidden string, upstream netip.AddrPort) *Filter {
	tb.Helper()
	f := &Filter{}
	f.Address = Listen(tb, func(conn net.Conn) {
		f.serve(conn.(*net.TCPConn), forbidden, upstream)
	})
	return f
}

func (f *Filter) serve(client *net.TCPConn, forbidden string, upstream netip.AddrPort) {
	server, err := net.Dial("tcp", upstream.String())
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // ends when either side goes
		_ = client.CloseWrite()
	})
	defer back.Wait()
	defer func() { _ = server.Close() }()
	for first := true; ; first = false {
		record, err := readRecord(client)
		if bytes.Contains(record, []byte(forbidden)) {
			f.Resets.Add(1)
			_ = client.SetLinger(0)
			_ = client.Close()
			return
		}
		if err != nil {
			return
		}
		if first {
			f.Passed.Add(1)
		}
		if _, err := server.Write(record); err != nil {
			return
		}
	}
}

func readRecord(r io.Reader) ([]byte, error) {
	record := make([]byte, 5)
	if n, err := io.ReadFull(r, record); err != nil {
		return record[:n], err
	}
	record = append(record, make([]byte, binary.BigEndian.Uint16(record[3:]))...)
	n, err := io.ReadFull(r, record[5:])
	return record[:5+n], err
}

// Listen runs a TCP server until the test ends and returns its address. Each
// connection is closed when serve returns, or when the test ends, which ends
// serve.
func Listen(tb testing.TB, serve func(net.Conn)) netip.AddrPort {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	open := make(map[net.Conn]bool)
	ended := false
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if ended {
				_ = conn.Close()
			}
			open[conn] = true
			mu.Unlock()
			running.Go(func() {
				defer func() {
					_ = conn.Close()
					mu.Lock()
					delete(open, conn)
					mu.Unlock()
				}()
				serve(conn)
			})
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		ended = true
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

// Silent is an address that accepts connections and never answers.
func Silent(tb testing.TB) netip.AddrPort {
	tb.Helper()
	return Listen(tb, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
}

// Dead is an address that refuses connections. Its port is taken until the
// test ends, by a connection, so that no server of another test gets it.
func Dead(tb testing.TB) netip.AddrPort {
	tb.Helper()
	conn, err := net.Dial("tcp", Silent(tb).String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}
