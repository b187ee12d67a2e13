package socketapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNew_RefusesWrongConfigs(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	for _, test := range []struct {
		field  string
		config socketapi.Config
	}{
		{"MaxFrame", socketapi.Config{MaxFrame: 10}},
		{"MaxFrame", socketapi.Config{MaxFrame: 17 << 20}},
		{"MaxClients", socketapi.Config{MaxClients: -1}},
		{"ReportQueue", socketapi.Config{ReportQueue: -1}},
		{"MaxInput", socketapi.Config{MaxInput: -1}},
		{"FrameTimeout", socketapi.Config{FrameTimeout: -1}},
		{"WriteTimeout", socketapi.Config{WriteTimeout: -1}},
		{"CommandTimeout", socketapi.Config{CommandTimeout: -1}},
		{"AuthenticationTimeout", socketapi.Config{AuthenticationTimeout: -1}},
		{"SaveRoots", socketapi.Config{SaveRoots: []string{""}}},
	} {
		_, err := socketapi.New(client, test.config)
		var field *pixivoc.FieldError
		require.ErrorAs(t, err, &field, test.field)
		assert.Equal(t, test.field, field.Field)
	}
	_, err := socketapi.New(nil, socketapi.Config{})
	assert.Error(t, err)
}

// Exit is answered first and then called.
func TestExit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server, err := socketapi.New(kernel(t, newGate()), socketapi.Config{Exit: cancel})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	near, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = near.Close() }()
	conn := raw{t, near}
	content, _ := conn.ask("S1", 0)
	assert.Equal(t, "true", content)
	_, err = conn.body()
	assert.ErrorIs(t, err, io.EOF)
	assert.NoError(t, <-ended)
	assert.EqualValues(t, 1, server.Counters().Closed[socketapi.ClosedShutdown])
}

// When Serve ends, a request that is being served is still answered, and one
// that takes too long is cut off.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := newGate()
		client := kernel(t, deaf)
		logIn(t, client)
		slow := &slowClient{Client: client, wait: 3 * time.Second}
		d := openPipe(t, slow, socketapi.Config{})
		endless, late, idle := raw{t, d.dial()}, raw{t, d.dial()}, raw{t, d.dial()}
		idle.silent()
		late.request("S1", 11, "TID", 5)
		<-time.After(2900 * time.Millisecond) // 100 ms before late is done
		slow.set(10 * time.Second)
		endless.request("S1", 11, "TID", 5)
		var watch sync.WaitGroup
		watch.Go(func() {
			assert.Equal(t, "R1", late.next().Number)
			late.closed()
		})
		watch.Go(func() { idle.closed() })
		watch.Go(func() { endless.closed() }) // cut off
		begun := time.Now()
		require.NoError(t, d.stop())
		assert.Less(t, time.Since(begun), 2100*time.Millisecond)
		watch.Wait()
		assert.Zero(t, d.server.Counters().Clients)
	})
}

// slowClient takes its time to look a task up.
type slowClient struct {
	pixivoc.Client
	mu   sync.Mutex
	wait time.Duration
}

func (c *slowClient) set(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = wait
}

func (c *slowClient) Task(ctx context.Context, tid int64) (pixivoc.Task, error) {
	c.mu.Lock()
	wait := c.wait
	c.mu.Unlock()
	select {
	case <-time.After(wait):
		return c.Client.Task(ctx, tid)
	case <-ctx.Done():
		<-time.After(10 * time.Millisecond)
		return nil, ctx.Err()
	}
}

// A kernel that is shut down ends the door.
func TestServe_KernelShutsDown(t *testing.T) {
	t.Parallel()
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New()})
	require.NoError(t, err)
	server, err := socketapi.New(client, socketapi.Config{})
	require.NoError(t, err)
	listener := newPipeListener()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(context.Background(), listener) }()
	near, err := listener.connect(t.Context())
	require.NoError(t, err)
	raw{t, near}.silent()
	require.NoError(t, client.Shutdown(context.Background()))
	assert.ErrorIs(t, <-ended, pixivoc.ErrClosed)
	raw{t, near}.closed()
	assert.ErrorIs(t, server.Serve(context.Background(), newPipeListener()), pixivoc.ErrClosed)
}

// One listener at a time, and one after the other.
func TestServe_Twice(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	d := openPipe(t, client, socketapi.Config{})
	raw{t, d.dial()}.silent()
	second := newPipeListener()
	assert.ErrorIs(t, d.server.Serve(t.Context(), second), pixivoc.ErrState)
	_, err := second.connect(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, d.stop())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, d.server.Serve(ctx, newPipeListener()))
}

// flakyListener fails now and then, as for want of descriptors.
type flakyListener struct {
	*pipeListener
	failures chan error
}

func (l flakyListener) Accept() (net.Conn, error) {
	select {
	case err := <-l.failures:
		return nil, err
	default:
		return l.pipeListener.Accept()
	}
}

