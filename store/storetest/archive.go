package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc"
)

func testRecorded(f *fixture) {
	ctx := f.Context()
	tid, other := f.task("a"), f.task("a")
	keys := []string{"x", "y", "", "x", "ключ", "1", "01", "null\x00byte"}
	found, err := f.store.Recorded(ctx, tid, "file", keys)
	f.ok(err)
	f.same("recorded before any", found, map[string]bool{})
	f.commit(pixivoc.Commit{
		Claim: f.one(tid).Claim, Outcome: pixivoc.OutcomeDone,
		Records: []pixivoc.Record{record("file", "x"), record("work", "y"), record("file", "ключ"), record("file", "01"), record("file", "null\x00byte")},
	})
	found, err = f.store.Recorded(ctx, tid, "file", keys)
	f.ok(err)
	f.same("recorded", found, map[string]bool{"x": true, "ключ": true, "01": true, "null\x00byte": true})
	found, err = f.store.Recorded(ctx, tid, "file", nil)
	f.ok(err)
	f.same("recorded of nothing", found, map[string]bool{})
	found, err = f.store.Recorded(ctx, other, "file", keys)
	f.ok(err)
	f.same("recorded of another task", found, map[string]bool{})
	many := numbered("k", 3000)
	found, err = f.store.Recorded(ctx, tid, "file", append(many, "x"))
	f.ok(err)
	f.same("recorded among many", found, map[string]bool{"x": true})
}

func testArchive(f *fixture) {
	ctx := f.Context()
	f.same("entries", len(f.archive(0)), 0)
	f.same("count", f.countArchive(), 0)
	f.same("archived", f.archived("a"), map[string]bool{})
	given := time.Date(2020, 1, 2, 3, 4, 5, 6000000, time.FixedZone("", 3600))
	add := func(entries ...pixivoc.ArchiveEntry) int {
		f.Helper()
		added, err := f.store.AddArchive(ctx, entries)
		f.ok(err)
		return added
	}
	f.same("added", add(pixivoc.ArchiveEntry{Key: "site:2"}, pixivoc.ArchiveEntry{Key: "site:10", At: given}, pixivoc.ArchiveEntry{Key: "site:2"}), 2)
	first := f.archive(0)
	f.same("added again", add(pixivoc.ArchiveEntry{Key: "site:2", At: given}, pixivoc.ArchiveEntry{Key: "site:10"}), 0)
	f.same("added nothing", add(), 0)
	f.same("entries", f.archive(0), first)
	f.same("entry with a time", first[0], pixivoc.ArchiveEntry{Key: "site:10", At: given.UTC()})
	if first[1].At.IsZero() || first[1].At.Location() != time.UTC {
		f.Fatalf("time of an entry without one is %v", first[1].At)
	}
	f.same("archived", f.archived("site:2", "site:3", "site:10", ""), map[string]bool{"site:2": true, "site:10": true})
	_, err := f.store.AddArchive(ctx, []pixivoc.ArchiveEntry{{Key: "new"}, {}})
	f.refusedField(err)
	f.same("count after a refusal", f.countArchive(), 2)

	// Pages go in the order of the bytes.
	var want []string
	for _, key := range append(numbered("site:1", 700), "A", "a", "Z", "é", "日本") {
		add(pixivoc.ArchiveEntry{Key: key})
	}
	for _, entry := range f.archive(0) {
		want = append(want, entry.Key)
	}
	f.same("count", f.countArchive(), 707)
	f.same("first keys", want[:3], []string{"A", "Z", "a"})
	f.same("last keys", want[len(want)-3:], []string{"site:2", "é", "日本"})
	for _, limit := range []int{1, 7, 500, 1000} {
		var got []string
		for _, entry := range f.archive(limit) {
			got = append(got, entry.Key)
		}
		f.same("keys by pages", got, want)
	}
}

// The archive takes keys with the commit that they belong to, or not at all,
// and keeps them when the task is deleted.
func testArchiveCommit(f *fixture) {
	ctx := f.Context()
	tid := f.task("a", "b")
	claim := f.one(tid).Claim
	stale := claim
	stale.Fence += 1000
	f.is(f.refused(pixivoc.Commit{Claim: stale, Outcome: pixivoc.OutcomeDone, Archive: []string{"a"}}), pixivoc.ErrStaleClaim)
	f.refusedField(f.refused(pixivoc.Commit{Claim: claim, Outcome: pixivoc.OutcomeDone, Archive: []string{"a", ""}, Records: []pixivoc.Record{record("file", "x")}}))
	f.same("archived by refused commits", f.archived("a"), map[string]bool{})
	f.commit(pixivoc.Commit{Claim: claim, Outcome: pixivoc.OutcomeDone, Archive: []string{"a", "b", "a"}})
	f.same("archived", f.archived("a", "b", "c"), map[string]bool{"a": true, "b": true})
	f.commit(pixivoc.Commit{Claim: f.one(tid).Claim, Outcome: pixivoc.OutcomeDone, Archive: []string{"b", "c"}})
	f.ok(f.store.ForgetItems(ctx, tid, []string{"one"}))
	f.ok(f.store.DeleteTask(ctx, tid))
	f.same("archived by a deleted task", f.archived("a", "b", "c"), map[string]bool{"a": true, "b": true, "c": true})
	f.same("count", f.countArchive(), 3)
}

// Each key is new for one caller.
func testArchiveConcurrent(f *fixture) {
	const total = 300
	var added atomic.Int64
	f.together(8, func(ctx context.Context, worker int) error {
		for i := range total {
			n, err := f.store.AddArchive(ctx, []pixivoc.ArchiveEntry{{Key: fmt.Sprint((i + worker*37) % total)}, {Key: fmt.Sprint(i)}})
			if err != nil {
				return err
			}
			added.Add(int64(n))
		}
		return nil
	})
	f.same("added", added.Load(), int64(total))
	f.same("count", f.countArchive(), total)
}
