package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc"
)

func record(kind, key string) pixivoc.Record {
	return pixivoc.Record{Kind: kind, Key: key, Data: json.RawMessage(`{"key":"` + key + `"}`)}
}

func testCommitDone(f *fixture) {
	tid := f.task("a", "b")
	item := f.one(tid)
	f.commit(pixivoc.Commit{
		Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Bytes: 100,
		Items:   append(items("two", "x", "y", "x"), items("one", "a", "c")...),
		Records: []pixivoc.Record{record("file", "x"), record("work", "x"), record("file", "x")},
	})
	got := f.list(pixivoc.ItemQuery{Task: tid})
	f.same("first item", got[0], pixivoc.ItemStatus{Item: item.Item, State: pixivoc.ItemDone})
	f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{
		"one": {Total: 3, Pending: 2, Done: 1}, "two": {Total: 2, Pending: 2},
	})
	f.same("records", f.recordKeys(pixivoc.RecordQuery{Task: tid}), []string{"x", "x"})
	f.same("bytes", f.load(tid).Bytes, int64(100))
	f.commit(pixivoc.Commit{Claim: f.one(tid).Claim, Outcome: pixivoc.OutcomeDone, Bytes: 11})
	f.same("bytes", f.load(tid).Bytes, int64(111))
	f.same("claimed", keysOf(f.claim(tid, 10)), []string{"c"})
}

func testCommitFailed(f *fixture) {
	tid := f.task("a")
	item := f.one(tid)
	f.commit(pixivoc.Commit{
		Claim: item.Claim, Outcome: pixivoc.OutcomeFailed, Reason: pixivoc.ReasonDeleted, Detail: "404, gone", Bytes: 1,
		Items: items("two", "x"), Records: []pixivoc.Record{record("file", "x")},
	})
	f.same("item", f.list(pixivoc.ItemQuery{Task: tid, Stage: "one"}), []pixivoc.ItemStatus{{
		Item: item.Item, State: pixivoc.ItemFailed, Reason: pixivoc.ReasonDeleted, Detail: "404, gone",
	}})
	f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{"one": {Total: 1, Failed: 1}, "two": {Total: 1, Pending: 1}})
	f.same("records", len(f.records(pixivoc.RecordQuery{Task: tid})), 1)
	f.same("bytes", f.load(tid).Bytes, int64(1))
	f.same("claimed", len(f.claimFor(tid, 100, 10, long)), 0)
}

func testCommitAgain(f *fixture) {
	tid := f.task("a")
	want := f.list(pixivoc.ItemQuery{Task: tid})[0]
	for _, step := range []struct {
		round  int
		reason string
	}{{0, pixivoc.ReasonNetwork}, {1, pixivoc.ReasonServer}, {5, ""}} {
		claimed := f.claimFor(tid, step.round, 1, long)
		f.same("claimed item", claimed[0].Item, want.Item)
		f.commit(pixivoc.Commit{
			Claim: claimed[0].Claim, Outcome: pixivoc.OutcomeAgain, Round: step.round,
			Reason: step.reason, Detail: "detail " + step.reason,
		})
		want.Round, want.Reason, want.Detail = step.round+1, step.reason, "detail "+step.reason
		want.Attempts++
		f.same("item", f.list(pixivoc.ItemQuery{Task: tid}), []pixivoc.ItemStatus{want})
		f.same("counts", f.count(tid, "one"), pixivoc.ItemCount{Total: 1, Pending: 1})
		f.same("claimed in the same round", len(f.claimFor(tid, step.round, 1, long)), 0)
	}
	// The last failure is remembered when the item is done after all.
	f.commit(pixivoc.Commit{Claim: f.claimFor(tid, 6, 1, long)[0].Claim, Outcome: pixivoc.OutcomeAgain, Round: 6, Reason: pixivoc.ReasonNetwork, Detail: "reset"})
	f.commit(done(f.claimFor(tid, 7, 1, long)[0].Claim))
	want.State, want.Round, want.Attempts, want.Reason, want.Detail = pixivoc.ItemDone, 7, 4, pixivoc.ReasonNetwork, "reset"
	f.same("item", f.list(pixivoc.ItemQuery{Task: tid}), []pixivoc.ItemStatus{want})
}

// testCommitTogether reads while others commit: item, outputs, record and
// bytes of an element are seen together or not at all. The reads are separate
// calls, so each looks for what must have come before what was seen first.
func testCommitTogether(f *fixture) {
	const total = 200
	tid := f.task(numbered("k", total)...)
	finished := f.start(4, func(ctx context.Context, _ int) error {
		for {
			claimed, err := f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 3, Lease: long})
			if err != nil || len(claimed) == 0 {
				return err
			}
			var commits []pixivoc.Commit
			for _, item := range claimed {
				commits = append(commits, pixivoc.Commit{
					Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Bytes: 1, Archive: []string{item.Key},
					Items: items("two", item.Key+"a", item.Key+"b"), Records: []pixivoc.Record{record("file", item.Key)},
				})
			}
			if errs := f.store.Commit(ctx, commits); errs != nil {
				return errors.Join(errs...)
			}
		}
	})
	until(finished, func() {
		counts := f.counts(tid)
		f.same("outputs", counts["two"].Total, 2*counts["one"].Done)
		records, bytes := len(f.records(pixivoc.RecordQuery{Task: tid})), f.load(tid).Bytes
		if records < counts["one"].Done || bytes < int64(records) {
			f.Fatalf("%d items done, then %d records, then %d bytes", counts["one"].Done, records, bytes)
		}
		if archived := f.countArchive(); int64(archived) < bytes {
			f.Fatalf("%d items done, then %d keys in the archive", bytes, archived)
		}
	})
	f.same("bytes", f.load(tid).Bytes, int64(total))
}

