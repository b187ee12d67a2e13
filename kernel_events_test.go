package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

// itemEvents counts the events about items by key.
func itemEvents(events []pixivoc.Event, kind pixivoc.EventKind) map[string]int {
	counts := map[string]int{}
	for _, event := range events {
		if event.Kind == kind {
			counts[event.Item.Key]++
		}
	}
	return counts
}

// Each item is told of exactly once, whether it was done at once, in a later
// round, after a stop, or while the store had no room for some.
func TestEvents_EachItemOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 200
		work := stage("Work", func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
			if in.N%10 == 1 {
				return pixivoc.Output{}, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("gone"))
			}
			if in.N%10 == 2 && rt.Task().Now < n/2 {
				return pixivoc.Output{}, errors.New("try later")
			}
			select {
			case <-time.After(time.Second):
				return pixivoc.Output{}, nil
			case <-ctx.Done():
				return pixivoc.Output{}, ctx.Err()
			}
		})
		store := newSpoiledStore(t, nil)
		full := map[int64]bool{}
		store.commit = func(commits []pixivoc.Commit) []error {
			errs := make([]error, len(commits))
			for i, commit := range commits {
				if item := commit.Claim.Item; item%7 == 0 && !full[item] {
					full[item], errs[i] = true, pixivoc.ErrDiskFull
				}
			}
			return errs
		}
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(n, work)}})
		seen := watchEvents(t, client)
		task := create(t, client)
		for range 3 {
			elapse(7500 * time.Millisecond)
			_ = task.Stop(t.Context())
			wait(t, task, pixivoc.StateStopped)
			if err := task.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if info := wait(t, task, pixivoc.StateOver); info.Failed != n/10 {
			t.Errorf("%+v", info)
		}
		done, failed := itemEvents(seen.all(), pixivoc.EventItemDone), itemEvents(seen.all(), pixivoc.EventItemFailed)
		for i := range n {
			key := fmt.Sprint(i)
			wantDone, wantFailed := 1, 0
			if i%10 == 1 {
				wantDone, wantFailed = 0, 1
			}
			if done[key] != wantDone || failed[key] != wantFailed {
				t.Errorf("item %s: told %d times that it was done, %d times that it failed", key, done[key], failed[key])
			}
		}
	})
}

// The events of a task come in the order in which things happened, progress is
// told a few times a second at most, and nothing comes after its deletion.
func TestEvents_OrderAndThrottle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, perSecond = 2000, 6
		work := stage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			elapse(10 * time.Millisecond)
			return pixivoc.Output{}, nil
		})
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(n, work)}})
		seen := watchEvents(t, client)
		begin := time.Now()
		task := create(t, client)
		wait(t, task, pixivoc.StateOver)
		took := time.Since(begin)
		if err := task.Delete(t.Context(), pixivoc.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := task.Start(t.Context()); !errors.Is(err, pixivoc.ErrTaskNotFound) {
			t.Errorf("Start of a deleted task: %v", err)
		}
		elapse(time.Minute)
		var order []pixivoc.EventKind
		changed, last := 0, pixivoc.TaskInfo{}
		for _, event := range seen.all() {
			if event.Kind == pixivoc.EventTaskChanged {
				changed++
			}
			if event.Task.TID != task.ID() {
				continue
			}
			if event.Kind != pixivoc.EventItemDone && (len(order) == 0 || order[len(order)-1] != event.Kind) {
				order = append(order, event.Kind)
			}
			if event.Kind != pixivoc.EventTaskDeleted && event.Task.Now < last.Now {
				t.Errorf("%s goes back from %d to %d", event.Kind, last.Now, event.Task.Now)
			}
			last = event.Task
		}
		want := []pixivoc.EventKind{pixivoc.EventTaskCreated, pixivoc.EventTaskChanged, pixivoc.EventTaskOver, pixivoc.EventTaskDeleted}
		if !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		if most := int(took.Seconds()*perSecond) + 5; changed > most {
			t.Errorf("%d changes were told in %s, want %d at most", changed, took, most)
		}
	})
}

// C5: readers that never read, that come and go, and that are slow. The task
// takes as long as without them; the slow one is told that it lost events and
// then has the whole state.
func TestC5_ReadersOfAClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(n, record("Work"))}, Env: pixivoc.EnvPatch{ConcurrencyNumber: new(16)}})
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		var readers sync.WaitGroup
		readers.Go(func() { // stuck in its first event
			for range client.Events(ctx) {
				<-release
				return
			}
		})
		for range 1000 {
			readers.Go(func() {
				for range client.Events(ctx) {
					return
				}
			})
		}
		var lost, snapshots int
		var final pixivoc.Event
		readers.Go(func() {
			for event := range client.Events(ctx) {
				switch event.Kind {
				case pixivoc.EventLost:
					lost++
				case pixivoc.EventSnapshot:
					snapshots++
					final = event
					if snapshots == 1 {
						<-release
					}
				}
			}
		})
		begin := time.Now()
		task := create(t, client)
		wait(t, task, pixivoc.StateOver)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the task took %s beside readers that do not read", took)
		}
		close(release)
		synctest.Wait()
		cancel()
		readers.Wait()
		if lost != 1 || snapshots != 2 || len(final.Tasks) != 1 || final.Tasks[0].State != pixivoc.StateOver {
			t.Errorf("lost %d, %d snapshots, the last with %+v", lost, snapshots, final.Tasks)
		}
	})
}

// What two items did is told while the third one takes its time, though nothing
// else happens.
func TestEvents_ProgressIsToldWithoutAnotherItem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		work := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			select {
			case <-time.After([]time.Duration{0, 100 * time.Millisecond, time.Minute}[in.N]):
			case <-ctx.Done():
			}
			return pixivoc.Output{}, ctx.Err()
		})
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(3, work)}})
		task := create(t, client)
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(time.Second)
		info, err := task.Info(t.Context())
		if err != nil || info.Now != 2 || info.Total != 3 {
			t.Errorf("a second later: %+v, %v", info, err)
		}
		wait(t, task, pixivoc.StateOver)
	})
}

// That a task began to run is told before its first item has ended.
func TestEvents_TheBeginIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		work := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, _ number) (pixivoc.Output, error) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			return pixivoc.Output{}, ctx.Err()
		})
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, work)}})
		seen := watchEvents(t, client)
		task := create(t, client)
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(time.Second)
		if !slices.ContainsFunc(seen.all(), func(event pixivoc.Event) bool {
			return event.Kind == pixivoc.EventTaskChanged && event.Task.State == pixivoc.StateDownloading && event.Task.Running
		}) {
			t.Errorf("%+v", seen.all())
		}
		wait(t, task, pixivoc.StateOver)
	})
}
