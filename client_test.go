package pixivoc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := countTo(1, record("Work"))
	for name, test := range map[string]struct {
		config pixivoc.Config
		field  string
	}{
		"no store":         {pixivoc.Config{}, "Store"},
		"a type twice":     {pixivoc.Config{Store: memory.New(), Types: []pixivoc.TaskType{good, good}}, "Types"},
		"no stages":        {pixivoc.Config{Store: memory.New(), Types: []pixivoc.TaskType{{Name: "x"}}}, "Types"},
		"a bad setting":    {pixivoc.Config{Store: memory.New(), Env: pixivoc.EnvPatch{ConcurrencyNumber: new(0)}}, "ConcurrencyNumber"},
		"a negative queue": {pixivoc.Config{Store: memory.New(), MaxRunning: -1}, "MaxRunning"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pixivoc.New(test.config)
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != test.field {
				t.Errorf("error %v, want one for %s", err, test.field)
			}
		})
	}
}

func TestK6_EnvRefusesWhatIsOutOfBounds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		patch pixivoc.EnvPatch
		field string // "" when it is accepted
	}{
		"shortest timeout":    {pixivoc.EnvPatch{Timeout: new(time.Second)}, ""},
		"no timeout":          {pixivoc.EnvPatch{Timeout: new(time.Duration(0))}, "Timeout"},
		"too long a timeout":  {pixivoc.EnvPatch{Timeout: new(time.Hour + 1)}, "Timeout"},
		"most at a time":      {pixivoc.EnvPatch{ConcurrencyNumber: new(64)}, ""},
		"too many at a time":  {pixivoc.EnvPatch{ConcurrencyNumber: new(65)}, "ConcurrencyNumber"},
		"no interval":         {pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}, ""},
		"a negative interval": {pixivoc.EnvPatch{IntervalTime: new(-time.Second)}, "IntervalTime"},
		"a mode too many":     {pixivoc.EnvPatch{ProxyMode: new(pixivoc.ProxyMode(3))}, "ProxyMode"},
		"proxy without one":   {pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeProxy)}, "Proxy"},
		"one proxy":           {pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeProxy), Proxy: new("http://127.0.0.1:1081")}, ""},
		"proxy in mode 0":     {pixivoc.EnvPatch{Proxy: new("http://127.0.0.1:1081")}, "Proxy"},
		"a hostile proxy":     {pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeProxy), Proxy: new("javascript:alert(1)")}, "Proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, pixivoc.Config{})
			// A good value beside the bad one must not be taken over either.
			test.patch.Increment = new(false)
			_, err := client.UpdateEnv(t.Context(), test.patch)
			if test.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != test.field {
				t.Errorf("error %v, want one for %s", err, test.field)
			}
			if env := client.Env(); !env.Increment {
				t.Errorf("half of the patch was applied: %s", env)
			}
		})
	}
}

func TestEnv_SurvivesARestart(t *testing.T) {
	t.Parallel()
	store := memory.New()
	first := newClient(t, pixivoc.Config{Store: store, Env: pixivoc.EnvPatch{Timeout: new(time.Minute * 2)}})
	_, err := first.UpdateEnv(t.Context(), pixivoc.EnvPatch{
		ProxyMode: new(pixivoc.ModeProxy), Proxy: new("http://me:secret@127.0.0.1:1081"), ConcurrencyNumber: new(9),
	})
	if err != nil {
		t.Fatal(err)
	}
	second := newClient(t, pixivoc.Config{Store: store})
	env := second.Env()
	if env.Proxy != "http://me:secret@127.0.0.1:1081" || env.ConcurrencyNumber != 9 {
		t.Errorf("the second client has %s", env)
	}
	if env.Timeout != time.Minute {
		t.Errorf("Config.Env of the first client was saved: timeout %s", env.Timeout)
	}
	shown, _ := json.Marshal(env)
	for _, text := range []string{string(shown), env.String(), fmt.Sprintf("%v %+v %#v", env, env, env)} {
		if strings.Contains(text, "secret") {
			t.Errorf("the proxy's password shows: %s", text)
		}
	}
	env, err = second.UpdateEnv(t.Context(), pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeIP)})
	if err != nil || env.Proxy != "" {
		t.Errorf("mode 2 keeps the proxy %q (%v)", env.Proxy, err)
	}
}

