package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// growing is a task type whose keyword is the number of its first items.
func growing(run runNumber) pixivoc.TaskType {
	kind := countTo(0, stage("Work", run))
	kind.First = func(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
		return func(yield func(pixivoc.Item, error) bool) {
			for i := range len(spec.Keyword) {
				if !yield(pixivoc.NewItem(fmt.Sprint(i), number{i}), nil) {
					return
				}
			}
		}
	}
	return kind
}

// A task to which Create adds items just when its run has found nothing left
// must do them.
func TestTask_ItemsAddedWhileItEndsAreDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSpoiledStore(t, nil)
		kind := growing(func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) { return pixivoc.Output{}, nil })
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{kind}})
		spec := pixivoc.TaskSpec{Type: "Count", Name: "x", Keyword: "ab", Key: "grows"}
		task, err := client.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		var added sync.Once
		store.spoil(func(method string, _ int) error {
			if method == "UpdateTask" { // among others the one that writes Over
				added.Do(func() {
					spec.Keyword = "abcd"
					go func() { _, _ = client.Create(context.Background(), spec) }()
					time.Sleep(time.Second)
				})
			}
			return nil
		})
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if info := wait(t, task, pixivoc.StateOver); info.Now != 4 || info.Total != 4 {
			t.Errorf("%d of %d done, want 4", info.Now, info.Total)
		}
		for item, err := range task.Items(t.Context(), pixivoc.ItemQuery{State: pixivoc.ItemPending}) {
			t.Errorf("over, but %s is pending (%v)", item.Key, err)
		}
	})
}

// Whoever sees that a task ended can start it again at once.
func TestTask_StartRightAfterItsEnd(t *testing.T) {
	t.Parallel()
	for range 50 {
		var runs atomic.Int32
		kind := countTo(1, stage("Broken", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			if runs.Add(1) == 1 {
				return pixivoc.Output{}, errors.New("not yet")
			}
			return pixivoc.Output{}, nil
		}))
		client := newClient(t, pixivoc.Config{MaxIdleRounds: 1, Types: []pixivoc.TaskType{kind}})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		ready := make(chan pixivoc.Task, 1)
		snapshot := make(chan struct{})
		group.Go(func() {
			for event := range client.Events(ctx) {
				switch {
				case event.Kind == pixivoc.EventSnapshot:
					close(snapshot)
				case event.Task.State == pixivoc.StateError:
					task := <-ready
					if err := task.Start(ctx); err != nil {
						t.Errorf("Start: %v", err)
					}
					ready <- task
				case event.Kind == pixivoc.EventTaskOver:
					return
				}
			}
		})
		<-snapshot
		ready <- create(t, client)
		group.Wait() // hangs when the start was lost
		cancel()
	}
}

func TestTask_LastOfStopAndStartWins(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then []string
		want pixivoc.State
	}{
		"stop":                          {[]string{"stop"}, pixivoc.StateStopped},
		"stop, start, stop":             {[]string{"stop", "start", "stop"}, pixivoc.StateStopped},
		"stop, stop, start":             {[]string{"stop", "stop", "start"}, pixivoc.StateOver},
		"stop, start, stop, start":      {[]string{"stop", "start", "stop", "start"}, pixivoc.StateOver},
		"start, stop, start, stop, end": {[]string{"start", "stop", "start", "stop"}, pixivoc.StateStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				// The stage takes its time to end, so the calls come while it does.
				kind := countTo(2, stage("Slow", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
					time.Sleep(time.Minute)
					return pixivoc.Output{}, nil
				}))
				store := memory.New()
				client := newClient(t, pixivoc.Config{Store: store, Env: pixivoc.EnvPatch{ConcurrencyNumber: new(1)}, Types: []pixivoc.TaskType{kind}})
				task := create(t, client)
				time.Sleep(time.Second)
				for _, verb := range test.then {
					do := task.Stop
					if verb == "start" {
						do = task.Start
					}
					if err := do(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				wait(t, task, test.want)
				stored, err := store.LoadTask(t.Context(), task.ID())
				if err != nil || stored.State != test.want {
					t.Errorf("stored as %s (%v), want %s", stored.State, err, test.want)
				}
			})
		})
	}
}

// What says "again, at once" for ever is neither stormed nor
// waited for without end.
func TestU12_RetryAfterZeroIsNoStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		kind := countTo(1, stage("Busy", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			runs.Add(1)
			return pixivoc.Output{}, pixivoc.RetryAfter(0, errors.New("busy"))
		}))
		client := newClient(t, pixivoc.Config{MaxIdleRounds: 2, Types: []pixivoc.TaskType{kind}})
		task := create(t, client)
		time.Sleep(time.Minute)
		if got := runs.Load(); got > 8 {
			t.Errorf("%d runs in the first minute", got)
		}
		wait(t, task, pixivoc.StateError)
	})
}

func TestU12_LongRetryAfterIsNotSleptOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
			if requests.Add(1) > 1 {
				return answer(request, 200, "ok"), nil
			}
			response := answer(request, 503, "busy")
			response.Header.Set("Retry-After", "31536000")
			return response, nil
		})})
		begin := time.Now()
		response, err := client.Do(getRequest(t, "https://www.example.org/"))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if took := time.Since(begin); took < time.Hour || took > time.Hour+time.Minute {
			t.Errorf("took %s, want the cap of an hour", took)
		}
	})
}

func TestDo_SendsAPostOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"server error": nil, "connection fault": errors.New("connection reset")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
					requests.Add(1)
					if fault != nil {
						return nil, fault
					}
					return answer(request, 500, ""), nil
				})})
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://www.example.org/", strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.Do(request); err == nil || requests.Load() != 1 {
					t.Errorf("%d requests (%v), want 1", requests.Load(), err)
				}
			})
		})
	}
}

func TestTask_StageThatWantsATokenWithoutALogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		kind := countTo(1, stage("Wants", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			runs.Add(1)
			return pixivoc.Output{}, pixivoc.ErrNoToken
		}))
		for name, site := range map[string]pixivoc.Site{"site without login": {}, "logged in": testSite(new(atomic.Int32))} {
			runs.Store(0)
			client := newClient(t, pixivoc.Config{Site: site, Types: []pixivoc.TaskType{kind}})
			if site.Exchange != nil {
				login(t, client)
			}
			task := create(t, client)
			time.Sleep(10 * time.Second)
			if got := runs.Load(); got > 11 {
				t.Errorf("%s: %d runs in ten seconds", name, got)
			}
			_ = task.Stop(t.Context())
			if _, err := task.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestC6_ShutdownEndsRequestsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		})})
		failed := make(chan error, 1)
		go func() {
			_, err := client.Do(getRequest(t, "https://www.example.org/"))
			failed <- err
		}()
		synctest.Wait()
		begin := time.Now()
		if err := client.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, pixivoc.ErrClosed) || time.Since(begin) > time.Second {
			t.Errorf("Do: %v after %s", err, time.Since(begin))
		}
	})
}

func TestNew_RefusesBadStages(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]pixivoc.TaskType{
		"missing": countTo(1, pixivoc.StageSpec{}),
		"empty":   countTo(1, record("")),
		"twice":   countTo(1, pass("A"), record("A")),
		"the end": countTo(1, record(pixivoc.StageOver)),
	} {
		if _, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Types: []pixivoc.TaskType{kind}}); err == nil {
			t.Errorf("%s: accepted", name)
		} else if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
