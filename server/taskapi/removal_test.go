package taskapi_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// slowStore deletes nothing until it is told to, and counts writes of settings.
type slowStore struct {
	pixivoc.Store
	release chan struct{}
	writes  atomic.Int64
}

func (s *slowStore) DeleteTask(ctx context.Context, tid int64) error {
	select {
	case <-s.release:
		return s.Store.DeleteTask(ctx, tid)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowStore) SetSetting(ctx context.Context, name string, value []byte) error {
	s.writes.Add(1)
	return s.Store.SetSetting(ctx, name, value)
}

// TestR6_RemovingManyTakesOneWrite: the answer does not wait for what it takes
// to delete tasks, and a crash in between brings none of them back.
func TestR6_RemovingManyTakesOneWrite(t *testing.T) {
	t.Parallel()
	store := &slowStore{Store: memory.New(), release: make(chan struct{})}
	k := &kit{t: t, store: store, folder: t.TempDir(), logged: &logText{}}
	k.start()
	t.Cleanup(func() { k.stop() })
	for i := range 20 {
		k.ended(k.add(fmt.Sprint("Count/1.", i)).TaskId)
		k.add(fmt.Sprint("nonsense ", i))
		_, err := k.elsewhere("Count", fmt.Sprint("2.", i)).Wait(t.Context())
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return len(k.lists().Finished) == 60 }, waitLong, waitStep)
	waiting := k.add("Wait/1")
	k.running(waiting.TaskId, "Downloading")
	k.call("POST", "/cancel-task/1", "").is(200)

	before := store.writes.Load()
	k.call("GET", "/remove-finished", "").is(200)
	assert.Empty(t, k.lists().Finished)
	assert.Equal(t, int64(1), store.writes.Load()-before, "before the deletions begin")
	k.stop()
	k.start()
	assert.Empty(t, k.lists().Finished, "after a restart")
	close(store.release)
	k.nothingKept("removals")
	count := 0
	for range k.client.Tasks(t.Context()) {
		count++
	}
	assert.Equal(t, 20, count, "those of another door are hidden only")
	k.stop()
	k.start()
	assert.Empty(t, k.lists().Finished)
}

// hourStore takes an hour to delete a task.
type hourStore struct{ pixivoc.Store }

func (s hourStore) DeleteTask(ctx context.Context, tid int64) error {
	select {
	case <-time.After(time.Hour):
		return s.Store.DeleteTask(ctx, tid)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestR6_DeletingTakesLong: a large task is deleted however long that takes, and
// one that does not end holds up nothing else.
func TestR6_DeletingTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := hourStore{memory.New()}
		stubborn := make(chan struct{})
		types := append(testTypes(), pixivoc.TaskType{
			Name: "Stubborn", First: firstItems,
			Stages: []pixivoc.StageSpec{{Stage: pixivoc.NewStage("Work", func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error) {
				<-stubborn
				return pixivoc.Output{}, nil
			})}},
		})
		client, err := pixivoc.New(pixivoc.Config{Store: store, Types: types})
		require.NoError(t, err)
		api, err := taskapi.New(client, taskapi.Config{Anyone: true, Resolve: resolve, SavePath: func(string) (string, error) { return "", nil }})
		require.NoError(t, err)
		k := &kit{t: t, client: client, api: api}
		count := func() (n int) {
			for range client.Tasks(t.Context()) {
				n++
			}
			return n
		}
		require.Equal(t, 200, k.ask("POST", "/add-task", body("Stubborn/1")).Code)
		synctest.Wait()
		require.Equal(t, 200, k.ask("POST", "/cancel-task/1", "").Code)
		require.Equal(t, 200, k.ask("POST", "/add-task", body("Count/2")).Code)
		synctest.Wait()
		require.Equal(t, 200, k.ask("POST", "/remove-finished", "").Code)
		assert.Equal(t, 2, count())
		time.Sleep(2 * time.Hour)
		assert.Equal(t, 1, count(), "the large one is gone")
		close(stubborn)
		time.Sleep(2 * time.Hour)
		assert.Zero(t, count())
		require.NoError(t, api.Close())
		require.NoError(t, client.Shutdown(context.Background()))
	})
}

// TestRemovedAndRunsAgain: what runs again is not deleted, whatever the list of
// removals says.
func TestRemovedAndRunsAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	k.stop()
	require.NoError(t, k.store.SetSetting(t.Context(), "taskapi/removals", []byte(`{"tasks":{"`+made.TaskId+`":"2026-01-01T00:00:00Z","5":"2026-01-01T00:00:00Z"}}`)))
	k.start()
	assert.Len(t, k.lists().Finished, 1)
}

func TestScheduledIsHiddenOnly(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	require.NoError(t, k.task(made.TaskId).SetSchedule(t.Context(), "every 6h"))
	require.Eventually(t, func() bool { return k.ended(made.TaskId).Status == "Scheduled" }, waitLong, waitStep)
	k.call("GET", "/remove-finished", "").is(200)
	assert.Empty(t, k.lists().Finished)
	k.nothingKept("removals")
	info, err := k.task(made.TaskId).Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "every 6h", info.Schedule)
}

func TestRemovalGoesByAidFirst(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	namesake := k.add(made.TaskId) // an Aid that is the other's TaskId
	require.Equal(t, made.TaskId, namesake.Aid)
	k.call("DELETE", "/remove-finished/"+made.TaskId, "").is(200)
	left := k.lists().Finished
	require.Len(t, left, 1)
	assert.Equal(t, made.TaskId, left[0].TaskId)
	k.call("DELETE", "/remove-finished/"+made.TaskId, "").is(200)
	assert.Empty(t, k.lists().Finished)
}

// TestW3_MoreThanCanWait: a receiver that does not answer for a while is told of
// everything, also of what was removed meanwhile.
func TestW3_MoreThanCanWait(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	to.held.Lock()
	k := newKit(t, to.allow)
	const many = taskapi.MaxUnresolved + 150
	for i := range many {
		require.Equal(t, 200, k.ask("POST", "/add-task", body(fmt.Sprint("nonsense ", i), to.option())).Code)
	}
	made := k.add("Count/1", to.option())
	k.ended(made.TaskId)
	k.call("GET", "/remove-finished", "").is(200)
	assert.Empty(t, k.lists().Finished)
	to.held.Unlock()
	told := map[string]bool{}
	for _, each := range to.wait(t, many+1) {
		told[each.TaskId] = true
	}
	assert.Len(t, told, many+1)
	assert.True(t, told[made.TaskId])
	k.nothingKept("removals", made.TaskId)
	assert.Less(t, strings.Count(k.logged.String(), "tried again"), 2*many, "said once of each")
}
