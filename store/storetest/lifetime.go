package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

func testDeleteTask(f *fixture) {
	ctx := f.Context()
	tid, other := f.states(), f.states()
	kept := f.list(pixivoc.ItemQuery{Task: other})
	claimed := f.claim(tid, 1)
	f.commit(pixivoc.Commit{Claim: claimed[0].Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", "x")}})
	held := f.claim(tid, 1)
	f.ok(f.store.DeleteTask(ctx, tid))

	_, err := f.store.LoadTask(ctx, tid)
	f.is(err, fs.ErrNotExist)
	_, err = f.store.ListItems(ctx, pixivoc.ItemQuery{Task: tid})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.ListRecords(ctx, pixivoc.RecordQuery{Task: tid})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.CountItems(ctx, tid)
	f.is(err, fs.ErrNotExist)
	_, err = f.store.Recorded(ctx, tid, "file", []string{"x"})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 1, Lease: long})
	f.is(err, fs.ErrNotExist)
	_, err = f.store.AddItems(ctx, tid, items("one", "new"))
	f.is(err, fs.ErrNotExist)
	f.is(f.refused(done(held[0].Claim)), fs.ErrNotExist)
	f.is(f.store.Renew(ctx, claimsOf(held), long), pixivoc.ErrStaleClaim)
	f.ok(f.store.Release(ctx, claimsOf(held)))
	f.is(f.store.DeleteTask(ctx, tid), fs.ErrNotExist)
	f.same("items of another task", f.list(pixivoc.ItemQuery{Task: other}), kept)
	f.commit(done(f.one(other).Claim))
}

// testDeleteTaskConcurrent deletes tasks while 16 goroutines work on them.
// Whatever they do later is refused, and nothing of a task comes back.
func testDeleteTaskConcurrent(f *fixture) {
	const workers = 16
	other := f.task(numbered("k", 50)...)
	for range 5 {
		tid := f.task(numbered("k", 200)...)
		var group sync.WaitGroup
		working := make(chan struct{}, workers)
		for worker := range workers {
			group.Go(func() { f.workUntilDeleted(tid, worker, working) })
		}
		for range workers {
			<-working
		}
		f.ok(f.store.DeleteTask(f.Context(), tid))
		_, err := f.store.CountItems(f.Context(), tid)
		f.is(err, fs.ErrNotExist)
		group.Wait()
		_, err = f.store.LoadTask(f.Context(), tid)
		f.is(err, fs.ErrNotExist)
	}
	f.same("counts of another task", f.count(other, "one"), pixivoc.ItemCount{Total: 50, Pending: 50})
}

func (f *fixture) workUntilDeleted(tid int64, worker int, working chan<- struct{}) {
	ctx := f.Context()
	for i := 0; ; i++ {
		_, err := f.store.AddItems(ctx, tid, items("one", fmt.Sprintf("w%d-%d", worker, i)))
		if err == nil {
			var claimed []pixivoc.ClaimedItem
			claimed, err = f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 2, Lease: long})
			if err == nil {
				var commits []pixivoc.Commit
				for _, item := range claimed {
					commits = append(commits, pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", item.Key)}})
				}
				err = errors.Join(f.store.Commit(ctx, commits)...)
			}
		}
		if i == 0 {
			working <- struct{}{}
		}
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				f.Errorf("worker %d: %v", worker, err)
			}
			return
		}
	}
}

// testPagesWhileWriting reads pages while writers commit: no item and no
// record is skipped or doubled.
func testPagesWhileWriting(f *fixture) {
	const total = 600
	tid := f.task(numbered("k", total)...)
	finished := f.start(8, func(ctx context.Context, worker int) error {
		for {
			claimed, err := f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 3, Lease: long})
			if err != nil || len(claimed) == 0 {
				return err
			}
			for i, item := range claimed {
				commit := pixivoc.Commit{
					Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Items: items("two", item.Key),
					Records: []pixivoc.Record{record([]string{"file", "work"}[i%2], item.Key)},
				}
				if i == 2 {
					commit.Outcome = pixivoc.OutcomeFailed
				}
				if errs := f.store.Commit(ctx, []pixivoc.Commit{commit}); errs != nil {
					return errors.Join(errs...)
				}
			}
		}
	})
	var listed []pixivoc.ItemStatus
	var records []pixivoc.Record
	until(finished, func() {
		listed = append(listed, f.list(pixivoc.ItemQuery{Task: tid, After: lastID(listed), Limit: 7})...)
		records = append(records, f.records(pixivoc.RecordQuery{Task: tid, After: lastSeq(records), Limit: 7})...)
	})
	f.same("items", len(listed), 2*total)
	f.same("records", len(records), total)
	seen := map[string]bool{}
	for i, r := range records {
		if i > 0 && r.Seq <= records[i-1].Seq {
			f.Fatalf("Seq %d comes after %d", r.Seq, records[i-1].Seq)
		}
		seen[r.Key] = true
	}
	f.same("different records", len(seen), total)
	for i := 1; i < len(listed); i++ {
		if listed[i].ID <= listed[i-1].ID {
			f.Fatalf("ID %d comes after %d", listed[i].ID, listed[i-1].ID)
		}
	}
}

