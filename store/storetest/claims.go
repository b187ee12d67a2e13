package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pixivoc/pixivoc"
)

func testClaim(f *fixture) {
	ctx := f.Context()
	tid, other := f.task("a", "b", "c", "d"), f.task("x")
	f.add(tid, "two", "a")
	f.add(tid, "one", "e")
	listed := f.list(pixivoc.ItemQuery{Task: tid, Stage: "one"})

	claimed := f.claim(tid, 3)
	f.same("claimed", keysOf(claimed), []string{"a", "b", "c"})
	for i, item := range claimed {
		f.same("claimed item", item.Item, listed[i].Item)
		f.same("task of the claim", item.Claim.Task, tid)
		f.same("item of the claim", item.Claim.Item, item.ID)
		if item.Claim.Fence <= 0 {
			f.Fatalf("fence is %d", item.Claim.Fence)
		}
	}
	f.same("claimed next", keysOf(f.claim(tid, 10)), []string{"d", "e"})
	f.same("claimed then", len(f.claim(tid, 10)), 0)
	f.same("claimed of another task", keysOf(f.claim(other, 10)), []string{"x"})
	none, err := f.store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "none", Limit: 1, Lease: long})
	f.ok(err)
	f.same("claimed of no stage", len(none), 0)
	// A claimed item is a pending one.
	f.same("counts", f.count(tid, "one"), pixivoc.ItemCount{Total: 5, Pending: 5})
	f.same("items", f.list(pixivoc.ItemQuery{Task: tid, Stage: "one"}), listed)

	for _, bad := range []pixivoc.ClaimRequest{
		{Task: tid, Stage: "one", Limit: 0, Lease: long},
		{Task: tid, Stage: "one", Limit: 1, Lease: 0},
	} {
		_, err := f.store.Claim(ctx, bad)
		f.refusedField(err)
	}
	f.refusedField(f.store.Renew(ctx, claimsOf(claimed), 0))
}

func testClaimRound(f *fixture) {
	tid := f.task("a")
	_, err := f.store.AddItems(f.Context(), tid, []pixivoc.Item{
		{Stage: "one", Key: "b", Round: 2},
		{Stage: "one", Key: "c", Round: 1},
		{Stage: "one", Key: "d"},
		{Stage: "one", Key: "e", Round: 3},
	})
	f.ok(err)
	f.same("round 0", keysOf(f.claimFor(tid, 0, 10, long)), []string{"a", "d"})
	f.same("round 0 again", len(f.claimFor(tid, 0, 10, long)), 0)
	second := f.claimFor(tid, 2, 10, long)
	f.same("round 2", keysOf(second), []string{"b", "c"})
	f.ok(f.store.Release(f.Context(), claimsOf(second)))
	f.same("back to round 1", keysOf(f.claimFor(tid, 1, 10, long)), []string{"c"})
	f.same("round 2 again", keysOf(f.claimFor(tid, 2, 10, long)), []string{"b"})
	f.same("round 3", keysOf(f.claimFor(tid, 3, 10, long)), []string{"e"})

	// An item that failed comes again when its round does, in the order of IDs.
	tid = f.task("a", "b", "c")
	claimed := f.claim(tid, 2)
	for _, item := range claimed {
		f.commit(pixivoc.Commit{Claim: item.Claim, Outcome: pixivoc.OutcomeAgain, Round: 0})
	}
	f.same("rest of round 0", keysOf(f.claimFor(tid, 0, 10, long)), []string{"c"})
	f.same("round 1", keysOf(f.claimFor(tid, 1, 1, long)), []string{"a"})
	f.same("round 1, next", keysOf(f.claimFor(tid, 1, 1, long)), []string{"b"})
}

