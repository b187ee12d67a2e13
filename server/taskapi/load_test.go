package taskapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/webhook"
	"github.com/pixivoc/pixivoc/server/taskapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// ask serves a request without a connection.
func (k *kit) ask(method, path, text string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(text))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	k.api.ServeHTTP(answer, request)
	return answer
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestH10_TenThousandAdds does not run beside others: it looks at the memory.
func TestH10_TenThousandAdds(t *testing.T) {
	k := newKit(t, func(c *taskapi.Config) { c.MaxOpenTasks = 100 })
	before := heap()
	statuses := map[int]int{}
	for i := range 10_000 {
		answer := k.ask("POST", "/add-task", body(fmt.Sprintf("Wait/1.%d", i)))
		statuses[answer.Code]++
		if answer.Code == http.StatusTooManyRequests {
			require.Equal(t, "30", answer.Header().Get("Retry-After"))
			require.NotEmpty(t, answer.Header().Get("X-Pixivoc-Error"))
		}
	}
	assert.Equal(t, map[int]int{200: 100, 429: 9900}, statuses)
	all := k.lists()
	assert.Len(t, all.Running, 100)
	assert.Empty(t, all.Finished)
	for i := range 10_000 {
		require.Equal(t, 200, k.ask("POST", "/add-task", body(fmt.Sprintf("nonsense %d", i))).Code)
	}
	all = k.lists()
	require.Len(t, all.Finished, taskapi.MaxUnresolved)
	assert.Equal(t, "nonsense 9000", all.Finished[0].Aid, "the newest stay")
	assert.Less(t, heap(), before+32<<20)

	require.Equal(t, 200, k.ask("POST", "/add-task", body("Wait/1.0")).Code, "a duplicate needs no place")
	k.call("POST", "/cancel-task/1.5", "").is(200)
	assert.Equal(t, 200, k.ask("POST", "/add-task", body("Wait/1.9999")).Code, "there is a place again")
	assert.Equal(t, 429, k.ask("POST", "/add-task", body("Wait/1.9998")).Code)
}

// countingStore counts what is asked of it.
type countingStore struct {
	pixivoc.Store
	asked atomic.Int64
}

func (s *countingStore) LoadTask(ctx context.Context, tid int64) (pixivoc.StoredTask, error) {
	s.asked.Add(1)
	return s.Store.LoadTask(ctx, tid)
}

func (s *countingStore) CountItems(ctx context.Context, tid int64) (map[string]pixivoc.ItemCount, error) {
	s.asked.Add(1)
	return s.Store.CountItems(ctx, tid)
}

func (s *countingStore) ListRecords(ctx context.Context, query pixivoc.RecordQuery) ([]pixivoc.Record, error) {
	s.asked.Add(1)
	return s.Store.ListRecords(ctx, query)
}

func (s *countingStore) Setting(ctx context.Context, name string) ([]byte, error) {
	s.asked.Add(1)
	return s.Store.Setting(ctx, name)
}

// finishedStore has tasks that are over.
func finishedStore(t testing.TB, count int) *countingStore {
	t.Helper()
	store := &countingStore{Store: memory.New()}
	for i := range count {
		_, _, err := store.CreateTask(t.Context(), pixivoc.StoredTask{
			Name: "finished", Type: "Count", Keyword: fmt.Sprint(i), State: pixivoc.StateOver, Seeded: true,
			SavePath: "pictures", Stage: pixivoc.StageOver, FinishedAt: time.Unix(1_700_000_000, 0),
		}, nil)
		require.NoError(t, err)
	}
	return store
}