func TestServe_AcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		listener := flakyListener{newPipeListener(), make(chan error, 20)}
		for range 20 {
			listener.failures <- errors.New("too many open files")
		}
		begun := time.Now()
		open(t, kernel(t, newGate()), socketapi.Config{Logger: log.logger()}, listener)
		near, err := listener.connect(t.Context())
		require.NoError(t, err)
		raw{t, near}.silent()
		require.NoError(t, near.Close())
		assert.Greater(t, time.Since(begun), 10*time.Second, "with growing pauses")
		assert.Less(t, time.Since(begun), 20*time.Second)
	})
}

// A panic while a frame is served ends that connection alone.
func TestP6_PanicWhileServing(t *testing.T) {
	t.Parallel()
	var log logBuffer
	client := panickyClient{kernel(t, newGate())}
	d := openTCP(t, client, socketapi.Config{Logger: log.logger()})
	other, conn := raw{t, d.dial()}, raw{t, d.dial()}
	other.silent()
	conn.request("S1", 14, "TID", 666)
	conn.closed()
	other.silent()
	assert.Contains(t, log.String(), "panic while serving a frame")
	require.NoError(t, d.stop())
	assert.EqualValues(t, 1, d.server.Counters().Closed[socketapi.ClosedPanic])
}

type panickyClient struct{ pixivoc.Client }

func (panickyClient) Task(context.Context, int64) (pixivoc.Task, error) { panic("broken") }

// A store that fails makes no false statement about tasks.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	store := &failingStore{Store: memory.New()}
	client, err := pixivoc.New(pixivoc.Config{Store: store, Site: site(), Types: types(newGate())})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Shutdown(context.Background())) })
	logIn(t, client)
	task := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
	d := openTCP(t, client, socketapi.Config{})
	conn := raw{t, d.dial()}
	conn.silent()
	store.broken.Store(true)
	for _, command := range []int{14, 15} {
		conn.request("S1", command, "TID", task.ID())
		conn.silent()
	}
	for _, command := range []int{5, 11, 12, 13} {
		content, _ := conn.ask("S2", command, "TID", task.ID(), "Timeout", 5)
		assert.Equal(t, "false", content, command)
	}
	content, _ := conn.ask("S3", 101, "KeyWord", "1", "TaskName", "x")
	assert.Equal(t, "[false, []]", content)
	content, _ = conn.ask("S4", 1007)
	assert.JSONEq(t, `{"ok": false, "error": {"code": "internal", "message": "the server could not do it; its log tells why"}}`, content)
	store.broken.Store(false)
	content, _ = conn.ask("S5", 13, "TID", task.ID())
	assert.Equal(t, "true", content)
	assert.EqualValues(t, 2, d.server.Counters().Void[socketapi.VoidInternal])
}

// Save paths of PixivOC's commands must be folders, below a root if there is
// one, whatever way they are written.
func TestF7_SavePath(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	outside := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "a", "b"), 0o755))
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "out")))
	require.NoError(t, os.Symlink(filepath.Join(root, "a"), filepath.Join(root, "in")))
	require.NoError(t, os.Symlink(filepath.Join(root, "nowhere"), filepath.Join(root, "dangling")))
	require.NoError(t, os.MkdirAll(root+"-beside", 0o755))
	client := kernel(t, newGate())
	logIn(t, client)
	conn := raw{t, openTCP(t, client, socketapi.Config{SaveRoots: []string{root}}).dial()}
	for _, test := range []struct{ path, old, fresh string }{ // "" means refused
		{root, root, root},
		{root + "/", root, root},
		{root + "/a/../a/b", root + "/a/b", root + "/a/b"},
		{root + "/in/b", root + "/a/b", root + "/a/b"},
		{root + "/new/er", "", root + "/new/er"},
		{"", "", root},
		{"a", "", root + "/a"},
		{root + "/out", "", ""},
		{root + "/out/x", "", ""},
		{root + "/dangling", "", ""},
		{root + "/..", "", ""},
		{root + "/a/../../x", "", ""},
		{root + "-beside", "", ""},
		{outside, "", ""},
		{"/dev", "", ""},
		{"../..", "", ""},
		{"a\x00b", "", ""},
		{`\\server\share`, "", root + `/\\server\share`},
	} {
		content, _ := conn.ask("S1", 102, "KeyWord", "1", "TaskName", "x", "SavePath", test.path)
		if test.old == "" {
			assert.Equal(t, "[false, []]", content, test.path)
		} else {
			assert.Contains(t, content, fmt.Sprintf("%q]", test.old), test.path)
		}
		content, _ = conn.ask("S2", 1002, "Arguments", map[string]any{"type": "SingleWork", "name": "x", "keyword": "1", "save_path": test.path})
		if test.fresh == "" {
			assert.Contains(t, content, `"field": "SavePath"`, test.path)
		} else {
			assert.Contains(t, content, fmt.Sprintf("%q", test.fresh), test.path)
		}
	}
}
