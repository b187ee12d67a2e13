package pixivoc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// A watch over simulated weeks fetches each work once, soon after it came, and
// reads no more of the list than it must.
func TestSchedule_Weeks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWatched(90 * time.Minute)
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{g.kind()}, AutoStart: true})
		task := createWatch(t, client, " every  6h ")
		if got := info(t, task); got.Schedule != "every 6h" || !got.NextRun.IsZero() || got.Runs != 0 {
			t.Errorf("before the first start: %+v", got)
		}
		elapse(24 * time.Hour)
		if read := g.read(); len(read) != 0 {
			t.Fatalf("read at %v before it was started", read)
		}
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := wait(t, task, pixivoc.StateScheduled)
		if got.Over || got.Running || got.Runs != 1 || got.StageName != pixivoc.StageOver || got.Now != got.Total || got.NextRun.Sub(got.FinishedAt).Round(time.Second) != 6*time.Hour {
			t.Errorf("after the first run: %+v", got)
		}
		g.wantOnce(t, 17)
		const weeks = 3 * 7 * 24 * time.Hour
		elapse(weeks)
		got = wait(t, task, pixivoc.StateScheduled)
		read := g.read()
		if len(read) < 82 || len(read) > 85 || got.Runs != len(read) {
			t.Errorf("read %d times in three weeks, %d runs", len(read), got.Runs)
		}
		for i := 1; i < len(read); i++ {
			if gap := read[i].Sub(read[i-1]); gap < 6*time.Hour || gap > 6*time.Hour+time.Minute {
				t.Errorf("%s between two runs", gap)
			}
		}
		if g.works()-len(g.fetched) > 4 {
			t.Errorf("%d works, %d fetched", g.works(), len(g.fetched))
		}
		g.wantOnce(t, len(g.fetched))
		if g.pages > 3*len(read) {
			t.Errorf("%d pages in %d runs", g.pages, len(read))
		}
	})
}

// A run that was missed while no process ran is made once, then the schedule
// goes on.
func TestR6_ScheduleAfterRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, store := newWatched(time.Hour), memory.New()
		config := pixivoc.Config{Store: store, Types: []pixivoc.TaskType{g.kind()}, AutoStart: true}
		first, err := pixivoc.New(config)
		if err != nil {
			t.Fatal(err)
		}
		task := createWatch(t, first, "TZ=UTC 30 4 * * *")
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		next := wait(t, task, pixivoc.StateScheduled).NextRun
		if want := time.Date(2000, 1, 1, 4, 30, 0, 0, time.UTC); !next.Equal(want) {
			t.Errorf("next run %s, want %s", next, want)
		}
		elapse(5 * time.Hour)
		if err := first.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(g.read()); n != 2 {
			t.Errorf("read %d times before, want 2", n)
		}
		elapse(5 * 24 * time.Hour)
		second := newClient(t, config)
		task, err = second.Task(t.Context(), task.ID())
		if err != nil {
			t.Fatal(err)
		}
		elapse(time.Minute)
		wait(t, task, pixivoc.StateScheduled)
		if n := len(g.read()); n != 1 {
			t.Errorf("read %d times after the pause, want once", n)
		}
		elapse(2 * 24 * time.Hour)
		if n := len(g.read()); n != 2 {
			t.Errorf("read %d times in two days", n)
		}
		g.wantOnce(t, len(g.fetched))
	})
}

// Without AutoStart nothing fires, and a run that was cut off is left to a
// client that obeys schedules.
func TestSchedule_WithoutAutoStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, store := newWatched(time.Hour), memory.New()
		config := pixivoc.Config{Store: store, Types: []pixivoc.TaskType{g.kind()}}
		client := newClient(t, config)
		task := createWatch(t, client, "every 1h")
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, task, pixivoc.StateScheduled)
		elapse(24 * time.Hour)
		if n := len(g.read()); n != 1 {
			t.Errorf("read %d times", n)
		}
		// As a process leaves it that was killed in the middle of a run.
		cut := pixivoc.TaskChange{State: new(pixivoc.StateQueued), Stage: new("Save"), NextRun: new(time.Time)}
		if err := store.UpdateTask(t.Context(), task.ID(), cut); err != nil {
			t.Fatal(err)
		}
		again := newClient(t, config)
		seen, err := again.Task(t.Context(), task.ID())
		if err != nil {
			t.Fatal(err)
		}
		if got := info(t, seen); got.State != pixivoc.StateScheduled || got.NextRun.After(time.Now()) {
			t.Errorf("after a run that was cut off: %s, next run %s", got.State, got.NextRun)
		}
		config.AutoStart = true
		obeying := newClient(t, config)
		if seen, err = obeying.Task(t.Context(), task.ID()); err != nil {
			t.Fatal(err)
		}
		elapse(time.Second)
		if got := wait(t, seen, pixivoc.StateScheduled); !got.NextRun.After(time.Now()) {
			t.Errorf("next run %s", got.NextRun)
		}
	})
}

