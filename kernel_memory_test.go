package pixivoc_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/pixivoc/pixivoc/store/sqlite"
	"github.com/stretchr/testify/require"
)

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// R1: a task of 200,000 items (fewer under the race detector) needs no more
// memory while it runs than one of 1,000. It does not run beside other tests, whose memory would be counted too.
func TestR1_HeapOfALargeTask(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) pixivoc.Store{
		"memory": func(*testing.T) pixivoc.Store { return memory.New() },
		"sqlite": func(t *testing.T) pixivoc.Store { return openSQLite(t, sqlite.Options{NoSync: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			many := 200_000
			if underRace {
				many = 4_000
			}
			small, large := growth(t, open(t), 1000), growth(t, open(t), many)
			t.Logf("the run of 1,000 items takes %d KiB, that of %d %d KiB", small>>10, many, large>>10)
			if large > small+1<<20 {
				t.Errorf("the run of 1,000 items takes %d KiB, that of %d %d KiB", small>>10, many, large>>10)
			}
		})
	}
}

// growth makes a task of n items and returns by how much the heap grows while
// the first of them are done.
func growth(t *testing.T, store pixivoc.Store, n int) int64 {
	const watched = 900
	var done atomic.Int64
	var most int64
	reached := make(chan struct{})
	work := stage("Work", func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		switch now := done.Add(1); {
		case now == watched:
			close(reached)
			<-ctx.Done()
			return pixivoc.Output{}, ctx.Err()
		case now > watched:
			<-ctx.Done()
			return pixivoc.Output{}, ctx.Err()
		}
		var out pixivoc.Output
		out.Queue(fmt.Sprint(in.N), in)
		return out, nil
	})
	client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(n, work, record("Rest"))}})
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "numbers"})
	require.NoError(t, err)
	before := heap()
	require.NoError(t, task.Start(t.Context()))
	<-reached
	most = max(most, heap()-before)
	require.NoError(t, task.Stop(t.Context()))
	wait(t, task, pixivoc.StateStopped)
	info, err := task.Info(t.Context())
	require.NoError(t, err)
	if info.Total != n || info.Now < watched/2 {
		t.Errorf("%+v", info)
	}
	return most
}
