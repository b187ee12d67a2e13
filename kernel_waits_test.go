package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

// situation is a place where a task waits for something that does not come.
type situation struct {
	script []pixivtest.Rule
	config func(*pixivoc.Config, *pixivtest.Server)
	before func(t *testing.T, server *pixivtest.Server, client pixivoc.Client)
	state  pixivoc.State
}

func situations() map[string]situation {
	api := pixivtest.Match{Host: pixivtest.HostAPI}
	refuse := func(config *pixivoc.Config, server *pixivtest.Server) {
		next := server.RoundTripper()
		config.HTTP = road(func(request *http.Request) (*http.Response, error) {
			if request.URL.Host == pixivtest.HostOAuth {
				return next.RoundTrip(request)
			}
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		})
	}
	return map[string]situation{
		"the head of an answer of the API": {script: []pixivtest.Rule{{Match: api, Do: pixivtest.Stall{BeforeHeader: true}}}},
		"the body of an answer of the API": {script: []pixivtest.Rule{{Match: api, Do: pixivtest.Stall{At: aHalf}}}},
		"the rest of a picture":            {script: always(pixivtest.Stall{At: aHalf})},
		"a rate limit of the API":          {script: []pixivtest.Rule{{Match: api, Do: pixivtest.RateLimit{RetryAfter: "3600"}}}},
		"a rate limit of the image host":   {script: always(pixivtest.RateLimit{Status: 429, RetryAfter: "3600"})},
		"an overloaded API":                {script: []pixivtest.Rule{{Match: api, Do: pixivtest.ErrorPage{}}}},
		"the next round":                   {script: always(pixivtest.BlockPage{})},
		"a host that is away":              {config: refuse},
		"the interval": {config: func(config *pixivoc.Config, _ *pixivtest.Server) {
			config.Env.IntervalTime = new(time.Hour)
		}},
		"a refresh": {
			script: []pixivtest.Rule{{Match: oauthHost, Do: pixivtest.Stall{BeforeHeader: true}}},
			before: func(*testing.T, *pixivtest.Server, pixivoc.Client) { elapse(2 * time.Hour) },
		},
		"a refresh that failed": {
			script: []pixivtest.Rule{{Match: oauthHost, Do: pixivtest.ErrorPage{}}},
			before: func(*testing.T, *pixivtest.Server, pixivoc.Client) { elapse(2 * time.Hour) },
		},
		"a login": {
			before: func(t *testing.T, _ *pixivtest.Server, client pixivoc.Client) {
				_, err := client.Logout(t.Context())
				require.NoError(t, err)
			},
			state: pixivoc.StateWaitToken,
		},
		"room in the store": {
			config: func(config *pixivoc.Config, _ *pixivtest.Server) {
				full := &spoiledStore{Store: memory.New(), calls: map[string]int{}}
				full.spoil(failing("Commit", 1, 1<<30, pixivoc.ErrDiskFull))
				config.Store = full
			},
			state: pixivoc.StateDiskFull,
		},
		"its turn in the queue": {
			config: func(config *pixivoc.Config, _ *pixivtest.Server) { config.MaxRunning = 1 },
			before: func(t *testing.T, server *pixivtest.Server, client pixivoc.Client) {
				server.Script(pixivtest.Rule{Match: api, Do: pixivtest.Stall{BeforeHeader: true}})
				startWork(t, client, server.AddWork(pixivtest.Work{}).ID, t.TempDir())
			},
			state: pixivoc.StateQueued,
		},
	}
}

// waitingTask makes a task and lets it come to where it waits.
func waitingTask(t *testing.T, s situation) (pixivoc.Client, pixivoc.Store, pixivoc.Task, string) {
	t.Helper()
	aboutNow()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	work := server.AddWork(pixivtest.Work{PageCount: 8, AllPages: pixivtest.Page{Size: 8192}})
	config := pixivoc.Config{Store: memory.New(), Env: pixivoc.EnvPatch{Timeout: new(time.Hour)}}
	if s.config != nil {
		s.config(&config, server)
	}
	client, folder := newPixivClient(t, server, config), t.TempDir()
	server.Script(s.script...)
	if s.before != nil {
		s.before(t, server, client)
	}
	if s.state == "" {
		s.state = pixivoc.StateDownloading
	}
	if config.Env.IntervalTime != nil { // somebody has just asked
		request := getRequest(t, "https://i.pximg.net/x")
		_, _ = client.Do(request)
	}
	task := startWork(t, client, work.ID, folder)
	elapse(4 * time.Second)
	if info, err := task.Info(t.Context()); err != nil || info.State != s.state {
		t.Fatalf("the task is %s: %+v (%v)", info.State, info, err)
	}
	return client, config.Store, task, folder
}

