package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

// A stop in the middle of a round leaves items that failed in it and are due in
// the next one. The next run must come to them.
func TestRounds_StopInTheMiddleLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		work := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			switch {
			case mended.Load():
				return pixivoc.Output{}, nil
			case in.N < 3:
				return pixivoc.Output{}, errors.New("not yet")
			}
			<-ctx.Done()
			return pixivoc.Output{}, ctx.Err()
		})
		store := newSpoiledStore(t, nil)
		store.spoil(notForEver(nil))
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(10, work)}})
		task := create(t, client)
		for range 3 {
			elapse(time.Second)
			if err := task.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			wait(t, task, pixivoc.StateStopped)
			if err := task.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		elapse(time.Second)
		_ = task.Stop(t.Context())
		wait(t, task, pixivoc.StateStopped)
		mended.Store(true)
		begin := time.Now()
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		info := wait(t, task, pixivoc.StateOver)
		if info.Now != 10 || info.Failed != 0 {
			t.Errorf("%+v", info)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("the run took %s to come to the items of later rounds", took)
		}
	})
}

// A task that goes back to an earlier stage, because Create added to it, counts
// the rounds of the later stage anew; what waits there for a later round must
// still be done.
func TestRounds_BackToAnEarlierStageLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		last := stage("Last", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			if !mended.Load() {
				return pixivoc.Output{}, errors.New("not yet")
			}
			return pixivoc.Output{}, nil
		})
		store := newSpoiledStore(t, nil)
		store.spoil(notForEver(nil))
		n := 3
		grows := countTo(0, pass("First"), last)
		grows.First = func(ctx context.Context, spec pixivoc.TaskSpec) seqOfItems { return countTo(n).First(ctx, spec) }
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{grows}})
		spec := pixivoc.TaskSpec{Type: "Count", Name: "numbers", Key: "k"}
		task, err := client.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(10 * time.Second) // some rounds of the last stage
		n = 5
		if _, err := client.Create(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		elapse(10 * time.Second)
		mended.Store(true)
		if info := wait(t, task, pixivoc.StateOver); info.Now != 10 {
			t.Errorf("%+v", info)
		}
	})
}

// Claims that were not given back, because the store failed just then, hold for
// the lease. A run that finds nothing else waits for them and does not spin.
func TestRounds_WaitsForLostClaims(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Release", "Commit"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				work := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
					select {
					case <-ctx.Done():
						return pixivoc.Output{}, ctx.Err()
					case <-time.After(time.Duration(in.N) * time.Second):
						return pixivoc.Output{}, nil
					}
				})
				store := newSpoiledStore(t, nil)
				store.spoil(failing(method, 1, 1000, errStore))
				client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(10, work)}})
				task := create(t, client)
				elapse(2500 * time.Millisecond)
				_ = task.Stop(t.Context())
				if _, err := task.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				store.spoil(notForEver(nil))
				begin := time.Now()
				if err := task.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if info := wait(t, task, pixivoc.StateOver); info.Now != 10 {
					t.Errorf("%+v", info)
				}
				if took := time.Since(begin); took > time.Minute && method == "Commit" {
					t.Errorf("claims that could have been given back were held: the run took %s", took)
				}
				if n := store.count("CountItems"); n > 500 {
					t.Errorf("the run counted its items %d times while it waited", n)
				}
			})
		})
	}
}

// The second run of an item that gave a file back must not wait for its own
// first one.
func TestRounds_RunAgainGivesFilesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limited atomic.Bool
		limited.Store(true)
		two := stage("Two", func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
			for _, name := range []string{"a.txt", "b.txt"} {
				request := getRequest(t, "https://www.example.org/"+name)
				if _, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: fmt.Sprint(in.N, name), Any: true}); err != nil {
					return pixivoc.Output{}, err
				}
				if limited.CompareAndSwap(true, false) {
					return pixivoc.Output{}, pixivoc.RetryAfter(time.Minute, errors.New("later"))
				}
			}
			return pixivoc.Output{}, nil
		})
		files := countTo(1, two)
		files.Files = true
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{files}, NoSync: true, HTTP: greetings})
		task := createIn(t, client, t.TempDir())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if info, err := task.Wait(ctx); err != nil || info.State != pixivoc.StateOver {
			t.Errorf("%s (%v), want Over", info.State, err)
		}
	})
}

// The time-out grows with each round that leaves items behind, up to ten
// minutes, unless Increment is off; a restart goes on where it was.
func TestRounds_IncrementGrowsTheTimeout(t *testing.T) {
	t.Parallel()
	for _, increment := range []bool{true, false} {
		for _, how := range []string{"Do", "Download"} {
			t.Run(fmt.Sprint(how, " increment ", increment), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { silentRounds(t, how, increment) })
			})
		}
	}
}

