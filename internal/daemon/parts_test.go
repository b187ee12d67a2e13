package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/internal/sender"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	s := &Settings{TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8", "::1"}}
	for _, test := range []struct{ from, header, want string }{
		{"127.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"127.0.0.1:5", "1.2.3.4, 203.0.113.9, 10.1.2.3", "203.0.113.9"},
		{"[::1]:5", "[2001:db8::9]:443", "2001:db8::9"},
		{"127.0.0.1:5", "", "127.0.0.1"},
		{"127.0.0.1:5", "unknown", "127.0.0.1"},
		{"127.0.0.1:5", "1.2.3.4, unknown", "127.0.0.1"},
		{"127.0.0.1:5", "10.9.9.9", "10.9.9.9"},
		{"203.0.113.7:5", "1.2.3.4", "203.0.113.7"},
	} {
		var got netip.Addr
		handler := trustProxies(s.trusted(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = sender.Address(r) }))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.from
		if test.header != "" {
			r.Header.Set("X-Forwarded-For", test.header)
		}
		handler.ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, test.want, got.String(), "%+v", test)
	}
}

// TestG15_LogHidesSecrets logs what nobody should log.
func TestG15_LogHidesSecrets(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		logger := newLogger(&Settings{LogLevel: "debug", LogFormat: format}, &out)
		logger.Info("m", "password", "canary", "Token", "canary", slog.Group("g", "authorization", "canary"),
			"url", "https://user:canary@host.example/path?secret=canary#canary",
			"error", errors.New(`Get "https://host.example/x?token=canary": refused`),
			"many", strings.Repeat("x", 100_000))
		assert.NotContains(t, out.String(), "canary", format)
		assert.Contains(t, out.String(), "https://host.example/path", format)
		assert.Contains(t, out.String(), "refused", format)
		assert.Less(t, out.Len(), 8<<10, format)
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := newLogger(&Settings{LogLevel: "warn", LogFormat: "json"}, &out)
	logger.Info("quiet")
	logger.Warn("loud")
	assert.NotContains(t, out.String(), "quiet")
	assert.Contains(t, out.String(), `"msg":"loud"`)
}

func TestServerLogIsNotFlooded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	complaints := serverLog(newLogger(&Settings{LogLevel: "info", LogFormat: "text"}, &out))
	for range 1000 {
		complaints.Print("http: TLS handshake error from 203.0.113.9:1: EOF")
		complaints.Print("http: Accept error: accept tcp 127.0.0.1:1: too many open files; retrying in 5ms")
	}
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
	assert.Contains(t, out.String(), "too many open files")
}

func TestNotify(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no systemd on Windows")
	}
	name := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	require.NoError(t, err)
	defer listener.Close()
	require.NoError(t, notify(name, "READY=1"))
	text := make([]byte, 64)
	n, err := listener.Read(text)
	require.NoError(t, err)
	assert.Equal(t, "READY=1", string(text[:n]))
	require.NoError(t, notify("", "READY=1"), "nobody to tell")
	require.Error(t, notify(name+"-none", "READY=1"))
}

// TestP6_DoorPanics: the request fails, the router lives.
func TestP6_DoorPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	door := &httpDoor{name: "broken", prefixes: []string{""}, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			_, _ = w.Write([]byte("half"))
		}
		if r.URL.Path != "/good" {
			panic("oops")
		}
	})}
	routes := newRouter([]*httpDoor{door}, newLogger(&Settings{LogLevel: "info", LogFormat: "text"}, &log))
	counted := map[int]int{}
	routes.count = countStatus(counted)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	w := get("/")
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "oops")
	assert.Contains(t, log.String(), "oops")
	assert.Contains(t, log.String(), "parts_test.go", "with the stack")
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { get("/late") }, "half an answer is cut off")
	assert.Equal(t, http.StatusOK, get("/good").Code)
	assert.Equal(t, map[int]int{500: 1, 200: 2}, counted)
}

func TestRouter(t *testing.T) {
	t.Parallel()
	named := func(name string, prefixes ...string) *httpDoor {
		return &httpDoor{name: name, prefixes: prefixes}
	}
	routes := newRouter([]*httpDoor{named("console", ""), named("data", "token", "api"), named("rest", "api/v1"), named("task", "add-task")}, slog.New(slog.DiscardHandler))
	for path, want := range map[string]string{
		"/": "console", "/app.js": "console", "/tokens": "console", "/apis": "console", "//api/v1": "console", "": "console",
		"/token": "data", "/TOKEN": "data", "/token/": "data", "/api/Task": "data", "/api/v10": "data", "/api": "data",
		"/api/v1": "rest", "/API/V1/tasks": "rest", "/api/v1/../Task": "rest",
		"/add-task": "task", "/Add-Task/": "task", "/add-task/1/2": "task",
	} {
		assert.Equal(t, want, routes.find(path).name, path)
	}
	w := httptest.NewRecorder()
	newRouter(nil, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusNotFound, w.Code)
}

func countStatus(counted map[int]int) func(string, int, time.Duration) {
	return func(_ string, status int, _ time.Duration) { counted[status]++ }
}
