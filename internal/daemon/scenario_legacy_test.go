//go:build unix

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// legacyWay is the HTTP interface of PixivOC's later version.
type legacyWay struct {
	p      *process
	cookie string
}

func openLegacyWay(t *testing.T, p *process) way {
	w := &legacyWay{p: p}
	status, answer, header := w.send(t, http.MethodPost, "/permission/login", url.Values{"password": {scenarioPassword}})
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"result":true,"status":true}`, answer)
	w.cookie, _, _ = strings.Cut(header.Get("Set-Cookie"), ";")
	return w
}

func (w *legacyWay) send(t *testing.T, method, path string, form url.Values) (int, string, http.Header) {
	t.Helper()
	r := request{method: method, path: path, header: http.Header{"Cookie": {w.cookie}}}
	if method == http.MethodPost {
		r.body = form.Encode()
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r.path += "?" + form.Encode()
	}
	return w.p.send(t, r)
}

// call makes a call that must succeed and puts its result into into.
func (w *legacyWay) call(t *testing.T, method, path string, form url.Values, into any) {
	t.Helper()
	status, answer, _ := w.send(t, method, path, form)
	require.Equal(t, http.StatusOK, status)
	var wrapper struct {
		Result json.RawMessage
		Status bool
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &wrapper), answer)
	require.True(t, wrapper.Status, answer)
	require.NoError(t, json.Unmarshal(wrapper.Result, into), answer)
}

func (w *legacyWay) create(t *testing.T, user, folder string) string {
	require.NoError(t, os.MkdirAll(folder, 0o755))
	var made [2]any
	w.call(t, http.MethodPost, "/create/userWorks", url.Values{"keyWord": {user}, "taskName": {"scenario"}, "savePath": {folder}}, &made)
	require.Equal(t, true, made[0])
	return fmt.Sprintf("%.0f", made[1].([]any)[1])
}

func (w *legacyWay) operate(t *testing.T, path, task string) {
	var done [2]any
	w.call(t, http.MethodPost, path, url.Values{"tid": {task}}, &done)
	require.Equal(t, [2]any{true, ""}, done)
}

func (w *legacyWay) start(t *testing.T, task string) { w.operate(t, "/operation/startTask", task) }

func (w *legacyWay) stop(t *testing.T, task string) { w.operate(t, "/operation/stopTask", task) }

func (w *legacyWay) details(t *testing.T, task string) (details []any) {
	w.call(t, http.MethodGet, "/operation/taskDetail", url.Values{"tid": {task}}, &details)
	return details
}

func (w *legacyWay) look(t *testing.T, task string) progress {
	d := w.details(t, task)
	require.Len(t, d, 9)
	remain, total := int(d[7].(float64)), int(d[8].(float64))
	return progress{over: d[0].(bool), running: d[6] == "Downloading", now: total - remain, total: total}
}

func (w *legacyWay) files(*testing.T, string) int { return -1 }

func (w *legacyWay) remove(t *testing.T, task string) {
	var removed bool
	w.call(t, http.MethodPost, "/operation/deleteTask", url.Values{"tid": {task}}, &removed)
	require.True(t, removed)
}

func (w *legacyWay) gone(t *testing.T, task string) bool { return len(w.details(t, task)) == 0 }