func testCommitStale(f *fixture) {
	tid, other := f.task("a", "b", "c"), f.task("a")
	claimed := f.claim(tid, 3)
	good := claimed[0].Claim
	for _, claim := range []pixivoc.Claim{
		{Task: tid},
		{Task: tid, Item: good.Item},
		{Task: tid, Item: good.Item, Fence: good.Fence + 1000},
		{Task: tid, Item: good.Item, Fence: good.Fence - 1},
		{Task: other, Item: good.Item, Fence: good.Fence},
		{Task: tid, Item: good.Item + 1000, Fence: good.Fence},
	} {
		f.is(f.refused(done(claim)), pixivoc.ErrStaleClaim)
	}
	// The second element of one call finds the claim used up.
	errs := f.store.Commit(f.Context(), []pixivoc.Commit{done(good), {Claim: good, Outcome: pixivoc.OutcomeFailed, Bytes: 5}, done(claimed[1].Claim)})
	if len(errs) != 3 || errs[0] != nil || errs[2] != nil {
		f.Fatalf("errors are %v", errs)
	}
	f.is(errs[1], pixivoc.ErrStaleClaim)
	f.same("counts", f.count(tid, "one"), pixivoc.ItemCount{Total: 3, Pending: 1, Done: 2})
	f.same("bytes", f.load(tid).Bytes, int64(0))
}

// A refused element changes nothing and leaves its claim good.
func testCommitRefused(f *fixture) {
	tid := f.task("a")
	claim := f.one(tid).Claim
	for _, bad := range []pixivoc.Commit{
		{Claim: claim, Outcome: "", Bytes: 1},
		{Claim: claim, Outcome: "pending"},
		{Claim: claim, Outcome: pixivoc.OutcomeDone, Bytes: 1, Items: append(items("two", "x"), pixivoc.Item{Key: "k"}), Records: []pixivoc.Record{record("file", "x")}},
		{Claim: claim, Outcome: pixivoc.OutcomeDone, Items: []pixivoc.Item{{Stage: "two"}}},
		{Claim: claim, Outcome: pixivoc.OutcomeAgain, Round: -1},
	} {
		f.refusedField(f.refused(bad))
	}
	f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{"one": {Total: 1, Pending: 1}})
	f.same("bytes", f.load(tid).Bytes, int64(0))
	f.same("records", len(f.records(pixivoc.RecordQuery{Task: tid})), 0)
	f.commit(done(claim))
	if errs := f.store.Commit(f.Context(), nil); errs != nil {
		f.Fatalf("no commits gave %v", errs)
	}
}

// testCommitMany holds that elements are independent of each other.
func testCommitMany(f *fixture) {
	const total = 300
	tid := f.task(numbered("k", total)...)
	var commits []pixivoc.Commit
	for i, item := range f.claim(tid, total) {
		commit := pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", item.Key)}, Bytes: 1}
		if i%3 == 1 {
			commit.Claim.Fence--
		}
		commits = append(commits, commit)
	}
	// An element of a task that was deleted is one more that is refused.
	gone := f.task("a")
	commits = append(commits, done(f.one(gone).Claim))
	f.ok(f.store.DeleteTask(f.Context(), gone))
	errs := f.store.Commit(f.Context(), commits)
	f.same("results", len(errs), len(commits))
	for i, err := range errs[:total] {
		if i%3 == 1 {
			f.is(err, pixivoc.ErrStaleClaim)
		} else {
			f.ok(err)
		}
	}
	f.same("refused at the end", errs[total] != nil, true)
	f.same("counts", f.count(tid, "one"), pixivoc.ItemCount{Total: total, Pending: 100, Done: 200})
	f.same("records", len(f.records(pixivoc.RecordQuery{Task: tid})), 200)
	f.same("bytes", f.load(tid).Bytes, int64(200))
}

