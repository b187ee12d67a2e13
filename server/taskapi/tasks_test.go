package taskapi_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

func TestSuccess(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Paint/2", `"WorkDir":"below"`)
	assert.Equal(t, "2", made.Aid)
	done := k.ended(made.TaskId)
	assert.True(t, done.IsSuccessful)
	assert.Equal(t, "Paint/2", done.Url)
	assert.InDelta(t, 1, done.Progress, 0)
	assert.Equal(t, "Over", done.Status)
	assert.Nil(t, done.ErrorMessage)
	require.NotNil(t, done.TaskFinishTime)
	assert.GreaterOrEqual(t, *done.TaskFinishTime, done.TaskCreateTime)
	assert.WithinDuration(t, time.Now(), time.Unix(done.TaskCreateTime, 0), time.Minute)
	assert.Equal(t, "作品 <1>", *done.Title)
	assert.Equal(t, "https://i.test/cover.jpg", *done.Pic)
	assert.Equal(t, int64(1_600_000_000), *done.VideoPubTime)
	assert.Equal(t, int64(2*len(picture)), done.TotalDownloadedBytes)
	assert.ElementsMatch(t, []string{
		filepath.Join(k.folder, "below", "name of 2", "0.gif"),
		filepath.Join(k.folder, "below", "name of 2", "1.gif"),
	}, done.SavePaths)
	assert.FileExists(t, done.SavePaths[0])
}

func TestPathsAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Paint/40")
	assert.Len(t, k.ended(made.TaskId).SavePaths, taskapi.MaxListedPaths)
	var one task
	k.get("/get-tasks/40").is(200).into(&one)
	assert.Len(t, one.SavePaths, 40)
}

func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	half := k.ended(k.add("Half/6").TaskId)
	assert.False(t, half.IsSuccessful)
	assert.Equal(t, "Over", half.Status)
	assert.InDelta(t, 0.5, half.Progress, 0)
	assert.Equal(t, "3 items failed (deleted 3); the first is 1: <b>gone</b>", strings.ReplaceAll(*half.ErrorMessage, "item 1: ", "1: "))
	k.add("Count/1")
	k.call("GET", "/remove-finished/failed", "").is(200)
	left := k.lists().Finished
	for _, each := range left {
		assert.NotEqual(t, half.TaskId, each.TaskId)
	}
}

func TestUnresolvedIsAFailedTask(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for url, reason := range map[string]string{
		"nonsense":  "Url: is of no form that is known",
		"Nothing/1": "nothing here can fetch this",
		"Count/x":   "Keyword: must be a number",
	} {
		made := k.add("  " + url + " ")
		assert.Equal(t, url, made.Aid)
		failed := k.ended(made.TaskId)
		assert.False(t, failed.IsSuccessful)
		assert.Equal(t, reason, *failed.ErrorMessage)
		assert.Equal(t, "Error", failed.Status)
		assert.Equal(t, url, failed.Url)
		assert.NotNil(t, failed.TaskFinishTime)
		assert.Equal(t, []string{}, failed.SavePaths)
	}
	k.stop()
	k.start()
	assert.Len(t, k.lists().Finished, 3, "they outlive the process")
	again := k.add("nonsense")
	assert.Equal(t, "unresolved-4", again.TaskId)
	k.call("DELETE", "/remove-finished/nonsense", "").is(200)
	assert.Len(t, k.lists().Finished, 2, "all with that Aid are gone")
	k.call("POST", "/remove-finished", "").is(200)
	k.stop()
	k.start()
	assert.Empty(t, k.lists().Finished)
	assert.Equal(t, "unresolved-5", k.add("nonsense").TaskId, "no id is used twice")
}

