package socketapi_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Until a client has shown a token nothing it sends has a reply or an effect,
// and it gets no reports. Then it is a client like any other.
func TestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		client := kernel(t, newGate())
		d := openPipe(t, client, socketapi.Config{Token: "canary-secret", Logger: log.logger()})
		conn := raw{t, d.dial()}
		for _, request := range []map[string]any{
			fields("S1", 3), fields("S2", 5, "Timeout", 1), fields("S3", 0), fields("S4", 1000), fields("S5", 3, "Token", ""),
			fields("S6", 3, "Token", true), fields("S7", 1001),
		} {
			conn.send(encoded(t, request))
		}
		task := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "unseen", Keyword: "1"})
		synctest.Wait()
		content, reports := conn.ask("S8", 3, "Token", "canary-secret")
		assert.Equal(t, "false", content)
		assert.Empty(t, reports)
		assert.Equal(t, time.Minute, client.Env().Timeout)
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{}))
		assert.Equal(t, 12, conn.next().Type, "reports from now on")
		<-time.After(time.Hour)
		conn.silent()
		content, _ = conn.ask("S9", 1001)
		assert.JSONEq(t, `{"ok": true, "result": {"server": "pixivoc", "protocol": 1, "authenticated": true, "control": true, "admin": true, "max_frame": 65536}}`, content)

		wrong := raw{t, d.dial()}
		wrong.request("S1", 3, "Token", "canary-secre")
		wrong.closed()
		late, begun := raw{t, d.dial()}, time.Now()
		late.closed()
		assert.Equal(t, socketapi.DefaultAuthenticationTimeout, time.Since(begun))
		synctest.Wait()
		counters := d.server.Counters()
		assert.EqualValues(t, 8, counters.Void[socketapi.VoidUnauthenticated])
		assert.EqualValues(t, 1, counters.Closed[socketapi.ClosedWrongToken])
		assert.EqualValues(t, 1, counters.Closed[socketapi.ClosedUnauthenticated])
		assert.NotContains(t, log.String(), "canary")
	})
}

// Who guesses is slowed down, by address: another one is not affected.
func TestToken_Guessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newPipeListener()
		var mu sync.Mutex
		from := netip.MustParseAddr("192.0.2.1")
		var asked int
		d := open(t, kernel(t, newGate()), socketapi.Config{
			Authenticate: func(_ context.Context, token string, remote netip.Addr) (socketapi.Rights, error) {
				mu.Lock()
				defer mu.Unlock()
				asked++
				if token != "right" {
					return socketapi.Rights{}, errors.New("wrong")
				}
				return socketapi.Rights{}, nil
			},
		}, wrappingListener{listener, func(conn net.Conn) net.Conn { return seenFrom{conn, from} }})
		try := func(address, token string) bool {
			from = netip.MustParseAddr(address)
			near, err := listener.connect(t.Context())
			require.NoError(t, err)
			defer func() { _ = near.Close() }()
			raw{t, near}.request("S1", 3, "Token", token)
			_, err = raw{t, near}.body()
			synctest.Wait()
			return err == nil
		}
		for range 5 {
			assert.False(t, try("192.0.2.1", "guess"))
		}
		assert.False(t, try("192.0.2.1", "right"), "has to wait")
		assert.Equal(t, 5, asked)
		assert.True(t, try("192.0.2.2", "right"))
		<-time.After(time.Second)
		assert.False(t, try("192.0.2.1", "guess"))
		<-time.After(time.Second)
		assert.False(t, try("192.0.2.1", "right"), "has to wait longer")
		<-time.After(time.Second)
		assert.True(t, try("192.0.2.1", "right"))
		for range 20 {
			try("2001:db8::1", "guess")
			<-time.After(time.Hour / 120)
		}
		assert.False(t, try("2001:db8::ffff", "right"), "one network")
		<-time.After(time.Minute)
		assert.True(t, try("2001:db8::ffff", "right"), "never longer than a minute")
		_ = d
	})
}