// Stop lets the schedule rest; Start runs at once and goes on with it; Delete
// ends it.
func TestSchedule_StopStartDelete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWatched(time.Hour)
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{g.kind()}, AutoStart: true})
		task := createWatch(t, client, "every 1h")
		do := func(what func(context.Context) error) {
			t.Helper()
			if err := what(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		do(task.Start)
		wait(t, task, pixivoc.StateScheduled)
		do(task.Stop)
		if got := info(t, task); got.State != pixivoc.StateStopped || !got.NextRun.IsZero() {
			t.Errorf("stopped: %+v", got)
		}
		elapse(10 * time.Hour)
		if n := len(g.read()); n != 1 {
			t.Errorf("read %d times, want once", n)
		}
		do(task.Start)
		elapse(time.Second)
		if got := wait(t, task, pixivoc.StateScheduled); got.Runs != 2 {
			t.Errorf("started again: %+v", got)
		}
		do(task.Start) // between two runs: at once
		elapse(time.Second)
		wait(t, task, pixivoc.StateScheduled)
		if n := len(g.read()); n != 2 {
			t.Errorf("read %d times, want 2", n)
		}
		elapse(90 * time.Minute)
		if n := len(g.read()); n != 1 {
			t.Errorf("read %d times in an hour and a half", n)
		}
		do(func(ctx context.Context) error { return task.Delete(ctx, pixivoc.DeleteOptions{}) })
		elapse(10 * time.Hour)
		if n := len(g.read()); n != 0 {
			t.Errorf("read %d times after it was deleted", n)
		}
		g.wantOnce(t, len(g.fetched))
	})
}

// A run that fails leaves the task in StateError, which the next one mends.
func TestSchedule_Error(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWatched(time.Hour)
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{g.kind()}, AutoStart: true, MaxIdleRounds: 2})
		task := createWatch(t, client, "every 1h")
		g.fail(errors.New("the list is broken"))
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := wait(t, task, pixivoc.StateError)
		if got.ErrorReason != pixivoc.ReasonNoProgress || !strings.Contains(got.Error, "broken") || !got.NextRun.After(time.Now()) {
			t.Errorf("failed: %+v", got)
		}
		elapse(61 * time.Minute)
		wait(t, task, pixivoc.StateError)
		g.fail(nil)
		elapse(62 * time.Minute)
		if got = wait(t, task, pixivoc.StateScheduled); got.Error != "" || got.ErrorReason != "" || got.Runs != 1 {
			t.Errorf("mended: %+v", got)
		}
		g.wantOnce(t, g.works())

		// One that failed and is stopped stays so.
		g.fail(errors.New("the list is broken"))
		elapse(62 * time.Minute)
		wait(t, task, pixivoc.StateError)
		if err := task.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.read()
		elapse(10 * time.Hour)
		if got := info(t, task); got.State != pixivoc.StateStopped || len(g.read()) != 0 {
			t.Errorf("stopped: %+v", got)
		}
	})
}

// SetSchedule changes a task in every state.
func TestSetSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWatched(time.Hour)
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{g.kind()}, AutoStart: true})
		task := createWatch(t, client, "")
		set := func(schedule string, state pixivoc.State, next time.Duration) {
			t.Helper()
			if err := task.SetSchedule(t.Context(), schedule); err != nil {
				t.Fatal(err)
			}
			got := info(t, task)
			if got.State != state || got.Schedule != schedule || got.Over != (state == pixivoc.StateOver) || got.NextRun.IsZero() != (next == 0) {
				t.Errorf("with %q: %+v", schedule, got)
			}
			if next != 0 && time.Until(got.NextRun).Round(time.Second) != next {
				t.Errorf("with %q: next run in %s, want %s", schedule, time.Until(got.NextRun), next)
			}
		}
		set("every 2h", pixivoc.StateWaitStart, 0)
		set("", pixivoc.StateWaitStart, 0)
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, task, pixivoc.StateOver)
		set("every 2h", pixivoc.StateScheduled, 2*time.Hour)
		elapse(time.Hour)
		set("every 5h", pixivoc.StateScheduled, 5*time.Hour)
		elapse(4 * time.Hour)
		if n := len(g.read()); n != 1 {
			t.Errorf("read %d times, want once", n)
		}
		set("", pixivoc.StateOver, 0)
		elapse(10 * time.Hour)
		if n := len(g.read()); n != 0 {
			t.Errorf("read %d times without a schedule", n)
		}
		set("TZ=Asia/Tokyo 0 4 * * *", pixivoc.StateScheduled, time.Until(time.Date(2000, 1, 1, 19, 0, 0, 0, time.UTC)))
		for _, bad := range []string{"sometimes", "every 1s", "0 0 30 2 *"} {
			err := task.SetSchedule(t.Context(), bad)
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != "Schedule" {
				t.Errorf("%q gave %v", bad, err)
			}
			_, err = client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "bad", Schedule: bad})
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != "Schedule" {
				t.Errorf("Create with %q gave %v", bad, err)
			}
		}
		if got := info(t, task); got.State != pixivoc.StateScheduled {
			t.Errorf("after bad schedules: %+v", got)
		}
		spec := pixivoc.TaskSpec{Type: "Count", Name: "list", Input: strings.NewReader("1 2"), Schedule: "every 1h"}
		if _, err := client.Create(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "Input") {
			t.Errorf("Create with a list gave %v", err)
		}
		spec.Schedule = ""
		list, err := client.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.SetSchedule(t.Context(), "every 1h"); err == nil || !strings.Contains(err.Error(), "Input") {
			t.Errorf("SetSchedule of a list gave %v", err)
		}
	})
}