func TestDuplicateAid(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := k.add("Wait/1")
	assert.Equal(t, first, k.add("Wait/1"))
	assert.Len(t, k.lists().Running, 1)
	k.call("POST", "/cancel-task/1", "").is(200)
	second := k.add("Wait/1")
	assert.NotEqual(t, first.TaskId, second.TaskId, "a finished one does not count")
	k.call("POST", "/cancel-task/"+second.TaskId, "").is(200)
	all := k.lists()
	assert.Empty(t, all.Running)
	require.Len(t, all.Finished, 2)
	var one task
	k.get("/get-tasks/1").is(200).into(&one)
	assert.Equal(t, first.TaskId, one.TaskId, "the oldest of the finished ones")
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	ids := make(chan string, 20)
	t.Run("add", func(t *testing.T) {
		for range 20 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				ids <- k.add("Wait/1").TaskId
			})
		}
	})
	close(ids)
	distinct := map[string]bool{}
	for id := range ids {
		distinct[id] = true
	}
	assert.Len(t, distinct, 1)
	assert.Len(t, k.lists().Running, 1)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Wait/1")
	k.running(made.TaskId, "Downloading")
	k.call("POST", "/Cancel-Task/"+made.TaskId+"/", "").is(200)
	all := k.lists()
	require.Empty(t, all.Running)
	require.Len(t, all.Finished, 1)
	assert.Equal(t, "Cancelled", all.Finished[0].Status)
	assert.Equal(t, "cancelled", *all.Finished[0].ErrorMessage)
	assert.False(t, all.Finished[0].IsSuccessful)
	assert.NotNil(t, all.Finished[0].TaskFinishTime)
	info, err := k.task(made.TaskId).Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateStopped, info.State)
	k.call("POST", "/cancel-task/"+made.TaskId, "").is(200)
	k.call("POST", "/cancel-task/12345", "").is(404)

	k.stop()
	k.start()
	assert.Equal(t, "Cancelled", k.lists().Finished[0].Status, "after a restart")
	require.NoError(t, k.task(made.TaskId).Start(t.Context()))
	k.running(made.TaskId, "Downloading")
	require.NoError(t, k.task(made.TaskId).Stop(t.Context()))
	k.running(made.TaskId, "Stopped")
	assert.Len(t, k.lists().Running, 1, "it was started again, so it is cancelled no more")
	k.stop()
	k.start()
	assert.Len(t, k.lists().Running, 1)
}

func TestStoppedElsewhereGoesOnWhenAddedAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Wait/1")
	k.running(made.TaskId, "Downloading")
	k.stop()
	k.start() // without automatic start
	k.running(made.TaskId, "Stopped")
	assert.Equal(t, made, k.add("Wait/1"))
	k.running(made.TaskId, "Downloading")
}

func TestTasksOfOtherDoors(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	_, err := k.client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "never started", Keyword: "3"})
	require.NoError(t, err)
	foreign := k.elsewhere("Count", "1")
	id := fmt.Sprint(foreign.ID())
	done := k.ended(id)
	assert.Equal(t, "Count:1", done.Aid)
	assert.Equal(t, "1", done.Url)
	assert.True(t, done.IsSuccessful)
	assert.Len(t, k.lists().Finished, 1)
	assert.Empty(t, k.lists().Running)

	k.call("GET", "/remove-finished/Count:1", "").is(200)
	assert.Empty(t, k.lists().Finished)
	k.get("/get-tasks/" + id).is(404)
	_, err = foreign.Info(t.Context())
	require.NoError(t, err, "it is hidden, not deleted")
	k.stop()
	k.start()
	assert.Empty(t, k.lists().Finished, "after a restart")

	hidden := k.elsewhere("Wait", "1")
	hiddenID := fmt.Sprint(hidden.ID())
	k.running(hiddenID, "Downloading")
	k.call("POST", "/cancel-task/"+hiddenID, "").is(200)
	k.call("DELETE", "/remove-finished", "").is(200)
	assert.Empty(t, k.lists().Finished)
	require.NoError(t, hidden.Start(t.Context()))
	require.Eventually(t, func() bool { return len(k.lists().Running) == 1 }, waitLong, waitStep, "a hidden task that runs again is shown")
}

func TestRemovingDeletesWhatWasMadeHere(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Paint/1")
	running := k.add("Wait/1.5")
	done := k.ended(made.TaskId)
	gone := k.task(made.TaskId)
	k.call("GET", "/remove-finished", "").is(200)
	assert.Empty(t, k.lists().Finished)
	k.nothingKept(made.TaskId, "removals")
	_, err := gone.Info(t.Context())
	require.ErrorIs(t, err, pixivoc.ErrTaskNotFound)
	assert.FileExists(t, done.SavePaths[0], "files stay")
	assert.Len(t, k.lists().Running, 1)
	k.call("GET", "/remove-finished/1.5", "").is(200)
	k.call("GET", "/remove-finished/"+running.TaskId, "").is(200)
	k.call("GET", "/remove-finished/nobody", "").is(200)
	assert.Len(t, k.lists().Running, 1, "a running one stays")
}

// nothingKept waits until settings are gone.
func (k *kit) nothingKept(names ...string) {
	k.t.Helper()
	for _, name := range names {
		require.Eventually(k.t, func() bool {
			_, err := k.store.Setting(k.t.Context(), "taskapi/"+name)
			return errors.Is(err, fs.ErrNotExist)
		}, waitLong, waitStep, "%s is kept", name)
	}
}

func TestDeletedElsewhere(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	require.NoError(t, k.task(made.TaskId).Delete(t.Context(), pixivoc.DeleteOptions{}))
	require.Eventually(t, func() bool { return len(k.lists().Finished) == 0 }, waitLong, waitStep)
	k.nothingKept(made.TaskId)
}

