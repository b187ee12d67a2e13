package storetest

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

func testSettings(f *fixture) {
	ctx := f.Context()
	_, err := f.store.Setting(ctx, "token")
	f.is(err, fs.ErrNotExist)
	f.ok(f.store.SetSetting(ctx, "token", nil))

	for _, value := range []string{"first", "second, which is longer", "", "\x00\xff binary"} {
		f.ok(f.store.SetSetting(ctx, "token", []byte(value)))
		f.ok(f.store.SetSetting(ctx, "other", []byte("untouched")))
		got, err := f.store.Setting(ctx, "token")
		f.ok(err)
		f.same("value", string(got), value)
	}
	f.ok(f.store.SetSetting(ctx, "token", nil))
	_, err = f.store.Setting(ctx, "token")
	f.is(err, fs.ErrNotExist)
	got, err := f.store.Setting(ctx, "other")
	f.ok(err)
	f.same("other value", string(got), "untouched")
}

func testCreateTask(f *fixture) {
	ctx := f.Context()
	finished := time.Date(2026, 11, 21, 12, 30, 45, 123000000, time.UTC)
	want := pixivoc.StoredTask{
		Key: "key", Name: "作品 of a user", Type: "UserWorks", Keyword: "123456", SavePath: "/save/päth",
		Group: "group", Options: json.RawMessage(`{"a":[1,2]}`), State: pixivoc.StateStopped, Seeded: true,
		Stage: "one", Round: 3, Idle: 2, Error: "text", Bytes: 1 << 40, FinishedAt: finished,
		Schedule: "every 6h", NextRun: finished.Add(6 * time.Hour), Runs: 7, BySchedule: true, FromInput: true, BandwidthLimit: 1 << 20, ErrorReason: "account",
	}
	stored, existed, err := f.store.CreateTask(ctx, want, items("one", "a", "b", "a"))
	f.ok(err)
	f.same("existed", existed, false)
	if stored.TID == 0 || stored.CreatedAt.IsZero() {
		f.Fatalf("TID is %d, CreatedAt %v", stored.TID, stored.CreatedAt)
	}
	f.same("zone of CreatedAt", stored.CreatedAt.Location(), time.UTC)
	want.TID, want.CreatedAt = stored.TID, stored.CreatedAt
	f.same("task as returned", stored, want)
	f.same("task as loaded", f.load(stored.TID), want)
	f.same("first items", f.count(stored.TID, "one"), pixivoc.ItemCount{Total: 2, Pending: 2})

	// What was not given is not made up.
	bare, _, err := f.store.CreateTask(ctx, pixivoc.StoredTask{State: pixivoc.StateWaitStart}, nil)
	f.ok(err)
	loaded := f.load(bare.TID)
	f.same("bare task", loaded, pixivoc.StoredTask{TID: bare.TID, State: pixivoc.StateWaitStart, CreatedAt: loaded.CreatedAt})
	f.same("items of a bare task", len(f.counts(bare.TID)), 0)
}

// A task is stored with all its first items or not at all.
func testCreateTaskRefused(f *fixture) {
	bad := append(items("one", "a", "b"), pixivoc.Item{Stage: "one"})
	_, _, err := f.store.CreateTask(f.Context(), pixivoc.StoredTask{Key: "key", Group: "group"}, bad)
	f.refusedField(err)
	tasks, err := f.store.ListTasks(f.Context(), 0, 10)
	f.ok(err)
	f.same("tasks", len(tasks), 0)
	groups, err := f.store.ListGroups(f.Context())
	f.ok(err)
	f.same("groups", len(groups), 0)
	_, existed, err := f.store.CreateTask(f.Context(), pixivoc.StoredTask{Key: "key"}, nil)
	f.ok(err)
	f.same("existed", existed, false)
}

