// Package storetest is the suite that every pixivoc.Store passes. Whoever
// writes a store runs it from a test of his own:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) pixivoc.Store {
//			store := mystore.New()
//			t.Cleanup(func() { store.Close() })
//			return store
//		})
//	}
//
// The sub-tests are named after the parts of the contract, see pixivoc.Store.
// They run in parallel, each with a store of its own.
package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Option changes how Run tests.
type Option func(*suite)

// WithClock tells that the stores take their time from clock. Without it the
// suite waits for leases to end in real time.
func WithClock(clock *Clock) Option {
	return func(s *suite) { s.clock = clock }
}

// WithReopen tells that stores are durable and how to open one again: reopen
// returns a store with what the given one kept, as after the death of the
// process. The store it is given may be closed already.
func WithReopen(reopen func(t testing.TB, store pixivoc.Store) pixivoc.Store) Option {
	return func(s *suite) { s.reopen = reopen }
}

// Clock tells the real time until it is put forward. One clock may serve many
// stores. It is safe for concurrent use.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance puts the clock forward.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

type suite struct {
	open   func(t testing.TB) pixivoc.Store
	clock  *Clock
	reopen func(t testing.TB, store pixivoc.Store) pixivoc.Store
}

// Run tests the stores that open makes. Each must be empty; Run does not close
// those it has no reason to close, so open should see to it with t.Cleanup.
func Run(t *testing.T, open func(t testing.TB) pixivoc.Store, options ...Option) {
	s := &suite{open: open}
	for _, option := range options {
		option(s)
	}
	s.runAll(t, core())
	s.runAll(t, map[string]func(*fixture){
		"Recorded":          testRecorded,
		"RecordedFiles":     testRecordedFiles,
		"Archive":           testArchive,
		"ArchiveCommit":     testArchiveCommit,
		"ArchiveConcurrent": testArchiveConcurrent,
	})
	if s.reopen != nil {
		s.runAll(t, map[string]func(*fixture){
			"ReopenKeeps":     testReopenKeeps,
			"ReopenVoids":     testReopenVoids,
			"ReopenNumbers":   testReopenNumbers,
			"ReopenAfterBusy": testReopenAfterBusy,
		})
	}
}

// core are the tests of tasks, items and records.
func core() map[string]func(*fixture) {
	return map[string]func(*fixture){
		"Settings":                testSettings,
		"CreateTask":              testCreateTask,
		"CreateTaskRefused":       testCreateTaskRefused,
		"CreateTaskKey":           testCreateTaskKey,
		"CreateTaskKeyConcurrent": testCreateTaskKeyConcurrent,
		"TID":                     testTID,
		"ListTasks":               testListTasks,
		"UpdateTask":              testUpdateTask,
		"Groups":                  testGroups,
		"TaskMissing":             testTaskMissing,
		"AddItems":                testAddItems,
		"AddItemsKnown":           testAddItemsKnown,
		"AddItemsConcurrent":      testAddItemsConcurrent,
		"ForgetItems":             testForgetItems,
		"RetryItems":              testRetryItems,
		"ListItems":               testListItems,
		"CountItems":              testCountItems,
		"Claim":                   testClaim,
		"ClaimRound":              testClaimRound,
		"ClaimExclusive":          testClaimExclusive,
		"ClaimLimit":              testClaimLimit,
		"ClaimReturned":           testClaimReturned,
		"LeaseEnds":               testLeaseEnds,
		"LeaseEndsUnnoticed":      testLeaseEndsUnnoticed,
		"Renew":                   testRenew,
		"Release":                 testRelease,
		"CommitDone":              testCommitDone,
		"CommitFailed":            testCommitFailed,
		"CommitAgain":             testCommitAgain,
		"CommitTogether":          testCommitTogether,
		"CommitStale":             testCommitStale,
		"CommitRefused":           testCommitRefused,
		"CommitMany":              testCommitMany,
		"CommitConcurrent":        testCommitConcurrent,
		"Records":                 testRecords,
		"RecordBounds":            testRecordBounds,
		"RecordSeq":               testRecordSeq,
		"DeleteTask":              testDeleteTask,
		"DeleteTaskConcurrent":    testDeleteTaskConcurrent,
		"S5_PagesWhileWriting":    testPagesWhileWriting,
		"Model":                   testModel,
		"Copies":                  testCopies,
		"Closed":                  testClosed,
		"ClosedWhileBusy":         testClosedWhileBusy,
		"C4_ContextCancelled":     testContextCancelled,
		"C4_ContextWhileBusy":     testContextWhileBusy,
	}
}

func (s *suite) runAll(t *testing.T, tests map[string]func(*fixture)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&fixture{tester: t, t: t, suite: s, store: s.open(t)})
		})
	}
}
