//go:build unix

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
)

// process is a daemon of its own.
type process struct {
	readyFile
	file           string // the ready file
	command        *exec.Cmd
	stdout, stderr output
	done           chan struct{} // closed when it has ended
	told           chan string   // what it tells the service manager
}

// prepare makes a process that has not begun.
func prepare(t *testing.T, args ...string) *process {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	p := &process{file: filepath.Join(t.TempDir(), "ready.json"), done: make(chan struct{}), told: make(chan string, 16)}
	args = append([]string{"--http=127.0.0.1:0", "--socket=127.0.0.1:0", "--ready-file=" + p.file, "--log-level=debug"}, args...)
	p.command = exec.Command(program, args...)
	p.command.Env = []string{asDaemon + "=1", "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "GORACE=" + os.Getenv("GORACE")}
	p.command.Stdout, p.command.Stderr = &p.stdout, &p.stderr
	return p
}

// launch begins a process and does not wait for it to be ready.
func (p *process) launch(t *testing.T) {
	t.Helper()
	folder, err := os.MkdirTemp("", "n") // a short name: sockets have 100 bytes for it
	require.NoError(t, err)
	name := filepath.Join(folder, "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	require.NoError(t, err)
	p.command.Env = append(p.command.Env, "NOTIFY_SOCKET="+name)
	require.NoError(t, p.command.Start())
	var group sync.WaitGroup
	group.Go(func() {
		defer close(p.done)
		_ = p.command.Wait()
	})
	group.Go(func() {
		text := make([]byte, 1024)
		for {
			n, err := listener.Read(text)
			if err != nil {
				return
			}
			p.told <- string(text[:n])
		}
	})
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.done
		_ = listener.Close()
		group.Wait()
		_ = os.RemoveAll(folder)
		if t.Failed() {
			t.Logf("standard output:\n%s\nstandard error:\n%s", p.stdout.String(), p.stderr.String())
		}
	})
}

// start begins a process and waits until it says that it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := prepare(t, args...)
	p.launch(t)
	p.await(t)
	return p
}

func (p *process) await(t *testing.T) {
	t.Helper()
	select {
	case text := <-p.told:
		require.Equal(t, "READY=1", text)
	case <-p.done:
		require.Fail(t, "the daemon ended", p.stderr.String())
	case <-time.After(patience):
		require.Fail(t, "the daemon is not ready")
	}
	raw, err := os.ReadFile(p.file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &p.readyFile))
	require.Equal(t, p.command.Process.Pid, p.PID)
}

// signal sends a signal.
func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
}

// end waits for the end and returns the exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
		return p.command.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(t, "the daemon does not end")
		return -1
	}
}

// stop ends the daemon in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	require.Equal(t, ExitOrderly, p.end(t))
}

var passwordLine = regexp.MustCompile(`(?m)^  ([A-Z2-7]{26})$`)

// password returns the one that was shown, or "".
func (p *process) password(t *testing.T) string {
	t.Helper()
	// What a process wrote may arrive after what it told in another way.
	whole := func() bool { return strings.Contains(p.stdout.String(), "ctrl-C ends it") }
	require.Eventually(t, whole, patience, time.Millisecond)
	found := passwordLine.FindStringSubmatch(p.stdout.String())
	if found == nil {
		return ""
	}
	return found[1]
}

// remote is the kernel of the daemon, seen through its socket.
func (p *process) remote(t *testing.T) *socketapi.Remote {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := socketapi.Dial(ctx, p.Socket, socketapi.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	remote, err := socketapi.NewRemote(ctx, conn)
	require.NoError(t, err)
	return remote
}

// begin creates and starts a task that downloads all works of a user.
func begin(t *testing.T, client pixivoc.Client, user, folder string) pixivoc.Task {
	t.Helper()
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "UserWorks", Name: user, Keyword: user, SavePath: folder})
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	return task
}

// request is a call as curl makes it.
type request struct {
	method, path, body string
	header             http.Header
	host               string
	client             *http.Client
}

func (p *process) send(t *testing.T, q request) (status int, body string, header http.Header) {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, p.URL+q.path, strings.NewReader(q.body))
	require.NoError(t, err)
	for name, values := range q.header {
		r.Header[name] = values
	}
	if q.body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Host = q.host
	client := q.client
	if client == nil {
		client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	return response.StatusCode, string(raw), response.Header
}
