package pixivoc_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/pixivoc/pixivoc/store/sqlite"
	"github.com/stretchr/testify/require"
)

// household is one of several clients in a process, with a site, a login, a
// store and a save path of its own.
type household struct {
	site   *pixivtest.Server
	client pixivoc.Client
	folder string
}

// newHousehold makes a client of a fake Pixiv that it reaches by address.
func newHousehold(t *testing.T, id int64, store pixivoc.Store, env pixivoc.EnvPatch) household {
	t.Helper()
	site := pixivtest.NewServer(pixivtest.Config{Seed: uint64(id), Account: pixivtest.Account{ID: id, Name: fmt.Sprint("user ", id)}})
	t.Cleanup(site.Close)
	site.AddUser(pixivtest.User{ID: 11})
	for i := range 6 {
		site.AddWork(pixivtest.Work{ID: id*100 + int64(i), UserID: 11})
	}
	table := pixivoc.HostTable{}
	for host, address := range site.Hosts() {
		table[host] = pixivoc.Host{Addresses: []string{address}}
	}
	env.ProxyMode, env.Hosts = new(pixivoc.ModeIP), &table
	client, err := pixivoc.New(pixivoc.Config{
		Store: store, Site: pixiv.Site(), Types: pixiv.Types(), NoSync: true,
		Transport: pixivoc.TransportConfig{RootCAs: site.CertPool()},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, client.Shutdown(context.Background()))
		require.NoError(t, store.Close())
	})
	_, err = client.UpdateEnv(t.Context(), env)
	require.NoError(t, err)
	_, err = client.Login(t.Context(), pixivoc.RefreshToken(site.RefreshToken()))
	require.NoError(t, err)
	return household{site, client, t.TempDir()}
}

// crawl saves all works of the artist.
func (h household) crawl(t *testing.T) pixivoc.Task {
	t.Helper()
	task := start(t, h.client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "artist", Keyword: "11", SavePath: h.folder})
	info, err := task.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, pixivoc.StateOver, info.State, info.Error)
	require.Zero(t, info.Failed)
	return task
}

// TestTwoClients_ShareNothing runs two clients side by side in one process:
// each with its own site, account, store and number of places.
func TestTwoClients_ShareNothing(t *testing.T) {
	t.Parallel()
	hasty := newHousehold(t, 1, openSQLite(t, sqlite.Options{NoSync: true}), pixivoc.EnvPatch{IntervalTime: new(time.Duration(0)), ConcurrencyNumber: new(4)})
	calm := newHousehold(t, 2, memory.New(), pixivoc.EnvPatch{IntervalTime: new(5 * time.Millisecond), ConcurrencyNumber: new(1)})

	var tasks [2]pixivoc.Task
	var group sync.WaitGroup
	for i, h := range []household{hasty, calm} {
		group.Go(func() { tasks[i] = h.crawl(t) })
	}
	group.Wait()

	for i, h := range []household{hasty, calm} {
		wantOriginals(t, h.site, h.folder)
		wantRecords(t, tasks[i], h.folder)
		account, err := h.client.Account()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("user ", i+1), account.Name)
		count := 0
		for range h.client.Tasks(t.Context()) {
			count++
		}
		require.Equal(t, 1, count)
	}
	require.Equal(t, 4, hasty.client.Env().ConcurrencyNumber)
	require.Equal(t, 1, calm.client.Env().ConcurrencyNumber)
	require.LessOrEqual(t, calm.site.Load(pixivtest.HostImages).MaxRequests, 1)
}

// TestTwoClients_FailAlone logs one out, limits it and shuts it down: the
// other one goes on.
func TestTwoClients_FailAlone(t *testing.T) {
	t.Parallel()
	at := pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}
	unlucky, lucky := newHousehold(t, 3, memory.New(), at), newHousehold(t, 4, memory.New(), at)

	unlucky.site.Script(pixivtest.Rule{
		Match: pixivtest.Match{Host: pixivtest.HostAPI}, Do: pixivtest.RateLimit{Status: http.StatusTooManyRequests, RetryAfter: "3600"},
	})
	halted := start(t, unlucky.client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "artist", Keyword: "11", SavePath: unlucky.folder})
	for event := range unlucky.client.Events(t.Context()) {
		if event.Kind == pixivoc.EventLimited {
			break
		}
		if info, err := halted.Info(t.Context()); err == nil && !info.LimitedUntil.IsZero() {
			break // it came before the snapshot
		}
	}
	for event := range lucky.client.Events(t.Context()) {
		for _, info := range event.Tasks {
			t.Errorf("the other client sees %s", info.TaskName)
		}
		break
	}
	_, err := lucky.client.Task(t.Context(), halted.ID())
	require.ErrorIs(t, err, pixivoc.ErrTaskNotFound)

	_, err = unlucky.client.Logout(t.Context())
	require.NoError(t, err)
	require.NoError(t, unlucky.client.Shutdown(t.Context()))
	require.ErrorIs(t, halted.Start(t.Context()), pixivoc.ErrClosed)

	lucky.crawl(t)
	wantOriginals(t, lucky.site, lucky.folder)
}

// TestTwoClients_OneSavePath lets both save in one folder, under names of
// their own: neither takes or removes what the other one saved.
func TestTwoClients_OneSavePath(t *testing.T) {
	t.Parallel()
	at := pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}
	first, second := newHousehold(t, 5, memory.New(), at), newHousehold(t, 6, memory.New(), at)
	second.folder = first.folder

	var tasks [2]pixivoc.Task
	var group sync.WaitGroup
	for i, h := range []household{first, second} {
		group.Go(func() { tasks[i] = h.crawl(t) })
	}
	group.Wait()
	require.Len(t, filesBelow(t, first.folder), 12)

	require.NoError(t, tasks[0].Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
	wantOriginals(t, second.site, second.folder)
	require.NoError(t, tasks[1].Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
	left, err := os.ReadDir(second.folder)
	require.NoError(t, err)
	require.Empty(t, left)
}