func testCreateTaskKey(f *fixture) {
	ctx := f.Context()
	create := func(task pixivoc.StoredTask) (pixivoc.StoredTask, bool) {
		f.Helper()
		stored, existed, err := f.store.CreateTask(ctx, task, items("one", "x", "y"))
		f.ok(err)
		return stored, existed
	}
	first, _ := create(pixivoc.StoredTask{Key: "key", Name: "first"})
	f.ok(f.store.UpdateTask(ctx, first.TID, pixivoc.TaskChange{State: new(pixivoc.StateOver)}))
	f.ok(f.store.ForgetItems(ctx, first.TID, []string{"one"}))
	again, existed := create(pixivoc.StoredTask{Key: "key", Name: "second", Group: "group"})
	f.same("existed", existed, true)
	f.same("task with that key", again, f.load(first.TID))
	f.same("its name", again.Name, "first")
	f.same("its state", again.State, pixivoc.StateOver)
	f.same("items added to it", f.count(first.TID, "one"), pixivoc.ItemCount{})

	_, existed = create(pixivoc.StoredTask{Key: "KEY"})
	f.same("other key existed", existed, false)
	for range 2 {
		_, existed = create(pixivoc.StoredTask{})
		f.same("empty key existed", existed, false)
	}
	f.ok(f.store.DeleteTask(ctx, first.TID))
	_, existed = create(pixivoc.StoredTask{Key: "key"})
	f.same("key of a deleted task existed", existed, false)
}

func testCreateTaskKeyConcurrent(f *fixture) {
	var mu sync.Mutex
	tids := map[int64]int{}
	made := 0
	f.together(32, func(ctx context.Context, _ int) error {
		stored, existed, err := f.store.CreateTask(ctx, pixivoc.StoredTask{Key: "key"}, items("one", "a"))
		mu.Lock()
		defer mu.Unlock()
		tids[stored.TID]++
		if !existed {
			made++
		}
		return err
	})
	f.same("tasks made", made, 1)
	f.same("tasks returned", len(tids), 1)
}

// testTID holds TID = max(now, last + 1), seen from outside: the task says
// when it was made.
func testTID(f *fixture) {
	last := int64(0)
	check := func(tid int64) {
		f.Helper()
		task := f.load(tid)
		f.same("TID", task.TID, max(task.CreatedAt.Unix(), last+1))
		last = task.TID
	}
	for range 5 {
		check(f.task())
	}
	f.ok(f.store.DeleteTask(f.Context(), last))
	check(f.task())
	f.end()
	check(f.task())

	var mu sync.Mutex
	seen := map[int64]bool{}
	f.together(32, func(ctx context.Context, _ int) error {
		stored, _, err := f.store.CreateTask(ctx, pixivoc.StoredTask{}, nil)
		mu.Lock()
		defer mu.Unlock()
		seen[stored.TID] = true
		return err
	})
	f.same("different TIDs", len(seen), 32)
}

func testListTasks(f *fixture) {
	ctx := f.Context()
	var want []int64
	for range 7 {
		want = append(want, f.task())
	}
	for _, limit := range []int{1, 3, 7, 100, 0} {
		var got []int64
		for after := int64(0); ; after = got[len(got)-1] {
			page, err := f.store.ListTasks(ctx, after, limit)
			f.ok(err)
			if len(page) == 0 {
				break
			}
			if limit > 0 && len(page) > limit {
				f.Fatalf("page of %d tasks, limit %d", len(page), limit)
			}
			for _, task := range page {
				f.same("listed task", task, f.load(task.TID))
				got = append(got, task.TID)
			}
		}
		f.same("TIDs", got, want)
	}
	f.ok(f.store.DeleteTask(ctx, want[3]))
	page, err := f.store.ListTasks(ctx, want[2], 1)
	f.ok(err)
	f.same("task after a deleted one", page[0].TID, want[4])
}

func testUpdateTask(f *fixture) {
	ctx := f.Context()
	tid, other := f.task("a"), f.task("a")
	untouched := f.load(other)
	want := f.load(tid)
	finished := time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC)
	steps := []struct {
		change pixivoc.TaskChange
		apply  func()
	}{
		{pixivoc.TaskChange{}, func() {}},
		{pixivoc.TaskChange{State: new(pixivoc.StateQueued)}, func() { want.State = pixivoc.StateQueued }},
		{pixivoc.TaskChange{Seeded: new(true)}, func() { want.Seeded = true }},
		{pixivoc.TaskChange{Stage: new("two")}, func() { want.Stage = "two" }},
		{pixivoc.TaskChange{Round: new(4)}, func() { want.Round = 4 }},
		{pixivoc.TaskChange{Idle: new(2)}, func() { want.Idle = 2 }},
		{pixivoc.TaskChange{Error: new("text")}, func() { want.Error = "text" }},
		{pixivoc.TaskChange{FinishedAt: new(finished)}, func() { want.FinishedAt = finished }},
		{pixivoc.TaskChange{ErrorReason: new("account")}, func() { want.ErrorReason = "account" }},
		{pixivoc.TaskChange{Runs: new(3)}, func() { want.Runs = 3 }},
		{pixivoc.TaskChange{BySchedule: new(true)}, func() { want.BySchedule = true }},
		{pixivoc.TaskChange{Schedule: new("every 6h")}, func() { want.Schedule = "every 6h" }},
		{pixivoc.TaskChange{NextRun: new(finished.Add(time.Hour))}, func() { want.NextRun = finished.Add(time.Hour) }},
		{pixivoc.TaskChange{BandwidthLimit: new(int64(4096))}, func() { want.BandwidthLimit = 4096 }},
		{pixivoc.TaskChange{Schedule: new(""), NextRun: new(time.Time{}), BandwidthLimit: new(int64(0)), ErrorReason: new("")}, func() {
			want.Schedule, want.NextRun, want.BandwidthLimit, want.ErrorReason = "", time.Time{}, 0, ""
		}},
		{pixivoc.TaskChange{Seeded: new(false), Round: new(0), Error: new(""), FinishedAt: new(time.Time{})}, func() {
			want.Seeded, want.Round, want.Error, want.FinishedAt = false, 0, "", time.Time{}
		}},
	}
	for _, step := range steps {
		f.ok(f.store.UpdateTask(ctx, tid, step.change))
		step.apply()
		f.same("task", f.load(tid), want)
	}
	f.same("other task", f.load(other), untouched)
}

