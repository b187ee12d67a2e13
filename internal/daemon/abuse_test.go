//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestG10_SlowHeadsAndBodies opens 200 connections whose heads do not come, and
// 50 whose bodies stall: fresh clients are served meanwhile, and the server
// drops the others by itself.
func TestG10_SlowHeadsAndBodies(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo")
	var slow []net.Conn
	for range 200 {
		conn := dial(t, p.HTTP)
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: lo")
		require.NoError(t, err)
		slow = append(slow, conn)
	}
	for range 50 {
		conn := dial(t, p.HTTP)
		_, err := io.WriteString(conn, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{")
		require.NoError(t, err)
		slow = append(slow, conn)
	}
	for range 50 {
		status, _, _ := p.send(t, request{path: "/readyz"})
		require.Equal(t, http.StatusOK, status)
	}
	var group sync.WaitGroup
	for _, conn := range slow {
		group.Go(func() {
			_, err := io.Copy(io.Discard, conn) // the answer, if there is one, and the end
			timeout, isNet := errors.AsType[net.Error](err)
			assert.False(t, isNet && timeout.Timeout(), "still open")
		})
	}
	group.Wait()
	p.stop(t)
}

// TestG11_ManyAtOnce sends 1,000 requests at once, more than there are places.
func TestG11_ManyAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", "--max-connections=100")
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	var mu sync.Mutex
	statuses := map[int]int{}
	var group sync.WaitGroup
	for n := range 1000 {
		group.Go(func() {
			path := "/readyz"
			if n%2 == 1 {
				path = "/api/v1/tasks" // refused: nobody is logged in
			}
			response, err := client.Get(p.URL + path)
			if !assert.NoError(t, err) {
				return
			}
			assert.NoError(t, response.Body.Close())
			mu.Lock()
			defer mu.Unlock()
			statuses[response.StatusCode]++
		})
	}
	group.Wait()
	assert.Equal(t, map[int]int{http.StatusOK: 500, http.StatusUnauthorized: 500}, statuses)
	p.stop(t)
}

// TestH5_IdleConnections leaves 600 connections idle: the 512 places are all
// taken, and fresh clients are served.
func TestH5_IdleConnections(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo")
	for range 600 {
		conn := dial(t, p.HTTP)
		_, err := fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	status, _, _ := p.send(t, request{path: "/readyz"})
	assert.Equal(t, http.StatusOK, status)
	p.stop(t)
}