// C2, C4: wherever a task waits, Delete ends it at once, and nothing of it
// appears afterwards.
func TestC2_DeleteEndsEveryWait(t *testing.T) {
	t.Parallel()
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, store, task, folder := waitingTask(t, s)
				seen := watchEvents(t, client)
				begin := time.Now()
				require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{}))
				if took := time.Since(begin); took > 100*time.Millisecond {
					t.Errorf("Delete took %s", took)
				}
				files := filesBelow(t, folder)
				elapse(3 * time.Hour)
				if later := filesBelow(t, folder); !slices.Equal(files, later) {
					t.Errorf("the folder had %q, and later %q", files, later)
				}
				wantNothingOf(t, store, task.ID())
				deleted := false
				for _, event := range seen.all() {
					if deleted && event.Task.TID == task.ID() {
						t.Errorf("%s after the task was deleted", event.Kind)
					}
					deleted = deleted || event.Kind == pixivoc.EventTaskDeleted && event.Task.TID == task.ID()
				}
				if !deleted {
					t.Error("nothing was told of the deletion")
				}
			})
		})
	}
}

func wantNothingOf(t *testing.T, store pixivoc.Store, tid int64) {
	t.Helper()
	if task, err := store.LoadTask(t.Context(), tid); err == nil {
		t.Errorf("the store still has %+v", task)
	}
	if items, err := store.ListItems(t.Context(), pixivoc.ItemQuery{Task: tid}); err == nil && len(items) > 0 {
		t.Errorf("the store still has %d items", len(items))
	}
	if found, err := store.ListRecords(t.Context(), pixivoc.RecordQuery{Task: tid}); err == nil && len(found) > 0 {
		t.Errorf("the store still has %d records", len(found))
	}
}

// C4: the same for Stop, after which the task can go on, and for Shutdown.
func TestC4_StopAndShutdownEndEveryWait(t *testing.T) {
	t.Parallel()
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, store, task, folder := waitingTask(t, s)
				begin := time.Now()
				require.NoError(t, task.Stop(t.Context()))
				wait(t, task, pixivoc.StateStopped)
				if took := time.Since(begin); took > 100*time.Millisecond {
					t.Errorf("Stop took %s", took)
				}
				require.NoError(t, task.Start(t.Context()))
				elapse(time.Minute)
				begin = time.Now()
				require.NoError(t, client.Shutdown(t.Context()))
				if took := time.Since(begin); took > 100*time.Millisecond {
					t.Errorf("Shutdown took %s", took)
				}
				files := filesBelow(t, folder)
				elapse(3 * time.Hour)
				if later := filesBelow(t, folder); !slices.Equal(files, later) {
					t.Errorf("the folder had %q, and later %q", files, later)
				}
				if stored, err := store.LoadTask(t.Context(), task.ID()); err != nil || stored.State != pixivoc.StateQueued {
					t.Errorf("stored: %+v (%v)", stored, err)
				}
			})
		})
	}
}

// C4: every method that takes a context ends with it.
func TestC4_MethodsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(ctx context.Context, client pixivoc.Client, task pixivoc.Task) error{
		"Login": func(ctx context.Context, client pixivoc.Client, _ pixivoc.Task) error {
			_, err := client.Login(ctx, pixivoc.RefreshToken("x"))
			return err
		},
		"Do, which waits for a token": func(ctx context.Context, client pixivoc.Client, _ pixivoc.Task) error {
			_, err := pixiv.NewAPI(client).IllustDetail(ctx, 1)
			return err
		},
		"Do, which waits for an answer": func(ctx context.Context, client pixivoc.Client, _ pixivoc.Task) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://i.pximg.net/x", nil)
			if err != nil {
				return err
			}
			_, err = client.Do(request)
			return err
		},
		"Wait": func(ctx context.Context, _ pixivoc.Client, task pixivoc.Task) error {
			_, err := task.Wait(ctx)
			return err
		},
		"Delete of a task whose stage is deaf": func(ctx context.Context, _ pixivoc.Client, task pixivoc.Task) error {
			return task.Delete(ctx, pixivoc.DeleteOptions{})
		},
		"Shutdown while a stage is deaf": func(ctx context.Context, client pixivoc.Client, _ pixivoc.Task) error {
			return client.Shutdown(ctx)
		},
		"Events": func(ctx context.Context, client pixivoc.Client, _ pixivoc.Task) error {
			for range client.Events(ctx) {
			}
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { endsWithItsContext(t, call) })
		})
	}
}