func testGroups(f *fixture) {
	ctx := f.Context()
	groups, err := f.store.ListGroups(ctx)
	f.ok(err)
	f.same("groups", len(groups), 0)
	tids := map[string][]int64{}
	for _, name := range []string{"zebra", "", "ant", "zebra", "Zebra"} {
		stored, _, err := f.store.CreateTask(ctx, pixivoc.StoredTask{Group: name}, nil)
		f.ok(err)
		f.same("group of the task", f.load(stored.TID).Group, name)
		tids[name] = append(tids[name], stored.TID)
	}
	groups, err = f.store.ListGroups(ctx)
	f.ok(err)
	rising := slices.IsSortedFunc(groups, func(a, b pixivoc.Group) int { return int(a.ID - b.ID) })
	f.same("groups rise by ID", rising, true)
	ids := map[string]int64{}
	tasks := map[string]int{}
	for _, group := range groups {
		ids[group.Name], tasks[group.Name] = group.ID, group.Tasks
	}
	f.same("tasks by group", tasks, map[string]int{"zebra": 2, "ant": 1, "Zebra": 1})

	f.ok(f.store.DeleteTask(ctx, tids["ant"][0]))
	groups, err = f.store.ListGroups(ctx)
	f.ok(err)
	f.same("groups after their tasks", len(groups), 3)
	for _, group := range groups {
		f.same("ID of group "+group.Name, group.ID, ids[group.Name])
		if group.Name == "ant" {
			f.same("tasks left", group.Tasks, 0)
		}
	}
}

func testTaskMissing(f *fixture) {
	ctx := f.Context()
	const tid = 12345
	f.task("a")
	_, err := f.store.LoadTask(ctx, tid)
	f.is(err, fs.ErrNotExist)
	f.is(f.store.UpdateTask(ctx, tid, pixivoc.TaskChange{State: new(pixivoc.StateOver)}), fs.ErrNotExist)
	f.is(f.store.UpdateTask(ctx, tid, pixivoc.TaskChange{}), fs.ErrNotExist)
	f.is(f.store.DeleteTask(ctx, tid), fs.ErrNotExist)
	_, err = f.store.AddItems(ctx, tid, items("one", "a"))
	f.is(err, fs.ErrNotExist)
	_, err = f.store.AddItems(ctx, tid, nil)
	f.is(err, fs.ErrNotExist)
	f.is(f.store.ForgetItems(ctx, tid, []string{"one"}), fs.ErrNotExist)
	_, err = f.store.RetryItems(ctx, tid)
	f.is(err, fs.ErrNotExist)
	_, err = f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 1, Lease: long})
	f.is(err, fs.ErrNotExist)
	f.is(f.refused(done(pixivoc.Claim{Task: tid, Item: 1, Fence: 1})), fs.ErrNotExist)
	_, err = f.store.ListItems(ctx, pixivoc.ItemQuery{Task: tid})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.CountItems(ctx, tid)
	f.is(err, fs.ErrNotExist)
	_, err = f.store.ListRecords(ctx, pixivoc.RecordQuery{Task: tid})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.CountRecords(ctx, pixivoc.RecordQuery{Task: tid})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.Recorded(ctx, tid, "file", []string{"a"})
	f.is(err, fs.ErrNotExist)
}
