package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

func TestTask_NewOneShowsItsNineAttributes(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(3, pass("First"), record("Second"))}})
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "numbers", Keyword: "3", SavePath: "ignored", Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := task.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.CreatedAt.IsZero() || info.TID != task.ID() || info.TID == 0 {
		t.Errorf("TID %d, created %s", info.TID, info.CreatedAt)
	}
	info.CreatedAt, info.TID = time.Time{}, 0
	want := pixivoc.TaskInfo{
		TaskName: "numbers", TypeName: "Count", StageName: "First", Total: 3,
		State: pixivoc.StateWaitStart, Keyword: "3", Group: "g",
	}
	if info != want {
		t.Errorf("got  %+v\nwant %+v", info, want)
	}
}

func TestTask_RunsItsStagesInOrder(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(200, pass("First"), pass("Second"), record("Third"))}})
	task := create(t, client)
	info := wait(t, task, pixivoc.StateOver)
	if !info.Over || info.StageName != pixivoc.StageOver || info.Running || info.Now != info.Total || info.Now != 600 || info.FinishedAt.IsZero() {
		t.Errorf("%+v", info)
	}
	keys := records(t, task)
	slices.Sort(keys)
	if len(slices.Compact(keys)) != 200 {
		t.Errorf("%d different records, want 200", len(slices.Compact(keys)))
	}
}

func TestTask_SkipsAStageWithoutItems(t *testing.T) {
	t.Parallel()
	skip := stage("First", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.QueueTo("Third", fmt.Sprint(in.N), in)
		return out, nil
	})
	never := stage("Second", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
		t.Error("the stage without items ran")
		return pixivoc.Output{}, nil
	})
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(5, skip, never, record("Third"))}})
	task := create(t, client)
	wait(t, task, pixivoc.StateOver)
	if got := len(records(t, task)); got != 5 {
		t.Errorf("%d records, want 5", got)
	}
}

func TestTask_StageMayQueueForItself(t *testing.T) {
	t.Parallel()
	count := stage("Pages", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Record("number", fmt.Sprint(in.N), in)
		// The last page leads back to the first, as a site may do by mistake.
		out.QueueTo("Pages", fmt.Sprint((in.N+1)%10), number{(in.N + 1) % 10})
		return out, nil
	})
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, count)}})
	task := create(t, client)
	wait(t, task, pixivoc.StateOver)
	if got := len(records(t, task)); got != 10 {
		t.Errorf("%d records, want 10", got)
	}
}

func TestTask_StopAndStartDoEachItemOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs sync.Map
		work := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return pixivoc.Output{}, ctx.Err()
			}
			n, _ := runs.LoadOrStore(in.N, new(atomic.Int32))
			n.(*atomic.Int32).Add(1)
			var out pixivoc.Output
			out.Record("number", fmt.Sprint(in.N), in)
			return out, nil
		})
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(100, work)}})
		task := create(t, client)
		for range 10 {
			time.Sleep(2500 * time.Millisecond)
			if err := task.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			info := wait(t, task, pixivoc.StateStopped)
			if info.Running || info.Now >= info.Total {
				t.Fatalf("%+v", info)
			}
			if err := task.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wait(t, task, pixivoc.StateOver)
		if got := len(records(t, task)); got != 100 {
			t.Errorf("%d records, want 100", got)
		}
		runs.Range(func(key, n any) bool {
			if n.(*atomic.Int32).Load() != 1 {
				t.Errorf("item %v was done %d times", key, n.(*atomic.Int32).Load())
			}
			return true
		})
	})
}

func TestTask_PassingFailuresAreTriedInTheNextRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen sync.Map
		flaky := stage("Flaky", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			if _, again := seen.LoadOrStore(in.N, true); in.N%3 == 0 && !again {
				return pixivoc.Output{}, errors.New("try later")
			}
			var out pixivoc.Output
			out.Record("number", fmt.Sprint(in.N), in)
			return out, nil
		})
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(30, flaky)}})
		task := create(t, client)
		info := wait(t, task, pixivoc.StateOver)
		if info.Failed != 0 || len(records(t, task)) != 30 {
			t.Errorf("failed %d, %d records", info.Failed, len(records(t, task)))
		}
	})
}

