package socketapi_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// states are all values of pixivoc.State.
func states(t *testing.T) (all []pixivoc.State) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "task.go"))
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`State[A-Z]\w+ +State = "(\w+)"`).FindAllSubmatch(source, -1) {
		all = append(all, pixivoc.State(found[1]))
	}
	require.GreaterOrEqual(t, len(all), 9)
	return all
}

// What each state is here: whether a task waits to run or runs, and what old
// clients see as running.
func TestStates(t *testing.T) {
	t.Parallel()
	type row struct{ open, running bool }
	table := map[pixivoc.State]row{
		pixivoc.StateWaitStart:   {false, false},
		pixivoc.StateQueued:      {true, true},
		pixivoc.StateWaitToken:   {true, true},
		pixivoc.StateDownloading: {true, true},
		pixivoc.StateDiskFull:    {true, true},
		pixivoc.StateStopped:     {false, false},
		pixivoc.StateScheduled:   {false, false},
		pixivoc.StateOver:        {false, false},
		pixivoc.StateError:       {false, false},
	}
	for _, state := range states(t) {
		want, known := table[state]
		assert.True(t, known, "%s is not known here", state)
		info := pixivoc.TaskInfo{State: state, Running: want.running, Over: state == pixivoc.StateOver}
		assert.Equal(t, want.open, !socketapi.HasEnded(info), state)
		assert.Equal(t, want.running, socketapi.Details(info)[5], state)
		assert.Equal(t, info.Over, socketapi.Details(info)[0], state)
	}
}

// Only tasks that wait to run or run take the places for further ones, and ten
// times as many may not be over.
func TestH10_TasksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := kernel(t, newGate())
		logIn(t, client)
		before := mustCreate(t, client, pixivoc.TaskSpec{Type: "SingleWork", Name: "before", Keyword: "1", SavePath: t.TempDir()})
		d := openPipe(t, client, socketapi.Config{MaxOpenTasks: 2})
		conn := raw{t, d.dial()}
		create := func(name string) string {
			content, _ := conn.ask("S1", 101, "KeyWord", "1", "TaskName", name)
			return content
		}
		command := func(number int, tid int64) {
			content, _ := conn.ask("S1", number, "TID", tid)
			require.Equal(t, "true", content)
			synctest.Wait()
		}
		for i := range 4 {
			assert.Contains(t, create(fmt.Sprint(i)), "true", "those that wait for their start do not count")
		}
		folder := t.TempDir()
		other := mustCreate(t, client, pixivoc.TaskSpec{Type: "SingleWork", Name: "other", Keyword: "1", SavePath: folder})
		command(11, before.ID())
		command(11, other.ID())
		assert.Equal(t, "[false, []]", create("two run"))
		content, _ := conn.ask("S1", 1002, "Arguments", map[string]any{"type": "WorkDetails", "name": "x", "keyword": "1"})
		assert.JSONEq(t, `{"ok": false, "error": {"code": "busy", "message": "too many tasks wait, run or are not over"}}`, content)
		command(12, before.ID())
		for i := range 14 {
			assert.Contains(t, create(fmt.Sprint(i)), "true", "one was stopped")
		}
		assert.Equal(t, "[false, []]", create("20 are not over"))
		command(13, other.ID())
		assert.Contains(t, create("one was deleted"), "true")
		assert.Equal(t, "[false, []]", create("20 again"))
	})
}
