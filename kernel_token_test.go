package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

var oauthHost = pixivtest.Match{Host: pixivtest.HostOAuth}

// noPause is an environment without a pause between requests.
func noPause() pixivoc.EnvPatch { return pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))} }

// A1: a thousand callers find the token expired. One of them gives up early.
func TestA1_ThousandCallersOfDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{Rotation: pixivtest.RotateAtOnce})
		work := server.AddWork(pixivtest.Work{})
		client := newPixivClient(t, server, pixivoc.Config{Env: noPause()})
		elapse(2 * time.Hour)
		server.ResetLog()
		server.Script(pixivtest.Rule{Match: oauthHost, Do: pixivtest.Delay{For: 5 * time.Second}})
		var callers sync.WaitGroup
		var gaveUp atomic.Int32
		for i := range 1000 {
			ctx, cancel := context.WithCancel(t.Context())
			if i%100 == 0 {
				time.AfterFunc(time.Second, cancel)
			}
			callers.Go(func() {
				defer cancel()
				_, err := pixiv.NewAPI(client).IllustDetail(ctx, pixiv.ID(work.ID))
				if i%100 == 0 && errors.Is(err, context.Canceled) {
					gaveUp.Add(1)
				} else if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		callers.Wait()
		if n := len(server.RequestTimes(oauthHost)); n != 1 || gaveUp.Load() != 10 {
			t.Errorf("%d refreshes, want 1; %d callers gave up, want 10", n, gaveUp.Load())
		}
	})
}

// A2: the refresh fails for passing reasons, for a while. The task waits and
// goes on; nobody is logged out and the site is not stormed.
func TestA2_TaskWaitsForARefreshThatFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]pixivtest.Fault{
		"reset": pixivtest.Reset{BeforeHeader: true}, "503": pixivtest.ErrorPage{}, "a page": pixivtest.BlockPage{Status: 200},
		"a block page": pixivtest.BlockPage{}, "429": pixivtest.RateLimit{Status: 429}, "silence": pixivtest.Stall{BeforeHeader: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				user := server.Populate(pixivtest.Population{Works: 40, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				elapse(2 * time.Hour) // the token has expired
				server.ResetLog()
				begin := time.Now()
				server.Script(pixivtest.Rule{Match: oauthHost, Do: fault})
				task := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder})
				elapse(10 * time.Minute)
				if n := len(server.RequestTimes(oauthHost)); n < 5 || n > 40 {
					t.Errorf("%d requests for a token in ten minutes", n)
				}
				if _, err := client.Account(); err != nil {
					t.Errorf("Account: %v", err)
				}
				if info, err := task.Info(t.Context()); err != nil || !info.Running {
					t.Errorf("%+v (%v)", info, err)
				}
				server.ClearScript()
				if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 || time.Since(begin) > 15*time.Minute {
					t.Errorf("after %s: %+v", time.Since(begin), info)
				}
				for key, item := range itemsOf(t, task) {
					if item.Attempts != 0 {
						t.Errorf("item %s was charged %d attempts", key, item.Attempts)
					}
				}
				wantOriginals(t, server, folder)
			})
		})
	}
}

// A3: the refresh token is refused in the middle of a task.
func TestA3_TaskWaitsForALogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		user := server.Populate(pixivtest.Population{Works: 100, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
		client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
		seen := watchEvents(t, client)
		task := start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder})
		elapse(4 * time.Second)
		server.RevokeRefreshTokens()
		server.ExpireAccessTokens()
		server.ResetLog()
		elapse(time.Hour)
		info, err := task.Info(t.Context())
		if err != nil || info.State != pixivoc.StateWaitToken || !strings.Contains(info.Error, pixivoc.ErrTokenRejected.Error()) || !strings.Contains(info.Error, "log in") {
			t.Errorf("%+v (%v)", info, err)
		}
		if n := server.TotalCounts().Requests; n > 10 {
			t.Errorf("%d requests in the hour after", n)
		}
		refused := 0
		for _, event := range seen.all() {
			if event.Kind == pixivoc.EventToken && !event.TokenOK {
				refused++
			}
		}
		if refused == 0 {
			t.Error("no event told of it")
		}
		_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
		require.NoError(t, err)
		if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
			t.Errorf("%+v", info)
		}
		wantOriginals(t, server, folder)
	})
}

