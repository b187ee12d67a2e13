package pixivoc_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Whoever makes the same task at the same time keeps it when another maker's
// list turns out to be broken.
func TestCreate_BrokenListLeavesTheTaskOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{listed1000(record("Work"))}})
		spec := pixivoc.TaskSpec{Type: "Count", Name: "numbers", Key: "k"}
		bad := spec
		bad.Keyword = "slow and broken"
		failed := make(chan error, 1)
		go func() {
			_, err := client.Create(context.Background(), bad)
			failed <- err
		}()
		elapse(time.Second)
		good := make(chan error, 1)
		var task pixivoc.Task
		go func() {
			var err error
			if task, err = client.Create(context.Background(), spec); err == nil {
				err = task.Start(context.Background())
			}
			good <- err
		}()
		if err := <-failed; err == nil {
			t.Error("the broken list was accepted")
		}
		if err := <-good; err != nil {
			t.Fatal(err)
		}
		if info := wait(t, task, pixivoc.StateOver); info.Total != 1000 {
			t.Errorf("%+v", info)
		}
	})
}

// listed1000 lists 1,000 items, more than a page; with the keyword "slow and
// broken" it stops for a minute after 700 and then fails.
func listed1000(stages ...pixivoc.StageSpec) pixivoc.TaskType {
	kind := countTo(1000, stages...)
	all := kind.First
	kind.First = func(ctx context.Context, spec pixivoc.TaskSpec) seqOfItems {
		if spec.Keyword != "slow and broken" {
			return all(ctx, spec)
		}
		return func(yield func(pixivoc.Item, error) bool) {
			for i := range 700 {
				if !yield(pixivoc.NewItem(fmt.Sprint(i), number{i}), nil) {
					return
				}
			}
			elapse(time.Minute)
			yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Keyword", Reason: "is broken"})
		}
	}
	return kind
}

// A request that is sent again gets its task as it is, also when that is over.
func TestCreate_OnceLeavesAnExistingTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kind := countTo(2, record("Work"))
		kind.Stages[0].Relist = true
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{kind}})
		spec := pixivoc.TaskSpec{Type: "Count", Name: "numbers", Key: "k", Once: true}
		first, err := client.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, first, pixivoc.StateOver)
		again, err := client.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		info, err := again.Info(t.Context())
		if err != nil || again.ID() != first.ID() || info.State != pixivoc.StateOver || info.Runs != 1 {
			t.Errorf("task %d, want %d: %+v, %v", again.ID(), first.ID(), info, err)
		}
	})
}
