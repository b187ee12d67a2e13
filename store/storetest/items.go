package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/pixivoc/pixivoc"
)

func testAddItems(f *fixture) {
	ctx := f.Context()
	tid := f.task()
	queued := []pixivoc.Item{
		{Stage: "one", Key: "a", Payload: json.RawMessage(`{"n":1}`), Round: 2, Attempts: 3, ID: 99},
		{Stage: "one", Key: "A"},
		{Stage: "one", Key: "a "},
		{Stage: "two", Key: "a"},
		{Stage: "one", Key: "ä"},
		{Stage: "one", Key: "a\u0308"},
		{Stage: "one", Key: "a"},
	}
	added, err := f.store.AddItems(ctx, tid, queued)
	f.ok(err)
	f.same("added", added, 6)
	got := f.list(pixivoc.ItemQuery{Task: tid})
	f.same("items", len(got), 6)
	last := int64(0)
	for i, item := range got {
		if item.ID <= last {
			f.Fatalf("ID %d comes after %d", item.ID, last)
		}
		last = item.ID
		want := pixivoc.ItemStatus{Item: queued[i], State: pixivoc.ItemPending}
		want.ID = item.ID
		f.same("item", item, want)
	}
	other := f.task()
	f.same("added to another task", f.add(other, "one", "a"), 1)
	if id := f.list(pixivoc.ItemQuery{Task: other})[0].ID; id <= last {
		f.Fatalf("ID %d of another task comes after %d", id, last)
	}
	added, err = f.store.AddItems(ctx, tid, nil)
	f.ok(err)
	f.same("added none", added, 0)

	for _, bad := range []pixivoc.Item{{Stage: "one"}, {Key: "k"}, {Stage: "one", Key: "k", Round: -1}, {Stage: "one", Key: "k", Attempts: -1}} {
		_, err := f.store.AddItems(ctx, tid, append(items("three", "good"), bad))
		f.refusedField(err)
	}
	f.same("items beside a refused one", f.count(tid, "three"), pixivoc.ItemCount{})
}

// An item is known in whatever state it is.
func testAddItemsKnown(f *fixture) {
	tid := f.task("done", "failed", "again", "claimed", "pending")
	claimed := f.claim(tid, 4)
	f.commit(
		done(claimed[0].Claim),
		pixivoc.Commit{Claim: claimed[1].Claim, Outcome: pixivoc.OutcomeFailed, Reason: pixivoc.ReasonDeleted},
		pixivoc.Commit{Claim: claimed[2].Claim, Outcome: pixivoc.OutcomeAgain},
	)
	before := f.list(pixivoc.ItemQuery{Task: tid})
	f.same("added", f.add(tid, "one", "done", "failed", "again", "claimed", "pending", "new"), 1)
	after := f.list(pixivoc.ItemQuery{Task: tid})
	f.same("items that were known", after[:5], before)
	f.same("counts", f.count(tid, "one"), pixivoc.ItemCount{Total: 6, Pending: 4, Done: 1, Failed: 1})
	f.commit(done(claimed[3].Claim))
}

func testAddItemsConcurrent(f *fixture) {
	tid := f.task()
	var added atomic.Int64
	f.together(32, func(ctx context.Context, worker int) error {
		for batch := range 5 {
			n, err := f.store.AddItems(ctx, tid, items("one", numbered("k", 10*(batch+1))...))
			if err != nil {
				return err
			}
			added.Add(int64(n))
		}
		return nil
	})
	f.same("added", added.Load(), int64(50))
	f.same("counts", f.count(tid, "one"), pixivoc.ItemCount{Total: 50, Pending: 50})
}

func testForgetItems(f *fixture) {
	ctx := f.Context()
	tid, other := f.task("a", "b", "c"), f.task("a")
	f.add(tid, "two", "a")
	f.add(tid, "three", "a")
	claimed := f.claim(tid, 2)
	f.commit(pixivoc.Commit{
		Claim: claimed[0].Claim, Outcome: pixivoc.OutcomeDone,
		Records: []pixivoc.Record{{Kind: "kind", Key: "a", Data: json.RawMessage(`1`)}},
	})
	f.ok(f.store.ForgetItems(ctx, tid, []string{"one", "three", "never heard of"}))
	f.ok(f.store.ForgetItems(ctx, tid, nil))

	f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{"two": {Total: 1, Pending: 1}})
	f.same("items left", len(f.list(pixivoc.ItemQuery{Task: tid})), 1)
	f.same("items of another task", f.count(other, "one"), pixivoc.ItemCount{Total: 1, Pending: 1})
	f.is(f.refused(done(claimed[1].Claim)), pixivoc.ErrStaleClaim)
	f.is(f.store.Renew(ctx, claimsOf(claimed[1:]), long), pixivoc.ErrStaleClaim)
	f.same("claimed", len(f.claim(tid, 10)), 0)

	f.same("added again", f.add(tid, "one", "a", "b"), 2)
	again := f.claim(tid, 10)
	f.same("claimed again", keysOf(again), []string{"a", "b"})
	f.is(f.refused(done(claimed[1].Claim)), pixivoc.ErrStaleClaim)
	f.same("counts again", f.count(tid, "one"), pixivoc.ItemCount{Total: 2, Pending: 2})
	if again[0].ID <= claimed[1].ID {
		f.Fatalf("ID %d was used before %d", again[0].ID, claimed[1].ID)
	}
	// The records stay, and stay known.
	f.commit(pixivoc.Commit{
		Claim: again[0].Claim, Outcome: pixivoc.OutcomeDone,
		Records: []pixivoc.Record{{Kind: "kind", Key: "a", Data: json.RawMessage(`2`)}},
	})
	records := f.records(pixivoc.RecordQuery{Task: tid})
	f.same("records", len(records), 1)
	f.same("record", string(records[0].Data), `1`)
}