func TestR1_ListingAsksNobody(t *testing.T) {
	t.Parallel()
	store := finishedStore(t, 10_000)
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: testTypes()})
	require.NoError(t, err)
	k := &kit{t: t, client: client}
	k.api, err = taskapi.New(client, taskapi.Config{Anyone: true, Settings: store, Resolve: resolve, SavePath: func(string) (string, error) { return "", nil }})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, k.api.Close())
		require.NoError(t, client.Shutdown(context.Background()))
	})
	k.ask("GET", "/get-tasks", "")
	require.Eventually(t, func() bool { // what is learned of finished tasks at the start
		return store.asked.Load() >= 40_000+taskapi.MaxUnresolved+webhook.DefaultMaxQueue
	}, 3*waitLong, 10*waitStep)
	before := store.asked.Load()
	answer := k.ask("GET", "/get-tasks", "")
	assert.Equal(t, 10_000, strings.Count(answer.Body.String(), `"IsSuccessful":true`))
	assert.Equal(t, 200, k.ask("GET", "/get-tasks/finished", "").Code)
	assert.Equal(t, before, store.asked.Load())
}

// paintedStore has finished tasks with 32 files each, which it makes up.
type paintedStore struct{ *countingStore }

func (s paintedStore) ListRecords(ctx context.Context, query pixivoc.RecordQuery) ([]pixivoc.Record, error) {
	records := make([]pixivoc.Record, 32)
	for i := range records {
		name := fmt.Sprintf("name of an artist (%d)/%d_p%d.png", query.Task, 90_000_000+query.Task, i)
		records[i] = pixivoc.Record{Seq: int64(i + 1), Kind: pixivoc.RecordFile, Data: fmt.Appendf(nil, `{"path":%q}`, name)}
	}
	_, err := s.countingStore.ListRecords(ctx, query)
	return records, err
}

// TestR1_FinishedTasksAreSmall does not run beside others: it looks at the
// memory.
func TestR1_FinishedTasksAreSmall(t *testing.T) {
	const many = 2000
	store := paintedStore{finishedStore(t, many)}
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: testTypes()})
	require.NoError(t, err)
	before := heap()
	k := &kit{t: t, client: client}
	k.api, err = taskapi.New(client, taskapi.Config{Anyone: true, Settings: store, Resolve: resolve, SavePath: func(string) (string, error) { return "", nil }})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, k.api.Close())
		require.NoError(t, client.Shutdown(context.Background()))
	})
	var all []task
	require.Eventually(t, func() bool {
		all = nil
		answer := k.ask("GET", "/get-tasks/finished", "")
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &all))
		return len(all) == many && len(all[0].SavePaths) == 32 && len(all[many-1].SavePaths) == 32
	}, 3*waitLong, 20*waitStep)
	all = nil
	assert.Less(t, (heap()-before)/many, uint64(3<<10), "bytes for each task")
}

// TestC5_EventsAreLost makes tasks end faster than anybody can look.
func TestC5_EventsAreLost(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	k := newKit(t, func(c *taskapi.Config) {
		c.Describe = func(ctx context.Context, _ pixivoc.Task) (taskapi.Description, error) {
			select {
			case <-slow:
			case <-ctx.Done():
			}
			return taskapi.Description{}, nil
		}
	})
	k.ended0()
	first := k.elsewhere("Count", "1")
	var last pixivoc.Task
	for i := range 30 {
		last = k.elsewhere("Count", fmt.Sprint("200.", i))
	}
	_, err := last.Wait(t.Context())
	require.NoError(t, err)
	require.NoError(t, first.Delete(t.Context(), pixivoc.DeleteOptions{}))
	made := k.add("Wait/1")
	close(slow)
	require.Eventually(t, func() bool { return len(k.lists().Finished) == 30 }, waitLong, waitStep)
	all := k.lists()
	require.Len(t, all.Running, 1)
	assert.Equal(t, made.TaskId, all.Running[0].TaskId)
}

// ended0 waits until the API follows the client.
func (k *kit) ended0() { k.t.Helper(); k.get("/get-tasks").is(200) }

func BenchmarkList(b *testing.B) {
	store := finishedStore(b, 10_000)
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: testTypes()})
	require.NoError(b, err)
	k := &kit{client: client}
	k.api, err = taskapi.New(client, taskapi.Config{Anyone: true, Resolve: resolve, SavePath: func(string) (string, error) { return "", nil }})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, k.api.Close())
		require.NoError(b, client.Shutdown(context.Background()))
	})
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(k.ask("GET", "/get-tasks", "").Body.Len()))
	}
}
