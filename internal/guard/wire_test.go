package guard_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/guard"
)

// reading is a door that reads its body and says how that ended.
func reading(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	tooLarge, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLarge:
		http.Error(w, fmt.Sprint("limit ", tooLarge.Limit), http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		http.Error(w, "too slow", http.StatusRequestTimeout)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		fmt.Fprintf(w, "%d bytes", len(body))
	}
}

func serve(t *testing.T, config guard.Config, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(guard.New(config).Wrap(handler))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// send writes text to a server as it is and returns the head of the answer, its body,
// and whether the server closed the connection afterwards.
func send(t *testing.T, address, text string) (status int, body string, closed bool) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	go func() { _, _ = io.WriteString(conn, text) }() // ends with the connection
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if response.Close {
		_, err = reader.ReadByte()
		closed = errors.Is(err, io.EOF) || isReset(err)
	}
	return response.StatusCode, string(raw), closed
}

func isReset(err error) bool {
	opError, ok := errors.AsType[*net.OpError](err)
	return ok && !opError.Timeout()
}

func TestH1_AbsoluteForm(t *testing.T) {
	t.Parallel()
	address := serve(t, guard.Config{}, reading)
	for request, want := range map[string]int{
		"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n": http.StatusMisdirectedRequest,
		"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n":    http.StatusOK,
		"GET / HTTP/1.0\r\n\r\n":                                               http.StatusMisdirectedRequest,
		"GET / HTTP/1.1\r\nHost:\r\n\r\n":                                      http.StatusMisdirectedRequest,
		"GET / HTTP/1.1\r\n\r\n":                                               http.StatusBadRequest,
		"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n":      http.StatusBadRequest,
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n":  http.StatusMisdirectedRequest,
		"GET //evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n":              http.StatusOK, // a path
		"GET / HTTP/1.1\r\nhost: evil.example\r\nHost : localhost\r\n\r\n":     http.StatusBadRequest,
		"GET / HTTP/1.1\r\nHost: localhost\r\n X-Folded: evil.example\r\n\r\n": http.StatusBadRequest,
	} {
		status, body, _ := send(t, address, request)
		assert.Equal(t, want, status, "%q: %s", request, body)
	}
}

func TestH4_BodyTooLong(t *testing.T) {
	t.Parallel()
	address := serve(t, guard.Config{}, reading)
	head := "POST /add HTTP/1.1\r\nHost: localhost\r\n"
	const limit = guard.DefaultMaxBody

	status, body, closed := send(t, address, head+"Content-Length: 2147483648\r\n\r\n")
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Equal(t, "the body is too large\n", body, "nothing of it was read")
	assert.True(t, closed)

	status, _, closed = send(t, address, head+"Content-Length: 2147483648\r\nExpect: 100-continue\r\n\r\n")
	assert.Equal(t, http.StatusRequestEntityTooLarge, status, "not asked to go on")
	assert.True(t, closed)

	endless := strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 64)
	status, body, closed = send(t, address, head+"Transfer-Encoding: chunked\r\n\r\n"+endless)
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Equal(t, fmt.Sprintf("limit %d\n", limit), body)
	assert.True(t, closed)

	for length, want := range map[int]int{limit: http.StatusOK, limit + 1: http.StatusRequestEntityTooLarge} {
		status, _, _ = send(t, address, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, length, strings.Repeat("x", length)))
		assert.Equal(t, want, status, length)
	}
}

func TestH4_BodyTooSlow(t *testing.T) {
	t.Parallel()
	address := serve(t, guard.Config{BodyTimeout: 200 * time.Millisecond}, reading)
	status, _, closed := send(t, address, "POST /add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
	assert.Equal(t, http.StatusRequestTimeout, status)
	assert.True(t, closed)
}

// TestBodyDeadlineIsForTheBodyAlone answers longer than a body may take.
func TestBodyDeadlineIsForTheBodyAlone(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	address := serve(t, guard.Config{BodyTimeout: timeout}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done(): // a read that timed out would end it
			http.Error(w, "ended", http.StatusInternalServerError)
		case <-time.After(3 * timeout):
			fmt.Fprint(w, "whole")
		}
	})
	status, body, _ := send(t, address, "POST /watch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "whole", body)
}

func TestH9_SmugglingShapes(t *testing.T) {
	t.Parallel()
	address := serve(t, guard.Config{}, reading)
	head := "POST /add HTTP/1.1\r\nHost: localhost\r\n"
	for name, request := range map[string]string{
		"two lengths":         head + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
		"negative length":     head + "Content-Length: -1\r\n\r\n",
		"plus sign":           head + "Content-Length: +4\r\n\r\nbody",
		"unknown coding":      head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"chunked twice":       head + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
		"blank before colon":  head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"NUL in a header":     head + "X-Name: a\x00b\r\n\r\n",
		"bare CR in a header": head + "X-Name: a\rX-Other: b\r\n\r\n",
	} {
		status, _, closed := send(t, address, request)
		assert.GreaterOrEqual(t, status, 400, name)
		assert.True(t, closed, name)
	}
}
