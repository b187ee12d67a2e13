package taskapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

// allStates reads the states of a task from the source that names them.
func allStates(t *testing.T) (states []pixivoc.State) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../task.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "State" && len(spec.Values) == 1 {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			states = append(states, pixivoc.State(text))
		}
		return true
	})
	require.NotEmpty(t, states)
	return states
}

// TestEveryState has a row for each state that there is: a new one must be given
// its place in the lists.
func TestEveryState(t *testing.T) {
	t.Parallel()
	const listed, finished, open, success = 1, 2, 4, 8
	want := map[pixivoc.State][2]int{ // made here, made at another door
		pixivoc.StateWaitStart:   {listed | open, 0},
		pixivoc.StateQueued:      {listed | open, listed | open},
		pixivoc.StateWaitToken:   {listed | open, listed | open},
		pixivoc.StateDownloading: {listed | open, listed | open},
		pixivoc.StateDiskFull:    {listed | open, listed | open},
		pixivoc.StateStopped:     {listed, listed},
		pixivoc.StateScheduled:   {listed | finished | success, listed | finished | success},
		pixivoc.StateOver:        {listed | finished | success, listed | finished | success},
		pixivoc.StateError:       {listed | finished, listed | finished},
	}
	for _, state := range allStates(t) {
		_, known := want[state]
		require.True(t, known, "%s has no row", state)
		for i, made := range []bool{true, false} {
			shown, bits := taskapi.Show(state, made), 0
			for bit, is := range map[int]bool{listed: shown.Listed, finished: shown.Finished, open: shown.Open, success: shown.Success} {
				if is {
					bits |= bit
				}
			}
			assert.Equal(t, want[state][i], bits, "%s, made here: %v", state, made)
			status := string(state)
			if state == pixivoc.StateWaitStart {
				status = "Queued"
			}
			assert.Equal(t, status, shown.Status)
		}
	}
}

func TestScheduledIsFinished(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Half/2")
	k.ended(made.TaskId)
	require.NoError(t, k.task(made.TaskId).SetSchedule(t.Context(), "every 6h"))
	var done task
	require.Eventually(t, func() bool {
		done = k.ended(made.TaskId)
		return done.Status == "Scheduled"
	}, waitLong, waitStep)
	assert.False(t, done.IsSuccessful)
	assert.InDelta(t, 0.5, done.Progress, 0)
	assert.Contains(t, *done.ErrorMessage, "1 item failed")
	require.NotNil(t, done.TaskFinishTime)
	assert.WithinDuration(t, time.Now(), time.Unix(*done.TaskFinishTime, 0), time.Minute)
	again := k.add("Half/2")
	assert.NotEqual(t, made.TaskId, again.TaskId, "nothing of it runs")
	assert.Equal(t, "Over", k.ended(again.TaskId).Status)
}

// TestJoinsWhatDoesTheSame: of tasks with the same Aid only one of the same
// type that was made here does what is asked for.
func TestJoinsWhatDoesTheSame(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *taskapi.Config) {
		c.Aid = func(info pixivoc.TaskInfo) (aid, url string) { return info.Keyword, info.Keyword }
	})
	k.running(strconv.FormatInt(k.elsewhere("Wait", "1").ID(), 10), "Downloading")
	first := k.add("Wait/1")
	assert.Len(t, k.lists().Running, 2, "what another door was asked for is not known")
	done := k.add("Count/1")
	assert.True(t, k.ended(done.TaskId).IsSuccessful, "another type")
	assert.Equal(t, first, k.add("Wait/1"))
	assert.Equal(t, first, k.add("Pause/1"), "an alias")
}

// TestMaxOpenTasks: tasks that do not run and do not wait to run need no room.
func TestMaxOpenTasks(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *taskapi.Config) { c.MaxOpenTasks = 2 })
	for range 3 {
		_, err := k.client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "never started", Keyword: "1"})
		require.NoError(t, err)
	}
	stopped := k.elsewhere("Wait", "1")
	k.running(strconv.FormatInt(stopped.ID(), 10), "Downloading")
	require.NoError(t, stopped.Stop(t.Context()))
	k.running(strconv.FormatInt(stopped.ID(), 10), "Stopped")
	k.add("Wait/1")
	k.add("Wait/2")
	k.call("POST", "/add-task", body("Wait/3")).is(429)
}
