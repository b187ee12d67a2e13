//go:build unix

package daemon

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dataWay is the data API. It cannot make or delete tasks and tells no
// progress; REST does that for it.
type dataWay struct {
	*restWay
	token http.Header
}

func openDataWay(t *testing.T, p *process) way {
	form := url.Values{"username": {owner}, "password": {scenarioPassword}, "grant_type": {"password"}}
	status, answer, _ := p.send(t, request{method: http.MethodPost, path: "/token", body: form.Encode()})
	require.Equal(t, http.StatusOK, status, answer)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &token))
	return &dataWay{openRESTWay(t, p).(*restWay), http.Header{"Authorization": {"bearer " + token.AccessToken}}}
}

// ask makes a call that must succeed and puts its data into into.
func (w *dataWay) ask(t *testing.T, method, path string, into any) {
	t.Helper()
	status, answer, _ := w.p.send(t, request{method: method, path: path, header: w.token.Clone()})
	require.Equal(t, http.StatusOK, status, answer)
	var envelope struct {
		Data  json.RawMessage
		Error string
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &envelope), answer)
	require.Equal(t, "success", envelope.Error, answer)
	if into != nil {
		require.NoError(t, json.Unmarshal(envelope.Data, into), answer)
	}
}

func (w *dataWay) start(t *testing.T, task string) {
	var result int
	w.ask(t, http.MethodPost, "/api/task/StartTask?taskId="+task, &result)
	require.Equal(t, 1, result)
}

func (w *dataWay) stop(t *testing.T, task string) {
	w.ask(t, http.MethodPost, "/api/task/StopTask?taskId="+task, nil)
}

// batch is an answer with rows.
type batch struct {
	Offset, Total, RestTotal int64
	DataList                 []map[string]string
}

func (w *dataWay) files(t *testing.T, task string) (files int) {
	rows := batch{RestTotal: 1}
	for rows.RestTotal > 0 {
		path := "/api/alldata/GetDataOfTaskByOffset?taskId=" + task + "&size=1000&offset=" + jsonNumber(rows.Offset)
		rows = batch{}
		w.ask(t, http.MethodGet, path, &rows)
		for _, row := range rows.DataList {
			require.Contains(t, row, "other", "the columns are those of the type, from the first row on")
			if row["kind"] == "file" {
				files++
			}
		}
	}
	return files
}

func jsonNumber(n int64) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

// export takes and marks rows until there are none, and looks at each batch
// twice before it is marked.
func (w *dataWay) export(t *testing.T, task string) (files int) {
	seen := map[string]bool{}
	for {
		var rows, again batch
		w.ask(t, http.MethodGet, "/api/notexportdata/gettop?size=150&taskId="+task, &rows)
		w.ask(t, http.MethodGet, "/api/notexportdata/gettop?size=150&taskId="+task, &again)
		require.Equal(t, rows.DataList, again.DataList, "what is not marked comes again")
		if len(rows.DataList) == 0 {
			return files
		}
		for _, row := range rows.DataList {
			key := row["kind"] + " " + row["key"]
			assert.False(t, seen[key], "%s was marked before", key)
			seen[key] = true
			require.Contains(t, row, "other", "the columns are those of the type, from the first row on")
			if row["kind"] == "file" {
				files++
			}
		}
		w.ask(t, http.MethodPost, "/api/notexportdata/update?taskId="+task, nil)
	}
}

func (w *dataWay) remove(t *testing.T, task string) {
	w.ask(t, http.MethodPost, "/api/task/RemoveDataByTaskId?taskId="+task, nil)
	assert.Zero(t, w.files(t, task))
	w.restWay.remove(t, task)
}