// A3: another process has rotated the token that both keep in one store.
func TestA3_AnotherClientRotatedTheToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{Rotation: pixivtest.RotateAtOnce})
		work := server.AddWork(pixivtest.Work{})
		store := memory.New()
		one := newPixivClient(t, server, pixivoc.Config{Store: store})
		two, err := pixivoc.New(pixivoc.Config{Store: store, Site: pixiv.Site(), HTTP: server.RoundTripper()})
		require.NoError(t, err)
		defer func() { require.NoError(t, two.Shutdown(context.Background())) }()
		for range 3 {
			elapse(2 * time.Hour)
			for _, client := range []pixivoc.Client{one, two} {
				_, err := pixiv.NewAPI(client).IllustDetail(t.Context(), pixiv.ID(work.ID))
				require.NoError(t, err)
			}
		}
	})
}

// A6: every access token is refused, though refreshing works. Nothing loops, and
// the task goes on by itself when that has passed.
func TestA6_TaskWithTokensThatNeverWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		work := server.AddWork(pixivtest.Work{})
		client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostAPI}, Do: pixivtest.TokensExpired{}})
		task := startWork(t, client, work.ID, folder)
		elapse(24 * time.Hour)
		asked, refreshed := server.Load(pixivtest.HostAPI).Total, len(server.RequestTimes(oauthHost))
		if asked > 24*10 || refreshed > 24*5 {
			t.Errorf("%d requests and %d refreshes in a day", asked, refreshed)
		}
		if info, err := task.Info(t.Context()); err != nil || !strings.Contains(info.Error, "expired") {
			t.Errorf("what it waits for does not show: %+v (%v)", info, err)
		}
		server.ClearScript()
		cleared := time.Now()
		wait(t, task, pixivoc.StateOver)
		if took := time.Since(cleared); took > 16*time.Minute {
			t.Errorf("went on after %s", took)
		}
		wantOriginals(t, server, folder)
	})
}

// A9: a logout while tasks run. They wait, nothing revives the token, and after
// the next login they go on.
func TestA9_LogoutWhileTasksRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		users := server.Populate(pixivtest.Population{Users: 3, Works: 40, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})
		server.SetLatency(2 * time.Second)
		client := newPixivClient(t, server, pixivoc.Config{Env: noPause()})
		folder := t.TempDir()
		var tasks []pixivoc.Task
		for _, user := range users {
			tasks = append(tasks, start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: fmt.Sprint(user.ID), Keyword: fmt.Sprint(user.ID), SavePath: folder}))
		}
		elapse(3 * time.Second)
		had, err := client.Logout(t.Context())
		require.True(t, had)
		require.NoError(t, err)
		server.ResetLog()
		elapse(time.Hour)
		if n := server.Load(pixivtest.HostAPI).Total + server.Load(pixivtest.HostOAuth).Total; n > 1 { // one may have been on its way
			t.Errorf("%d requests after the logout", n)
		}
		if _, err := client.Account(); !errors.Is(err, pixivoc.ErrNoToken) {
			t.Errorf("Account: %v", err)
		}
		for _, task := range tasks {
			if info, err := task.Info(t.Context()); err != nil || info.State != pixivoc.StateWaitToken {
				t.Errorf("%+v (%v)", info, err)
			}
		}
		_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
		require.NoError(t, err)
		for _, task := range tasks {
			if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
				t.Errorf("%+v", info)
			}
		}
		wantOriginals(t, server, folder)
	})
}
