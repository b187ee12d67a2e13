package pixivoc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

// watch collects events until the test ends.
type watch struct {
	mu     sync.Mutex
	events []pixivoc.Event
}

// watchEvents begins before it returns. Call it inside a bubble: it waits until
// the reader waits.
func watchEvents(t *testing.T, client pixivoc.Client) *watch {
	t.Helper()
	w := &watch{}
	ctx, cancel := context.WithCancel(context.Background())
	var reader sync.WaitGroup
	reader.Go(func() {
		for event := range client.Events(ctx) {
			w.mu.Lock()
			w.events = append(w.events, event)
			w.mu.Unlock()
		}
	})
	t.Cleanup(func() { cancel(); reader.Wait() })
	synctest.Wait()
	return w
}

// all returns what came so far. Call it inside a bubble.
func (w *watch) all() []pixivoc.Event {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// A run that was stopped must not show itself at work again.
func TestC1_StoppedTaskShowsNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSpoiledStore(t, nil)
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(3, pass("First"), record("Second"))}})
		store.spoil(func(method string, call int) error {
			if method == "UpdateTask done" && call == 2 { // the run goes to the second stage
				elapse(time.Minute)
			}
			return nil
		})
		seen := watchEvents(t, client)
		task := create(t, client)
		elapse(time.Second)
		if err := task.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if info := wait(t, task, pixivoc.StateStopped); info.Running {
			t.Errorf("%+v", info)
		}
		stopped := false
		for _, event := range seen.all() {
			if event.Kind == pixivoc.EventTaskChanged && event.Task.State == pixivoc.StateStopped {
				stopped = true
			} else if stopped && event.Task.State != "" {
				t.Errorf("%s with state %s after the stop", event.Kind, event.Task.State)
			}
		}
		if !stopped {
			t.Error("nothing was told of the stop")
		}
	})
}

// A task that is started while its stopped run is still ending begins as a
// stopped one would: with all its idle rounds before it.
func TestC1_StartWhileStoppingForgetsIdleRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		slow := stage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			elapse(10 * time.Second)
			runs.Add(1)
			return pixivoc.Output{}, errors.New("not yet")
		})
		client := newClient(t, pixivoc.Config{MaxIdleRounds: 4, Types: []pixivoc.TaskType{countTo(1, slow)}})
		task := create(t, client)
		for runs.Load() < 3 {
			elapse(time.Second)
		}
		elapse(6 * time.Second) // in the middle of the fourth run
		for _, do := range []func(context.Context) error{task.Stop, task.Start} {
			if err := do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		info := wait(t, task, pixivoc.StateError)
		if !strings.Contains(info.Error, "no progress in 4 rounds") || runs.Load() < 7 {
			t.Errorf("gave up after %d runs: %s", runs.Load(), info.Error)
		}
	})
}
