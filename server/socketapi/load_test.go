package socketapi_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// descriptors is the number of open files of this process, or -1 where that
// cannot be told.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// hold connects n clients that say nothing.
func hold(t testing.TB, d door, n int) []net.Conn {
	t.Helper()
	var conns []net.Conn
	for range n {
		conn, err := net.Dial("tcp", d.addr)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	return conns
}

// 200 idle clients and ten that never read do not keep 50 busy ones from
// being served, every one in order; afterwards no descriptor is left.
func TestG9_Load(t *testing.T) {
	client := kernel(t, newGate())
	logIn(t, client)
	for range 300 {
		mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
	}
	before := descriptors()
	d := openTCP(t, client, socketapi.Config{WriteTimeout: 50 * time.Millisecond, MaxClients: 300})
	idle := hold(t, d, 200)
	deaf := hold(t, d, 10)
	for _, conn := range deaf {
		request := encoded(t, fields("S1", 15))
		go func() { // until it is dropped
			for {
				if _, err := conn.Write(request); err != nil {
					return
				}
			}
		}()
	}
	var busy sync.WaitGroup
	for range 50 {
		busy.Go(func() {
			conn, err := net.Dial("tcp", d.addr)
			if !assert.NoError(t, err) {
				return
			}
			defer func() { _ = conn.Close() }()
			c := raw{t, conn}
			for i := range 20 {
				request, err := json.Marshal(fields(fmt.Sprintf("S%d", i), []int{3, 9, 15, 8}[i%4]))
				if !assert.NoError(t, err) {
					return
				}
				_, _ = conn.Write(frameOf(request)) // a failure shows when the reply is read
				body, err := c.body()
				if !assert.NoError(t, err) {
					return
				}
				var m message
				assert.NoError(t, json.Unmarshal(body, &m))
				assert.Equal(t, fmt.Sprintf("R%d", i), m.Number)
			}
		})
	}
	busy.Wait()
	for d.server.Counters().Closed[socketapi.ClosedSlow] < 10 {
		conn := raw{t, d.dial()}
		conn.silent() // time passes
		require.NoError(t, conn.conn.Close())
	}
	assert.GreaterOrEqual(t, d.server.Counters().Clients, 200)
	require.NoError(t, d.stop())
	assert.Zero(t, d.server.Counters().Clients)
	for _, conn := range append(idle, deaf...) {
		require.NoError(t, conn.Close())
	}
	assert.Equal(t, before, descriptors())
}

// BenchmarkFreshClient measures how long a new client waits for its first
// reply among 200 idle ones and ten that never read.
func BenchmarkFreshClient(b *testing.B) {
	client := kernel(b, newGate())
	for range 300 {
		mustCreate(b, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
	}
	d := openTCP(b, client, socketapi.Config{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := hold(b, d, 200)
	for d.server.Counters().Clients < 200 {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perClient := (after.HeapAlloc + after.StackInuse - before.HeapAlloc - before.StackInuse) / 200
	request := encoded(b, fields("S1", 15))
	for _, conn := range hold(b, d, 10) {
		conns = append(conns, conn)
		for range 50 {
			_, err := conn.Write(request)
			require.NoError(b, err)
		}
	}
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		conn, err := net.Dial("tcp", d.addr)
		require.NoError(b, err)
		raw{b, conn}.silent()
		took = append(took, time.Since(begun))
		require.NoError(b, conn.Close())
	}
	slices.Sort(took)
	b.ReportMetric(float64(perClient), "B/client")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// BenchmarkRequest measures a small request and its reply.
func BenchmarkRequest(b *testing.B) {
	d := openTCP(b, kernel(b, newGate()), socketapi.Config{})
	conn := raw{b, d.dial()}
	request := encoded(b, fields("S1", 9))
	b.ReportAllocs()
	for b.Loop() {
		conn.send(request)
		if _, err := conn.body(); err != nil {
			b.Fatal(err)
		}
	}
}
