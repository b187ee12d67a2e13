package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// served is a server behind limit.
type served struct {
	address string
	places  *connections
	now     atomic.Int64 // requests that are being served
	most    atomic.Int64
}

func serveLimited(t *testing.T, most int, handler http.HandlerFunc) *served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &served{address: listener.Addr().String(), places: limit(listener, most)}
	server := &http.Server{ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, ConnState: s.places.watch, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.most.Store(max(s.most.Load(), s.now.Add(1)))
		defer s.now.Add(-1)
		handler(w, r)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.places) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	return s
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}

// get sends a request on a connection and reads the answer.
func get(conn net.Conn, reader *bufio.Reader, path string) (int, error) {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// TestH5_IdleConnectionsGiveWay opens more idle connections than there are
// places: a fresh client is served at once.
func TestH5_IdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	s := serveLimited(t, 8, func(http.ResponseWriter, *http.Request) {})
	for range 100 {
		conn := dial(t, s.address)
		status, err := get(conn, bufio.NewReader(conn), "/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	assert.LessOrEqual(t, len(s.places.places), 8)
}

// TestH5_SlowHeadsGiveWay fills all places with heads that do not come.
func TestH5_SlowHeadsGiveWay(t *testing.T) {
	t.Parallel()
	s := serveLimited(t, 8, func(http.ResponseWriter, *http.Request) {})
	for range 20 {
		_, err := io.WriteString(dial(t, s.address), "GET / HTTP/1.1\r\nHost: lo")
		require.NoError(t, err)
	}
	conn := dial(t, s.address)
	started := time.Now()
	status, err := get(conn, bufio.NewReader(conn), "/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Less(t, time.Since(started), 20*time.Second)
}

// TestG11_ThousandAtOnce: all are answered, and no more than the places allow
// are served at a time.
func TestG11_ThousandAtOnce(t *testing.T) {
	t.Parallel()
	const clients, places = 1000, 64
	s := serveLimited(t, places, func(http.ResponseWriter, *http.Request) { <-time.After(time.Millisecond) })
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var answered atomic.Int64
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address, nil)
			if !assert.NoError(t, err) {
				return
			}
			response, err := client.Do(request)
			if !assert.NoError(t, err) {
				return
			}
			assert.NoError(t, response.Body.Close())
			answered.Add(1)
		})
	}
	group.Wait()
	assert.EqualValues(t, clients, answered.Load())
	assert.LessOrEqual(t, s.most.Load(), int64(places))
}

// TestBusyConnectionsKeepTheirPlace: only what is idle is closed.
func TestBusyConnectionsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := serveLimited(t, 2, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			<-release
		}
	})
	results := make(chan error, 2)
	var group sync.WaitGroup
	for range 2 {
		conn := dial(t, s.address)
		group.Go(func() {
			_, err := get(conn, bufio.NewReader(conn), "/long")
			results <- err
		})
	}
	require.Eventually(t, func() bool { return s.now.Load() == 2 }, 10*time.Second, time.Millisecond)
	late := dial(t, s.address)
	group.Go(func() {
		_, err := get(late, bufio.NewReader(late), "/")
		assert.NoError(t, err, "served when a place is free")
	})
	select {
	case err := <-results:
		t.Errorf("a busy connection ended: %v", err)
	case <-time.After(3 * placePause):
	}
	close(release)
	group.Wait()
	for range 2 {
		assert.NoError(t, <-results)
	}
}

func TestClosedListenerEndsAccept(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	places := limit(listener, 1)
	places.places <- struct{}{}
	ended := make(chan error, 1)
	go func() {
		_, err := places.Accept()
		ended <- err
	}()
	require.NoError(t, places.Close())
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

// recorder is a connection that notes its write deadlines.
type recorder struct {
	net.Conn
	deadlines []time.Time
}

func (r *recorder) SetWriteDeadline(t time.Time) error {
	r.deadlines = append(r.deadlines, t)
	return nil
}

func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }

func (r *recorder) Close() error { return nil }

// TestH12_EveryPieceHasADeadline, and one that a door sets is left alone.
func TestH12_EveryPieceHasADeadline(t *testing.T) {
	t.Parallel()
	inner := &recorder{}
	conn := &connection{Conn: inner, owner: limit(nil, 1)}
	_, err := conn.Write([]byte("x"))
	require.NoError(t, err)
	require.Len(t, inner.deadlines, 1)
	assert.WithinDuration(t, time.Now().Add(writeTimeout), inner.deadlines[0], 10*time.Second)
	own := time.Now().Add(time.Hour)
	require.NoError(t, conn.SetWriteDeadline(own))
	_, _ = conn.Write([]byte("x"))
	assert.Equal(t, own, inner.deadlines[len(inner.deadlines)-1])
	require.NoError(t, conn.SetWriteDeadline(time.Time{}))
	_, _ = conn.Write([]byte("x"))
	assert.False(t, inner.deadlines[len(inner.deadlines)-1].IsZero(), "bounded again")
}

// TestPlacesAreGivenBackOnce closes connections twice, as net/http does.
func TestPlacesAreGivenBackOnce(t *testing.T) {
	t.Parallel()
	places := limit(nil, 2)
	require.NoError(t, places.takePlace())
	require.NoError(t, places.takePlace())
	conn := &connection{Conn: &recorder{}, owner: places}
	require.NoError(t, conn.Close())
	require.NoError(t, conn.Close())
	assert.Len(t, places.places, 1)
}
