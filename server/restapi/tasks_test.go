package restapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTasks_FromCreationToDeletion(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	info := k.finished("Paint", 3)
	path := fmt.Sprintf("/tasks/%d", info.TID)

	var got pixivoc.TaskInfo
	k.call("GET", path, nil).is(200).into(&got)
	assert.Equal(t, pixivoc.StateOver, got.State)
	var list struct{ Tasks []pixivoc.TaskInfo }
	k.call("GET", "/tasks?state=Over", nil).is(200).into(&list)
	require.Len(t, list.Tasks, 1)
	k.call("GET", "/tasks?state=Stopped", nil).is(200).into(&list)
	assert.Empty(t, list.Tasks)

	k.call("POST", path+"/start", nil).is(200) // over already: nothing happens
	k.call("DELETE", path+"?files=true", nil).is(204)
	k.call("GET", path, nil).problem(404, "task_not_found")
	assert.NoDirExists(t, k.folder+"/Paint")
}

func TestTasks_StopAndStart(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	info := k.create("Wait", 1)
	path := fmt.Sprintf("/tasks/%d", info.TID)
	k.call("POST", path+"/stop", nil).is(200).into(&info)
	assert.Equal(t, pixivoc.StateStopped, info.State)
	task, err := k.client.Task(t.Context(), info.TID)
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.NoError(t, err)
	k.call("POST", path+"/start", nil).is(200).into(&info)
	assert.Contains(t, []pixivoc.State{pixivoc.StateQueued, pixivoc.StateDownloading}, info.State)
	k.call("DELETE", path, nil).is(204)
}

func TestTasks_ComeInPages(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for range 5 {
		k.call("POST", "/tasks", map[string]any{"type": "Count", "name": "n", "keyword": "1", "group": "g"}).is(201)
	}
	seen, after := 0, int64(0)
	for range 10 {
		var list struct {
			Tasks []pixivoc.TaskInfo
			Next  int64 `json:"next_after"`
		}
		k.call("GET", fmt.Sprintf("/tasks?limit=2&after=%d&group=g", after), nil).is(200).into(&list)
		for _, info := range list.Tasks {
			assert.Greater(t, info.TID, after)
			after = info.TID
			seen++
		}
		if list.Next == 0 {
			break
		}
		assert.Equal(t, after, list.Next)
	}
	assert.Equal(t, 5, seen)
	var groups struct{ Groups []pixivoc.Group }
	k.call("GET", "/groups", nil).is(200).into(&groups)
	require.Len(t, groups.Groups, 1)
	assert.Equal(t, 5, groups.Groups[0].Tasks)
}

func TestTasks_FromAnAddress(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	var resolved struct{ Type, Name, Keyword string }
	k.call("POST", "/resolve", map[string]any{"url": "https://pictures.test/2"}).is(200).into(&resolved)
	assert.Equal(t, "Paint", resolved.Type)
	var info pixivoc.TaskInfo
	answer := k.call("POST", "/tasks", map[string]any{"url": "https://pictures.test/2", "save_path": "below"}).is(201).into(&info)
	assert.Equal(t, "paint-2", info.TaskName)
	assert.Equal(t, k.folder+"/below", info.SavePath)
	assert.Equal(t, fmt.Sprintf("/api/v1/tasks/%d", info.TID), answer.header.Get("Location"))
	for options, status := range map[string]int{`{"pages":"1"}`: 201, `[1]`: 400} { // the address has some too
		k.call("POST", "/tasks", map[string]any{"url": "https://pictures.test/2", "options": json.RawMessage(options)}).is(status)
	}
	p := k.call("POST", "/tasks", map[string]any{"url": "https://elsewhere.test/2"}).problem(400, "invalid_field")
	assert.Equal(t, "url", p.Field)
}

func TestTasks_TypesAreListed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	var list struct {
		Types []struct {
			Name  string
			Files bool
		}
	}
	k.call("GET", "/types", nil).is(200).into(&list)
	require.Len(t, list.Types, 5)
	assert.True(t, list.Types[4].Files)
}

