package pixivoc_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// What is pinned first stays, for items that run at the same time, for later
// tasks, and for later clients of the store.
func TestPin_FirstStays(t *testing.T) {
	t.Parallel()
	const items = 20
	var mu sync.Mutex
	kept := map[string]int{}
	errs := 0
	pins := func(ctx context.Context, rt pixivoc.Runtime, in number) (out pixivoc.Output, err error) {
		value, err := rt.Pin(ctx, "test/name", "value "+strconv.Itoa(in.N))
		if err != nil {
			return out, err
		}
		other, err := rt.Pin(ctx, "test/other", "other")
		if err != nil {
			return out, err
		}
		_, empty := rt.Pin(ctx, "test/empty", "")
		mu.Lock()
		defer mu.Unlock()
		kept[value]++
		if refused, ok := errors.AsType[*pixivoc.FieldError](empty); !ok || refused.Field != "Pin" || other != "other" {
			errs++
		}
		return out, nil
	}
	store := memory.New()
	for round := range 2 {
		client := newClient(t, pixivoc.Config{
			Store: store, HTTP: noRoad(t), Env: pixivoc.EnvPatch{ConcurrencyNumber: new(8)},
			Types: []pixivoc.TaskType{countTo(items, stage("pin", pins))},
		})
		task := create(t, client)
		wait(t, task, pixivoc.StateOver)
		if err := client.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if len(kept) != 1 || errs != 0 {
			t.Fatalf("round %d: kept %v, %d errors", round, kept, errs)
		}
		mu.Unlock()
	}
	for _, count := range kept {
		if count != 2*items {
			t.Errorf("%d of %d items saw the value", count, 2*items)
		}
	}
}