func testRetryItems(f *fixture) {
	ctx := f.Context()
	const many = 1203 // more than a store should change at a time
	tid := f.task(append(numbered("k", many), "again", "done", "held")...)
	f.add(tid, "two", "a")
	claimed := f.claim(tid, many+3)
	for i, item := range claimed[:many] {
		commit := done(item.Claim)
		commit.Outcome, commit.Reason, commit.Detail = pixivoc.OutcomeFailed, pixivoc.ReasonDeleted, fmt.Sprint(i)
		f.commit(commit)
	}
	again := done(claimed[many].Claim)
	again.Outcome, again.Round = pixivoc.OutcomeAgain, 4
	f.commit(again, done(claimed[many+1].Claim))
	last, err := f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "two", Limit: 1, Lease: long})
	f.ok(err)
	failed := done(last[0].Claim)
	failed.Outcome = pixivoc.OutcomeFailed
	f.commit(failed)
	before := f.list(pixivoc.ItemQuery{Task: tid})

	retried, err := f.store.RetryItems(ctx, tid)
	f.ok(err)
	f.same("retried", retried, many+1)
	f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{
		"one": {Total: many + 3, Pending: many + 2, Done: 1}, "two": {Total: 1, Pending: 1},
	})
	for i := range before {
		if before[i].State == pixivoc.ItemFailed {
			before[i].State, before[i].Round, before[i].Attempts = pixivoc.ItemPending, 0, 0
		}
	}
	f.same("items", f.list(pixivoc.ItemQuery{Task: tid}), before)
	f.same("claimed again", len(f.claim(tid, many+3)), many) // not what is held, nor what is due later
	f.is(f.refused(done(claimed[0].Claim)), pixivoc.ErrStaleClaim)
	f.commit(done(claimed[many+2].Claim))
	retried, err = f.store.RetryItems(ctx, tid)
	f.ok(err)
	f.same("retried when none failed", retried, 0)
}

// states makes a task with items in all states in two stages.
func (f *fixture) states() int64 {
	f.Helper()
	tid := f.task(numbered("k", 12)...)
	f.add(tid, "two", numbered("k", 3)...)
	for i, item := range f.claim(tid, 9) {
		commit := done(item.Claim)
		switch i % 3 {
		case 1:
			commit.Outcome, commit.Reason, commit.Detail = pixivoc.OutcomeFailed, pixivoc.ReasonMasked, "detail"
		case 2:
			commit.Outcome, commit.Reason, commit.Detail = pixivoc.OutcomeAgain, pixivoc.ReasonNetwork, "reset"
		}
		f.commit(commit)
	}
	f.add(tid, "one", "late")
	return tid
}

func testListItems(f *fixture) {
	ctx := f.Context()
	tid := f.states()
	f.task("a", "b")
	all := f.list(pixivoc.ItemQuery{Task: tid})
	f.same("all items", len(all), 16)
	for i := 1; i < len(all); i++ {
		if all[i].ID <= all[i-1].ID {
			f.Fatalf("ID %d comes after %d", all[i].ID, all[i-1].ID)
		}
	}
	for _, stage := range []string{"", "one", "two", "none"} {
		for _, state := range []pixivoc.ItemState{"", pixivoc.ItemPending, pixivoc.ItemDone, pixivoc.ItemFailed} {
			var want []pixivoc.ItemStatus
			for _, item := range all {
				if (stage == "" || item.Stage == stage) && (state == "" || item.State == state) {
					want = append(want, item)
				}
			}
			for _, limit := range []int{0, 1, 2, 5, 100} {
				query := pixivoc.ItemQuery{Task: tid, Stage: stage, State: state, Limit: limit}
				f.same("items", f.list(query), want)
				page, err := f.store.ListItems(ctx, query)
				f.ok(err)
				if limit > 0 && len(page) != min(limit, len(want)) {
					f.Fatalf("page of %d, limit %d, %d items", len(page), limit, len(want))
				}
			}
		}
	}
	_, err := f.store.ListItems(ctx, pixivoc.ItemQuery{Task: tid, State: "running"})
	f.refusedField(err)
	tid = f.task(numbered("k", 501)...)
	page, err := f.store.ListItems(ctx, pixivoc.ItemQuery{Task: tid})
	f.ok(err)
	f.same("page without a limit", len(page), 500)
}

func testCountItems(f *fixture) {
	tid := f.states()
	f.same("counts", f.counts(tid), map[string]pixivoc.ItemCount{
		"one": {Total: 13, Pending: 7, Done: 3, Failed: 3},
		"two": {Total: 3, Pending: 3},
	})
}