func TestIdempotencyKey_OneTaskForOneKey(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	body := map[string]any{"type": "Count", "name": "once", "keyword": "2"}
	var mu sync.Mutex
	tids, replayed := map[int64]int{}, 0
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			var info pixivoc.TaskInfo
			answer := k.call("POST", "/tasks", body, "Idempotency-Key", "a key").is(201).into(&info)
			mu.Lock()
			defer mu.Unlock()
			tids[info.TID]++
			if answer.header.Get("Idempotency-Replayed") == "true" {
				replayed++
			}
		})
	}
	wait.Wait()
	assert.Len(t, tids, 1)
	assert.Equal(t, 7, replayed)

	body["keyword"] = "3"
	k.call("POST", "/tasks", body, "Idempotency-Key", "a key").problem(422, "key_reused")
	k.call("POST", "/tasks", body, "Idempotency-Key", "another key").is(201)
	p := k.call("POST", "/tasks", body, "Idempotency-Key", strings.Repeat("x", 256)).problem(400, "invalid_field")
	assert.Equal(t, "Idempotency-Key", p.Field)
}

func TestIdempotencyKey_OutlivesTheProcess(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	body := map[string]any{"type": "Count", "name": "once", "keyword": "2"}
	var first, second pixivoc.TaskInfo
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&first)
	again := k.newAPI()
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	k.server.Config.Handler = again
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&second)
	assert.Equal(t, first.TID, second.TID)
	k.call("DELETE", fmt.Sprintf("/tasks/%d", first.TID), nil).is(204)
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").problem(410, "task_deleted")
}

// TestIdempotencyKey_CrashBeforeItIsRemembered forgets what was remembered, as
// a crash between creating and remembering does.
func TestIdempotencyKey_CrashBeforeItIsRemembered(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	body := map[string]any{"type": "Count", "name": "once", "keyword": "2"}
	var first, second pixivoc.TaskInfo
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&first)
	k.forgetCreations()
	again := k.newAPI()
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	k.server.Config.Handler = again
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&second)
	assert.Equal(t, first.TID, second.TID)
}

// forgetCreations removes what is stored of them; a new API knows of none.
func (k *kit) forgetCreations() {
	k.t.Helper()
	removed := 0
	for shard := range restapi.CreationShards {
		_, err := k.store.Setting(k.t.Context(), restapi.CreationsName(shard))
		if err == nil {
			removed++
		}
		require.NoError(k.t, k.store.SetSetting(k.t.Context(), restapi.CreationsName(shard), nil))
	}
	require.NotZero(k.t, removed)
}

// TestIdempotencyKey_ForgottenOnesMixNothing sends two requests with a key that
// was forgotten, as it is after a day: the same one, and another one.
func TestIdempotencyKey_ForgottenOnesMixNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	body := map[string]any{"type": "Count", "name": "once", "keyword": "2", "start": true}
	var first, same, other pixivoc.TaskInfo
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&first)
	task, err := k.client.Task(t.Context(), first.TID)
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.NoError(t, err)
	k.forgetCreations()
	again := k.newAPI()
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	k.server.Config.Handler = again
	answer := k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&same)
	assert.Equal(t, first.TID, same.TID)
	assert.Equal(t, "true", answer.header.Get("Idempotency-Replayed"))
	assert.Equal(t, pixivoc.StateOver, same.State)
	assert.Equal(t, 1, same.Runs, "it was opened again")

	k.forgetCreations()
	third := k.newAPI()
	t.Cleanup(func() { require.NoError(t, third.Close()) })
	k.server.Config.Handler = third
	body["keyword"] = "3"
	k.call("POST", "/tasks", body, "Idempotency-Key", "k").is(201).into(&other)
	assert.NotEqual(t, first.TID, other.TID)
	info, err := task.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, info.Total)
}

// TestIdempotencyKey_OneWritesLittle: remembering a task must not write all.
func TestIdempotencyKey_OneWritesLittle(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for i := range 100 {
		k.call("POST", "/tasks", map[string]any{"type": "Count", "name": "n", "keyword": "1"}, "Idempotency-Key", fmt.Sprint(i)).is(201)
	}
	held := 0
	for shard := range restapi.CreationShards {
		value, err := k.store.Setting(t.Context(), restapi.CreationsName(shard))
		require.NoError(t, err)
		var list []any
		require.NoError(t, json.Unmarshal(value, &list))
		held += len(list)
		assert.Less(t, len(list), 30)
	}
	assert.Equal(t, 100, held)
}