func TestCreate_RefusesBadFields(t *testing.T) {
	t.Parallel()
	files := countTo(1, record("Work"))
	files.Name, files.Files = "Files", true
	picky := countTo(0, record("Work"))
	picky.Name = "Picky"
	picky.First = func(context.Context, pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
		return func(yield func(pixivoc.Item, error) bool) {
			for i := range 2000 { // more than a page, so that the task exists by then
				if !yield(pixivoc.NewItem(fmt.Sprint(i), number{i}), nil) {
					return
				}
			}
			yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Keyword", Reason: "line 2001 is no number"})
		}
	}
	store := memory.New()
	client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(1, record("Work")), files, picky}})
	for name, test := range map[string]struct {
		spec  pixivoc.TaskSpec
		field string
	}{
		"no name":        {pixivoc.TaskSpec{Type: "Count"}, "TaskName"},
		"a path":         {pixivoc.TaskSpec{Type: "Count", Name: "../x"}, "TaskName"},
		"a device":       {pixivoc.TaskSpec{Type: "Count", Name: "nul.txt"}, "TaskName"},
		"no save path":   {pixivoc.TaskSpec{Type: "Files", Name: "x"}, "SavePath"},
		"a late mistake": {pixivoc.TaskSpec{Type: "Picky", Name: "x"}, "Keyword"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.Create(t.Context(), test.spec)
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != test.field {
				t.Errorf("error %v, want one for %s", err, test.field)
			}
		})
	}
	if _, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Nothing", Name: "x"}); !errors.Is(err, pixivoc.ErrTypeUnknown) {
		t.Errorf("unknown type: %v", err)
	}
	if tasks, _ := store.ListTasks(t.Context(), 0, 10); len(tasks) != 0 {
		t.Errorf("refused tasks were left behind: %v", tasks)
	}
}

func TestCreate_WithTheSameKeyGoesOnAndListsAnew(t *testing.T) {
	t.Parallel()
	var works atomic.Int32 // how many works the artist has by now
	works.Store(3)
	list := stage("List", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
		var out pixivoc.Output
		for i := range works.Load() {
			out.Queue(fmt.Sprint(i), number{int(i)})
		}
		return out, nil
	})
	list.Relist = true
	var fetched atomic.Int32
	fetch := stage("Fetch", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		fetched.Add(1)
		return pixivoc.Output{}, nil
	})
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, list, fetch)}})
	spec := pixivoc.TaskSpec{Type: "Count", Name: "artist", Key: "artist/7"}
	var tid int64
	for _, want := range []int32{3, 3, 5} {
		if want == 5 {
			works.Store(5)
		}
		task, err := client.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if tid == 0 {
			tid = task.ID()
		}
		if task.ID() != tid {
			t.Errorf("task %d, want %d again", task.ID(), tid)
		}
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, task, pixivoc.StateOver)
		if fetched.Load() != want {
			t.Errorf("fetched %d in all, want %d", fetched.Load(), want)
		}
	}
	spec.Type = "Other"
	other := countTo(1, record("Work"))
	other.Name = "Other"
	if _, err := client.Create(t.Context(), spec); !errors.Is(err, pixivoc.ErrTypeUnknown) {
		t.Errorf("%v", err)
	}
}

