package dataapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keysInOrder reads the names of the members of the first row of an answer.
func keysInOrder(t *testing.T, body string) []string {
	t.Helper()
	_, list, found := strings.Cut(body, `"dataList":[`)
	require.True(t, found, body)
	decoder := json.NewDecoder(strings.NewReader(list))
	_, err := decoder.Token()
	require.NoError(t, err)
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		require.NoError(t, err)
		names = append(names, name.(string))
		_, err = decoder.Token()
		require.NoError(t, err)
	}
	return names
}

func TestRows_Flatten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		want map[string]string
	}{
		"numbers are kept":    {`{"a":12345678901234567890,"b":1.50,"c":-1e400}`, map[string]string{"a": "12345678901234567890", "b": "1.50", "c": "-1e400"}},
		"words":               {`{"a":true,"b":false,"c":null}`, map[string]string{"a": "true", "b": "false", "c": ""}},
		"objects":             {`{"a":{"b":{"c":"x"}},"d":{}}`, map[string]string{"a.b.c": "x", "d": "{}"}},
		"lists":               {`{"a":[1, "x", {"y": [ ]}]}`, map[string]string{"a": `[1,"x",{"y":[]}]`}},
		"dots stay apart":     {`{"a.b":"1","a":{"b":"2"},"c\\":"3"}`, map[string]string{`a\.b`: "1", "a.b": "2", `c\\`: "3"}},
		"names of ours":       {`{"kind":"1","key":"2","time":"3","other":"4","data":{"kind":"5"}}`, map[string]string{"data.kind": "1", "data.key": "2", "data.time": "3", "data.other": "4", "data.data.kind": "5"}},
		"first of two":        {`{"a":"1","a":"2"}`, map[string]string{"a": "1"}},
		"text":                {`"x"`, map[string]string{"value": "x"}},
		"list":                {`[1, 2]`, map[string]string{"value": "[1,2]"}},
		"null":                {`null`, map[string]string{"value": ""}},
		"nothing":             {``, map[string]string{}},
		"empty object":        {`{}`, map[string]string{}},
		"no JSON":             {`{"a":`, map[string]string{"value": `{"a":`}},
		"deep":                {strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20), map[string]string{"a.a.a.a.a.a.a.a": strings.Repeat(`{"a":`, 12) + "1" + strings.Repeat("}", 12)}},
		"markup is data":      {`{"a":"<script>&\u2028\u0000"}`, map[string]string{"a": "<script>&\u2028\x00"}},
		"surrogate":           {`{"a":"\ud800"}`, map[string]string{"a": "\ufffd"}},
		"empty name":          {`{"":"x","b":{"":"y"}}`, map[string]string{"": "x", "b.": "y"}},
		"long name":           {`{"` + strings.Repeat("n", 300) + `":"x"}`, map[string]string{"other": `{"` + strings.Repeat("n", 300) + `":"x"}`}},
		"blank around values": {" { \"a\" : \"x\" , \"b\" : [ 1 ] } ", map[string]string{"a": "x", "b": "[1]"}},
	} {
		k := newKit(t)
		task := k.create("a", "", "")
		k.find(task, "kind", c.data)
		row := k.gettop(task, 1, "").Data.DataList[0]
		assert.Equal(t, []string{"kind", "k0"}, []string{row["kind"], row["key"]}, name)
		for _, fixed := range []string{"kind", "key", "time"} {
			delete(row, fixed)
		}
		assert.Equal(t, c.want, row, name)
	}
}

// Every row of a task has the same keys in the same order, whatever its kind.
func TestRows_SameKeys(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	k.find(task, "one", `{"b":1,"a":2}`)
	k.find(task, "two", `{"c":{"d":3},"a":4}`)
	k.find(task, "one", `{"e":5}`)
	want := []string{"kind", "key", "time", "b", "a", "c.d", "e"}
	target := fmt.Sprintf("/api/alldata/GetDataOfTaskByOffset?taskId=%d&size=1&offset=", task.ID())
	offset := int64(0)
	for range 3 {
		_, body := k.call(get(target + fmt.Sprint(offset)))
		assert.Equal(t, want, keysInOrder(t, body))
		offset = k.byOffset(task, offset, 1).Data.Offset
	}
	k.restart()
	k.find(task, "two", `{"a":6,"f":7}`)
	_, body := k.call(get(target + "0"))
	assert.Equal(t, append(want, "f"), keysInOrder(t, body), "further columns come at the end")
}

func TestRows_ChosenColumns(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *dataapi.Config) {
		c.Columns = func(typeName string) []string { return map[string][]string{"Rows": {"c.d", "none", "a"}}[typeName] }
	})
	task := k.create("a", "", "")
	k.find(task, "one", `{"b":1,"a":2,"c":{"d":3}}`)
	_, body := k.call(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1", task.ID())))
	assert.Equal(t, []string{"kind", "key", "time", "c.d", "none", "a"}, keysInOrder(t, body))
	row := k.gettop(task, 1, "").Data.DataList[0]
	assert.Equal(t, []string{"3", "", "2"}, []string{row["c.d"], row["none"], row["a"]})
}

// With a column "other" nothing is left out, and every row has the same keys.
func TestRows_ChosenColumnsAndOthers(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *dataapi.Config) {
		c.Columns = func(string) []string { return []string{"a", "other", "c.d"} }
	})
	task := k.create("a", "", "")
	k.find(task, "one", `{"a":1}`, `{"b":{"x":2},"a":3,"c":null,"e":""}`, `{"c":{"d":4}}`)
	for _, want := range []map[string]string{
		{"a": "1", "c.d": "", "other": ""},
		{"a": "3", "c.d": "", "other": `{"b.x":"2"}`},
		{"a": "", "c.d": "4", "other": ""},
	} {
		_, body := k.call(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1", task.ID())))
		assert.Equal(t, []string{"kind", "key", "time", "a", "c.d", "other"}, keysInOrder(t, body))
		row := k.gettop(task, 1, "").Data.DataList[0]
		for name, value := range want {
			assert.Equal(t, value, row[name], name)
		}
		k.update(task, "")
	}
}

