package clienthello_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/clienthello"
)

const name = "app-api.pixiv.net"

// wire is a connection that keeps what is written to it, write by write.
type wire struct {
	net.Conn
	writes [][]byte
	err    error
	closed bool
}

func (w *wire) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.writes = append(w.writes, bytes.Clone(p))
	return len(p), nil
}

func (w *wire) Close() error { w.closed = true; return nil }

func (w *wire) bytes() []byte { return bytes.Join(w.writes, nil) }

// hello returns the ClientHello record that crypto/tls sends for host.
func hello(t testing.TB, host string) []byte {
	t.Helper()
	w := &wire{}
	client := tls.Client(readFails{w}, &tls.Config{ServerName: host, InsecureSkipVerify: host == ""}) // never gets an answer to verify
	require.ErrorIs(t, client.HandshakeContext(t.Context()), errNoAnswer)
	require.NotEmpty(t, w.writes)
	return w.writes[0]
}

var errNoAnswer = errors.New("no answer")

type readFails struct{ *wire }

func (readFails) Read([]byte) (int, error) { return 0, errNoAnswer }

func (readFails) SetWriteDeadline(time.Time) error { return nil }

// records cuts b into TLS records; what is left at the end is no record.
func records(b []byte) (all [][]byte, rest []byte) {
	for len(b) >= 5 && b[1] == 3 {
		size := 5 + int(binary.BigEndian.Uint16(b[3:]))
		if size > len(b) {
			break
		}
		all = append(all, b[:size])
		b = b[size:]
	}
	return all, b
}

func payloads(all [][]byte) []byte {
	var joined []byte
	for _, record := range all {
		joined = append(joined, record[5:]...)
	}
	return joined
}

func TestClientHelloIsCutAtAndInsideTheName(t *testing.T) {
	t.Parallel()
	sent := hello(t, name)
	w := &wire{}
	n, err := clienthello.NewConn(w, name, 0).Write(sent)
	require.NoError(t, err)
	assert.Equal(t, len(sent), n)

	got, rest := records(w.bytes())
	require.Empty(t, rest)
	require.Len(t, got, 3)
	assert.Equal(t, sent[5:], payloads(got), "the handshake message must not change")
	at := bytes.Index(sent, []byte(name))
	assert.Len(t, got[0], at, "the first record ends where the name starts")
	assert.Equal(t, name[:len(name)/2], string(got[1][5:]))
	assert.True(t, bytes.HasPrefix(got[2][5:], []byte(name[len(name)/2:])))
	for _, record := range got {
		assert.Equal(t, []byte{22, 3, 9}, record[:3])
	}
	assert.Len(t, w.writes, 5, "one write for the first record, two for each later one")
	for _, write := range w.writes {
		assert.NotContains(t, string(write), name)
	}
}

func TestDelayBeforeEachLaterWrite(t *testing.T) {
	t.Parallel()
	sent := hello(t, name)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := clienthello.NewConn(&wire{}, name, 100*time.Millisecond).Write(sent)
		require.NoError(t, err)
		assert.Equal(t, 400*time.Millisecond, time.Since(began))
	})
}

func TestCloseEndsAWaitingWrite(t *testing.T) {
	t.Parallel()
	sent := hello(t, name)
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		conn := clienthello.NewConn(w, name, time.Hour)
		ended := make(chan error)
		go func() {
			_, err := conn.Write(sent)
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, conn.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
		assert.True(t, w.closed)
		require.NoError(t, conn.Close(), "a second Close is harmless")
	})
}

func TestErrorOfAWriteIsReturned(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	n, err := clienthello.NewConn(&wire{err: broken}, name, 0).Write(hello(t, name))
	assert.Zero(t, n)
	assert.ErrorIs(t, err, broken)
}

func TestWhatPassesUnchanged(t *testing.T) {
	t.Parallel()
	sent := hello(t, name)
	for _, test := range []struct {
		about string
		bytes []byte
		name  string
	}{
		{"nothing", nil, name},
		{"not TLS", []byte("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n"), name},
		{"SSL 2 record", []byte{22, 2, 0, 0, 1, 1}, name},
		{"cut record", sent[:len(sent)-1], name},
		{"cut header", sent[:4], name},
		{"another name", sent, "www.pixiv.net"},
		{"no name", hello(t, ""), name},
		{"application data that looks like a hello", append([]byte{23}, sent[1:]...), name},
		{"ServerHello", append(bytes.Clone(sent[:5]), append([]byte{2}, sent[6:]...)...), name},
	} {
		t.Run(test.about, func(t *testing.T) {
			t.Parallel()
			w := &wire{}
			n, err := clienthello.NewConn(w, test.name, 0).Write(test.bytes)
			require.NoError(t, err)
			assert.Equal(t, len(test.bytes), n)
			assert.Equal(t, string(test.bytes), string(w.bytes()))
		})
	}
}

func TestNameMatchesInAnyCase(t *testing.T) {
	t.Parallel()
	w := &wire{}
	_, err := clienthello.NewConn(w, strings.ToUpper(name), 0).Write(hello(t, name))
	require.NoError(t, err)
	got, _ := records(w.bytes())
	assert.Len(t, got, 3)
}

func TestSecondHelloIsCutAndTheThirdIsNot(t *testing.T) {
	t.Parallel()
	sent := hello(t, name)
	changeCipherSpec := []byte{20, 3, 3, 0, 1, 1}
	w := &wire{}
	conn := clienthello.NewConn(w, name, 0)
	// As after a HelloRetryRequest: a dummy change_cipher_spec stands between.
	_, err := conn.Write(bytes.Join([][]byte{sent, changeCipherSpec, sent, sent}, nil))
	require.NoError(t, err)
	got, rest := records(w.bytes())
	require.Empty(t, rest)
	require.Len(t, got, 3+1+3+1)
	assert.Equal(t, changeCipherSpec, got[3])
	for _, record := range got[4:7] {
		assert.Equal(t, sent[1:3], record[1:3], "later hellos keep their record version, which servers may check")
	}
	assert.Equal(t, sent, got[7])
}

func FuzzConn(f *testing.F) {
	sent := hello(f, name)
	f.Add(sent, uint16(0))
	f.Add(sent, uint16(100))
	f.Add(append([]byte{20, 3, 3, 0, 1, 1}, sent...), uint16(6))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(3))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, uint16(1))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		w := &wire{}
		conn := clienthello.NewConn(w, name, 0)
		at := min(int(cut), len(stream))
		for _, p := range [][]byte{stream[:at], stream[at:]} {
			n, err := conn.Write(p)
			if err != nil || n != len(p) {
				t.Fatalf("Write of %d bytes: %d, %v", len(p), n, err)
			}
		}
		out := w.bytes()
		if bytes.Equal(out, stream) {
			return
		}
		// Records were cut: the same content, type by type, must come out.
		if got, want := flatten(out), flatten(stream); !bytes.Equal(got, want) {
			t.Fatalf("content changed:\n got %x\nwant %x", got, want)
		}
	})
}

// flatten writes each content byte with its record type before it, so that
// streams that differ only in how they are cut into records are equal.
func flatten(stream []byte) []byte {
	all, rest := records(stream)
	var flat []byte
	for _, record := range all {
		for _, b := range record[5:] {
			flat = append(flat, record[0], b)
		}
	}
	return append(flat, rest...)
}
