package socketapi_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flaky is a way to a server whose connections a test can cut.
type flaky struct {
	to      *pipeListener
	mu      sync.Mutex
	conns   []net.Conn
	blocked bool
	dials   int
}

func (f *flaky) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials++
	if f.blocked {
		return nil, errors.New("no road")
	}
	conn, err := f.to.connect(ctx)
	f.conns = append(f.conns, conn)
	return conn, err
}

func (f *flaky) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dials
}

// openFlaky serves on connections in memory that can be cut.
func openFlaky(t testing.TB, client pixivoc.Client, config socketapi.Config) *flaky {
	t.Helper()
	listener := newPipeListener()
	open(t, client, config, listener)
	return &flaky{to: listener}
}

// cut ends all connections; blocked says whether new ones fail.
func (f *flaky) cut(blocked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blocked = blocked
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.conns = nil
}

// A lost connection is made again; what can be asked twice is, and what is
// wanted of events holds on.
func TestConn_Reconnects(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := kernel(t, newGate())
	way := openFlaky(t, client, socketapi.Config{Token: "secret"})
	conn := connect(t, "pipe:1", socketapi.ClientOptions{
		Token: "secret", Dial: way.dial, MinReconnect: time.Millisecond, MaxReconnect: 10 * time.Millisecond,
	})
	release, err := conn.Subscribe(ctx, false)
	require.NoError(t, err)
	defer release()
	for range 20 {
		way.cut(false)
		env, err := conn.Env(ctx)
		require.NoError(t, err)
		require.Equal(t, time.Minute, env.Timeout)
	}
	seen := 0
	for report := range conn.Reports(ctx) {
		switch {
		case report.Kind == socketapi.ReportConnected && seen == 0:
			seen++
			way.cut(false)
		case report.Kind == socketapi.ReportConnected:
			_, err := conn.UpdateEnv(ctx, pixivoc.EnvPatch{ConcurrencyNumber: new(8)})
			require.NoError(t, err)
		case report.Kind == socketapi.ReportEvent && report.Event.Kind == pixivoc.EventEnv:
			assert.Equal(t, 8, report.Event.Env.ConcurrencyNumber)
			return
		}
	}
}

// A request that may not be made twice says that its outcome is not known.
func TestConn_OutcomeUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &slowClient{Client: kernel(t, newGate()), wait: 30 * time.Second}
		way := openFlaky(t, client, socketapi.Config{})
		conn := connect(t, "pipe:1", socketapi.ClientOptions{Dial: way.dial})
		var wait sync.WaitGroup
		wait.Go(func() {
			err := conn.Delete(t.Context(), 5, pixivoc.DeleteOptions{})
			assert.ErrorIs(t, err, socketapi.ErrDisconnected)
		})
		wait.Go(func() {
			_, err := conn.Task(t.Context(), 5)
			assert.ErrorIs(t, err, pixivoc.ErrTaskNotFound, "asked again")
		})
		synctest.Wait()
		way.cut(false)
		wait.Wait()
	})
}

// A request that is too long for the server, or a reply for the client, is
// given up after some tries.
func TestConn_TooLong(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	d := openTCP(t, client, socketapi.Config{MaxFrame: 2 << 10})
	conn := connect(t, d.addr, socketapi.ClientOptions{MinReconnect: time.Millisecond, MaxReply: 500})
	hosts := pixivoc.HostTable{"i.pximg.net": {Addresses: []string{strings.Repeat("1", 3000)}}}
	_, err := conn.UpdateEnv(t.Context(), pixivoc.EnvPatch{Hosts: &hosts})
	assert.ErrorIs(t, err, socketapi.ErrDisconnected)
	_, err = conn.Types(t.Context())
	assert.ErrorIs(t, err, socketapi.ErrDisconnected)
	_, err = conn.Env(t.Context())
	assert.NoError(t, err)
	assert.EqualValues(t, 3, d.server.Counters().Closed[socketapi.ClosedTooLong])
}

// Tries to reach the server come at growing distances and end with Close.
func TestConn_BackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := openFlaky(t, kernel(t, newGate()), socketapi.Config{})
		conn := connect(t, "pipe:1", socketapi.ClientOptions{Dial: way.dial})
		_, err := conn.IsLogin(t.Context())
		require.NoError(t, err)
		way.cut(true)
		<-time.After(10 * time.Minute)
		assert.Greater(t, way.count(), 20)
		assert.Less(t, way.count(), 60)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = conn.IsLogin(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		way.cut(false)
		_, err = conn.IsLogin(t.Context()) // waits for the next try
		assert.NoError(t, err)
		require.NoError(t, conn.Close())
		_, err = conn.IsLogin(t.Context())
		assert.ErrorIs(t, err, pixivoc.ErrClosed)
		for range conn.Reports(t.Context()) {
			t.Fail()
		}
		require.NoError(t, conn.Close())
	})
}
