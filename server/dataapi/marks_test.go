package dataapi_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestT6_SizesAndOffsets(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *dataapi.Config) {
		c.Owns = func(a dataapi.Account, task pixivoc.TaskInfo) bool {
			return task.Group != "secret" || a.Name == "owner"
		}
	})
	task, foreign := k.create("mine", "", ""), k.create("foreign", "secret", "x")
	k.find(task, "n", numbers(0, 3)...)
	k.find(foreign, "n", numbers(0, 3)...)
	for _, call := range []string{"/api/notexportdata/gettop", "/api/alldata/GetDataOfTaskByOffset"} {
		for _, size := range []string{"", "0", "-1", "1001", "x", "1.0", "1e2", "+", "９", "99999999999999999999", "0x1"} {
			a := k.ask(get(fmt.Sprintf("%s?taskId=%d&size=%s", call, task.ID(), size)))
			assert.Equal(t, "export_pagesize_error", a.Error, "%s size %q", call, size)
			assert.Empty(t, a.Data.DataList)
		}
		for _, id := range []string{
			"", "0", "-1", "x", "1", " ", strconv.FormatInt(task.ID(), 10) + " ", "0" + strconv.FormatInt(task.ID(), 10),
			"+" + strconv.FormatInt(task.ID(), 10), strconv.FormatInt(foreign.ID(), 10), "99999999999999999999", "../1", "%00", "1%2f2",
		} {
			a := k.ask(get(call + "?size=1&taskId=" + strings.ReplaceAll(strings.ReplaceAll(id, " ", "%20"), "+", "%2b")))
			assert.Equal(t, "taskid_error", a.Error, "%s task %q", call, id)
			assert.Empty(t, a.Data.DataList)
		}
	}
	for _, offset := range []string{"x", "1.5", "9223372036854775808", "-9223372036854775809", "1e3"} {
		a := k.ask(get(fmt.Sprintf("/api/alldata/GetDataOfTaskByOffset?taskId=%d&size=1&offset=%s", task.ID(), offset)))
		assert.Equal(t, "parameter_error", a.Error, offset)
	}
	a := k.byOffset(task, math.MinInt64, 10)
	assert.Equal(t, []string{"0", "1", "2"}, a.column("n"))
	a = k.byOffset(task, math.MaxInt64, 10)
	assert.Empty(t, a.Data.DataList)
	assert.Equal(t, []any{int64(math.MaxInt64), 3, 0}, []any{a.Data.Offset, a.Data.Total, a.Data.RestTotal})
	// The foreign task is nowhere to be seen, and nothing can be done to it.
	for _, call := range []string{"task/StartTask", "task/StopTask", "task/RemoveDataByTaskId", "notexportdata/update", "task/GetTaskStatusByIdList", "task/UpdateTaskRule", "task/GetTaskRulePropertyByName"} {
		a := k.ask(post(fmt.Sprintf("/api/%s?taskId=%d&taskIdList=%d&name=keyword&value=x", call, foreign.ID(), foreign.ID()), ""))
		assert.Equal(t, "taskid_error", a.Error, call)
	}
	_, body := k.call(get("/api/TaskGroup"))
	assert.NotContains(t, body, "secret")
	_, body = k.call(get("/api/Task?taskGroupId=1"))
	assert.NotContains(t, body, "foreign")
	info, err := foreign.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateWaitStart, info.State)
}

// Rows that come between gettop and update stay unexported.
func TestT7_NewRowsBeforeUpdate(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	k.find(task, "n", numbers(0, 3)...)
	a := k.gettop(task, 1000, "")
	assert.Equal(t, []string{"0", "1", "2"}, a.column("n"))
	k.find(task, "n", numbers(3, 2)...)
	k.update(task, "")
	a = k.gettop(task, 1000, "")
	assert.Equal(t, []string{"3", "4"}, a.column("n"))
	assert.Equal(t, 2, a.Data.Total)
}

// After a crash between the two calls the same rows come again, and what was
// handed out before the crash can still be confirmed.
func TestT7_RestartBetween(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	k.find(task, "n", numbers(0, 5)...)
	k.gettop(task, 3, "")
	k.restart()
	assert.Equal(t, []string{"0", "1"}, k.gettop(task, 2, "").column("n"), "a smaller take")
	k.restart()
	k.update(task, "")
	k.restart()
	assert.Equal(t, []string{"3", "4"}, k.gettop(task, 10, "").column("n"), "all that was handed out is exported")
}

