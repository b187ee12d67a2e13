package daemon

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	j := &journal{log: newLogger(&Settings{LogLevel: "info"}, &out), states: map[int64]pixivoc.State{}}
	says := func(want string, event pixivoc.Event) {
		t.Helper()
		out.Reset()
		j.take(event)
		if want == "" {
			assert.Empty(t, out.String())
			return
		}
		assert.Contains(t, out.String(), want)
	}
	in := func(state pixivoc.State) pixivoc.Event {
		return pixivoc.Event{Kind: pixivoc.EventTaskChanged, Task: pixivoc.TaskInfo{TID: 7, TaskName: "n", State: state, Error: "why"}}
	}
	says(`level=INFO msg="tasks go on" count=1`, pixivoc.Event{Kind: pixivoc.EventSnapshot, Tasks: []pixivoc.TaskInfo{
		{TID: 1, State: pixivoc.StateQueued}, {TID: 2, State: pixivoc.StateStopped}, {TID: 3, State: pixivoc.StateOver, Over: true},
	}})
	says(`level=INFO msg="task created" task=7 type=UserWorks name=n keyword=11`, pixivoc.Event{
		Kind: pixivoc.EventTaskCreated, Task: pixivoc.TaskInfo{TID: 7, TypeName: "UserWorks", TaskName: "n", Keyword: "11", State: pixivoc.StateWaitStart},
	})
	says("", in(pixivoc.StateQueued))
	says(`level=INFO msg="task runs"`, in(pixivoc.StateDownloading))
	says("", in(pixivoc.StateDownloading))
	says(`level=WARN msg="disk full`, in(pixivoc.StateDiskFull))
	says(`level=INFO msg="there is room again`, in(pixivoc.StateDownloading))
	says(`level=WARN msg="nobody is logged in`, in(pixivoc.StateWaitToken))
	says(`level=INFO msg="task stopped"`, in(pixivoc.StateStopped))
	says(`level=ERROR msg="task gave up" task=7 name=n error=why`, in(pixivoc.StateError))
	says(`level=WARN msg="requests wait" why=rate_limit`, pixivoc.Event{Kind: pixivoc.EventLimited, Why: pixivoc.LimitRate, Until: time.Unix(1, 0)})
	says(`level=INFO msg="requests wait" why=quiet_hours`, pixivoc.Event{Kind: pixivoc.EventLimited, Why: pixivoc.LimitQuietHours, Until: time.Unix(1, 0)})
	says(`level=INFO msg="requests go on"`, pixivoc.Event{Kind: pixivoc.EventLimited})
	says(`level=ERROR msg="the site has something against the account`, pixivoc.Event{Kind: pixivoc.EventAccount})
	says(`level=INFO msg="task over"`, pixivoc.Event{Kind: pixivoc.EventTaskOver, Task: pixivoc.TaskInfo{TID: 7, Over: true}})
	says(`level=INFO msg="task deleted"`, pixivoc.Event{Kind: pixivoc.EventTaskDeleted, Task: pixivoc.TaskInfo{TID: 7}})
	assert.Equal(t, map[int64]pixivoc.State{1: pixivoc.StateQueued, 2: pixivoc.StateStopped}, j.states)
}
