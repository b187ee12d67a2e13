package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// mendable is a task type with a list that grows and works of which those that
// are broken fail for good.
type mendable struct {
	mu      sync.Mutex
	works   int
	broken  map[int]bool
	listed  int
	fetched map[int]int // how often each work was tried
	hold    chan struct{}
}

func (m *mendable) kind() pixivoc.TaskType {
	list := stage("List", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.listed++
		var out pixivoc.Output
		for i := range m.works {
			out.Queue(fmt.Sprint(i), number{i})
		}
		return out, nil
	})
	list.Relist = true
	save := stage("Save", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fetched[in.N]++
		if m.hold != nil {
			<-m.hold
		}
		var out pixivoc.Output
		if m.broken[in.N] {
			return out, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("is gone"))
		}
		out.Record("number", fmt.Sprint(in.N), in)
		return out, nil
	})
	kind := countTo(1, list, save)
	kind.First = m.first
	return kind
}

// first reads what an Input has for works, else it begins a list.
func (m *mendable) first(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		if spec.Input == nil {
			yield(pixivoc.NewItem("list", number{}), nil)
			return
		}
		for i := range m.works {
			item := pixivoc.NewItem(fmt.Sprint(i), number{i})
			item.Stage = "Save"
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (m *mendable) change(works int, broken ...int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.works, m.broken = works, map[int]bool{}
	for _, n := range broken {
		m.broken[n] = true
	}
}

// A task that is over is opened again: it reads its list anew, does what is new
// and what had failed, and nothing else.
func TestReopen_WhatIsOver(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) pixivoc.Store{
		"memory": func(*testing.T) pixivoc.Store { return memory.New() },
		"sqlite": func(t *testing.T) pixivoc.Store { return openSQLite(t, sqlite.Options{NoSync: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &mendable{fetched: map[int]int{}}
			m.change(5, 1, 3)
			client := newClient(t, pixivoc.Config{Store: store(t), Types: []pixivoc.TaskType{m.kind()}})
			task := create(t, client)
			if got := wait(t, task, pixivoc.StateOver); got.Failed != 2 || got.Runs != 1 {
				t.Errorf("first run: %+v", got)
			}
			require.NoError(t, task.Start(t.Context()))
			wait(t, task, pixivoc.StateOver)
			m.change(7, 3)
			require.NoError(t, task.Reopen(t.Context()))
			if got := wait(t, task, pixivoc.StateOver); got.Failed != 1 || got.Runs != 2 || got.Now != 8 || got.Total != 8 {
				t.Errorf("opened again: %+v", got)
			}
			if want := map[int]int{0: 1, 1: 2, 2: 1, 3: 2, 4: 1, 5: 1, 6: 1}; m.listed != 2 || !maps.Equal(m.fetched, want) {
				t.Errorf("listed %d times, fetched %v, want %v", m.listed, m.fetched, want)
			}
			if got := slices.Sorted(slices.Values(records(t, task))); !slices.Equal(got, []string{"0", "1", "2", "4", "5", "6"}) {
				t.Errorf("records %q", got)
			}
		})
	}
}

// A run that began again and was cut off, by Stop or by the end of the process,
// can be started as any other.
func TestReopen_CutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, inner := &mendable{fetched: map[int]int{}}, memory.New()
		m.change(3, 1)
		store := newSpoiledStore(t, inner)
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{m.kind()}})
		task := create(t, client)
		wait(t, task, pixivoc.StateOver)
		m.change(3)
		store.spoil(failing("AddItems", 1, 1, errStore)) // before the list was read anew
		require.NoError(t, task.Reopen(t.Context()))
		wait(t, task, pixivoc.StateError)
		require.NoError(t, task.Start(t.Context()))
		if got := wait(t, task, pixivoc.StateOver); got.Failed != 0 || m.listed != 2 || m.fetched[1] != 2 {
			t.Errorf("%+v, listed %d times, fetched %v", got, m.listed, m.fetched)
		}
	})
}

// A task made from an Input keeps its first items and tries what failed; one
// that stopped goes on where it is; one at work is left alone.
func TestReopen_OtherStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mendable{fetched: map[int]int{}}
		m.change(3, 1)
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{m.kind()}})
		spec := pixivoc.TaskSpec{Type: "Count", Name: "numbers", Input: strings.NewReader("")}
		task, err := client.Create(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, task.Reopen(t.Context())) // as Start
		wait(t, task, pixivoc.StateOver)
		m.change(3)
		m.hold = make(chan struct{})
		require.NoError(t, task.Reopen(t.Context()))
		synctest.Wait()
		require.NoError(t, task.Reopen(t.Context()))
		if got := info(t, task); !got.Running || got.Runs != 2 {
			t.Errorf("while it runs: %+v", got)
		}
		close(m.hold)
		if got := wait(t, task, pixivoc.StateOver); got.Failed != 0 || m.listed != 0 || m.fetched[0] != 1 || m.fetched[1] != 2 {
			t.Errorf("%+v, listed %d times, fetched %v", got, m.listed, m.fetched)
		}
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{}))
		require.ErrorIs(t, task.Reopen(t.Context()), pixivoc.ErrTaskNotFound)
	})
}
