package pixivoc_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// A task that waits for a login lets others run, and takes its turn again when
// somebody is there.
func TestWaitingForALoginGivesThePlaceBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		work := func(name string, needs bool) pixivoc.TaskType {
			spec := stage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				elapse(time.Minute)
				mu.Lock()
				running--
				mu.Unlock()
				return pixivoc.Output{}, nil
			})
			spec.NeedsToken = needs
			kind := countTo(1, spec)
			kind.Name = name
			return kind
		}
		site := pixivoc.Site{
			Name: "site", Hosts: []string{"site.example"},
			Exchange: func(context.Context, *http.Client, pixivoc.Grant) (pixivoc.Token, error) {
				return pixivoc.Token{Access: "access", Refresh: "refresh", Expires: time.Now().Add(time.Hour)}, nil
			},
		}
		client := newClient(t, pixivoc.Config{
			Store: memory.New(), Site: site, MaxRunning: 1, Types: []pixivoc.TaskType{work("Needs", true), work("Free", false)},
			Env: pixivoc.EnvPatch{ConcurrencyNumber: new(10)},
		})
		var waiting []pixivoc.Task
		for n := range 20 {
			waiting = append(waiting, start(t, client, pixivoc.TaskSpec{Type: "Needs", Name: fmt.Sprint("needs", n)}))
		}
		elapse(time.Second)
		states := map[pixivoc.State]int{}
		for _, task := range waiting {
			states[info(t, task).State]++
		}
		if states[pixivoc.StateWaitToken] != 17 || states[pixivoc.StateQueued] != 3 {
			t.Errorf("states %v, want 16 aside, one at its place and three queued", states)
		}
		for _, task := range waiting[5:] {
			if err := task.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		free := start(t, client, pixivoc.TaskSpec{Type: "Free", Name: "free"})
		wait(t, free, pixivoc.StateOver)
		if err := waiting[0].Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, waiting[0], pixivoc.StateStopped)

		if _, err := client.Login(t.Context(), pixivoc.RefreshToken("refresh")); err != nil {
			t.Fatal(err)
		}
		elapse(30 * time.Second)
		if err := waiting[4].Delete(t.Context(), pixivoc.DeleteOptions{}); err != nil { // it wants its place back
			t.Fatal(err)
		}
		for _, task := range waiting[1:4] {
			wait(t, task, pixivoc.StateOver)
		}
		if most != 1 {
			t.Errorf("%d tasks ran at a time, want 1", most)
		}
		wait(t, start(t, client, pixivoc.TaskSpec{Type: "Free", Name: "last"}), pixivoc.StateOver)
	})
}