func TestTask_PermanentFailuresDoNotBlock(t *testing.T) {
	t.Parallel()
	run := func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		switch in.N {
		case 1:
			return pixivoc.Output{}, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("gone"))
		case 2:
			panic("a mistake in the stage") // P6
		case 3:
			var out pixivoc.Output
			out.Queue("x", func() {}) // no JSON
			return out, nil
		case 4:
			var out pixivoc.Output
			out.QueueTo("Nowhere", "x", nil)
			return out, nil
		}
		return pixivoc.Output{}, nil
	}
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(6, stage("Work", run), record("Rest"))}})
	task := create(t, client)
	info := wait(t, task, pixivoc.StateOver)
	if info.Failed != 4 || !info.Over {
		t.Errorf("%+v", info)
	}
	got := failures(t, task)
	want := map[string]string{"1": pixivoc.ReasonDeleted, "2": pixivoc.ReasonPanic, "3": pixivoc.ReasonPayload, "4": pixivoc.ReasonPayload}
	for key, reason := range want {
		if got[key] != reason {
			t.Errorf("item %s failed as %q, want %q", key, got[key], reason)
		}
	}
}

func TestTask_GivesUpWithoutProgressAndStartsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		var runs atomic.Int32
		broken := stage("Broken", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			runs.Add(1)
			if mended.Load() {
				return pixivoc.Output{}, nil
			}
			return pixivoc.Output{}, errors.New("the cable is out")
		})
		client := newClient(t, pixivoc.Config{MaxIdleRounds: 4, Types: []pixivoc.TaskType{countTo(2, broken)}})
		task := create(t, client)
		begin := time.Now()
		info := wait(t, task, pixivoc.StateError)
		if !strings.Contains(info.Error, "items left: 2") || !strings.Contains(info.Error, "the cable is out") {
			t.Errorf("error %q", info.Error)
		}
		if runs.Load() != 8 {
			t.Errorf("%d runs, want 8", runs.Load())
		}
		if waited := time.Since(begin); waited < 6*time.Second || waited > 8*time.Second {
			t.Errorf("three pauses took %s, want about 1+2+4 s", waited)
		}
		mended.Store(true)
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, task, pixivoc.StateOver)
	})
}

func TestTask_RetryAfterCostsNoAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		limited := stage("Limited", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			if runs.Add(1) <= 5 {
				return pixivoc.Output{}, pixivoc.RetryAfter(time.Minute, errors.New("later"))
			}
			return pixivoc.Output{}, nil
		})
		client := newClient(t, pixivoc.Config{MaxIdleRounds: 1, Types: []pixivoc.TaskType{countTo(1, limited)}})
		begin := time.Now()
		wait(t, create(t, client), pixivoc.StateOver)
		if waited := time.Since(begin); waited < 5*time.Minute || waited > 5*time.Minute+time.Second {
			t.Errorf("waited %s, want 5 min", waited)
		}
	})
}

func TestTask_ItemsThatWaitLeaveTheirPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var later sync.Map
		run := func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			if _, again := later.LoadOrStore(in.N, true); in.N < 3 && !again {
				return pixivoc.Output{}, pixivoc.RetryAfter(time.Hour, errors.New("later"))
			}
			var out pixivoc.Output
			out.Record("number", fmt.Sprint(in.N), in)
			return out, nil
		}
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(20, stage("Work", run))}})
		task := create(t, client)
		time.Sleep(time.Minute)
		if got := len(records(t, task)); got != 17 {
			t.Errorf("%d items done while three wait, want 17", got)
		}
		if err := task.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, task, pixivoc.StateStopped)
	})
}

func TestC3_ConcurrencyNumberBoundsRunningItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		work := stage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			now := running.Add(1)
			defer running.Add(-1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			time.Sleep(time.Second)
			return pixivoc.Output{}, nil
		})
		client := newClient(t, pixivoc.Config{
			Env:   pixivoc.EnvPatch{ConcurrencyNumber: new(1)},
			Types: []pixivoc.TaskType{countTo(300, work)},
		})
		first := create(t, client)
		second := create(t, client)
		for _, n := range []int{1, 64, 5, 1} {
			if _, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{ConcurrencyNumber: &n}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond) // those who ran before have ended
			most.Store(0)
			time.Sleep(2 * time.Second)
			if got := int(most.Load()); got != n {
				t.Errorf("%d items ran at a time over two tasks, want %d", got, n)
			}
		}
		_ = first.Stop(t.Context())
		_ = second.Stop(t.Context())
		wait(t, first, pixivoc.StateStopped)
		wait(t, second, pixivoc.StateStopped)
	})
}

func TestTask_QueueRunsMaxRunningAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := stage("Slow", func(ctx context.Context, _ pixivoc.Runtime, _ number) (pixivoc.Output, error) {
			time.Sleep(time.Minute)
			return pixivoc.Output{}, nil
		})
		client := newClient(t, pixivoc.Config{MaxRunning: 1, Types: []pixivoc.TaskType{countTo(1, slow)}})
		first, second, third := create(t, client), create(t, client), create(t, client)
		time.Sleep(time.Second)
		for i, task := range []pixivoc.Task{first, second, third} {
			info, err := task.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if info.QueuePosition != i || info.Running != (i == 0) {
				t.Errorf("task %d: position %d, running %v, state %s", i, info.QueuePosition, info.Running, info.State)
			}
		}
		if err := second.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, second, pixivoc.StateStopped)
		begin := time.Now()
		wait(t, third, pixivoc.StateOver)
		if waited := time.Since(begin); waited > 2*time.Minute {
			t.Errorf("the third task waited %s for a stopped one", waited)
		}
		wait(t, first, pixivoc.StateOver)
	})
}

func TestC1_OperationsFromManyGoroutines(t *testing.T) {
	t.Parallel()
	slow := stage("Slow", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Record("number", fmt.Sprint(in.N), in)
		return out, ctx.Err()
	})
	store := memory.New()
	client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(500, slow)}})
	task := create(t, client)
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			for round := range 20 {
				var err error
				switch (i + round) % 4 {
				case 0:
					err = task.Start(t.Context())
				case 1:
					err = task.Stop(t.Context())
				case 2:
					_, err = task.Info(t.Context())
				case 3:
					if i == 31 && round == 10 {
						err = task.Delete(t.Context(), pixivoc.DeleteOptions{})
					}
				}
				if err != nil && !errors.Is(err, pixivoc.ErrTaskNotFound) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	group.Wait()
	if err := task.Delete(t.Context(), pixivoc.DeleteOptions{}); err != nil && !errors.Is(err, pixivoc.ErrTaskNotFound) {
		t.Fatal(err)
	}
	if _, err := task.Info(t.Context()); !errors.Is(err, pixivoc.ErrTaskNotFound) {
		t.Errorf("Info of a deleted task: %v", err)
	}
	if tasks, err := store.ListTasks(t.Context(), 0, 10); err != nil || len(tasks) != 0 {
		t.Errorf("the store still has %v (%v)", tasks, err)
	}
}

func TestC8_StageThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := make(chan struct{})
		stuck := stage("Stuck", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			<-deaf
			return pixivoc.Output{}, nil
		})
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, stuck)}})
		task := create(t, client)
		time.Sleep(time.Second)
		if err := task.Stop(t.Context()); err != nil {
			t.Errorf("Stop: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := client.Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Stuck") {
			t.Errorf("Shutdown: %v", err)
		}
		close(deaf)
	})
}

func TestC6_ShutdownTwice(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(100, record("Work"))}})
	create(t, client)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := client.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
	group.Wait()
	if _, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "x"}); !errors.Is(err, pixivoc.ErrClosed) {
		t.Errorf("Create after Shutdown: %v", err)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.org/", nil)
	if _, err := client.Do(request); !errors.Is(err, pixivoc.ErrClosed) {
		t.Errorf("Do after Shutdown: %v", err)
	}
}
