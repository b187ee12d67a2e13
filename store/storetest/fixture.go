package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
)

// long is a lease that does not end during a test. All stores of a suite may
// share a clock that any test puts forward, so only such a lease is sure to
// hold.
const long = 100000 * time.Hour

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Context() context.Context
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	FailNow()
}

// fixture is one test with its store.
type fixture struct {
	tester
	t     *testing.T
	suite *suite
	store pixivoc.Store
}

// short is a lease that end ends.
func (f *fixture) short() time.Duration {
	if f.suite.clock != nil {
		return time.Minute
	}
	return 50 * time.Millisecond
}

// end lets the time of a short lease pass.
func (f *fixture) end() {
	f.Helper()
	by := f.short() + f.short()/2
	if f.suite.clock != nil {
		f.suite.clock.Advance(by)
		return
	}
	timer := time.NewTimer(by)
	defer timer.Stop()
	<-timer.C
}

// ok ends the test when a call failed.
func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// is ends the test unless the error is the one that is wanted.
func (f *fixture) is(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("error is %v, want %v", err, want)
	}
}

// refusedField ends the test unless a field was refused.
func (f *fixture) refusedField(err error) {
	f.Helper()
	if _, ok := errors.AsType[*pixivoc.FieldError](err); !ok {
		f.Fatalf("error is %v, want a *pixivoc.FieldError", err)
	}
}

