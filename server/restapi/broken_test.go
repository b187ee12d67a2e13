package restapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/iotest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A net/http server gives the status 200 to whoever is not answered.
func TestBroken_BodiesAreAnswered(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	k := newKit(t, func(c *restapi.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
	for _, cause := range []error{io.ErrUnexpectedEOF, os.ErrDeadlineExceeded} {
		for _, call := range [][2]string{{"POST", "/tasks"}, {"POST", "/session"}, {"POST", "/tokens"}, {"PATCH", "/environment"}} {
			request := k.request(call[0], call[1], nil)
			request.Header.Set("Content-Type", "application/json")
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			request = request.WithContext(ctx)
			request.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte(`{"type"`)), iotest.ErrReader(cause)))
			answer := httptest.NewRecorder()
			k.api.ServeHTTP(answer, request)
			assert.Equal(t, http.StatusBadRequest, answer.Code, "%v %v", call, cause)
			assert.Contains(t, answer.Body.String(), "urn:pixivoc:problem:incomplete")
		}
	}
	assert.Empty(t, logged.String())
}

// What fails since the caller is gone is no success and no line in the log.
func TestBroken_CallerIsGone(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	k := newKit(t, func(c *restapi.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer := httptest.NewRecorder()
	k.api.ServeHTTP(answer, k.request("GET", "/tasks", nil).WithContext(ctx))
	assert.Equal(t, http.StatusServiceUnavailable, answer.Code)
	assert.Contains(t, answer.Body.String(), "urn:pixivoc:problem:cut_short")
	assert.Empty(t, logged.String())
}

// halfClosed sends a whole request, closes its half of the connection as
// "nc -N" does, and reads the answer.
func (k *kit) halfClosed(method, path, body string) response {
	k.t.Helper()
	connection, err := net.Dial("tcp", k.server.Listener.Addr().String())
	require.NoError(k.t, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "%s /api/v1%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, k.token, len(body), body)
	require.NoError(k.t, err)
	require.NoError(k.t, connection.(*net.TCPConn).CloseWrite())
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(k.t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(k.t, err)
	return response{k.t, answer.StatusCode, answer.Header, content}
}

func TestBroken_HalfClosedConnectionsMakeWholeTasks(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for i := range 50 {
		var info pixivoc.TaskInfo
		k.halfClosed("POST", "/tasks", fmt.Sprintf(`{"type":"Count","name":"n%d","keyword":"1","start":true}`, i)).is(201).into(&info)
	}
	for info, err := range k.client.Tasks(t.Context()) {
		require.NoError(t, err)
		assert.NotEqual(t, pixivoc.StateWaitStart, info.State)
	}
}

// leaver is a caller who goes away while his task is being made.
type leaver struct {
	pixivoc.Client
	leave context.CancelFunc
}

func (l leaver) Create(ctx context.Context, spec pixivoc.TaskSpec) (pixivoc.Task, error) {
	l.leave()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.Client.Create(ctx, spec)
}

func TestBroken_CallerLeavesDuringCreation(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	ctx, cancel := context.WithCancel(t.Context())
	api, err := restapi.New(leaver{k.client, cancel}, restapi.Config{Anyone: true, SavePath: func(string) (string, error) { return k.folder, nil }})
	require.NoError(t, err)
	defer func() { require.NoError(t, api.Close()) }()
	body, err := json.Marshal(map[string]any{"type": "Wait", "name": "n", "keyword": "1", "start": true})
	require.NoError(t, err)
	request := k.request("POST", "/tasks", bytes.NewReader(body)).WithContext(ctx)
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, request)
	require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
	var info pixivoc.TaskInfo
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &info))
	assert.NotEqual(t, pixivoc.StateWaitStart, info.State)
}
