package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
)

// again opens the store anew.
func (f *fixture) again() {
	f.Helper()
	f.store = f.suite.reopen(f.t, f.store)
}

func testReopenKeeps(f *fixture) {
	ctx := f.Context()
	tid, gone := f.states(), f.states()
	f.commit(pixivoc.Commit{Claim: f.one(tid).Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", "a"), record("work", "b")}, Bytes: 12, Archive: []string{"site:a"}})
	_, err := f.store.AddArchive(ctx, []pixivoc.ArchiveEntry{{Key: "site:b"}})
	f.ok(err)
	grouped, _, err := f.store.CreateTask(ctx, pixivoc.StoredTask{Key: "key", Group: "group"}, nil)
	f.ok(err)
	f.ok(f.store.UpdateTask(ctx, tid, pixivoc.TaskChange{
		State: new(pixivoc.StateStopped), Round: new(7), Schedule: new("every 6h"), NextRun: new(time.Unix(1800000000, 0)),
	}))
	f.ok(f.store.SetSetting(ctx, "token", []byte("secret")))
	f.ok(f.store.DeleteTask(ctx, gone))
	f.ok(f.store.ForgetItems(ctx, tid, []string{"two"}))
	task, counts := f.load(tid), f.counts(tid)
	listed, records := f.list(pixivoc.ItemQuery{Task: tid}), f.records(pixivoc.RecordQuery{Task: tid})
	groups, err := f.store.ListGroups(ctx)
	f.ok(err)
	archive := f.archive(0)
	f.same("archive", len(archive), 2)
	for range 2 {
		f.again()
		f.same("task", f.load(tid), task)
		f.same("counts", f.counts(tid), counts)
		f.same("items", f.list(pixivoc.ItemQuery{Task: tid}), listed)
		f.same("records", f.records(pixivoc.RecordQuery{Task: tid}), records)
		tasks, err := f.store.ListTasks(ctx, 0, 10)
		f.ok(err)
		f.same("tasks", len(tasks), 2)
		value, err := f.store.Setting(ctx, "token")
		f.ok(err)
		f.same("setting", string(value), "secret")
		f.same("archive", f.archive(0), archive)
		got, err := f.store.ListGroups(ctx)
		f.ok(err)
		f.same("groups", got, groups)
		stored, existed, err := f.store.CreateTask(ctx, pixivoc.StoredTask{Key: "key"}, nil)
		f.ok(err)
		f.same("existed", existed, true)
		f.same("task with that key", stored, f.load(grouped.TID))
		f.same("added", f.add(tid, "one", listed[0].Key), 0)
	}
}

// The claims of a dead process are void, and its fences are behind those of
// the next.
func testReopenVoids(f *fixture) {
	tid := f.task("a", "b")
	before := f.claim(tid, 2)
	f.again()
	f.is(f.refused(done(before[0].Claim)), pixivoc.ErrStaleClaim)
	f.is(f.store.Renew(f.Context(), claimsOf(before), long), pixivoc.ErrStaleClaim)
	after := f.claim(tid, 10)
	f.same("claimed", keysOf(after), []string{"a", "b"})
	for i := range after {
		if after[i].Claim.Fence <= before[1].Claim.Fence {
			f.Fatalf("fence %d comes after %d", after[i].Claim.Fence, before[1].Claim.Fence)
		}
	}
	f.is(f.refused(done(before[0].Claim)), pixivoc.ErrStaleClaim)
	f.commit(done(after[0].Claim), done(after[1].Claim))
}

// Numbers that were given out are not given out again, also when nothing that
// bears them is left.
func testReopenNumbers(f *fixture) {
	var tid, id, seq int64
	for range 3 {
		next := f.task("a")
		item := f.one(next)
		f.commit(pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", "a")}})
		r := f.records(pixivoc.RecordQuery{Task: next})[0]
		if next <= tid || item.ID <= id || r.Seq <= seq {
			f.Fatalf("TID %d, ID %d, Seq %d come after %d, %d, %d", next, item.ID, r.Seq, tid, id, seq)
		}
		tid, id, seq = next, item.ID, r.Seq
		f.ok(f.store.DeleteTask(f.Context(), tid))
		f.again()
	}
}

// testReopenAfterBusy closes the store under load: what was reported as done
// is there, once.
func testReopenAfterBusy(f *fixture) {
	tid := f.task()
	added, wait := f.busy(tid, pixivoc.ErrClosed)
	f.ok(f.store.Close())
	wait()
	f.again()
	keys := map[string]int{}
	for _, item := range f.list(pixivoc.ItemQuery{Task: tid}) {
		keys[item.Key]++
	}
	for worker, n := range added {
		for i := range n {
			key := fmt.Sprintf("w%d-%06d", worker, i)
			if keys[key] != 1 {
				f.Fatal(errors.New(key + " was reported as added and is not there"))
			}
		}
	}
	f.same("counts", f.count(tid, "busy").Total, len(keys))
}
