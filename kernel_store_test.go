package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
	"github.com/stretchr/testify/require"
)

// openSQLite opens a durable store in a folder of the test.
func openSQLite(t *testing.T, options sqlite.Options) pixivoc.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "pixivoc.db"), options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// S4 at the kernel: whatever call of the store fails once, or for good, the run
// ends with the error or goes on; it never hangs, and when the store is well
// again the task comes to its end with each item done once.
func TestS4_StoreFails(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"CountItems", "Claim", "Renew", "Release", "Commit", "UpdateTask", "LoadTask"} {
		for _, times := range []int{1, 1 << 30} {
			for _, first := range []int{1, 2, 3, 7} {
				t.Run(fmt.Sprintf("%s from %d, %d times", method, first, times), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { storeFails(t, failing(method, first, times, errStore)) })
				})
			}
		}
	}
}

func storeFails(t *testing.T, before func(string, int) error) {
	var runs [100]atomic.Int32
	slow := stage("Slow", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		if runs[in.N].Add(1) == 1 && in.N%10 == 0 {
			return pixivoc.Output{}, errors.New("try later")
		}
		select {
		case <-time.After(10 * time.Second): // all in all longer than a lease
		case <-ctx.Done():
			return pixivoc.Output{}, ctx.Err()
		}
		var out pixivoc.Output
		out.Queue(fmt.Sprint(in.N), in)
		return out, nil
	})
	store := newSpoiledStore(t, nil)
	client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(100, slow, record("Rest"))}})
	task := create(t, client)
	store.spoil(notForEver(before))
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	info, err := task.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("the run does not end")
	}
	if err == nil && info.State == pixivoc.StateError && !strings.Contains(info.Error, errStore.Error()) {
		t.Errorf("the cause is not told: %s", info.Error)
	}
	unwritten := before("UpdateTask", 1<<20) != nil
	store.spoil(notForEver(nil))
	if info, err = task.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info.State != pixivoc.StateOver && info.State != pixivoc.StateError && !unwritten {
		t.Errorf("without a run the task is %s", info.State)
	}
	if err := task.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err = task.Wait(ctx); err != nil || info.State != pixivoc.StateOver || info.Now != 200 {
		t.Fatalf("%+v (%v)", info, err)
	}
	keys := records(t, task)
	slices.Sort(keys)
	if len(keys) != 100 || len(slices.Compact(keys)) != 100 {
		t.Errorf("%d records, %d different, want 100", len(keys), len(slices.Compact(keys)))
	}
}

// A store may refuse single elements of a commit: claims that somebody else has
// taken over are done by him, and others are done in the next run.
func TestS4_CommitRefusesSome(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"stale": pixivoc.ErrStaleClaim, "error": errStore, "disk full": pixivoc.ErrDiskFull,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newSpoiledStore(t, nil)
				store.spoil(notForEver(nil))
				refused := map[int64]bool{}
				store.commit = func(commits []pixivoc.Commit) []error {
					errs := make([]error, len(commits))
					for i, commit := range commits {
						if item := commit.Claim.Item; item%5 == 0 && !refused[item] {
							refused[item], errs[i] = true, refusal
							if errors.Is(refusal, pixivoc.ErrStaleClaim) {
								_ = store.Store.Release(context.Background(), []pixivoc.Claim{commit.Claim})
							}
						}
					}
					return errs
				}
				client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(100, record("Work"))}})
				task := create(t, client)
				for range 100 {
					info, err := task.Wait(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if info.State == pixivoc.StateOver {
						break
					}
					if err := task.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				info := wait(t, task, pixivoc.StateOver)
				if info.Failed != 0 || len(records(t, task)) != 100 || len(refused) != 20 {
					t.Errorf("%d records after %d refusals, %+v", len(records(t, task)), len(refused), info)
				}
			})
		})
	}
}

// D1: a store without room. The task says so, tries again now and then, and goes
// on by itself; it can be stopped and deleted meanwhile.
func TestD1_StoreWithoutRoom(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"at a commit": "Commit", "at a claim": "Claim"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newSpoiledStore(t, nil)
				work := stage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
					elapse(time.Second)
					return pixivoc.Output{}, nil
				})
				client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(2000, work)}})
				task := create(t, client)
				elapse(500 * time.Millisecond) // past what Start writes
				full := fmt.Errorf("write: %w", pixivoc.ErrDiskFull)
				store.spoil(failing(method, 1, 1<<30, full))
				elapse(5*time.Minute - time.Second)
				tries := store.count(method)
				store.spoil(notForEver(nil))
				freed := time.Now()
				if info, err := task.Info(t.Context()); err != nil || info.State != pixivoc.StateDiskFull {
					t.Errorf("while there is no room: %+v (%v)", info, err)
				}
				if tries > 5*60/25+1 {
					t.Errorf("%d tries in 5 min without room", tries)
				}
				elapse(31 * time.Second)
				info, err := task.Info(t.Context())
				if err != nil || info.State != pixivoc.StateDownloading {
					t.Errorf("%s after there is room: %+v (%v)", time.Since(freed), info, err)
				}
				if info := wait(t, task, pixivoc.StateOver); info.Now != 2000 {
					t.Errorf("%+v", info)
				}
			})
		})
	}
}

// A task whose end cannot be written waits for room too.
func TestD1_EndWithoutRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSpoiledStore(t, nil)
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(3, record("Work"))}})
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "numbers"})
		if err != nil {
			t.Fatal(err)
		}
		store.spoil(failing("UpdateTask", 2, 1<<30, pixivoc.ErrDiskFull)) // the first one is that of Start
		if err := task.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(5 * time.Minute)
		if tries := store.count("UpdateTask"); tries > 5*60/25+2 {
			t.Errorf("%d tries in 5 min without room", tries)
		}
		store.spoil(nil)
		freed := time.Now()
		wait(t, task, pixivoc.StateOver)
		if took := time.Since(freed); took > 30*time.Second {
			t.Errorf("the end was written %s after there was room", took)
		}
		if stored, err := store.LoadTask(t.Context(), task.ID()); err != nil || stored.State != pixivoc.StateOver {
			t.Errorf("stored: %+v (%v)", stored, err)
		}
	})
}

func TestD1_DeleteAndStopWithoutRoom(t *testing.T) {
	t.Parallel()
	for _, stop := range []bool{true, false} {
		t.Run(fmt.Sprint("stop first ", stop), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newSpoiledStore(t, nil)
				client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(300, record("Work"))}})
				full := fmt.Errorf("write: %w", pixivoc.ErrDiskFull)
				task := create(t, client)
				store.spoil(func(method string, _ int) error {
					if method == "Commit" || method == "UpdateTask" || method == "AddItems" {
						return full
					}
					return nil
				})
				elapse(time.Minute)
				if stop {
					_ = task.Stop(t.Context()) // cannot be written, and yet the run ends
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if _, err := task.Wait(ctx); err != nil {
						t.Errorf("the run goes on: %v", err)
					}
				}
				if err := task.Delete(t.Context(), pixivoc.DeleteOptions{}); err != nil {
					t.Errorf("Delete: %v", err)
				}
				if _, err := task.Info(t.Context()); !errors.Is(err, pixivoc.ErrTaskNotFound) {
					t.Errorf("the task is still there: %v", err)
				}
			})
		})
	}
}