func silentRounds(t *testing.T, how string, increment bool) {
	const rounds, timeout = 22, 20 * time.Second
	var waits []time.Duration // each is one request
	ask := stage("Ask", func(ctx context.Context, rt pixivoc.Runtime, _ number) (pixivoc.Output, error) {
		request := getRequest(t, "https://www.example.org/a.txt").WithContext(ctx)
		if how == "Do" {
			_, err := rt.Do(request)
			return pixivoc.Output{}, err
		}
		_, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: "a.txt", Any: true})
		return pixivoc.Output{}, err
	})
	files := countTo(1, ask)
	files.Files = true
	client := newClient(t, pixivoc.Config{
		MaxIdleRounds: rounds, Types: []pixivoc.TaskType{files},
		Env: pixivoc.EnvPatch{Timeout: new(timeout), Increment: &increment},
		HTTP: road(func(request *http.Request) (*http.Response, error) {
			begin := time.Now()
			<-request.Context().Done()
			waits = append(waits, time.Since(begin))
			return nil, request.Context().Err()
		}),
	})
	wait(t, createIn(t, client, t.TempDir()), pixivoc.StateError)
	const tries = 3 // of one run of an item
	if len(waits) != rounds*tries {
		t.Fatalf("%d requests, want %d", len(waits), rounds*tries)
	}
	for i, waited := range waits {
		want := timeout
		if increment {
			want = min(timeout+time.Duration(i/tries)*pixivoc.TimeoutIncrement, 10*time.Minute)
		}
		if waited != want {
			t.Errorf("request %d in round %d was given up after %s, want %s", i, i/tries, waited, want)
		}
	}
}

// Rounds without progress count from the last progress on, and the error names
// what went wrong first.
func TestRounds_ProgressResetsIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int32
		work := stage("Work", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			if in.N == 9 {
				return pixivoc.Output{}, fmt.Errorf("cause %d", rounds.Add(1))
			}
			if int(rounds.Load()) < 2*in.N {
				return pixivoc.Output{}, errors.New("not yet")
			}
			return pixivoc.Output{}, nil
		})
		client := newClient(t, pixivoc.Config{
			MaxIdleRounds: 3, Types: []pixivoc.TaskType{countTo(10, work)}, Env: pixivoc.EnvPatch{ConcurrencyNumber: new(1)},
		})
		info := wait(t, create(t, client), pixivoc.StateError)
		if info.Now != 9 || rounds.Load() < 19 || rounds.Load() > 21 {
			t.Errorf("gave up after %d rounds: %+v", rounds.Load(), info)
		}
		if last := fmt.Sprintf("cause %d", rounds.Load()); !strings.HasSuffix(info.Error, last) {
			t.Errorf("error %q, want the first cause of the last round, %q", info.Error, last)
		}
	})
}

// An item may fetch several files. Two that could become one, because the
// extension follows the content or the file system folds case, are refused: the
// second would wait for the first for ever.
func TestDownload_SeveralFilesOfOneItem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files  []pixivoc.Download
		reason string
	}{
		"a picture and its description": {[]pixivoc.Download{{Name: "1.gif"}, {Name: "1-description.json", Any: true}}, ""},
		"names that differ at the end":  {[]pixivoc.Download{{Name: "1.gif"}, {Name: "1.json", Any: true}}, pixivoc.ReasonName},
		"pages":                         {[]pixivoc.Download{{Name: "a/1.gif"}, {Name: "a/2.gif"}, {Name: "b/1.gif"}}, ""},
		"two formats of a picture":      {[]pixivoc.Download{{Name: "1.jpg"}, {Name: "1.png"}}, pixivoc.ReasonName},
		"two cases of a name":           {[]pixivoc.Download{{Name: "1.json", Any: true}, {Name: "1.JSON", Any: true}}, pixivoc.ReasonName},
		"one name twice":                {[]pixivoc.Download{{Name: "1.gif"}, {Name: "1.gif"}}, pixivoc.ReasonName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				several := stage("Several", func(ctx context.Context, rt pixivoc.Runtime, _ number) (pixivoc.Output, error) {
					for _, file := range test.files {
						file.Request = getRequest(t, "https://www.example.org/"+file.Name)
						if _, err := rt.Download(ctx, file); err != nil {
							return pixivoc.Output{}, err
						}
					}
					return pixivoc.Output{}, nil
				})
				files := countTo(1, several)
				files.Files = true
				client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{files}, NoSync: true, HTTP: road(func(request *http.Request) (*http.Response, error) {
					return answer(request, http.StatusOK, "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"), nil
				})})
				folder := t.TempDir()
				task := createIn(t, client, folder)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				info, err := task.Wait(ctx)
				if err != nil || info.State != pixivoc.StateOver || failures(t, task)["0"] != test.reason {
					t.Fatalf("%+v (%v), failed %v", info, err, failures(t, task))
				}
				var want []string
				for _, file := range test.files {
					if test.reason == "" {
						want = append(want, file.Name)
					}
				}
				wantFiles(t, folder, want...)
			})
		})
	}
}
