//go:build unix

package sqlite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// million is the size of a large task. STORE_BENCH_ITEMS makes it smaller.
func million(b *testing.B) int {
	if text := os.Getenv("STORE_BENCH_ITEMS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(b, err)
		return n
	}
	return 1_000_000
}

// pictures are items as the picture stage has them.
func pictures(from, to int) []pixivoc.Item {
	items := make([]pixivoc.Item, 0, to-from)
	for i := from; i < to; i++ {
		items = append(items, pixivoc.Item{
			Stage: "one", Key: fmt.Sprintf("%d_p0", 130000000-i),
			Payload: json.RawMessage(fmt.Sprintf(`{"url":"https://i.pximg.net/img-original/img/2024/01/02/03/04/05/%d_p0.png","name":"12345_name/%d_p0","work":%d}`, i, i, i)),
		})
	}
	return items
}

// largeTask adds a task of n pending pictures.
func largeTask(b *testing.B, store *sqlite.Store, n int) int64 {
	b.Helper()
	task, _, err := store.CreateTask(b.Context(), pixivoc.StoredTask{}, nil)
	require.NoError(b, err)
	const portion = 5000
	for i := 0; i < n; i += portion {
		_, err := store.AddItems(b.Context(), task.TID, pictures(i, min(n, i+portion)))
		require.NoError(b, err)
	}
	return task.TID
}

// saved is the commit of a downloaded picture: the item is done and its file
// is recorded.
func saved(item pixivoc.ClaimedItem) pixivoc.Commit {
	return pixivoc.Commit{
		Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Bytes: 123456,
		Records: []pixivoc.Record{{Kind: "file", Key: "12345_name/" + item.Key + ".png", Data: json.RawMessage(
			`{"url":"https://i.pximg.net/img-original/img/2024/01/02/03/04/05/123456789_p0.png","path":"12345_name/123456789_p0.png","bytes":123456,"checksum":"abcd1234","checksum_kind":"crc32c"}`)}},
	}
}

// processor returns the processor time that this process has used.
func processor() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkCommit claims and commits pictures: so many writers, each with so
// many elements in a call. One operation is one picture.
func BenchmarkCommit(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		for _, shape := range []struct{ writers, batch int }{{1, 1}, {16, 1}, {16, 64}} {
			name := fmt.Sprintf("%s/writers=%d/batch=%d", map[bool]string{false: "durable", true: "nosync"}[noSync], shape.writers, shape.batch)
			b.Run(name, func(b *testing.B) {
				store := openStore(b, storePath(b), sqlite.Options{NoSync: noSync})
				tid := largeTask(b, store, b.N)
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				began := processor()
				var group sync.WaitGroup
				for range shape.writers {
					group.Go(func() { commitPictures(b, store, tid, shape.batch, &left) })
				}
				group.Wait()
				used := processor() - began
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/op")
				require.Zero(b, left.Load())
			})
		}
	}
}

func commitPictures(b *testing.B, store *sqlite.Store, tid int64, batch int, left *atomic.Int64) {
	for {
		claimed, err := store.Claim(context.Background(), pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: max(batch, 16), Lease: time.Hour})
		if err != nil {
			b.Error(err)
		}
		if err != nil || len(claimed) == 0 {
			return
		}
		for from := 0; from < len(claimed); from += batch {
			var commits []pixivoc.Commit
			for _, item := range claimed[from:min(from+batch, len(claimed))] {
				commits = append(commits, saved(item))
			}
			if err := commitAll(context.Background(), store, commits...); err != nil {
				b.Error(err)
				return
			}
			left.Add(-int64(len(commits)))
		}
	}
}

// BenchmarkAddItems adds new pictures, so many in a call.
func BenchmarkAddItems(b *testing.B) {
	for _, portion := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("portion=%d", portion), func(b *testing.B) {
			store := openStore(b, storePath(b), sqlite.Options{})
			tid := largeTask(b, store, 0)
			items := pictures(0, b.N)
			b.ResetTimer()
			for from := 0; from < b.N; from += portion {
				_, err := store.AddItems(b.Context(), tid, items[from:min(from+portion, b.N)])
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkMillion is about a task of 1,000,000 pending items beside one of a
// hundred: what is done with it takes as long and needs as much memory.
func BenchmarkMillion(b *testing.B) {
	for _, n := range []int{100, million(b)} {
		path := filepath.Join(b.TempDir(), "store.db")
		store, err := sqlite.Open(b.Context(), path, sqlite.Options{NoSync: true})
		require.NoError(b, err)
		tid := largeTask(b, store, n)
		require.NoError(b, store.Close())
		b.Run(fmt.Sprintf("Open/items=%d", n), func(b *testing.B) {
			for b.Loop() {
				store, err := sqlite.Open(b.Context(), path, sqlite.Options{})
				require.NoError(b, err)
				claimed, err := store.Claim(b.Context(), pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 16, Lease: time.Hour})
				require.NoError(b, err)
				require.Len(b, claimed, 16)
				require.NoError(b, store.Close())
			}
		})
		store, err = sqlite.Open(b.Context(), path, sqlite.Options{NoSync: true})
		require.NoError(b, err)
		b.Run(fmt.Sprintf("ClaimRelease/items=%d", n), func(b *testing.B) {
			for b.Loop() {
				claimed, err := store.Claim(b.Context(), pixivoc.ClaimRequest{Task: tid, Stage: "one", Limit: 64, Lease: time.Hour})
				require.NoError(b, err)
				var claims []pixivoc.Claim
				for _, item := range claimed {
					claims = append(claims, item.Claim)
				}
				require.NoError(b, store.Release(b.Context(), claims))
			}
		})
		b.Run(fmt.Sprintf("CountItems/items=%d", n), func(b *testing.B) {
			for b.Loop() {
				_, err := store.CountItems(b.Context(), tid)
				require.NoError(b, err)
			}
		})
		b.Run(fmt.Sprintf("ListItems/items=%d", n), func(b *testing.B) {
			for b.Loop() {
				_, err := store.ListItems(b.Context(), pixivoc.ItemQuery{Task: tid, After: int64(n / 2), Limit: 50})
				require.NoError(b, err)
			}
		})
		require.NoError(b, store.Close())
	}
}

// BenchmarkWholeTask claims and commits every item of a task, from an open
// store, in the way a client does. The memory is that of the whole process
// after it, above what it was before.
func BenchmarkWholeTask(b *testing.B) {
	for _, n := range []int{10_000, million(b)} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				store := openStore(b, storePath(b), sqlite.Options{NoSync: true})
				tid := largeTask(b, store, n)
				var left atomic.Int64
				left.Store(int64(n))
				b.StartTimer()
				commitPictures(b, store, tid, 64, &left)
				b.ReportMetric(float64(residentBytes(b))/(1<<20), "MiB-resident")
				b.StopTimer()
				require.NoError(b, store.DeleteTask(b.Context(), tid))
				began := time.Now()
				purgeAll(b, store)
				b.ReportMetric(time.Since(began).Seconds(), "s-to-remove")
				require.NoError(b, store.Close())
				b.StartTimer()
			}
		})
	}
}

// residentBytes returns the memory that the process holds, 0 where unknown.
func residentBytes(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.Atoi(fields[0])
	require.NoError(b, err)
	return kib << 10
}