// No item is claimed twice, and all are claimed.
func testClaimExclusive(f *fixture) {
	const total = 640
	tid := f.task(numbered("k", total)...)
	var mu sync.Mutex
	owners := map[int64]int{}
	f.together(32, func(ctx context.Context, worker int) error {
		last := int64(0)
		for {
			claimed, err := f.store.Claim(ctx, pixivoc.ClaimRequest{
				Task: tid, Stage: "one", Owner: fmt.Sprint(worker), Limit: 1 + worker%7, Lease: long,
			})
			if err != nil || len(claimed) == 0 {
				return err
			}
			mu.Lock()
			for _, item := range claimed {
				if _, taken := owners[item.ID]; taken {
					f.Errorf("item %d was claimed twice", item.ID)
				}
				owners[item.ID] = worker
				if item.ID <= last {
					f.Errorf("worker %d got item %d after %d", worker, item.ID, last)
				}
				last = item.ID
			}
			mu.Unlock()
		}
	})
	f.same("claimed items", len(owners), total)
}

// What others hold does not make a claim smaller: fewer than Limit come only
// when no more are to be had.
func testClaimLimit(f *fixture) {
	tid := f.task(numbered("k", 100)...)
	held := f.claim(tid, 100)
	// Every third item is free again.
	var free []pixivoc.Claim
	var want []string
	for i := 0; i < len(held); i += 3 {
		free = append(free, held[i].Claim)
		want = append(want, held[i].Key)
	}
	f.ok(f.store.Release(f.Context(), free))
	f.same("claimed", keysOf(f.claim(tid, 20)), want[:20])
	f.same("claimed", keysOf(f.claim(tid, 20)), want[20:])
	f.add(tid, "one", "late1", "late2")
	f.same("claimed", keysOf(f.claim(tid, 1)), []string{"late1"})
	f.same("claimed", keysOf(f.claim(tid, 5)), []string{"late2"})
}

// Items come back in every way that there is, and are found again wherever
// they stand among claimed ones.
func testClaimReturned(f *fixture) {
	tid := f.task(numbered("k", 10)...)
	held := f.claim(tid, 10)
	f.ok(f.store.Release(f.Context(), claimsOf(held[2:3])))
	f.commit(pixivoc.Commit{Claim: held[7].Claim, Outcome: pixivoc.OutcomeAgain, Round: 0})
	f.same("in round 0", keysOf(f.claimFor(tid, 0, 10, long)), []string{"k0002"})
	back := f.claimFor(tid, 1, 10, long)
	f.same("in round 1", keysOf(back), []string{"k0007"})
	f.commit(pixivoc.Commit{Claim: back[0].Claim, Outcome: pixivoc.OutcomeAgain, Round: 0})
	back = f.claimFor(tid, 1, 10, long)
	f.same("in round 1 again", keysOf(back), []string{"k0007"})
	f.commit(pixivoc.Commit{Claim: back[0].Claim, Outcome: pixivoc.OutcomeAgain, Round: 0})
	f.ok(f.store.Release(f.Context(), claimsOf(held[1:2])))
	f.same("in round 1 together", keysOf(f.claimFor(tid, 1, 10, long)), []string{"k0001", "k0007"})
	f.ok(f.store.Renew(f.Context(), claimsOf(held[4:5]), f.short()))
	f.end()
	f.same("after the lease", keysOf(f.claimFor(tid, 1, 10, long)), []string{"k0004"})
}

