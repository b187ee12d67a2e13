package taskapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

const addHead = "POST /add-task HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

// answerTo reads one answer.
func answerTo(t *testing.T, from io.Reader) response {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(from), nil)
	require.NoError(t, err)
	raw, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return response{t, answer.StatusCode, answer.Header, string(raw)}
}

// halfClosed sends a request, closes its side of the connection as "nc -N"
// does, and waits for the answer.
func (k *kit) halfClosed(text string) response {
	k.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(k.server.URL, "http://"))
	require.NoError(k.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, text)
	require.NoError(k.t, err)
	require.NoError(k.t, conn.(*net.TCPConn).CloseWrite())
	return answerTo(k.t, conn)
}

func TestH4_BodyEndsEarly(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	answer := k.halfClosed(addHead + "Content-Length: 100\r\n\r\n{\"Url").is(400)
	assert.Equal(t, badInput, answer.body)
	assert.Equal(t, "the body ended early", answer.header.Get("X-Pixivoc-Error"))
}

// TestH4_CallerClosesItsSide: net/http ends the context of a request when the
// caller has closed its side of the connection. The request was whole, so it is
// met and answered.
func TestH4_CallerClosesItsSide(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	ask := func(method, path, text string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(text)).WithContext(ended)
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		k.api.ServeHTTP(answer, request)
		return answer
	}
	for i := range 20 {
		answer := ask("POST", "/add-task", body(fmt.Sprint("Wait/1.", i)))
		require.Equal(t, 200, answer.Code, answer.Header().Get("X-Pixivoc-Error"))
		assert.Contains(t, answer.Body.String(), fmt.Sprintf(`"Aid":"1.%d"`, i))
	}
	assert.Len(t, k.lists().Running, 20)
	assert.Contains(t, ask("GET", "/get-tasks/1.0", "").Body.String(), `"Aid":"1.0"`)
	assert.Equal(t, 200, ask("POST", "/cancel-task/1.0", "").Code)
	assert.Equal(t, 200, ask("DELETE", "/remove-finished/1.0", "").Code)
	assert.Len(t, k.lists().Running, 19)
	assert.Contains(t, k.halfClosed("GET /get-tasks HTTP/1.1\r\nHost: localhost\r\n\r\n").is(200).body, "1.19")
}

// pipes is a listener whose connections live in the clock of a test.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func TestH4_BodyStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Types: testTypes()})
		require.NoError(t, err)
		api, err := taskapi.New(client, taskapi.Config{Anyone: true, Resolve: resolve, SavePath: func(string) (string, error) { return "", nil }})
		require.NoError(t, err)
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: api}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		ours, theirs := net.Pipe()
		listener.conns <- theirs
		_, err = io.WriteString(ours, addHead+"Content-Length: 100\r\n\r\n{\"Url")
		require.NoError(t, err)
		answer := answerTo(t, ours).is(400)
		assert.Equal(t, badInput, answer.body)
		require.NoError(t, ours.Close())
		close(listener.done)
		require.ErrorIs(t, <-ended, net.ErrClosed)
		require.NoError(t, server.Close())
		require.NoError(t, api.Close())
		require.NoError(t, client.Shutdown(context.Background()))
	})
}