func TestH10_OpenTasksAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.MaxOpenTasks = 5 })
	// create tries to make n tasks and returns those that were made.
	create := func(n int, start bool) (made []int64) {
		for range n {
			answer := k.call("POST", "/tasks", map[string]any{"type": "Wait", "name": "n", "keyword": "1", "start": start})
			if answer.status != http.StatusCreated {
				answer.problem(429, "too_many_tasks")
				assert.NotEmpty(t, answer.header.Get("Retry-After"))
				continue
			}
			var info pixivoc.TaskInfo
			answer.into(&info)
			made = append(made, info.TID)
		}
		return made
	}
	idle := create(20, false) // they neither wait to run nor run
	assert.Len(t, idle, 20)
	running := create(25, true)
	require.Len(t, running, 5)
	// Room is made once the end is known, and what is stopped is not open.
	k.call("DELETE", fmt.Sprintf("/tasks/%d", running[0]), nil).is(204)
	k.call("POST", fmt.Sprintf("/tasks/%d/stop", running[1]), nil).is(200)
	more := 0
	require.Eventually(t, func() bool { more += len(create(1, true)); return more == 2 }, waitLong, waitStep)
	assert.Empty(t, create(5, true))
	for _, tid := range running[2:4] {
		k.call("POST", fmt.Sprintf("/tasks/%d/stop", tid), nil).is(200)
	}
	// 26 of 50 are not over.
	require.Eventually(t, func() bool { more += len(create(1, false)); return more == 3 }, waitLong, waitStep)
	assert.Len(t, create(40, false), 23)
}

func TestItems_FailedOnesWithReasons(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	info := k.finished("Fail", 3)
	var list struct {
		Items []struct {
			Key, Reason, Detail, Stage string
			ID                         int64
		}
		Next int64 `json:"next_after"`
	}
	k.call("GET", fmt.Sprintf("/tasks/%d/items?state=failed&limit=2", info.TID), nil).is(200).into(&list)
	require.Len(t, list.Items, 2)
	assert.Equal(t, pixivoc.ReasonDeleted, list.Items[0].Reason)
	assert.Contains(t, list.Items[0].Detail, "is gone")
	assert.Equal(t, list.Items[1].ID, list.Next)
	list.Next = 0
	k.call("GET", fmt.Sprintf("/tasks/%d/items?state=failed&limit=2&after=%d", info.TID, list.Items[1].ID), nil).is(200).into(&list)
	require.Len(t, list.Items, 1)
	assert.Zero(t, list.Next)
}

func TestTasks_ScheduleAndBandwidth(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	var info pixivoc.TaskInfo
	k.call("POST", "/tasks", map[string]any{
		"type": "Count", "name": "n", "keyword": "1", "schedule": "every 6h", "bandwidth_limit": 1 << 20,
	}).is(201).into(&info)
	assert.Equal(t, "every 6h", info.Schedule)
	assert.EqualValues(t, 1<<20, info.BandwidthLimit)
	path := fmt.Sprintf("/tasks/%d", info.TID)

	k.call("PATCH", path, map[string]any{"schedule": "0 4 * * *", "bandwidth_limit": 0}).is(200).into(&info)
	assert.Equal(t, "0 4 * * *", info.Schedule)
	info = pixivoc.TaskInfo{}
	k.call("PATCH", path, map[string]any{"schedule": ""}).is(200).into(&info)
	assert.Empty(t, info.Schedule)
	assert.Zero(t, info.BandwidthLimit)

	k.call("PATCH", path, map[string]any{}).problem(400, "invalid_field")
	k.call("PATCH", path, map[string]any{"schedule": "whenever"}).problem(400, "invalid_field")
	k.call("PATCH", path, map[string]any{"schedule": "every 1h", "bandwidth_limit": 5}).problem(400, "invalid_field")
	k.call("PATCH", path, map[string]any{"state": "Over"}).problem(400, "invalid_field")
	k.call("PATCH", "/tasks/7", map[string]any{"schedule": ""}).problem(404, "task_not_found")
	info = pixivoc.TaskInfo{}
	k.call("GET", path, nil).is(200).into(&info)
	assert.Empty(t, info.Schedule, "what was refused changed nothing")
}
