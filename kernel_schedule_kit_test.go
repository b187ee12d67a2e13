package pixivoc_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
)

// watched is a site whose list of works grows at the front. Its task type reads
// the list page by page until all of a page is known, as a watch does.
type watched struct {
	begin time.Time
	every time.Duration // a new work comes

	mu       sync.Mutex
	listings []time.Time
	pages    int
	fetched  map[string]int
	failing  error // of reading the list
}

const watchedPage = 5

func newWatched(every time.Duration) *watched {
	return &watched{begin: time.Now(), every: every, fetched: map[string]int{}}
}

// works is how many there are by now.
func (g *watched) works() int { return 1 + int(time.Since(g.begin)/g.every) }

func (g *watched) kind() pixivoc.TaskType {
	list := stage("List", func(ctx context.Context, rt pixivoc.Runtime, page number) (pixivoc.Output, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.pages++; page.N == 0 {
			g.listings = append(g.listings, time.Now())
		}
		var out pixivoc.Output
		if g.failing != nil {
			return out, g.failing
		}
		var keys []string
		for n := g.works() - 1 - page.N*watchedPage; n >= 0 && len(keys) < watchedPage; n-- {
			keys = append(keys, fmt.Sprint(n))
		}
		known, err := rt.Recorded(ctx, "work", keys...)
		for _, key := range keys {
			out.QueueTo("Save", key, nil)
		}
		if len(keys) > len(known) {
			out.QueueTo("List", fmt.Sprint(page.N+1), number{page.N + 1})
		}
		return out, err
	})
	list.Relist = true
	return pixivoc.TaskType{
		Name: "Count", Stages: []pixivoc.StageSpec{list, {Stage: saver{g}}},
		First: func(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
			return func(yield func(pixivoc.Item, error) bool) { yield(pixivoc.NewItem("0", number{0}), nil) }
		},
	}
}

// saver is the stage that fetches a work.
type saver struct{ *watched }

func (saver) Name() string { return "Save" }

func (s saver) Run(_ context.Context, _ pixivoc.Runtime, item pixivoc.Item) (pixivoc.Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched[item.Key]++
	var out pixivoc.Output
	out.Record("work", item.Key, nil)
	out.Archive("watched:" + item.Key)
	return out, nil
}

// read returns when the list was read, from its first page, and forgets it.
func (g *watched) read() []time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	read := g.listings
	g.listings = nil
	return read
}

// fail lets every reading of the list fail.
func (g *watched) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failing = err
}

// wantOnce wants the first n works fetched, each once.
func (g *watched) wantOnce(t *testing.T, n int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.fetched) != n {
		t.Errorf("%d works were fetched, want %d", len(g.fetched), n)
	}
	for key, times := range g.fetched {
		if times != 1 {
			t.Errorf("work %s was fetched %d times", key, times)
		}
	}
}

func info(t *testing.T, task pixivoc.Task) pixivoc.TaskInfo {
	t.Helper()
	info, err := task.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// createWatch makes a task with a schedule.
func createWatch(t *testing.T, client pixivoc.Client, schedule string) pixivoc.Task {
	t.Helper()
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "watch", Schedule: schedule})
	if err != nil {
		t.Fatal(err)
	}
	return task
}