// testLeaseEnds holds the fencing: once an item was claimed anew the older
// claim is worth nothing.
func testLeaseEnds(f *fixture) {
	ctx := f.Context()
	tid := f.task("a", "b")
	old := f.claimFor(tid, 0, 1, f.short())
	f.end()
	renewed := f.claim(tid, 10)
	f.same("claimed anew", keysOf(renewed), []string{"a", "b"})
	if renewed[0].Claim.Fence <= old[0].Claim.Fence {
		f.Fatalf("fence %d comes after %d", renewed[0].Claim.Fence, old[0].Claim.Fence)
	}
	before, task := f.list(pixivoc.ItemQuery{Task: tid}), f.load(tid)
	for _, outcome := range []pixivoc.Outcome{pixivoc.OutcomeDone, pixivoc.OutcomeFailed, pixivoc.OutcomeAgain} {
		err := f.refused(pixivoc.Commit{
			Claim: old[0].Claim, Outcome: outcome, Reason: "reason", Bytes: 7,
			Items: items("two", "x"), Records: []pixivoc.Record{{Kind: "kind", Key: "x"}},
		})
		f.is(err, pixivoc.ErrStaleClaim)
	}
	f.same("items", f.list(pixivoc.ItemQuery{Task: tid}), before)
	f.same("task", f.load(tid), task)
	f.same("records", len(f.records(pixivoc.RecordQuery{Task: tid})), 0)
	f.same("outputs", f.count(tid, "two"), pixivoc.ItemCount{})
	f.is(f.store.Renew(ctx, claimsOf(old), long), pixivoc.ErrStaleClaim)
	f.ok(f.store.Release(ctx, claimsOf(old)))
	f.same("claimed after a stale release", len(f.claim(tid, 10)), 0)
	f.commit(done(renewed[0].Claim))
	f.is(f.refused(done(old[0].Claim)), pixivoc.ErrStaleClaim)
	f.is(f.refused(done(renewed[0].Claim)), pixivoc.ErrStaleClaim)
}

// A lease that ran out costs nothing as long as nobody else took the item.
func testLeaseEndsUnnoticed(f *fixture) {
	tid := f.task("a", "b")
	claimed := f.claimFor(tid, 0, 2, f.short())
	f.end()
	f.commit(done(claimed[0].Claim))
	f.ok(f.store.Renew(f.Context(), claimsOf(claimed[1:]), long))
	f.same("claimed", len(f.claim(tid, 10)), 0)
}

func testRenew(f *fixture) {
	ctx := f.Context()
	tid := f.task("a", "b", "c")
	claimed := f.claimFor(tid, 0, 3, f.short())
	f.ok(f.store.Renew(ctx, claimsOf(claimed[:1]), long))
	f.commit(done(claimed[1].Claim))
	// The stale one does not keep the others from being renewed.
	mixed := []pixivoc.Claim{claimed[1].Claim, claimed[2].Claim}
	f.is(f.store.Renew(ctx, mixed, long), pixivoc.ErrStaleClaim)
	f.end()
	f.same("claimed", len(f.claim(tid, 10)), 0)
	// A lease counts from now, also when that makes it end sooner.
	f.ok(f.store.Renew(ctx, claimsOf(claimed[:1]), f.short()))
	f.end()
	f.same("claimed", keysOf(f.claim(tid, 10)), []string{"a"})
	f.ok(f.store.Renew(ctx, nil, long))
	f.is(f.store.Renew(ctx, []pixivoc.Claim{{}}, long), pixivoc.ErrStaleClaim)
}

func testRelease(f *fixture) {
	ctx := f.Context()
	tid := f.task("a", "b", "c")
	before := f.list(pixivoc.ItemQuery{Task: tid})
	claimed := f.claim(tid, 3)
	f.ok(f.store.Release(ctx, []pixivoc.Claim{claimed[2].Claim, claimed[0].Claim}))
	f.ok(f.store.Release(ctx, claimsOf(claimed[:1])))
	f.ok(f.store.Release(ctx, []pixivoc.Claim{{}, {Task: 1, Item: 2, Fence: 3}}))
	f.ok(f.store.Release(ctx, nil))
	f.same("items", f.list(pixivoc.ItemQuery{Task: tid}), before)
	f.is(f.refused(done(claimed[0].Claim)), pixivoc.ErrStaleClaim)
	again := f.claim(tid, 10)
	f.same("claimed again", keysOf(again), []string{"a", "c"})
	fences := []int64{claimed[0].Claim.Fence, claimed[2].Claim.Fence}
	for _, item := range again {
		if item.Claim.Fence <= slices.Max(fences) {
			f.Fatalf("fence %d comes after %v", item.Claim.Fence, fences)
		}
	}
	f.commit(done(claimed[1].Claim))
}
