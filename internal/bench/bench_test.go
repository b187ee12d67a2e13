package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/bench"
)

// benchFolder is a folder on the disk of the repository: the one for temporary
// files often lies in memory.
func benchFolder(b *testing.B) string {
	b.Helper()
	folder, err := os.MkdirTemp(".", ".bench-")
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, os.RemoveAll(folder)) })
	absolute, err := filepath.Abs(folder)
	require.NoError(b, err)
	return absolute
}

// benchSet returns the set of a name, a tenth of it with -short.
func benchSet(b *testing.B, name string) bench.Set {
	b.Helper()
	set, err := bench.Full(name, 1)
	require.NoError(b, err)
	if testing.Short() {
		set = set.Short()
	}
	return set
}

// BenchmarkSet fetches each set under each guarantee; one iteration is one run
// of the loop and one of the client.
func BenchmarkSet(b *testing.B) {
	for _, name := range []string{"small", "mixed", "large"} {
		for _, concurrency := range []int{3, 16, 64} {
			for _, guarantee := range []bench.Guarantee{bench.Kill, bench.PowerCut} {
				b.Run(fmt.Sprintf("%s/%d/%s", name, concurrency, guarantee), func(b *testing.B) {
					benchmarkPairs(b, bench.Case{Set: benchSet(b, name), Concurrency: concurrency}, guarantee)
				})
			}
		}
	}
}

// BenchmarkLatency fetches the small set from an origin that waits 20 ms before
// each answer.
func BenchmarkLatency(b *testing.B) {
	benchmarkPairs(b, bench.Case{Set: benchSet(b, "small"), Concurrency: 16, LatencyMS: 20}, bench.Kill)
}

func benchmarkPairs(b *testing.B, c bench.Case, guarantee bench.Guarantee) {
	measured := &bench.Bench{Folder: benchFolder(b)}
	pairs, err := measured.Pairs(b.Context(), c, guarantee, b.N)
	require.NoError(b, err)
	var client, share, cpu, requests, memory float64
	for _, pair := range pairs {
		client += pair.Client.Wall.Seconds()
		share += pair.Share()
		cpu += pair.CPU()
		requests += float64(pair.Client.Log.Requests) / float64(c.Set.Count)
		memory = max(memory, float64(pair.Client.Memory)/(1<<20))
	}
	n := float64(len(pairs))
	b.ReportMetric(client/n*1e9, "ns/op")
	b.ReportMetric(float64(c.Set.Bytes())/1e6*n/client, "MB/s")
	b.ReportMetric(share/n, "share")
	b.ReportMetric(cpu/n, "cpu-ratio")
	b.ReportMetric(requests/n, "requests/file")
	b.ReportMetric(memory, "MiB-peak")
}

// BenchmarkFaults fetches the small set while 16 % of the answers go wrong.
func BenchmarkFaults(b *testing.B) {
	set := benchSet(b, "small")
	c := bench.Case{Set: set, Concurrency: 16, FaultShare: 0.16, TimeoutMS: 1000}
	measured := &bench.Bench{Folder: benchFolder(b)}
	usages, err := measured.Faulty(b.Context(), c, bench.Kill, b.N)
	require.NoError(b, err)
	var wall, requests float64
	for _, usage := range usages {
		wall += usage.Wall.Seconds()
		requests += float64(usage.Log.Requests) / float64(set.Count)
	}
	b.ReportMetric(wall/float64(b.N)*1e9, "ns/op")
	b.ReportMetric(requests/float64(b.N), "requests/file")
}

// BenchmarkKilled fetches the small set with a client that is killed at half
// and started again.
func BenchmarkKilled(b *testing.B) {
	measured := &bench.Bench{Folder: benchFolder(b)}
	var needless, again float64
	for b.Loop() {
		resumed, err := measured.Killed(b.Context(), bench.Case{Set: benchSet(b, "small"), Concurrency: 16}, bench.PowerCut)
		require.NoError(b, err)
		needless += resumed.Needless
		again += float64(resumed.Again)
	}
	b.ReportMetric(needless/float64(b.N)*100, "needless-%")
	b.ReportMetric(again/float64(b.N), "requests-again")
}

// BenchmarkPending starts a task with very many pending items.
func BenchmarkPending(b *testing.B) {
	for _, count := range []int{5000, 1_000_000} {
		if testing.Short() {
			count = min(count, 50_000)
		}
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			set := bench.Set{Name: "small", Count: count, Seed: 1}
			measured := &bench.Bench{Folder: benchFolder(b)}
			openings, err := measured.Pending(b.Context(), bench.Case{Set: set, Concurrency: 64}, bench.Kill, 3)
			require.NoError(b, err)
			var first, memory float64
			for _, opening := range openings {
				first += opening.First.Seconds() / float64(len(openings))
				memory = max(memory, float64(opening.Memory)/(1<<20))
			}
			b.ReportMetric(first*1e3, "ms-first-request")
			b.ReportMetric(memory, "MiB-peak")
		})
	}
}

// BenchmarkRecords commits records from 16 goroutines.
func BenchmarkRecords(b *testing.B) {
	for _, guarantee := range []bench.Guarantee{bench.Kill, bench.PowerCut} {
		for _, batch := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d", guarantee, batch), func(b *testing.B) {
				measured := &bench.Bench{Folder: benchFolder(b)}
				rate := 0.0
				for b.Loop() {
					perSecond, err := measured.Records(b.Context(), 2000*batch, 16, batch, guarantee)
					require.NoError(b, err)
					rate += perSecond
				}
				b.ReportMetric(rate/float64(b.N), "records/s")
			})
		}
	}
}
