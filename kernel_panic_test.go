package pixivoc_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

// P6: a panic in outside code fails the item or the call that ran it. Nothing
// else stops, and nothing stays locked.

func TestP6_First(t *testing.T) {
	t.Parallel()
	for name, panicsAt := range map[string]int{"at once": 0, "after more than a page": 700} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calm atomic.Bool
			shaky := countTo(1000, record("Work"))
			all := shaky.First
			shaky.First = func(ctx context.Context, spec pixivoc.TaskSpec) seqOfItems {
				return func(yield func(pixivoc.Item, error) bool) {
					listed := 0
					for item, err := range all(ctx, spec) {
						if listed++; listed > panicsAt && !calm.Load() {
							panic("a mistake in First")
						}
						if !yield(item, err) {
							return
						}
					}
				}
			}
			client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{shaky}})
			spec := pixivoc.TaskSpec{Type: "Count", Name: "numbers", Key: "k"}
			_, err := client.Create(t.Context(), spec)
			if err == nil || !strings.Contains(err.Error(), "panicked") {
				t.Errorf("Create: %v", err)
			}
			for info := range client.Tasks(t.Context()) {
				t.Errorf("half a task is left: %+v", info)
			}
			calm.Store(true)
			task, err := client.Create(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if err := task.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			wait(t, task, pixivoc.StateOver)
		})
	}
}

func TestP6_Site(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"Judge", "Authorize"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { siteThatPanics(t, place) })
		})
	}
}

func siteThatPanics(t *testing.T, place string) {
	site := testSite(new(atomic.Int32))
	judge, authorize := site.Judge, site.Authorize
	site.Judge = func(response *http.Response, body []byte) error {
		if place == "Judge" && strings.HasSuffix(response.Request.URL.Path, "/1") {
			panic("a mistake in Judge")
		}
		return judge(response, body)
	}
	site.Authorize = func(request *http.Request, token pixivoc.Token) {
		if place == "Authorize" && strings.HasSuffix(request.URL.Path, "/1") {
			panic("a mistake in Authorize")
		}
		authorize(request, token)
	}
	work := stage("Work", func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
		response, err := rt.Do(getRequest(t, fmt.Sprint("https://api.example.org/", in.N)).WithContext(ctx))
		if err != nil {
			return pixivoc.Output{}, err
		}
		return pixivoc.Output{}, response.Body.Close()
	})
	client := newClient(t, pixivoc.Config{Site: site, HTTP: greetings, Types: []pixivoc.TaskType{countTo(5, work)}})
	login(t, client)
	task := create(t, client)
	if info := wait(t, task, pixivoc.StateOver); info.Failed != 1 || failures(t, task)["1"] != pixivoc.ReasonPanic {
		t.Errorf("%+v, failed %v", info, failures(t, task))
	}
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				t.Errorf("Client.Do lets the panic through: %v", cause)
			}
		}()
		if _, err := client.Do(getRequest(t, "https://api.example.org/1")); err == nil {
			t.Error("Client.Do has no error")
		}
	}()
	response, err := client.Do(getRequest(t, "https://api.example.org/2"))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

// A stage that panics while it holds a file, and a Refuse that panics in the
// middle of a download: the next who wants that file gets it.
func TestP6_WhileAFileIsHeld(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"stage", "Refuse"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var panicked atomic.Bool
				work := stage("Work", func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
					_, err := rt.Download(ctx, pixivoc.Download{
						Request: getRequest(t, "https://www.example.org/same"), Name: "same.txt", Any: true,
						Refuse: func(*url.URL) error {
							if place == "Refuse" && panicked.CompareAndSwap(false, true) {
								panic("a mistake in Refuse")
							}
							return nil
						},
					})
					if place == "stage" && panicked.CompareAndSwap(false, true) {
						panic("a mistake in the stage")
					}
					return pixivoc.Output{}, err
				})
				files := countTo(4, work)
				files.Files = true
				var log bytes.Buffer
				client := newClient(t, pixivoc.Config{
					NoSync: true, HTTP: greetings, Types: []pixivoc.TaskType{files}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
					Env: pixivoc.EnvPatch{ConcurrencyNumber: new(1)},
				})
				folder := t.TempDir()
				task := createIn(t, client, folder)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				info, err := task.Wait(ctx)
				if err != nil || info.State != pixivoc.StateOver || info.Failed != 1 {
					t.Errorf("%+v (%v)", info, err)
				}
				for key, reason := range failures(t, task) {
					if reason != pixivoc.ReasonPanic {
						t.Errorf("item %s failed as %q", key, reason)
					}
				}
				wantFiles(t, folder, "same.txt")
				if !strings.Contains(log.String(), "goroutine") {
					t.Error("the log has no stack")
				}
			})
		})
	}
}