// A process that died while it opened a task again does so again.
func TestSchedule_CutOffWhileOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWatched(time.Hour)
		store := newSpoiledStore(t, nil)
		config := pixivoc.Config{Store: store, Types: []pixivoc.TaskType{g.kind()}, AutoStart: true}
		client := newClient(t, config)
		task := createWatch(t, client, "every 5h")
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, task, pixivoc.StateScheduled)
		store.spoil(failing("AddItems", 1, 1000, errStore))
		elapse(301 * time.Minute)
		if got := wait(t, task, pixivoc.StateError); !got.NextRun.After(time.Now()) {
			t.Errorf("next run %s", got.NextRun)
		}
		store.spoil(nil)
		// The list was forgotten and the store says so, as after a crash.
		if err := store.UpdateTask(t.Context(), task.ID(), pixivoc.TaskChange{State: new(pixivoc.StateQueued)}); err != nil {
			t.Fatal(err)
		}
		again := newClient(t, config)
		seen, err := again.Task(t.Context(), task.ID())
		if err != nil {
			t.Fatal(err)
		}
		elapse(time.Minute)
		wait(t, seen, pixivoc.StateScheduled)
		g.wantOnce(t, g.works())
	})
}

// Many tasks that are due at once take their turns; those that wait for their
// time hold nobody up.
func TestSchedule_TakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var running, most, runs int
		slow := stage("Slow", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			mu.Lock()
			running++
			runs++
			most = max(most, running)
			mu.Unlock()
			elapse(time.Minute)
			mu.Lock()
			running--
			mu.Unlock()
			return pixivoc.Output{}, nil
		})
		slow.Relist = true
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, slow)}, AutoStart: true, MaxRunning: 2})
		var tasks []pixivoc.Task
		for range 8 {
			task := createWatch(t, client, "TZ=UTC 0 6 * * *")
			if err := task.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, task)
		}
		for _, task := range tasks {
			wait(t, task, pixivoc.StateScheduled)
		}
		elapse(5 * time.Hour)
		elapse(time.Hour - 4*time.Minute + 30*time.Second)
		queued := 0
		for _, task := range tasks {
			if info(t, task).State == pixivoc.StateQueued {
				queued++
			}
		}
		if queued != 6 {
			t.Errorf("%d tasks are queued, want 6", queued)
		}
		plain, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "plain"})
		if err != nil {
			t.Fatal(err)
		}
		elapse(time.Hour)
		if err := plain.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(time.Second)
		if got := info(t, plain); !got.Running {
			t.Errorf("a task has to wait for tasks that wait for their time: %+v", got)
		}
		wait(t, plain, pixivoc.StateOver)
		if most != 2 || runs != 17 {
			t.Errorf("%d runs, %d at a time", runs, most)
		}
	})
}

// Events tell of the states that a schedule brings.
func TestSchedule_Events(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newWatched(time.Hour)
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{g.kind()}, AutoStart: true})
		seen := watchEvents(t, client)
		task := createWatch(t, client, "every 1h")
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(90 * time.Minute)
		var states []pixivoc.State
		for _, event := range seen.all() {
			if event.Kind == pixivoc.EventTaskOver {
				t.Error("a task that goes on is called over")
			}
			if event.Kind != pixivoc.EventSnapshot && event.Task.State != "" {
				states = append(states, event.Task.State)
			}
		}
		want := []pixivoc.State{
			pixivoc.StateWaitStart, pixivoc.StateQueued, pixivoc.StateDownloading, pixivoc.StateScheduled,
			pixivoc.StateQueued, pixivoc.StateDownloading, pixivoc.StateScheduled,
		}
		if got := slices.Compact(states); !slices.Equal(got, want) {
			t.Errorf("states %v, want %v", got, want)
		}
	})
}