func testCommitConcurrent(f *fixture) {
	const workers, total = 32, 640
	tids := []int64{f.task(numbered("k", total/2)...), f.task(numbered("k", total/2)...)}
	var committed atomic.Int64
	f.together(workers, func(ctx context.Context, worker int) error {
		for {
			request := pixivoc.ClaimRequest{Task: tids[worker%2], Stage: "one", Limit: 1 + worker%4, Lease: long}
			claimed, err := f.store.Claim(ctx, request)
			if err != nil || len(claimed) == 0 {
				return err
			}
			for _, item := range claimed {
				// Two workers race for the same record and the same output.
				shared := item.Key[:len(item.Key)-1]
				errs := f.store.Commit(ctx, []pixivoc.Commit{{
					Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Bytes: 1,
					Items:   items("two", shared),
					Records: []pixivoc.Record{record("file", item.Key), record("shared", shared)},
				}})
				if errs != nil {
					return errors.Join(errs...)
				}
				committed.Add(1)
			}
		}
	})
	f.same("committed", committed.Load(), int64(total))
	for _, tid := range tids {
		f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{
			"one": {Total: total / 2, Done: total / 2}, "two": {Total: total / 20, Pending: total / 20},
		})
		f.same("files", len(f.records(pixivoc.RecordQuery{Task: tid, Kind: "file"})), total/2)
		f.same("shared", len(f.records(pixivoc.RecordQuery{Task: tid, Kind: "shared"})), total/20)
		f.same("bytes", f.load(tid).Bytes, int64(total/2))
	}
}

func testRecords(f *fixture) {
	ctx := f.Context()
	tid, other := f.task(numbered("k", 10)...), f.task("a")
	before := time.Now().Add(-time.Second)
	for i, item := range f.claim(tid, 10) {
		f.commit(pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{
			{Kind: "work", Key: item.Key, Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)), Seq: 7, Task: 8, At: time.Unix(1, 0)},
			{Kind: "file", Key: item.Key},
			{Kind: "file", Key: "same"},
		}})
	}
	f.commit(pixivoc.Commit{Claim: f.one(other).Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", "same")}})

	all := f.records(pixivoc.RecordQuery{Task: tid})
	f.same("records", len(all), 21)
	last := int64(0)
	for _, r := range all {
		if r.Seq <= last {
			f.Fatalf("Seq %d comes after %d", r.Seq, last)
		}
		last = r.Seq
		f.same("task of the record", r.Task, tid)
		f.same("zone of At", r.At.Location(), time.UTC)
		if r.At.Before(before) {
			f.Fatalf("record is of %v, the test began at %v", r.At, before)
		}
	}
	first := all[0]
	f.same("kind, key and data", []string{first.Kind, first.Key, string(first.Data)}, []string{"work", "k0000", `{"n":0}`})
	f.same("no data", string(all[1].Data), "")
	for _, kind := range []string{"", "work", "file", "none"} {
		var want []pixivoc.Record
		for _, r := range all {
			if kind == "" || r.Kind == kind {
				want = append(want, r)
			}
		}
		for _, limit := range []int{0, 1, 3, 100} {
			f.same("records", f.records(pixivoc.RecordQuery{Task: tid, Kind: kind, Limit: limit}), want)
			page, err := f.store.ListRecords(ctx, pixivoc.RecordQuery{Task: tid, Kind: kind, Limit: limit})
			f.ok(err)
			if limit > 0 && len(page) != min(limit, len(want)) {
				f.Fatalf("page of %d, limit %d, %d records", len(page), limit, len(want))
			}
		}
	}
	f.same("records of another task", f.recordKeys(pixivoc.RecordQuery{Task: other}), []string{"same"})
	f.same("count of another task", f.countRecords(pixivoc.RecordQuery{Task: other}), 1)
}

// What is listed and what is counted agree for all bounds.
func testRecordBounds(f *fixture) {
	tid, other := f.task(numbered("k", 6)...), f.task("a")
	for i, item := range f.claim(tid, 6) {
		f.commit(pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{
			record([]string{"work", "file"}[i%2], item.Key),
		}})
		if i == 2 {
			f.commit(pixivoc.Commit{Claim: f.one(other).Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", "x")}})
		}
	}
	all := f.records(pixivoc.RecordQuery{Task: tid})
	first, last := all[0].Seq, all[len(all)-1].Seq
	for _, kind := range []string{"", "work", "file", "none"} {
		for after := first - 1; after <= last+1; after++ {
			for through := int64(-1); through <= last+1; through++ {
				want := []string{}
				for _, r := range all {
					if r.Seq > after && (through <= 0 || r.Seq <= through) && (kind == "" || r.Kind == kind) {
						want = append(want, r.Key)
					}
				}
				query := pixivoc.RecordQuery{Task: tid, Kind: kind, After: after, Through: through, Limit: 2}
				f.same("records", f.recordKeys(query), want)
				f.same("count", f.countRecords(query), len(want))
			}
		}
	}
}

// Seq rises over the whole store and is never used twice, also not after the
// records with the greatest are gone.
func testRecordSeq(f *fixture) {
	last := int64(0)
	for i := range 6 {
		tid := f.task("a", "b")
		for _, item := range f.claim(tid, 2) {
			f.commit(pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Records: []pixivoc.Record{record("file", item.Key)}})
		}
		for _, r := range f.records(pixivoc.RecordQuery{Task: tid}) {
			if r.Seq <= last {
				f.Fatalf("Seq %d comes after %d", r.Seq, last)
			}
			last = r.Seq
		}
		if i%2 == 1 {
			f.ok(f.store.DeleteTask(f.Context(), tid))
		}
	}
}
