package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
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