func lastID(items []pixivoc.ItemStatus) int64 {
	if len(items) == 0 {
		return 0
	}
	return items[len(items)-1].ID
}

func lastSeq(records []pixivoc.Record) int64 {
	if len(records) == 0 {
		return 0
	}
	return records[len(records)-1].Seq
}

// testCopies holds that a store keeps copies of what it is given and gives
// out copies of what it has.
func testCopies(f *fixture) {
	ctx := f.Context()
	spoil := func(raw []byte) {
		for i := range raw {
			raw[i] = 'X'
		}
	}
	options, payload, data, value := json.RawMessage(`{"o":1}`), json.RawMessage(`{"p":1}`), json.RawMessage(`{"d":1}`), []byte("value")
	stored, _, err := f.store.CreateTask(ctx, pixivoc.StoredTask{Options: options}, []pixivoc.Item{{Stage: "one", Key: "a", Payload: payload}})
	f.ok(err)
	spoil(stored.Options)
	f.ok(f.store.SetSetting(ctx, "name", value))
	for range 2 {
		spoil(options)
		spoil(payload)
		spoil(value)
		got, err := f.store.Setting(ctx, "name")
		f.ok(err)
		f.same("value", string(got), "value")
		spoil(got)
		task := f.load(stored.TID)
		f.same("options", string(task.Options), `{"o":1}`)
		spoil(task.Options)
		item := f.list(pixivoc.ItemQuery{Task: stored.TID})[0]
		f.same("payload", string(item.Payload), `{"p":1}`)
		spoil(item.Payload)
	}
	claimed := f.one(stored.TID)
	f.same("payload", string(claimed.Payload), `{"p":1}`)
	f.commit(pixivoc.Commit{Claim: claimed.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{{Kind: "k", Data: data}}})
	for range 2 {
		spoil(data)
		r := f.records(pixivoc.RecordQuery{Task: stored.TID})[0]
		f.same("data", string(r.Data), `{"d":1}`)
		spoil(r.Data)
	}
}

// calls are all methods but Close, on a task that exists.
func (f *fixture) calls(tid int64, claim pixivoc.Claim) map[string]func(context.Context) error {
	s := f.store
	return map[string]func(context.Context) error{
		"Setting":    func(ctx context.Context) error { _, err := s.Setting(ctx, "name"); return err },
		"SetSetting": func(ctx context.Context) error { return s.SetSetting(ctx, "name", []byte("value")) },
		"CreateTask": func(ctx context.Context) error {
			_, _, err := s.CreateTask(ctx, pixivoc.StoredTask{}, items("one", "a"))
			return err
		},
		"LoadTask":    func(ctx context.Context) error { _, err := s.LoadTask(ctx, tid); return err },
		"ListTasks":   func(ctx context.Context) error { _, err := s.ListTasks(ctx, 0, 10); return err },
		"UpdateTask":  func(ctx context.Context) error { return s.UpdateTask(ctx, tid, pixivoc.TaskChange{Round: new(1)}) },
		"DeleteTask":  func(ctx context.Context) error { return s.DeleteTask(ctx, tid) },
		"ListGroups":  func(ctx context.Context) error { _, err := s.ListGroups(ctx); return err },
		"AddItems":    func(ctx context.Context) error { _, err := s.AddItems(ctx, tid, items("one", "b")); return err },
		"ForgetItems": func(ctx context.Context) error { return s.ForgetItems(ctx, tid, []string{"one"}) },
		"RetryItems":  func(ctx context.Context) error { _, err := s.RetryItems(ctx, tid); return err },
		"Claim": func(ctx context.Context) error {
			_, err := s.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 1, Lease: long})
			return err
		},
		"Renew":   func(ctx context.Context) error { return s.Renew(ctx, []pixivoc.Claim{claim}, long) },
		"Release": func(ctx context.Context) error { return s.Release(ctx, []pixivoc.Claim{claim}) },
		"Commit": func(ctx context.Context) error {
			errs := s.Commit(ctx, []pixivoc.Commit{done(claim), done(claim)})
			if len(errs) != 2 || errs[0] == nil || errs[1] == nil {
				return fmt.Errorf("errors are %v, want one for each element", errs)
			}
			return errs[1]
		},
		"ListItems":  func(ctx context.Context) error { _, err := s.ListItems(ctx, pixivoc.ItemQuery{Task: tid}); return err },
		"CountItems": func(ctx context.Context) error { _, err := s.CountItems(ctx, tid); return err },
		"ListRecords": func(ctx context.Context) error {
			_, err := s.ListRecords(ctx, pixivoc.RecordQuery{Task: tid})
			return err
		},
		"CountRecords": func(ctx context.Context) error {
			_, err := s.CountRecords(ctx, pixivoc.RecordQuery{Task: tid})
			return err
		},
		"Recorded": func(ctx context.Context) error {
			_, err := s.Recorded(ctx, tid, "file", []string{"x"})
			return err
		},
		"RecordedFiles": func(ctx context.Context) error {
			_, err := s.RecordedFiles(ctx, "/x", 0, []string{"x"})
			return err
		},
		"AddArchive": func(ctx context.Context) error {
			_, err := s.AddArchive(ctx, []pixivoc.ArchiveEntry{{Key: "x"}})
			return err
		},
		"Archived":     func(ctx context.Context) error { _, err := s.Archived(ctx, []string{"x"}); return err },
		"ListArchive":  func(ctx context.Context) error { _, err := s.ListArchive(ctx, "", 10); return err },
		"CountArchive": func(ctx context.Context) error { _, err := s.CountArchive(ctx); return err },
	}
}

