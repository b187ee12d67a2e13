package taskapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/server/taskapi"
)

// receiver notes the tasks it is told of.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	tasks []task
	ids   []string
	fails atomic.Bool
	held  sync.RWMutex // while it is locked nobody is answered
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	to := &receiver{}
	to.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to.held.RLock()
		defer to.held.RUnlock()
		raw, err := io.ReadAll(r.Body)
		var came task
		if err != nil || json.Unmarshal(raw, &came) != nil || r.Header.Get("webhook-signature") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if to.fails.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		to.mu.Lock()
		defer to.mu.Unlock()
		to.tasks, to.ids = append(to.tasks, came), append(to.ids, r.Header.Get("webhook-id"))
	}))
	t.Cleanup(to.Close)
	return to
}

func (r *receiver) all() []task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]task(nil), r.tasks...)
}

func (r *receiver) allow(c *taskapi.Config) {
	c.Webhooks.Allow = []string{strings.TrimPrefix(r.URL, "http://")}
}

func (r *receiver) option() string { return `"CallBackWebHook":"` + r.URL + `/hook?key=hidden"` }

func (r *receiver) wait(t *testing.T, n int) []task {
	t.Helper()
	require.Eventually(t, func() bool { return len(r.all()) >= n }, waitLong, waitStep)
	return r.all()
}

func TestWebhookAtTheEnd(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	k := newKit(t, to.allow)
	assert.Regexp(t, "^whsec_", k.api.WebhookSecret())
	made := k.add("Paint/2", to.option())
	came := to.wait(t, 1)
	assert.Equal(t, k.ended(made.TaskId), came[0], "it has what the list has")
	assert.Len(t, came[0].SavePaths, 2)
	assert.Regexp(t, "^msg_[A-Z2-7]+$", to.ids[0])

	failed := k.add("nonsense", to.option())
	assert.Equal(t, failed.TaskId, to.wait(t, 2)[1].TaskId)
	waiting := k.add("Wait/1", to.option())
	assert.Equal(t, waiting, k.add("Wait/1", to.option()), "a duplicate is told nothing")
	k.call("POST", "/cancel-task/1", "").is(200)
	last := to.wait(t, 3)[2]
	assert.Equal(t, waiting.TaskId, last.TaskId)
	assert.Equal(t, "Cancelled", last.Status)
	for slot := range 3 { // what is under way when the process ends is sent again
		k.nothingKept(fmt.Sprint("webhook/slot/", slot))
	}
	k.stop()
	k.start()
	k.add("Count/3")
	k.ended(k.add("Count/4").TaskId)
	assert.Len(t, to.all(), 3, "each is told once")
	assert.NotContains(t, k.logged.String(), "hidden", "W4")
}

// TestW3_EndedWhileNobodyWatched: the task ended, and the process died before
// anything was done about it.
func TestW3_EndedWhileNobodyWatched(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	to.fails.Store(true)
	k := newKit(t, to.allow)
	made := k.add("Wait/1", to.option())
	k.running(made.TaskId, "Downloading")
	require.NoError(t, k.api.Close())
	require.NoError(t, k.task(made.TaskId).Stop(t.Context()))
	require.NoError(t, k.store.SetSetting(t.Context(), "taskapi/"+made.TaskId, cancelled(t, k, made.TaskId)))
	to.fails.Store(false)
	k.stop()
	k.start()
	assert.Equal(t, made.TaskId, to.wait(t, 1)[0].TaskId)
	assert.NotContains(t, k.logged.String(), "hidden")
}

// cancelled is what a process has kept of a task that dies after the task was
// cancelled and before the webhook is sent.
func cancelled(t *testing.T, k *kit, id string) []byte {
	t.Helper()
	raw, err := k.store.Setting(t.Context(), "taskapi/"+id)
	require.NoError(t, err)
	return []byte(strings.Replace(string(raw), `{`, `{"cancelled_at":"2026-11-22T00:00:00Z",`, 1))
}

func TestW1_PrivateReceiver(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	k := newKit(t)
	k.call("POST", "/add-task", body("Count/1", to.option())).is(400)
	byName := strings.Replace(to.option(), "127.0.0.1", "localhost", 1)
	k.ended(k.add("Count/1", byName).TaskId)
	require.Eventually(t, func() bool { return strings.Contains(k.logged.String(), "webhook refused") }, waitLong, waitStep)
	assert.Empty(t, to.all())
	assert.NotContains(t, k.logged.String(), "hidden")
}

func TestWebhooksOff(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	k := newKit(t, to.allow, func(c *taskapi.Config) { c.Webhooks.Off = true })
	assert.Empty(t, k.api.WebhookSecret())
	answer := k.call("POST", "/add-task", body("Count/1", to.option())).is(200)
	assert.Equal(t, "CallBackWebHook", answer.header.Get("X-Pixivoc-Ignored"))
	require.Eventually(t, func() bool { return len(k.lists().Finished) == 1 }, waitLong, waitStep)
	assert.Empty(t, to.all())
}