// seenFrom is a connection that says where it comes from.
type seenFrom struct {
	net.Conn
	remote netip.Addr
}

func (c seenFrom) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.remote, 1))
}

// What a client without a right asks for is refused in the words of its
// command.
func TestRights(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	logIn(t, client)
	task := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
	exits := make(chan struct{}, 1)
	d := openTCP(t, client, socketapi.Config{
		Exit: func() { exits <- struct{}{} },
		Authenticate: func(_ context.Context, token string, _ netip.Addr) (socketapi.Rights, error) {
			return socketapi.Rights{Control: token == "control"}, nil
		},
	})
	forbidden := `{"ok": false, "error": {"code": "forbidden", "message": "the connection has no right to do this"}}`
	reader := raw{t, d.dial()}
	reader.ask("S0", 3, "Token", "read")
	for _, test := range []struct {
		command int
		want    string
	}{
		{1, "false"}, {2, "false"}, {4, "false"}, {5, "false"}, {6, "false"}, {7, "false"}, {8, "false"}, {11, "false"}, {12, "false"},
		{13, "false"}, {101, "[false, []]"}, {102, "[false, []]"}, {103, "[false, []]"}, {104, "[false, []]"},
		{1002, forbidden}, {1008, forbidden}, {1009, forbidden}, {1010, forbidden}, {1014, forbidden}, {1016, forbidden}, {1017, forbidden},
	} {
		content, _ := reader.ask("S1", test.command, "TID", task.ID(), "Timeout", 1, "KeyWord", "1", "TaskName", "y", "SavePath", ".")
		assert.JSONEq(t, test.want, content, test.command)
	}
	reader.request("S2", 0)
	reader.silent()
	content, _ := reader.ask("S3", 14, "TID", task.ID())
	assert.Contains(t, content, "WorkDetails")
	controller := raw{t, d.dial()}
	content, _ = controller.ask("S1", 11, "TID", task.ID(), "Token", "control")
	assert.Equal(t, "true", content)
	for _, command := range []int{4, 5, 6, 7, 8} {
		content, _ = controller.ask("S1", command, "Timeout", 7)
		assert.Equal(t, "false", content, "settings are not control")
	}
	content, _ = controller.ask("S1", 1016, "Arguments", map[string]any{"timeout_ms": 7000})
	assert.JSONEq(t, forbidden, content)
	assert.Equal(t, time.Minute, client.Env().Timeout)
	content, _ = controller.ask("S1", 1, "Account", "x")
	assert.Equal(t, "false", content)
	assert.Empty(t, exits)
	// A client may show another token later.
	content, _ = controller.ask("S1", 1001, "Token", "read")
	assert.Contains(t, content, `"control": false`)
	content, _ = controller.ask("S1", 12, "TID", task.ID())
	assert.Equal(t, "false", content)
}

// What is taken from a client is gone soon, whether it speaks or listens.
func TestRights_AreRenewed(t *testing.T) {
	for _, renews := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var asked, renewed atomic.Int64
			var rights atomic.Pointer[socketapi.Rights] // nil: the token is void
			rights.Store(&socketapi.Rights{Control: true})
			look := func() (socketapi.Rights, error) {
				if now := rights.Load(); now != nil {
					return *now, nil
				}
				return socketapi.Rights{}, errors.New("void")
			}
			d := openPipe(t, kernel(t, newGate()), socketapi.Config{
				Authenticate: func(_ context.Context, token string, _ netip.Addr) (socketapi.Rights, error) {
					asked.Add(1)
					now, err := look()
					if token == "other" {
						return socketapi.Rights{Admin: true}, nil
					}
					if renews {
						now.Renew = func(context.Context) (socketapi.Rights, error) {
							renewed.Add(1)
							return look()
						}
					}
					return now, err
				},
			})
			speaker, listener, other := raw{t, d.dial()}, raw{t, d.dial()}, raw{t, d.dial()}
			speaker.ask("S1", 3, "Token", "secret")
			listener.ask("S1", 3, "Token", "secret")
			other.ask("S1", 3, "Token", "secret")
			other.ask("S1", 1001, "Token", "other")
			assert.EqualValues(t, 4, asked.Load())
			<-time.After(time.Minute + time.Second)
			greeting, _ := speaker.ask("S2", 1001)
			assert.Contains(t, greeting, `"control": true`)
			if renews {
				assert.EqualValues(t, 8, renewed.Load(), "and no password is looked at again")
			} else {
				assert.EqualValues(t, 4+3*4, asked.Load())
			}
			rights.Store(&socketapi.Rights{Admin: true})
			<-time.After(15 * time.Second)
			greeting, _ = speaker.ask("S3", 1001)
			assert.Contains(t, greeting, `"control": false, "admin": true`)
			rights.Store(nil)
			begun := time.Now()
			listener.closed()
			speaker.closed()
			assert.LessOrEqual(t, time.Since(begun), 15*time.Second)
			other.silent()
			synctest.Wait()
			assert.EqualValues(t, 2, d.server.Counters().Closed[socketapi.ClosedWrongToken])
		})
	}
}