// An exporter without a name confirms what another one took; named ones do not.
func TestT7_TwoExporters(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	k.find(task, "n", numbers(0, 6)...)
	k.gettop(task, 2, "")
	k.gettop(task, 4, "")
	k.update(task, "")
	assert.Equal(t, []string{"4", "5"}, k.gettop(task, 10, "").column("n"))

	one, two := k.gettop(task, 2, "&consumer=one"), k.gettop(task, 4, "&consumer=two")
	assert.Equal(t, []string{"0", "1"}, one.column("n"))
	assert.Equal(t, []string{"0", "1", "2", "3"}, two.column("n"))
	later := k.gettop(task, 5, "&consumer=one") // by somebody of the same name
	assert.Equal(t, "success", k.update(task, "&consumer=one&batch="+one.Data.Batch).Error)
	assert.Equal(t, []string{"2"}, k.gettop(task, 1, "&consumer=one").column("n"), "exactly the batch")
	assert.Equal(t, "success", k.update(task, "&consumer=one&batch="+one.Data.Batch).Error, "again, as after a lost answer")
	assert.Equal(t, "success", k.update(task, "&consumer=one&batch="+later.Data.Batch).Error)
	assert.Equal(t, []string{"5"}, k.gettop(task, 10, "&consumer=one").column("n"))
	assert.Equal(t, 6, k.gettop(task, 1, "&consumer=two").Data.Total)
}