func testClosed(f *fixture) {
	tid := f.task("x", "y")
	claim := f.one(tid).Claim
	f.ok(f.store.Close())
	f.ok(f.store.Close())
	for name, call := range f.calls(tid, claim) {
		if err := call(f.Context()); !errors.Is(err, pixivoc.ErrClosed) {
			f.Errorf("%s: error is %v, want ErrClosed", name, err)
		}
	}
}

// busy runs goroutines that add items under keys of their own until a call
// fails with want, and returns how many each had added.
func (f *fixture) busy(tid int64, want error) (added []int, wait func()) {
	const workers = 8
	added = make([]int, workers)
	started := make(chan struct{}, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := 0; ; i++ {
				_, err := f.store.AddItems(context.Background(), tid, items("busy", fmt.Sprintf("w%d-%06d", worker, i)))
				if err != nil {
					if !errors.Is(err, want) {
						f.Errorf("worker %d: error is %v, want %v", worker, err, want)
					}
					return
				}
				added[worker]++
				if i == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	for range workers {
		<-started
	}
	return added, group.Wait
}

// Calls under way end in their own way; later ones get ErrClosed.
func testClosedWhileBusy(f *fixture) {
	tid := f.task()
	_, wait := f.busy(tid, pixivoc.ErrClosed)
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() {
			if err := f.store.Close(); err != nil {
				f.Errorf("close: %v", err)
			}
		})
	}
	closers.Wait()
	wait()
}

func testContextCancelled(f *fixture) {
	tid := f.task("x", "y")
	claim := f.one(tid).Claim
	before := f.list(pixivoc.ItemQuery{Task: tid})
	cancelled, cancel := context.WithCancel(f.Context())
	cancel()
	expired, cancel := context.WithDeadline(f.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, call := range f.calls(tid, claim) {
		if err := call(cancelled); !errors.Is(err, context.Canceled) {
			f.Errorf("%s: error is %v, want context.Canceled", name, err)
		}
		if err := call(expired); !errors.Is(err, context.DeadlineExceeded) {
			f.Errorf("%s: error is %v, want context.DeadlineExceeded", name, err)
		}
	}
	f.same("items", f.list(pixivoc.ItemQuery{Task: tid}), before)
	f.commit(done(claim))
}

// testContextWhileBusy cancels calls of all kinds at all moments. They return
// the context's error or had their effect, and the store goes on working.
func testContextWhileBusy(f *fixture) {
	tid := f.task(numbered("k", 200)...)
	f.together(16, func(ctx context.Context, worker int) error {
		for i := range 40 {
			called, cancel := context.WithTimeout(ctx, time.Duration(i*worker)*10*time.Microsecond)
			err := f.hurried(called, tid, fmt.Sprintf("w%d-%d", worker, i))
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
		}
		return nil
	})
	// A claim whose caller was gone is not lost until its lease ends.
	f.same("claimed", len(f.claim(tid, 1000)), 200)
}

// hurried does several calls of which any may find that ctx has ended.
func (f *fixture) hurried(ctx context.Context, tid int64, key string) error {
	if _, err := f.store.AddItems(ctx, tid, items("two", key)); err != nil {
		return err
	}
	if _, err := f.store.ListItems(ctx, pixivoc.ItemQuery{Task: tid, Limit: 20}); err != nil {
		return err
	}
	claimed, err := f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 3, Lease: long})
	if err != nil {
		return err
	}
	return f.store.Release(context.WithoutCancel(ctx), claimsOf(claimed))
}
