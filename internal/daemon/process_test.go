//go:build unix

package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
)

func login(t *testing.T, p *process, password string) (token string, status int) {
	t.Helper()
	status, body, _ := p.send(t, request{
		method: http.MethodPost, path: "/api/v1/tokens", body: fmt.Sprintf(`{"name":"admin","password":%q}`, password),
	})
	var answer struct {
		Token string `json:"token"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	return answer.Token, status
}

// TestDemo goes the whole way of a person who tries it: start, log in, paste a
// link, see it finish, end.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", "--concurrency=8", "--metrics")
	for _, path := range []string{"/healthz", "/readyz", "/", "/api/v1/openapi.json"} {
		status, body, _ := p.send(t, request{path: path})
		assert.Equal(t, http.StatusOK, status, path)
		assert.NotEmpty(t, body, path)
	}
	password := p.password(t)
	for door, where := range p.Doors {
		assert.Contains(t, p.stdout.String(), where, door)
	}
	require.NotEmpty(t, password, "shown at the first start")
	token, status := login(t, p, password)
	require.Equal(t, http.StatusCreated, status)
	bearer := http.Header{"Authorization": {"Bearer " + token}}

	status, body, _ := p.send(t, request{
		method: http.MethodPost, path: "/api/v1/tasks", header: bearer,
		body: `{"url":"https://www.pixiv.net/users/11","start":true}`,
	})
	require.Equal(t, http.StatusCreated, status, body)
	var created pixivoc.TaskInfo
	require.NoError(t, json.Unmarshal([]byte(body), &created))
	task, err := p.remote(t).Task(t.Context(), created.TID)
	require.NoError(t, err)
	info, err := task.Wait(t.Context())
	require.NoError(t, err)
	assert.True(t, info.Over, info.Error)
	assert.Equal(t, 2, info.Failed, "one work is deleted, one masked")
	files, err := filepath.Glob(filepath.Join(p.Data, "pictures", "11", "*"))
	require.NoError(t, err)
	assert.Greater(t, len(files), demoWorks, "in %s", p.Data)

	status, body, _ = p.send(t, request{path: "/metrics", header: bearer})
	assert.Equal(t, http.StatusOK, status)
	for _, want := range []string{`pixivoc_tasks{state="Over"} 1`, `pixivoc_logged_in 1`, `pixivoc_items_total{outcome="failed"} 2`, `pixivoc_http_requests_total{door="REST",code="201"}`, "pixivoc_socket_clients 1", "go_goroutines"} {
		assert.Contains(t, body, want)
	}
	p.stop(t)
	assert.Equal(t, "STOPPING=1", <-p.told)
	assert.NoFileExists(t, p.file, "the ready file")
	assert.NoDirExists(t, p.Data, "the temporary folder of the demo")
	assert.NotContains(t, p.stderr.String(), password)
	assert.NotContains(t, p.stderr.String(), token)
}

// TestPasswordOfTheFirstStart is shown once and stored as a hash.
func TestPasswordOfTheFirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := start(t, "--demo", "--data", data)
	password := first.password(t)
	require.NotEmpty(t, password)
	first.stop(t)
	assert.DirExists(t, data, "a folder that was named stays")
	info, err := os.Stat(data)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{"demo.db", "demo.db.lock"} {
		info, err := os.Stat(filepath.Join(data, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	raw, err := os.ReadFile(filepath.Join(data, "demo.db"))
	require.NoError(t, err)
	assert.NotContains(t, string(raw), password)

	second := start(t, "--demo", "--data", data)
	assert.Empty(t, second.password(t))
	token, status := login(t, second, password)
	require.Equal(t, http.StatusCreated, status)
	second.stop(t)

	file := writeFile(t, "password", "chosen\n", 0o600)
	third := start(t, "--demo", "--data", data, "--password-file", file)
	assert.Empty(t, third.password(t))
	_, status = login(t, third, password)
	assert.Equal(t, http.StatusUnauthorized, status, "the file took its place")
	_, status = login(t, third, "chosen")
	assert.Equal(t, http.StatusCreated, status)
	status, _, _ = third.send(t, request{path: "/api/v1/tasks", header: http.Header{"Authorization": {"Bearer " + token}}})
	assert.Equal(t, http.StatusUnauthorized, status, "the old token ended with the password")
	third.stop(t)
}

func TestH1_DaemonRefusesForeignHosts(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", "--allowed-host=nas.example")
	for _, path := range []string{"/", "/healthz", "/readyz", "/api/v1/openapi.json"} {
		status, _, _ := p.send(t, request{path: path, host: "evil.example"})
		assert.Equal(t, http.StatusMisdirectedRequest, status, path)
		status, _, _ = p.send(t, request{path: path, host: "nas.example:80"})
		assert.Equal(t, http.StatusOK, status, path)
	}
	conn := dial(t, p.HTTP)
	_, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.NotEqual(t, http.StatusOK, response.StatusCode)
	p.stop(t)
}

func TestH9_HugeHeads(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo")
	for name, head := range map[string]string{
		"one header of 2 MiB": "X-Long: " + strings.Repeat("x", 2<<20) + "\r\n",
		"20,000 headers":      strings.Repeat("X-Many: 1\r\n", 20_000),
	} {
		conn := dial(t, p.HTTP)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n"+head+"\r\n")
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode, name)
		require.NoError(t, conn.Close())
		<-sent
	}
	p.stop(t)
}

func TestH13_NothingIsOnByDefault(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo")
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/debug"} {
		status, _, _ := p.send(t, request{path: path})
		assert.Equal(t, http.StatusNotFound, status, path)
	}
	p.stop(t)
	p = start(t, "--demo", "--metrics", "--password-file", writeFile(t, "password", "chosen", 0o600))
	status, body, header := p.send(t, request{path: "/metrics"})
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.NotContains(t, body, "pixivoc_")
	assert.NotEmpty(t, header.Get("WWW-Authenticate"))
	basic := func(password string) http.Header {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth("admin", password)
		return r.Header
	}
	status, _, _ = p.send(t, request{path: "/metrics", header: basic("wrong")})
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _, _ = p.send(t, request{path: "/metrics", header: basic("chosen")})
	assert.Equal(t, http.StatusOK, status)
	p.stop(t)
}

// TestP3_SIGTERMWithTransfers ends the daemon in the middle of a download, and
// the next one goes on by itself.
func TestP3_SIGTERMWithTransfers(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"--demo", "--data", data, "--concurrency=64"}
	first := start(t, args...)
	client := first.remote(t)
	task := begin(t, client, "12", filepath.Join(data, "pictures"))
	for event := range client.Events(t.Context()) {
		if event.Kind == pixivoc.EventTaskChanged && event.Task.StageName == "DownloadPicture" && event.Task.Now > 20 {
			break
		}
	}
	started := time.Now()
	first.signal(t, syscall.SIGTERM)
	require.Equal(t, ExitOrderly, first.end(t), first.stderr.String())
	assert.Less(t, time.Since(started), 5*time.Second) // G16

	second := start(t, args...)
	again, err := second.remote(t).Task(t.Context(), task.ID())
	require.NoError(t, err)
	info, err := again.Wait(t.Context())
	require.NoError(t, err)
	assert.True(t, info.Over, "%+v", info)
	assert.Zero(t, info.Failed)
	files, err := filepath.Glob(filepath.Join(data, "pictures", "12", "*.jpg"))
	require.NoError(t, err)
	assert.Len(t, files, demoBigWorks)
	seen := map[string]bool{}
	for record, err := range again.Records(t.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		require.NoError(t, err)
		assert.False(t, seen[record.Key], "%s is recorded twice", record.Key)
		seen[record.Key] = true
	}
	assert.Len(t, seen, demoBigWorks)
	second.stop(t)
}

// TestP3_AnswersFinish has a request half sent when the signal comes.
func TestP3_AnswersFinish(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", "--shutdown-timeout=10m")
	conn := dial(t, p.HTTP)
	const body = `{"name":"admin","password":"wrong"}`
	_, err := fmt.Fprintf(conn, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", len(body), body[:10])
	require.NoError(t, err)
	// The answer to a later request says that the first one is being served.
	status, _, _ := p.send(t, request{path: "/readyz"})
	require.Equal(t, http.StatusOK, status)
	p.signal(t, syscall.SIGTERM)
	require.Equal(t, "STOPPING=1", <-p.told)
	_, err = io.WriteString(conn, body[10:])
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.Equal(t, ExitOrderly, p.end(t))
}

// TestP3_SecondSignal holds the daemon at its end, and signals again.
func TestP3_SecondSignal(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "--demo", "--data", data, "--shutdown-timeout=10m")
	conn := dial(t, p.HTTP)
	_, err := io.WriteString(conn, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{")
	require.NoError(t, err)
	p.signal(t, syscall.SIGTERM)
	require.Equal(t, "STOPPING=1", <-p.told)
	for { // the listener closes right after
		late, err := net.DialTimeout("tcp", p.HTTP, patience)
		if err != nil {
			break
		}
		require.NoError(t, late.Close())
	}
	p.signal(t, syscall.SIGTERM)
	assert.Equal(t, ExitInterrupted, p.end(t))
	assert.Contains(t, p.stderr.String(), "ended at once")
	start(t, "--demo", "--data", data).stop(t)
}

// TestP3_SignalWhileStarting begins with what a signal leaves: a cancelled
// context. What was opened is closed, and that is no error.
func TestP3_SignalWhileStarting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file, data := filepath.Join(t.TempDir(), "ready.json"), t.TempDir()
	var out, complaints output
	args := []string{"--demo", "--data", data, "--http=127.0.0.1:0", "--socket=127.0.0.1:0", "--ready-file", file}
	assert.Equal(t, ExitOrderly, Run(ctx, args, &out, &complaints, nil), complaints.String())
	assert.NoFileExists(t, file)
}

// TestP7_PortTaken: the address is in the error, with what to do.
func TestP7_PortTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for _, door := range []string{"http", "socket"} {
		p := prepare(t, "--demo", "--"+door, listener.Addr().String())
		p.launch(t)
		assert.Equal(t, ExitError, p.end(t))
		assert.Contains(t, p.stderr.String(), "pixivoc: --"+door+": listen tcp "+listener.Addr().String())
		assert.Contains(t, p.stderr.String(), "Choose another address")
		assert.NoFileExists(t, p.file)
	}
}

// TestP7_TwoDaemons: the second one on the same data says who has it. After a
// kill nothing is in the way.
func TestP7_TwoDaemons(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first := start(t, "--demo", "--data", data)
	second := prepare(t, "--demo", "--data", data)
	second.launch(t)
	assert.Equal(t, ExitError, second.end(t))
	assert.Contains(t, second.stderr.String(), fmt.Sprint(first.PID))
	assert.Contains(t, second.stderr.String(), "--data DIR")

	first.signal(t, syscall.SIGKILL)
	assert.Equal(t, -1, first.end(t))
	assert.FileExists(t, filepath.Join(data, "demo.db.lock"), "a stale lock")
	assert.FileExists(t, first.file, "a stale ready file")
	third := prepare(t, "--demo", "--data", data, "--ready-file", first.file)
	third.file = first.file
	third.launch(t)
	third.await(t)
	third.stop(t)
	assert.NoFileExists(t, first.file)
}
