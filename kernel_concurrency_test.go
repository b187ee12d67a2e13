package pixivoc_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/require"
)

// newRealPixiv starts a fake Pixiv on loopback, with TLS.
func newRealPixiv(t *testing.T, config pixivtest.Config) *pixivtest.Server {
	t.Helper()
	server := pixivtest.NewServer(config)
	t.Cleanup(server.Close)
	return server
}

// dialTable is the address table that leads to a fake Pixiv.
func dialTable(server *pixivtest.Server) pixivoc.HostTable {
	table := pixivoc.HostTable{}
	for host, address := range server.Hosts() {
		table[host] = pixivoc.Host{Addresses: []string{address}, Strategies: []pixivoc.Strategy{pixivoc.StrategySNI}}
	}
	return table
}

// byTable makes a configuration that reaches a fake Pixiv over TLS.
func byTable(server *pixivtest.Server) pixivoc.Config {
	return pixivoc.Config{
		Transport: pixivoc.TransportConfig{RootCAs: server.CertPool()},
		Env: pixivoc.EnvPatch{
			ProxyMode: new(pixivoc.ModeIP), Hosts: new(dialTable(server)),
			IntervalTime: new(time.Duration(0)), Timeout: new(5 * time.Second),
		},
	}
}

// startLinks starts a task for each list of addresses.
func startLinks(t *testing.T, client pixivoc.Client, folder string, lists ...[]string) []pixivoc.Task {
	t.Helper()
	var tasks []pixivoc.Task
	for i, list := range lists {
		tasks = append(tasks, start(t, client, pixivoc.TaskSpec{
			Type: pixiv.Links, Name: fmt.Sprint("links ", i), Input: strings.NewReader(strings.Join(list, "\n")), SavePath: folder,
		}))
	}
	return tasks
}

// twoLists populates the server and returns its addresses in two lists.
func twoLists(server *pixivtest.Server, pictures int) (lists [2][]string) {
	server.Populate(pixivtest.Population{Works: pictures, Sizes: pixivtest.Between{Min: 3 << 10, Max: 5 << 10}})
	i := 0
	for picture := range server.Pictures() {
		lists[i%2] = append(lists[i%2], picture.URL)
		i++
	}
	return lists
}

// poolOf trusts the authorities of several fake Pixivs.
func poolOf(t *testing.T, servers ...*pixivtest.Server) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, server := range servers {
		file := filepath.Join(t.TempDir(), "ca.pem")
		require.NoError(t, server.WriteCA(file))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, pool.AppendCertsFromPEM(text))
	}
	return pool
}

// What the image host sees of ConcurrencyNumber, over two tasks together.
func TestConcurrencyNumber_BoundsTheImageHost(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4, 16} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			server := newRealPixiv(t, pixivtest.Config{})
			lists := twoLists(server, 64)
			server.Script(pixivtest.Rule{Match: imageHost, Times: n, Do: pixivtest.Stall{At: aHalf}})
			config := byTable(server)
			config.Env.ConcurrencyNumber = &n
			client, folder := newPixivClient(t, server, config), t.TempDir()
			tasks := startLinks(t, client, folder, lists[0], lists[1])
			require.NoError(t, server.AwaitStalled(t.Context(), n))
			server.SetLatency(5 * time.Millisecond)
			server.ReleaseStalls()
			for _, task := range tasks {
				wait(t, task, pixivoc.StateOver)
			}
			wantOriginals(t, server, folder)
			load := server.Load(pixivtest.HostImages)
			if load.MaxRequests != n || load.Total != 64 {
				t.Errorf("%d requests, %d at a time, want 64 and %d", load.Total, load.MaxRequests, n)
			}
			// One more may be dialled for a request that then finds an idle one.
			if load.MaxConnections > n+1 {
				t.Errorf("%d connections at a time, want %d", load.MaxConnections, n)
			}
		})
	}
}

// C3 against real parts: the number is changed while requests are under way; the
// host never sees more than the new number beside those that ran before.
func TestC3_ConcurrencyNumberChangesUnderLoad(t *testing.T) {
	t.Parallel()
	server := newRealPixiv(t, pixivtest.Config{})
	lists := twoLists(server, 200)
	config := byTable(server)
	config.Env.ConcurrencyNumber, config.Env.Timeout = new(1), new(time.Minute)
	client, folder := newPixivClient(t, server, config), t.TempDir()
	server.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Stall{At: aHalf}})
	tasks := startLinks(t, client, folder, lists[0], lists[1])
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, n := range []int{1, 12, 3, 16, 1} {
		_, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{ConcurrencyNumber: &n})
		require.NoError(t, err)
		before := server.Stalled()
		require.NoError(t, server.AwaitStalled(ctx, max(n, before)), "%d at a time", n)
		// Those who ran before go on until their answer ends; nobody comes in
		// their place until there are fewer than n.
		server.ReleaseStalls()
		require.NoError(t, server.AwaitStalled(ctx, n))
		require.Eventually(t, func() bool { return server.Load(pixivtest.HostImages).Requests == n }, 10*time.Second, time.Millisecond)
		server.ResetLog()
		server.ReleaseStalls()
		require.NoError(t, server.AwaitStalled(ctx, n))
		if most := server.Load(pixivtest.HostImages).MaxRequests; most != n {
			t.Errorf("%d requests at a time, want %d", most, n)
		}
	}
	server.ClearScript()
	server.ReleaseStalls()
	for _, task := range tasks {
		wait(t, task, pixivoc.StateOver)
	}
	wantOriginals(t, server, folder)
}

// N16: 64 bodies are in flight while everything is changed. None is lost, and
// the next request goes the new way.
func TestN16_EnvChangesWithBodiesInFlight(t *testing.T) {
	t.Parallel()
	old, next := newRealPixiv(t, pixivtest.Config{}), newRealPixiv(t, pixivtest.Config{})
	lists := twoLists(old, 128)
	next.Populate(pixivtest.Population{Works: 128, Sizes: pixivtest.Between{Min: 3 << 10, Max: 5 << 10}})
	config := byTable(old)
	config.Env.ConcurrencyNumber, config.Env.Timeout = new(64), new(time.Minute)
	config.Transport.RootCAs = poolOf(t, old, next)
	client, folder := newPixivClient(t, old, config), t.TempDir()
	old.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Stall{At: aHalf}})
	tasks := startLinks(t, client, folder, lists[0], lists[1])
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, old.AwaitStalled(ctx, 64))

	proxy := tlstest.NewProxy(t, "http", nil, nil, addrPort(t, next.Addr()))
	_, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{
		ProxyMode: new(pixivoc.ModeProxy), Proxy: new(proxy.URL(nil).String()), Timeout: new(9 * time.Second), ConcurrencyNumber: new(8),
	})
	require.NoError(t, err)
	old.ReleaseStalls()
	for _, task := range tasks {
		if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
			t.Errorf("%+v", info)
		}
	}
	wantOriginals(t, old, folder)
	if n := old.Load(pixivtest.HostImages).Total; n != 64 {
		t.Errorf("%d requests on the old way, want those 64 that were in flight", n)
	}
	if load := next.Load(pixivtest.HostImages); load.Total != 64 || load.MaxRequests > 8 {
		t.Errorf("on the new way: %+v, want 64 requests, 8 at a time", load)
	}
}