// same ends the test unless both are equal.
func (f *fixture) same(what string, got, want any) {
	f.Helper()
	if !reflect.DeepEqual(got, want) {
		f.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// task makes a task with pending items of stage "one".
func (f *fixture) task(keys ...string) int64 {
	f.Helper()
	stored, existed, err := f.store.CreateTask(f.Context(), pixivoc.StoredTask{
		Name: "name", Type: "Type", State: pixivoc.StateWaitStart, Stage: "one",
	}, items("one", keys...))
	f.ok(err)
	f.same("existed", existed, false)
	return stored.TID
}

func items(stage string, keys ...string) []pixivoc.Item {
	var list []pixivoc.Item
	for _, key := range keys {
		list = append(list, pixivoc.Item{Stage: stage, Key: key, Payload: json.RawMessage(`{"key":"` + key + `"}`)})
	}
	return list
}

// numbered returns n keys.
func numbered(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return keys
}

func (f *fixture) add(tid int64, stage string, keys ...string) int {
	f.Helper()
	added, err := f.store.AddItems(f.Context(), tid, items(stage, keys...))
	f.ok(err)
	return added
}

// claim claims items of stage "one" in round 0 for long.
func (f *fixture) claim(tid int64, limit int) []pixivoc.ClaimedItem {
	f.Helper()
	return f.claimFor(tid, 0, limit, long)
}

func (f *fixture) claimFor(tid int64, round, limit int, lease time.Duration) []pixivoc.ClaimedItem {
	f.Helper()
	claimed, err := f.store.Claim(f.Context(), pixivoc.ClaimRequest{
		Task: tid, Stage: "one", Round: round, Owner: "suite", Limit: limit, Lease: lease,
	})
	f.ok(err)
	return claimed
}

// one claims exactly one item.
func (f *fixture) one(tid int64) pixivoc.ClaimedItem {
	f.Helper()
	claimed := f.claim(tid, 1)
	if len(claimed) != 1 {
		f.Fatalf("claimed %d items, want 1", len(claimed))
	}
	return claimed[0]
}

func keysOf(claimed []pixivoc.ClaimedItem) []string {
	keys := []string{}
	for _, item := range claimed {
		keys = append(keys, item.Key)
	}
	return keys
}

func claimsOf(claimed []pixivoc.ClaimedItem) []pixivoc.Claim {
	var claims []pixivoc.Claim
	for _, item := range claimed {
		claims = append(claims, item.Claim)
	}
	return claims
}

// commit commits elements that must all take effect.
func (f *fixture) commit(commits ...pixivoc.Commit) {
	f.Helper()
	if errs := f.store.Commit(f.Context(), commits); errs != nil {
		f.Fatal(errors.Join(errs...))
	}
}

// refused commits one element and returns why it was refused.
func (f *fixture) refused(commit pixivoc.Commit) error {
	f.Helper()
	errs := f.store.Commit(f.Context(), []pixivoc.Commit{commit})
	if len(errs) != 1 || errs[0] == nil {
		f.Fatalf("commit gave %v, want one error", errs)
	}
	return errs[0]
}

func (f *fixture) load(tid int64) pixivoc.StoredTask {
	f.Helper()
	stored, err := f.store.LoadTask(f.Context(), tid)
	f.ok(err)
	return stored
}

// counts returns the numbers of items of the stages that have any.
func (f *fixture) counts(tid int64) map[string]pixivoc.ItemCount {
	f.Helper()
	counts, err := f.store.CountItems(f.Context(), tid)
	f.ok(err)
	maps.DeleteFunc(counts, func(_ string, count pixivoc.ItemCount) bool { return count == pixivoc.ItemCount{} })
	return counts
}

// count returns the numbers of items of a stage, which may have none.
func (f *fixture) count(tid int64, stage string) pixivoc.ItemCount {
	f.Helper()
	return f.counts(tid)[stage]
}

// list reads all items of a query, page by page.
func (f *fixture) list(query pixivoc.ItemQuery) []pixivoc.ItemStatus {
	f.Helper()
	var all []pixivoc.ItemStatus
	for {
		page, err := f.store.ListItems(f.Context(), query)
		f.ok(err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		query.After = page[len(page)-1].ID
	}
}

// records reads all records of a query, page by page.
func (f *fixture) records(query pixivoc.RecordQuery) []pixivoc.Record {
	f.Helper()
	var all []pixivoc.Record
	for {
		page, err := f.store.ListRecords(f.Context(), query)
		f.ok(err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		query.After = page[len(page)-1].Seq
	}
}

func (f *fixture) countRecords(query pixivoc.RecordQuery) int {
	f.Helper()
	n, err := f.store.CountRecords(f.Context(), query)
	f.ok(err)
	return n
}

// archive lists all entries of the archive, page by page.
func (f *fixture) archive(limit int) []pixivoc.ArchiveEntry {
	f.Helper()
	var all []pixivoc.ArchiveEntry
	after := ""
	for {
		page, err := f.store.ListArchive(f.Context(), after, limit)
		f.ok(err)
		if limit > 0 && len(page) > limit {
			f.Fatalf("page of %d entries, limit %d", len(page), limit)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Key
	}
}

func (f *fixture) countArchive() int {
	f.Helper()
	n, err := f.store.CountArchive(f.Context())
	f.ok(err)
	return n
}

func (f *fixture) archived(keys ...string) map[string]bool {
	f.Helper()
	found, err := f.store.Archived(f.Context(), keys)
	f.ok(err)
	return found
}

func (f *fixture) recordKeys(query pixivoc.RecordQuery) []string {
	f.Helper()
	keys := []string{}
	for _, record := range f.records(query) {
		keys = append(keys, record.Key)
	}
	return keys
}

func done(claim pixivoc.Claim) pixivoc.Commit {
	return pixivoc.Commit{Claim: claim, Outcome: pixivoc.OutcomeDone}
}

// start runs the same function in n goroutines; finished is closed when all
// have ended.
func (f *fixture) start(n int, run func(ctx context.Context, worker int) error) (finished <-chan struct{}) {
	var group sync.WaitGroup
	for worker := range n {
		group.Go(func() {
			if err := run(f.Context(), worker); err != nil {
				f.Errorf("worker %d: %v", worker, err)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	return ended
}

// together is start and waits; it ends the test when one failed.
func (f *fixture) together(n int, run func(ctx context.Context, worker int) error) {
	f.Helper()
	<-f.start(n, run)
	if f.Failed() {
		f.FailNow()
	}
}

// until calls look until finished is closed, and once more after that.
func until(finished <-chan struct{}, look func()) {
	for {
		select {
		case <-finished:
			look()
			return
		default:
			look()
		}
	}
}