func TestT7_BadBatches(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task, other := k.create("a", "", ""), k.create("b", "", "")
	k.find(task, "n", numbers(0, 4)...)
	k.find(other, "n", numbers(0, 4)...)
	first := k.gettop(task, 2, "&consumer=one").Data.Batch
	whole := k.gettop(task, 4, "&consumer=two").Data.Batch
	foreign := k.gettop(other, 4, "&consumer=one").Data.Batch
	for _, more := range []string{
		"&consumer=one", "&batch=" + first, "&consumer=one&batch=", "&consumer=one&batch=x", "&consumer=one&batch=" + whole,
		"&consumer=one&batch=" + foreign, "&consumer=one&batch=" + first + "0", "&consumer=one&batch=%20" + first,
		"&consumer=nobody&batch=" + first, fmt.Sprintf("&consumer=one&batch=%d-2-1", task.ID()), fmt.Sprintf("&consumer=one&batch=%d-0-%d", task.ID(), math.MaxInt64),
	} {
		assert.Equal(t, "batch_error", k.update(task, more).Error, more)
	}
	assert.Equal(t, 4, k.gettop(task, 1, "&consumer=one").Data.Total, "nothing was confirmed")
	for _, name := range []string{"a%20b", "a/b", "%00", "花", strings.Repeat("a", 65)} {
		a := k.ask(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1&consumer=%s", task.ID(), name)))
		assert.Equal(t, "parameter_error", a.Error, name)
	}
	for i := range 98 {
		k.gettop(task, 1, fmt.Sprint("&consumer=c", i))
	}
	a := k.ask(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1&consumer=more", task.ID())))
	assert.Equal(t, "parameter_error", a.Error)
}

// exportModel is what a task's rows should be: numbers from 0.
type exportModel struct {
	rows, removed       int
	exported, exporting map[string]int
	batches             map[string][]batchModel
}

type batchModel struct {
	id    string
	last  int // rows through it
	first int
}

func (m *exportModel) start(consumer string) int { return max(m.exported[consumer], m.removed) }

func (m *exportModel) numbers(from, to int) []string {
	list := []string{}
	for i := from; i < to; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

// TestMarks_Model compares the door with a model that counts on its fingers.
// Rows of another task fall between those of the task.
func TestMarks_Model(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	rapid.Check(t, func(r *rapid.T) {
		task, other := k.create("model", "", ""), k.create("between", "", "")
		m := &exportModel{exported: map[string]int{}, exporting: map[string]int{}, batches: map[string][]batchModel{}}
		offsets := map[int64]int{0: 0}
		consumer := rapid.SampledFrom([]string{"", "one", "two"})
		r.Repeat(map[string]func(*rapid.T){
			"find": func(r *rapid.T) {
				n := rapid.IntRange(1, 7).Draw(r, "rows")
				k.find(task, "n", numbers(m.rows, n)...)
				m.rows += n
				k.find(other, "n", numbers(0, rapid.IntRange(0, 2).Draw(r, "between"))...)
			},
			"take": func(r *rapid.T) { k.modelTake(r, task, m, consumer.Draw(r, "consumer")) },
			"update": func(r *rapid.T) {
				k.update(task, "")
				m.exported[""] = max(m.start(""), m.exporting[""])
			},
			"confirm": func(r *rapid.T) { k.modelConfirm(r, task, m, consumer.Draw(r, "consumer")) },
			"list": func(r *rapid.T) {
				known := []int64{}
				for offset := range offsets {
					known = append(known, offset)
				}
				slices.Sort(known)
				offset := rapid.SampledFrom(known).Draw(r, "offset")
				size := rapid.IntRange(1, 9).Draw(r, "size")
				from := max(offsets[offset], m.removed)
				to := min(from+size, m.rows)
				a := k.byOffset(task, offset, size)
				assertEqual(r, m.numbers(from, to), a.column("n"))
				assertEqual(r, []int{m.rows - m.removed, m.rows - to}, []int{a.Data.Total, a.Data.RestTotal})
				if to == from {
					assertEqual(r, offset, a.Data.Offset)
				}
				if to > from {
					offsets[a.Data.Offset] = to
				}
			},
			"remove": func(r *rapid.T) {
				if rapid.IntRange(0, 3).Draw(r, "seldom") == 0 {
					k.ask(post(fmt.Sprintf("/api/task/RemoveDataByTaskId?taskId=%d", task.ID()), ""))
					m.removed = m.rows
				}
			},
			"restart": func(*rapid.T) { k.restart() },
		})
		for _, task := range []pixivoc.Task{task, other} {
			require.NoError(r, task.Delete(t.Context(), pixivoc.DeleteOptions{}))
		}
	})
}

func assertEqual(r *rapid.T, want, got any) {
	r.Helper()
	if !assert.ObjectsAreEqual(want, got) {
		r.Fatalf("want %v, got %v", want, got)
	}
}

func (k *kit) modelTake(r *rapid.T, task pixivoc.Task, m *exportModel, consumer string) {
	size := rapid.IntRange(1, 9).Draw(r, "size")
	more := ""
	if consumer != "" {
		more = "&consumer=" + consumer
	}
	from := m.start(consumer)
	to := min(from+size, m.rows)
	a := k.gettop(task, size, more)
	assertEqual(r, m.numbers(from, to), a.column("n"))
	assertEqual(r, []int{m.rows - from, to - from}, []int{a.Data.Total, a.Data.CurrentTotal})
	m.exporting[consumer] = max(m.exporting[consumer], to)
	assertEqual(r, consumer != "", a.Data.Batch != "")
	if consumer != "" {
		m.batches[consumer] = append(m.batches[consumer], batchModel{id: a.Data.Batch, first: from, last: to})
	}
}

// modelConfirm confirms a batch of any age, of any consumer.
func (k *kit) modelConfirm(r *rapid.T, task pixivoc.Task, m *exportModel, consumer string) {
	owner := rapid.SampledFrom([]string{"one", "two"}).Draw(r, "owner")
	if consumer == "" || len(m.batches[owner]) == 0 {
		return
	}
	batch := rapid.SampledFrom(m.batches[owner]).Draw(r, "batch")
	want := "success"
	if batch.first > m.start(consumer) || batch.last > max(m.exporting[consumer], m.start(consumer)) {
		want = "batch_error"
	}
	assertEqual(r, want, k.update(task, "&consumer="+consumer+"&batch="+batch.id).Error)
	if want == "success" {
		m.exported[consumer] = max(m.start(consumer), batch.last)
	}
}

// Pages of a large task do not count all of it each time, and agree with what
// is there while rows come.
func TestOffsets_WhileRowsCome(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	for i := range 5 {
		k.find(task, "n", numbers(i*1000, 1000)...)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for i := 5; i < 10; i++ {
			k.find(task, "n", numbers(i*1000, 1000)...)
		}
	})
	var seen []string
	offset, before := int64(0), 0
	for {
		a := k.byOffset(task, offset, 700)
		seen = append(seen, a.column("n")...)
		require.Equal(t, a.Data.Total, len(seen)+a.Data.RestTotal)
		require.GreaterOrEqual(t, a.Data.Total, before)
		offset, before = a.Data.Offset, a.Data.Total
		if a.Data.RestTotal == 0 && len(seen) == 10000 {
			break
		}
	}
	group.Wait()
	for i, n := range seen {
		require.Equal(t, strconv.Itoa(i), n)
	}
}

// counting is a client that knows how many records were counted.
type counting struct {
	pixivoc.Client
	counted atomic.Int64
}

type countingTask struct {
	pixivoc.Task
	client *counting
}

func (c *counting) Task(ctx context.Context, tid int64) (pixivoc.Task, error) {
	task, err := c.Client.Task(ctx, tid)
	return countingTask{task, c}, err
}

func (t countingTask) CountRecords(ctx context.Context, query pixivoc.RecordQuery) (int, error) {
	n, err := t.Task.CountRecords(ctx, query)
	t.client.counted.Add(int64(n))
	return n, err
}

// Totals are exact, and a page of a large task does not count all of it.
func TestCounts_OfLargeTasks(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	client := &counting{Client: k.client}
	k.client = client
	k.restart()
	task := k.create("a", "", "")
	rows, removed := 0, 0
	for round := range 5 {
		for range 4 {
			k.find(task, "n", numbers(rows, 1500)...)
			rows += 1500
		}
		if round == 2 {
			k.ask(post(fmt.Sprintf("/api/task/RemoveDataByTaskId?taskId=%d", task.ID()), ""))
			removed = rows
			continue
		}
		a := k.byOffset(task, 0, 1)
		assertTotals := func(a answer, rest int) {
			require.Equal(t, []int{rows - removed, rest}, []int{a.Data.Total, a.Data.RestTotal})
		}
		assertTotals(a, rows-removed-1)
		before := client.counted.Load()
		for i := range 20 {
			a = k.byOffset(task, a.Data.Offset, 10)
			assertTotals(a, rows-removed-1-10*(i+1))
			k.gettop(task, 10, "")
			k.update(task, "")
		}
		require.Less(t, client.counted.Load()-before, int64(1000), "20 pages")
		k.find(task, "n", numbers(rows, 3)...)
		rows += 3
		require.Equal(t, rows-removed, k.byOffset(task, 0, 1).Data.Total)
	}
}

// Marks go with their task, also when it was deleted while no API was there.
func TestMarks_OfDeletedTasks(t *testing.T) {
	t.Parallel()
	store := &watched{}
	k := newKit(t, func(c *dataapi.Config) { store.SettingStore = c.Settings; c.Settings = store })
	first, second := k.create("a", "", ""), k.create("b", "", "")
	for _, task := range []pixivoc.Task{first, second} {
		k.find(task, "n", `{"n":1}`)
		k.gettop(task, 1, "")
	}
	require.Len(t, store.names("dataapi/"), 4+2, "marks, columns, and the list of tasks in two parts")
	require.NoError(t, first.Delete(t.Context(), pixivoc.DeleteOptions{}))
	require.Eventually(t, func() bool { return len(store.names("dataapi/")) == 3 }, waitLong, waitStep)
	require.NoError(t, k.api.Close())
	require.NoError(t, second.Delete(t.Context(), pixivoc.DeleteOptions{}))
	require.Len(t, store.names("dataapi/"), 3)
	k.api = k.newAPI(func(c *dataapi.Config) { c.Settings = store })
	require.Eventually(t, func() bool { return len(store.names("dataapi/")) == 0 }, waitLong, waitStep)
	code, _ := k.call(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1", first.ID())))
	assert.Equal(t, http.StatusOK, code)
	assert.Empty(t, store.names("dataapi/"))
}

// When marks cannot be stored nothing is handed out or confirmed.
func TestMarks_ThatCannotBeStored(t *testing.T) {
	t.Parallel()
	store := &watched{}
	k := newKit(t, func(c *dataapi.Config) { store.SettingStore = c.Settings; c.Settings = store })
	task := k.create("a", "", "")
	k.find(task, "n", numbers(0, 4)...)
	top := fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=2", task.ID())
	for range 2 {
		store.setFull(true)
		code, body := k.call(get(top))
		assert.Equal(t, http.StatusOK, code)
		assert.Contains(t, body, `"error":"server_error"`)
		assert.NotContains(t, body, "dataList")
		assert.NotContains(t, body, "disk full")
		store.setFull(false)
	}
	k.update(task, "")
	assert.Equal(t, []string{"0", "1"}, k.gettop(task, 2, "").column("n"), "nothing was handed out, so nothing was confirmed")
	store.setFull(true)
	assert.Equal(t, "server_error", k.update(task, "").Error)
	store.setFull(false)
	assert.Equal(t, []string{"0", "1"}, k.gettop(task, 2, "").column("n"))
	k.update(task, "")
	assert.Equal(t, []string{"2", "3"}, k.gettop(task, 2, "").column("n"))
}