func endsWithItsContext(t *testing.T, call func(context.Context, pixivoc.Client, pixivoc.Task) error) {
	aboutNow()
	hear := make(chan struct{})
	deaf := countTo(1, stage("Deaf", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
		<-hear
		return pixivoc.Output{}, nil
	}))
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	client, err := pixivoc.New(pixivoc.Config{
		Store: memory.New(), Site: pixiv.Site(), HTTP: server.RoundTripper(), Types: []pixivoc.TaskType{deaf},
		Env: pixivoc.EnvPatch{Timeout: new(time.Hour), IntervalTime: new(time.Duration(0))},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Shutdown(context.Background())) }()
	defer close(hear)
	_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
	require.NoError(t, err)
	elapse(2 * time.Hour) // the token has expired
	server.Script(pixivtest.Rule{Do: pixivtest.Stall{BeforeHeader: true}})
	task := create(t, client)
	elapse(time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- call(ctx, client, task) }()
	elapse(time.Minute)
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	cancelled := time.Now()
	cancel()
	err = <-ended
	if took := time.Since(cancelled); took > 100*time.Millisecond || !errors.Is(err, context.Canceled) {
		t.Errorf("ended after %s with %v", took, err)
	}
}

// C8: a road that does not listen to its context. Shutdown returns at its
// deadline all the same.
func TestC8_RoadThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"Client.Do", "a stage", "a login", "a refresh"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { shutdownBesideDeaf(t, by) })
		})
	}
}

func shutdownBesideDeaf(t *testing.T, by string) {
	hear := make(chan struct{})
	ask := func(do func(*http.Request) (*http.Response, error), host string) error {
		_, err := do(getRequest(t, "https://"+host))
		return err
	}
	site := testSite(new(atomic.Int32))
	exchange := site.Exchange
	site.Exchange = func(ctx context.Context, client *http.Client, grant pixivoc.Grant) (pixivoc.Token, error) {
		if grant.RefreshToken() == "seed" {
			return exchange(ctx, client, grant)
		}
		<-hear
		return pixivoc.Token{}, errors.New("too late")
	}
	client := newClient(t, pixivoc.Config{
		Site: site, Env: noPause(),
		Types: []pixivoc.TaskType{countTo(1, stage("Ask", func(_ context.Context, rt pixivoc.Runtime, _ number) (pixivoc.Output, error) {
			return pixivoc.Output{}, ask(rt.Do, "www.example.org")
		}))},
		HTTP: road(func(request *http.Request) (*http.Response, error) {
			<-hear
			return nil, errors.New("too late")
		}),
	})
	var callers sync.WaitGroup
	switch by {
	case "Client.Do":
		callers.Go(func() { _ = ask(client.Do, "www.example.org") })
	case "a login":
		callers.Go(func() { _, _ = client.Login(context.Background(), pixivoc.RefreshToken("x")) })
	case "a refresh":
		login(t, client)
		elapse(2 * time.Hour)
		callers.Go(func() { _ = ask(client.Do, "api.example.org") })
	default:
		create(t, client)
	}
	elapse(time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- client.Shutdown(ctx) }()
	elapse(4 * time.Second)
	select {
	case err := <-ended:
		if by != "a login" && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
	default:
		t.Error("Shutdown goes on after its deadline")
	}
	close(hear)
	callers.Wait()
}

// C2: a task is deleted with its files at any moment of its work, commits and
// renames among them. When Delete has answered there is nothing, and nothing
// comes.
func TestC2_DeleteAtAnyMoment(t *testing.T) {
	t.Parallel()
	for moment := range 20 {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server, work := slowPictures(24)
				store, folder := memory.New(), t.TempDir()
				client := newPixivClient(t, server, pixivoc.Config{Store: store, Env: pixivoc.EnvPatch{ConcurrencyNumber: new(6)}})
				task := startWork(t, client, work.ID, folder)
				elapse(time.Duration(moment) * 227 * time.Millisecond)
				require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
				wantFiles(t, folder)
				wantNothingOf(t, store, task.ID())
				elapse(time.Hour)
				wantFiles(t, folder)
				wantNothingOf(t, store, task.ID())
			})
		})
	}
}