// A listener for strangers wants TLS and a token or a client certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "localhost")}, MinVersion: tls.VersionTLS10}
	client := kernel(t, newGate())
	stranger := elsewhere{newPipeListener(), &net.TCPAddr{IP: net.IPv4zero}}

	server, err := socketapi.New(client, socketapi.Config{TLS: config})
	require.NoError(t, err)
	assert.ErrorContains(t, server.Serve(t.Context(), stranger), "Token: or a check of client certificates is required")

	d := openTCP(t, client, socketapi.Config{TLS: config, Token: "secret"})
	dial := func(config *tls.Config) (raw, error) {
		conn, err := tls.Dial("tcp", d.addr, config)
		if err != nil {
			return raw{}, err
		}
		t.Cleanup(func() { _ = conn.Close() })
		return raw{t, conn}, nil
	}
	conn, err := dial(&tls.Config{ServerName: "localhost", RootCAs: authority.Pool()})
	require.NoError(t, err)
	content, _ := conn.ask("S1", 3, "Token", "secret")
	assert.Equal(t, "false", content)
	_, err = dial(&tls.Config{ServerName: "localhost", RootCAs: authority.Pool(), MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	assert.Error(t, err, "1.2 or later")
	_, err = dial(&tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool()})
	assert.Error(t, err)
	plain := raw{t, d.dial()}
	plain.request("S1", 3, "Token", "secret")
	for { // an alert, and the end
		if _, err := plain.conn.Read(make([]byte, 64)); err != nil {
			break
		}
	}

	mine := clientCertificate(t)
	config = config.Clone()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	config.ClientCAs.AddCert(mine.Leaf)
	d = openTCP(t, client, socketapi.Config{TLS: config})
	conn, err = dial(&tls.Config{ServerName: "localhost", RootCAs: authority.Pool(), Certificates: []tls.Certificate{mine}})
	require.NoError(t, err)
	content, _ = conn.ask("S1", 5, "Timeout", 9)
	assert.Equal(t, "true", content)
	conn, err = dial(&tls.Config{ServerName: "localhost", RootCAs: authority.Pool()})
	if err == nil { // with TLS 1.3 the refusal comes with the first read
		conn.closed()
	}
}

// clientCertificate makes a certificate for a client, signed by itself.
func clientCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// A client that does not finish the TLS handshake leaves in time.
func TestTLS_HandshakeNeverEnds(t *testing.T) {
	authority := tlstest.NewAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "localhost")}}
	synctest.Test(t, func(t *testing.T) {
		d := openPipe(t, kernel(t, newGate()), socketapi.Config{TLS: config, Token: "secret"})
		begun := time.Now()
		raw{t, d.dial()}.closed()
		assert.Equal(t, socketapi.DefaultAuthenticationTimeout, time.Since(begun))
		require.NoError(t, d.stop())
		assert.Zero(t, d.server.Counters().Clients)
	})
}