// A task with more members than columns loses none of them.
func TestRows_ManyMembers(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	const n = 600
	for i := range n {
		k.find(task, "one", fmt.Sprintf(`{"m%d":"v%d"}`, i, i))
	}
	a := k.gettop(task, 1000, "")
	require.Len(t, a.Data.DataList, n)
	for i, row := range a.Data.DataList {
		require.Len(t, row, 3+500+1)
		name, value := fmt.Sprint("m", i), fmt.Sprint("v", i)
		if i < 500 {
			require.Equal(t, []string{value, ""}, []string{row[name], row["other"]})
			continue
		}
		require.Equal(t, fmt.Sprintf(`{%q:%q}`, name, value), row["other"])
	}
}

// Large rows end a page early, and none is left out.
func TestRows_LargeRowsEndThePage(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.api.SetPageBytes(16 << 10)
	task := k.create("a", "", "")
	for i := range 5 {
		k.find(task, "one", fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat("x", 6<<10)))
	}
	var seen []string
	for range 10 {
		a := k.gettop(task, 1000, "")
		require.Equal(t, 5-len(seen), a.Data.Total)
		if a.Data.Total == 0 {
			break
		}
		require.LessOrEqual(t, a.Data.CurrentTotal, 2)
		seen = append(seen, a.column("n")...)
		k.update(task, "")
	}
	assert.Equal(t, []string{"0", "1", "2", "3", "4"}, seen)
}

func TestF9_CSVIsGuarded(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	texts := []string{"=1+1", "+1", "-1+cmd", "@x", "\tx", "\rx", "\nx", "plain", `a"b,c`, "<b>{{x}}%s$(y)", "-5", ""}
	var data []string
	for _, text := range texts {
		raw, err := json.Marshal(map[string]any{"text": text, "number": -5, "=name": "x"})
		require.NoError(t, err)
		data = append(data, string(raw))
	}
	k.find(task, "=kind", data...)
	r := get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1000&FORMAT=CSV", task.ID()))
	r.Header.Set("Authorization", "bearer "+k.token)
	w := k.record(r)
	require.Equal(t, http.StatusOK, w.Code)
	lines, err := csv.NewReader(strings.NewReader(w.Body.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+len(texts))
	assert.Equal(t, []string{"kind", "key", "time", "'=name", "number", "text"}, lines[0])
	at := slices.Index(lines[0], "text")
	for i, line := range lines[1:] {
		want := texts[i]
		if want != "" && strings.ContainsRune("=+-@\t\r\n", rune(want[0])) {
			want = "'" + want
		}
		assert.Equal(t, want, line[at])
		assert.Equal(t, []string{"'=kind", "-5"}, []string{line[0], line[4]})
	}
}

func TestFormats_HaveTheSameRows(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	k.find(task, "n", numbers(0, 5)...)
	want := k.gettop(task, 3, "").Data.DataList
	r := get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=3&format=jsonl", task.ID()))
	r.Header.Set("Authorization", "bearer "+k.token)
	w := k.record(r)
	var rows []map[string]string
	for decoder := json.NewDecoder(w.Body); decoder.More(); {
		row := map[string]string{}
		require.NoError(t, decoder.Decode(&row))
		rows = append(rows, row)
	}
	assert.Equal(t, want, rows)
	assert.Empty(t, w.Header().Get("X-Pixivoc-Batch"), "only named consumers have batches")
	k.update(task, "")
	assert.Equal(t, 2, k.gettop(task, 9, "").Data.Total, "rows that went out as lines count as handed out")
	a := k.ask(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=3&format=xml", task.ID())))
	assert.Equal(t, "parameter_error", a.Error)
}

func TestTask_StatesAndStart(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	status := func(task pixivoc.Task) string {
		_, body := k.call(post("/api/task/GetTaskStatusByIdList", fmt.Sprintf(`{"taskIdList":[%d]}`, task.ID())))
		_, text, _ := strings.Cut(body, `"status":`)
		return text[:1]
	}
	start := func(task pixivoc.Task) string {
		_, body := k.call(post(fmt.Sprintf("/api/task/StartTask?taskId=%d", task.ID()), ""))
		text, _, _ := strings.Cut(strings.TrimPrefix(body, `{"data":`), ",")
		return text
	}
	first, second := k.create("a", "", "x y"), k.create("b", "", "z")
	assert.Equal(t, "5", status(first))
	assert.Equal(t, "1", start(first))
	assert.Equal(t, "1", start(second))
	require.Eventually(t, func() bool { return status(first) == "0" }, waitLong, waitStep)
	assert.Equal(t, "3", status(second), "one task runs at a time")
	assert.Equal(t, []string{"2", "2"}, []string{start(first), start(second)})
	k.ask(post(fmt.Sprintf("/api/task/StopTask?taskId=%d", second.ID()), ""))
	assert.Equal(t, "1", status(second))
	close(k.gate)
	info, err := first.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, pixivoc.StateOver, info.State)
	assert.Equal(t, "2", status(first))
	assert.Equal(t, "1", start(first), "what is over is opened again")
	info, err = first.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, info.Runs)
	assert.ElementsMatch(t, []string{"x", "y"}, k.gettop(first, 9, "").column("word"))
}
