//go:build unix

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// taskWay is the task API. A task runs as soon as it is made and cannot be
// stopped for a while; REST does that, as another client of the same kernel.
type taskWay struct{ *restWay }

func openTaskWay(t *testing.T, p *process) way { return &taskWay{openRESTWay(t, p).(*restWay)} }

// downloadTask is what a client of BBDown reads.
type downloadTask struct {
	Progress       float64
	IsSuccessful   bool
	TaskFinishTime *int64
	SavePaths      []string
}

func (w *taskWay) create(t *testing.T, user, folder string) string {
	body := fmt.Sprintf(`{"Url":"https://www.pixiv.net/users/%s","WorkDir":%q,"UseTvApi":true}`, user, folder)
	status, answer, header := w.p.send(t, request{method: http.MethodPost, path: "/add-task", body: body})
	require.Equal(t, http.StatusOK, status, answer)
	require.Equal(t, "UseTvApi", header.Get("X-Pixivoc-Ignored"))
	var made struct {
		TaskID string `json:"TaskId"`
		Aid    string
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &made))
	require.Equal(t, "user:"+user, made.Aid)
	return made.TaskID
}

func (w *taskWay) task(t *testing.T, id string) (task downloadTask, found bool) {
	status, answer, _ := w.p.send(t, request{path: "/get-tasks/" + id})
	if status == http.StatusNotFound {
		require.Empty(t, answer)
		return task, false
	}
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal([]byte(answer), &task))
	return task, true
}

// start starts a task that was stopped: adding it again changes nothing.
func (w *taskWay) start(t *testing.T, id string) { w.restWay.start(t, id) }

func (w *taskWay) look(t *testing.T, id string) progress {
	p := w.restWay.look(t, id)
	task, found := w.task(t, id)
	require.True(t, found)
	if p.over {
		// The list follows the kernel and may be a moment behind it.
		eventually(t, func() bool {
			task, found = w.task(t, id)
			return found && task.TaskFinishTime != nil
		})
		require.True(t, task.IsSuccessful)
		require.InDelta(t, 1, task.Progress, 0)
	}
	return p
}

func (w *taskWay) files(t *testing.T, id string) int {
	task, found := w.task(t, id)
	require.True(t, found)
	return len(task.SavePaths)
}

func (w *taskWay) remove(t *testing.T, id string) {
	status, answer, _ := w.p.send(t, request{path: "/remove-finished/" + id})
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, answer)
	_, found := w.task(t, id)
	require.False(t, found, "the lists forget it at once")
	require.Eventually(t, func() bool { return w.restWay.gone(t, id) }, 10*time.Second, 10*time.Millisecond)
}

func (w *taskWay) gone(t *testing.T, id string) bool {
	_, found := w.task(t, id)
	return !found && w.restWay.gone(t, id)
}