func TestRestart(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	one, two := k.add("Paint/1"), k.add("Half/2")
	before := []task{k.ended(one.TaskId), k.ended(two.TaskId)}
	k.stop()
	k.start()
	require.Eventually(t, func() bool {
		after := k.lists().Finished
		return assert.ObjectsAreEqual(before, after) || assert.ObjectsAreEqual([]task{before[1], before[0]}, after)
	}, waitLong, waitStep, "the lists are as they were")
}

// TestCrashBeforeStart: the process died after it had stored a task and before
// it started it.
func TestCrashBeforeStart(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made, err := k.client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "n", Keyword: "1"})
	require.NoError(t, err)
	require.NoError(t, k.store.SetSetting(t.Context(), fmt.Sprint("taskapi/", made.ID()), []byte(`{"made":true,"url":"Count/1","aid":"1"}`)))
	k.stop()
	k.start()
	assert.True(t, k.ended(fmt.Sprint(made.ID())).IsSuccessful)
}

// TestCrashWhileMaking: the process died before or after the client made the
// task, and before anything was kept of it.
func TestCrashWhileMaking(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := k.add("Count/1")
	k.ended(first.TaskId)
	raw, err := k.store.Setting(t.Context(), "taskapi/intent")
	require.NoError(t, err)
	before := string(raw)
	k.stop()
	k.start()
	assert.Len(t, k.lists().Finished, 1)
	info, err := k.task(first.TaskId).Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, info.Runs, "it was made, so there is nothing to do")

	k.stop() // as if it died between the two
	require.NoError(t, k.store.SetSetting(t.Context(), "taskapi/"+first.TaskId, nil))
	k.start()
	all := k.lists()
	require.Len(t, append(all.Finished, all.Running...), 1)
	done := k.ended(first.TaskId)
	assert.Equal(t, "Count/1", done.Url)
	assert.Equal(t, "1", done.Aid)

	k.call("POST", "/remove-finished", "").is(200)
	k.nothingKept("removals", "intent")
	k.stop() // as if it died before the client was asked
	require.NoError(t, k.store.SetSetting(t.Context(), "taskapi/intent", []byte(before)))
	k.start()
	require.Eventually(t, func() bool { return len(k.lists().Finished) == 1 }, waitLong, waitStep)
	assert.NotEqual(t, first.TaskId, k.lists().Finished[0].TaskId)
	assert.True(t, k.lists().Finished[0].IsSuccessful)

	k.add("Count/x")
	k.nothingKept("intent")
}

// TestP6_DescribePanics: what an embedder does is not ours to trust.
func TestP6_DescribePanics(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *taskapi.Config) {
		c.Describe = func(context.Context, pixivoc.Task) (taskapi.Description, error) { panic("broken") }
	})
	done := k.ended(k.add("Count/1").TaskId)
	assert.Equal(t, "name of 1", *done.Title)
	assert.Contains(t, k.logged.String(), "describing a task panicked")
	k.logged.mu.Lock()
	defer k.logged.mu.Unlock()
	k.logged.text.Reset()
}

func TestC6_AfterShutdown(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.ended(k.add("Count/1").TaskId)
	require.NoError(t, k.client.Shutdown(context.Background()))
	answer := k.call("POST", "/add-task", body("Count/2")).is(503)
	assert.NotEmpty(t, answer.header.Get("Retry-After"))
	assert.Len(t, k.lists().Finished, 1)
}

func TestProgressAndSpeedWhileRunning(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := k.add("First/2") // it leaves workers for the other
	drip := k.add("Drip/1.7")
	find := func(id string) task {
		for _, each := range k.lists().Running {
			if each.TaskId == id {
				return each
			}
		}
		return task{}
	}
	require.Eventually(t, func() bool { return find(first.TaskId).Progress == 0.5 }, waitLong, waitStep)
	require.Eventually(t, func() bool { return find(drip.TaskId).DownloadSpeed > 0 }, waitLong, 10*waitStep, "no event tells of it")
	assert.Equal(t, "Downloading", find(drip.TaskId).Status)
	k.call("POST", "/cancel-task/1.7", "").is(200)
	assert.Positive(t, k.ended(drip.TaskId).DownloadSpeed, "the last value stays")
}

func TestH11_MarkupIsEscaped(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.add("<script>alert('1')</script>//")
	assert.NotContains(t, k.get("/get-tasks/").body, "<")
	assert.Contains(t, k.lists().Finished[0].Url, "<script>")
	header := k.get("/get-tasks/").header
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	assert.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
}