func TestNew_TakesUpWhatWasRunning(t *testing.T) {
	t.Parallel()
	for _, auto := range []bool{true, false} {
		t.Run(fmt.Sprint("AutoStart ", auto), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				slow := stage("Slow", func(ctx context.Context, _ pixivoc.Runtime, _ number) (pixivoc.Output, error) {
					select {
					case <-time.After(time.Minute):
						return pixivoc.Output{}, nil
					case <-ctx.Done():
						return pixivoc.Output{}, ctx.Err()
					}
				})
				config := pixivoc.Config{Store: memory.New(), HTTP: noRoad(t), AutoStart: auto, Types: []pixivoc.TaskType{countTo(10, slow)}}
				first, err := pixivoc.New(config)
				if err != nil {
					t.Fatal(err)
				}
				tid := create(t, first).ID()
				time.Sleep(90 * time.Second)
				if err := first.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				second := newClient(t, config)
				task, err := second.Task(t.Context(), tid)
				if err != nil {
					t.Fatal(err)
				}
				if !auto {
					info := wait(t, task, pixivoc.StateStopped)
					if info.Now != 3 {
						t.Errorf("%d items done before the shutdown, want 3", info.Now)
					}
					return
				}
				wait(t, task, pixivoc.StateOver)
			})
		})
	}
}

func TestTask_WaitsForALogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		work := record("Work")
		work.NeedsToken = true
		client := newClient(t, pixivoc.Config{Site: testSite(new(atomic.Int32)), Types: []pixivoc.TaskType{countTo(1, work)}})
		task := create(t, client)
		synctest.Wait()
		info, err := task.Info(t.Context())
		if err != nil || info.State != pixivoc.StateWaitToken || info.Error == "" {
			t.Errorf("%+v (%v)", info, err)
		}
		login(t, client)
		wait(t, task, pixivoc.StateOver)
	})
}

func TestEvents_SnapshotThenChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(3, record("Work"))}})
		ctx, cancel := context.WithCancel(t.Context())
		var kinds []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			var last uint64
			for event := range client.Events(ctx) {
				if event.Kind != pixivoc.EventSnapshot && event.Seq != last+1 {
					t.Errorf("Seq %d after %d", event.Seq, last)
				}
				last = event.Seq
				kinds = append(kinds, string(event.Kind))
			}
		}()
		synctest.Wait()
		task := create(t, client)
		wait(t, task, pixivoc.StateOver)
		if err := task.Delete(t.Context(), pixivoc.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		<-done
		text := strings.Join(kinds, " ")
		for _, want := range []string{"snapshot task_created", "item_done", "task_over", "task_deleted"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
		if !strings.HasSuffix(text, "task_over task_deleted") {
			t.Errorf("the end is %s", text)
		}
	})
}

func TestD1_FullDiskPausesTheTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		work := stage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
			if tries.Add(1) == 1 {
				return pixivoc.Output{}, fmt.Errorf("write x.part: %w", pixivoc.ErrDiskFull)
			}
			return pixivoc.Output{}, nil
		})
		files := countTo(1, work)
		files.Files = true
		client := newClient(t, pixivoc.Config{MaxIdleRounds: 1, Types: []pixivoc.TaskType{files}})
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "x", SavePath: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if info, err := task.Info(t.Context()); err != nil || info.State != pixivoc.StateDiskFull || tries.Load() != 1 {
			t.Errorf("%+v after %d tries (%v)", info, tries.Load(), err)
		}
		begin := time.Now()
		wait(t, task, pixivoc.StateOver)
		if waited := time.Since(begin); waited > 10*time.Second {
			t.Errorf("went on after %s more", waited)
		}
		if tries.Load() != 2 {
			t.Errorf("%d tries, want 2", tries.Load())
		}
	})
}

func TestD3_SavePathThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	files := countTo(1, record("Work"))
	files.Files = true
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{files}})
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "x", SavePath: "/dev/null/pictures"})
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	info := wait(t, task, pixivoc.StateError)
	if !strings.Contains(info.Error, pixivoc.ErrSavePath.Error()) {
		t.Errorf("error %q", info.Error)
	}
}

func TestTwoClientsShareNothing(t *testing.T) {
	t.Parallel()
	kind := countTo(20, record("Work"))
	one := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{kind}, Env: pixivoc.EnvPatch{ConcurrencyNumber: new(1)}})
	two := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{kind}})
	wait(t, create(t, one), pixivoc.StateOver)
	for info, err := range two.Tasks(t.Context()) {
		t.Errorf("the second client has %+v (%v)", info, err)
	}
	if two.Env().ConcurrencyNumber != 3 {
		t.Errorf("the second client's settings changed: %s", two.Env())
	}
}
