//go:build unix

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
)

// progress is how far a task is, whichever door tells it.
type progress struct {
	over, running bool
	now, total    int
}

// way is a door as its clients use it, for one user's works.
type way interface {
	// create makes a task that downloads all works of a user to folder, and
	// returns what the door calls it.
	create(t *testing.T, user, folder string) string
	start(t *testing.T, task string)
	stop(t *testing.T, task string)
	look(t *testing.T, task string) progress
	// files counts what the door tells of saved files, -1 if it tells nothing.
	files(t *testing.T, task string) int
	remove(t *testing.T, task string)
	gone(t *testing.T, task string) bool
}

// TestScenario takes one task through its whole life by each door: made,
// started, stopped with the daemon, resumed after its restart, finished, read,
// removed. The kernel behind the doors is the same.
func TestScenario(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T, *process) way{
		"REST":   openRESTWay,
		"socket": openSocketWay,
		"legacy": openLegacyWay,
		"data":   openDataWay,
		"task":   openTaskWay,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			folder := filepath.Join(data, "pictures")
			args := []string{
				"--demo", "--data", data, "--concurrency=4", "--interval=0", "--auto-start=false", "--legacy-http",
				"--password-file", writeFile(t, "password", scenarioPassword, 0o600),
			}
			p := start(t, args...)
			by := open(t, p)
			task := by.create(t, fmt.Sprint(demoBig), folder)
			if _, runsAtOnce := by.(*taskWay); !runsAtOnce {
				assert.Equal(t, progress{total: 1}, by.look(t, task))
			}
			by.start(t, task)
			eventually(t, func() bool { return by.look(t, task).now > 30 })
			p.signal(t, syscall.SIGTERM)
			require.Equal(t, ExitOrderly, p.end(t))

			p = start(t, args...)
			by = open(t, p)
			stopped := by.look(t, task)
			assert.False(t, stopped.running)
			assert.False(t, stopped.over)
			assert.Greater(t, stopped.now, 30, "what was done stays done")
			by.start(t, task)
			eventually(t, func() bool { return by.look(t, task).now > stopped.now+10 })
			by.stop(t, task)
			eventually(t, func() bool { return !by.look(t, task).running })
			by.start(t, task)
			eventually(t, func() bool { return by.look(t, task).over })
			end := by.look(t, task)
			assert.Equal(t, end.total, end.now)
			assert.False(t, end.running)
			saved, err := filepath.Glob(filepath.Join(folder, "*", "*.jpg"))
			require.NoError(t, err)
			assert.Len(t, saved, demoBigWorks)
			if told := by.files(t, task); told >= 0 {
				assert.Equal(t, demoBigWorks, told)
			}
			if exporter, can := by.(interface{ export(*testing.T, string) int }); can {
				assert.Equal(t, demoBigWorks, exporter.export(t, task))
			}
			by.remove(t, task)
			assert.True(t, by.gone(t, task))
			assert.FileExists(t, saved[0], "files stay unless one says otherwise")
			p.stop(t)
		})
	}
}

const scenarioPassword = "of the scenario"

// eventually asks until the answer is yes.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if is() {
			return
		}
	}
	require.Fail(t, "it does not happen")
}

// restWay is the REST door.
type restWay struct {
	p      *process
	header http.Header
}

func openRESTWay(t *testing.T, p *process) way {
	token, status := login(t, p, scenarioPassword)
	require.Equal(t, http.StatusCreated, status)
	return &restWay{p, http.Header{"Authorization": {"Bearer " + token}}}
}

func (w *restWay) call(t *testing.T, method, path, body string, want int) string {
	t.Helper()
	status, answer, _ := w.p.send(t, request{method: method, path: "/api/v1" + path, body: body, header: w.header.Clone()})
	require.Equal(t, want, status, "%s %s: %s", method, path, answer)
	return answer
}

func (w *restWay) create(t *testing.T, user, folder string) string {
	body := fmt.Sprintf(`{"url":"https://www.pixiv.net/users/%s","save_path":%q}`, user, folder)
	var info pixivoc.TaskInfo
	require.NoError(t, json.Unmarshal([]byte(w.call(t, http.MethodPost, "/tasks", body, http.StatusCreated)), &info))
	return fmt.Sprint(info.TID)
}

func (w *restWay) start(t *testing.T, task string) {
	w.call(t, http.MethodPost, "/tasks/"+task+"/start", "", http.StatusOK)
}

func (w *restWay) stop(t *testing.T, task string) {
	w.call(t, http.MethodPost, "/tasks/"+task+"/stop", "", http.StatusOK)
}

func (w *restWay) look(t *testing.T, task string) progress {
	var info pixivoc.TaskInfo
	require.NoError(t, json.Unmarshal([]byte(w.call(t, http.MethodGet, "/tasks/"+task, "", http.StatusOK)), &info))
	return progress{info.Over, info.Running, info.Now, info.Total}
}

func (w *restWay) files(t *testing.T, task string) int {
	return strings.Count(w.call(t, http.MethodGet, "/tasks/"+task+"/records?kind=file&format=jsonl", "", http.StatusOK), "\n")
}

func (w *restWay) remove(t *testing.T, task string) {
	w.call(t, http.MethodDelete, "/tasks/"+task, "", http.StatusNoContent)
}

func (w *restWay) gone(t *testing.T, task string) bool {
	status, _, _ := w.p.send(t, request{path: "/api/v1/tasks/" + task, header: w.header.Clone()})
	return status == http.StatusNotFound
}

// socketWay is the socket with PixivOC's own commands.
type socketWay struct{ conn *socketapi.Conn }

func openSocketWay(t *testing.T, p *process) way {
	conn, err := socketapi.Dial(t.Context(), p.Socket, socketapi.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &socketWay{conn}
}

func (w *socketWay) create(t *testing.T, user, folder string) string {
	require.NoError(t, os.MkdirAll(folder, 0o755))
	details, err := w.conn.AddTask(t.Context(), socketapi.CommandAddUserWorksTask, user, "scenario", folder)
	require.NoError(t, err)
	return fmt.Sprint(details.TID)
}

func tidOf(t *testing.T, task string) (tid int64) {
	t.Helper()
	_, err := fmt.Sscan(task, &tid)
	require.NoError(t, err)
	return tid
}

func (w *socketWay) start(t *testing.T, task string) {
	ok, err := w.conn.StartTask(t.Context(), tidOf(t, task))
	require.NoError(t, err)
	require.True(t, ok)
}

func (w *socketWay) stop(t *testing.T, task string) {
	ok, err := w.conn.StopTask(t.Context(), tidOf(t, task))
	require.NoError(t, err)
	require.True(t, ok)
}

func (w *socketWay) look(t *testing.T, task string) progress {
	details, found, err := w.conn.TaskDetails(t.Context(), tidOf(t, task))
	require.NoError(t, err)
	require.True(t, found)
	return progress{details.Over, details.Running, details.Now, details.Total}
}

func (w *socketWay) files(*testing.T, string) int { return -1 }

func (w *socketWay) remove(t *testing.T, task string) {
	ok, err := w.conn.DeleteTask(t.Context(), tidOf(t, task))
	require.NoError(t, err)
	require.True(t, ok)
}

func (w *socketWay) gone(t *testing.T, task string) bool {
	_, found, err := w.conn.TaskDetails(t.Context(), tidOf(t, task))
	require.NoError(t, err)
	return !found
}
