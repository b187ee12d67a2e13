package dataapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNew_RefusesWrongConfigs(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for field, change := range map[string]option{
		"Accounts":         func(c *dataapi.Config) { c.Accounts = nil },
		"Settings":         func(c *dataapi.Config) { c.Settings = nil },
		"AccessTokenLife":  func(c *dataapi.Config) { c.AccessTokenLife = -1 },
		"RefreshTokenLife": func(c *dataapi.Config) { c.RefreshTokenLife = 5 },
		"QuotaRate":        func(c *dataapi.Config) { c.QuotaRate = -1 },
		"QuotaSeconds":     func(c *dataapi.Config) { c.QuotaSeconds = -1 },
		"MaxBody":          func(c *dataapi.Config) { c.MaxBody = -1 },
	} {
		config := dataapi.Config{Accounts: k.book, Settings: k.store}
		change(&config)
		_, err := dataapi.New(k.client, config)
		wrong, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, field)
		assert.Equal(t, field, wrong.Field)
	}
	_, err := dataapi.New(nil, dataapi.Config{Accounts: k.book, Settings: k.store})
	assert.Error(t, err)
}

// Every call wants its scope, and says so before it looks at anything.
func TestScopes(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	tokens := map[string]string{}
	for _, name := range []string{"admin", "basic", "reader", "nobody"} {
		tokens[name] = k.issue(name)
	}
	for target, allowed := range map[string]string{
		"GET api/TaskGroup": "admin basic reader", "GET api/Task": "admin basic reader", "GET api/alldata/GetDataOfTaskByOffset": "admin basic reader",
		"GET api/notexportdata/gettop": "admin basic", "POST api/notexportdata/update": "admin basic", "POST api/task/RemoveDataByTaskId": "admin basic",
		"POST api/task/StartTask": "admin", "POST api/task/StopTask": "admin", "POST api/task/GetTaskStatusByIdList": "admin",
		"POST api/task/GetTaskRulePropertyByName": "admin", "POST api/task/UpdateTaskRule": "admin", "POST api/task/AddUrlOrTextToTask": "admin",
	} {
		method, path, _ := strings.Cut(target, " ")
		for name, token := range tokens {
			r := post("/"+path, "")
			r.Method = method
			r.Header.Set("Authorization", "bearer "+token)
			code, body := k.send(r)
			if strings.Contains(allowed, name) {
				assert.Equal(t, http.StatusOK, code, "%s by %s", target, name)
				continue
			}
			assert.Equal(t, http.StatusForbidden, code, "%s by %s", target, name)
			assert.Contains(t, body, `"error":"user_not_allowed"`)
		}
	}
}

func TestH1_ForeignHost(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	r := get("/api/TaskGroup")
	r.Host = "evil.example"
	code, body := k.call(r)
	assert.Equal(t, http.StatusMisdirectedRequest, code)
	assert.Contains(t, body, `"error":"misdirected_request"`)
	r = post("/token", adminLogin)
	r.Host = "evil.example"
	code, _ = k.send(r)
	assert.Equal(t, http.StatusMisdirectedRequest, code)
}

func TestH2_PagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "")
	k.find(task, "n", numbers(0, 2)...)
	top := fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=1", task.ID())
	update := fmt.Sprintf("/api/notexportdata/update?taskId=%d", task.ID())
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example"}}, {"Origin": {"null"}}, {"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
	} {
		for _, r := range []*http.Request{get(top), get(strings.ToUpper(top[:5]) + top[5:]), get(strings.Replace(top, "?", "/?", 1)), post(update, "")} {
			r.Header = header.Clone()
			code, body := k.call(r)
			assert.Equal(t, http.StatusForbidden, code, "%v %s", header, r.URL)
			assert.Contains(t, body, `"error":"origin_not_allowed"`)
		}
	}
	k.update(task, "")
	assert.Equal(t, 2, k.gettop(task, 1, "").Data.Total, "nothing was handed out")
}

func TestH6_WrongMethods(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for path, allowed := range map[string]string{
		"/token": "POST", "/api/TaskGroup": "GET", "/api/notexportdata/gettop": "GET", "/api/notexportdata/update": "POST", "/api/task/RemoveDataByTaskId": "POST",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "post", "X", strings.Repeat("M", 100)} {
			if method == allowed {
				continue
			}
			r := post(path, "")
			r.Method = method
			r.Header.Set("X-HTTP-Method-Override", allowed)
			r.Header.Set("Authorization", "bearer "+k.token)
			w := k.record(r)
			assert.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, path)
			assert.Equal(t, allowed, w.Header().Get("Allow"))
			assert.Contains(t, w.Body.String(), `"error":"method_not_allowed","error_Description":`)
			assert.Contains(t, w.Body.String(), `"message":`)
			assert.Less(t, w.Body.Len(), 400)
		}
	}
}

func TestH7_BadBodies(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("a", "", "x")
	broken, brokenType := multipartBody(t, "taskIdList", "1")
	for name, c := range map[string]struct{ contentType, body, word string }{
		"cut":              {"", `{"taskIdList":["1"]`, "parameter_error"},
		"more after it":    {"", `{"taskIdList":["1"]} {}`, "parameter_error"},
		"list":             {"", `["1"]`, "parameter_error"},
		"text":             {"", `"1"`, "parameter_error"},
		"object in it":     {"", `{"taskIdList":{"a":"1"}}`, "parameter_error"},
		"list in list":     {"", `{"taskIdList":[["1"]]}`, "parameter_error"},
		"null in list":     {"", `{"taskIdList":[null]}`, "parameter_error"},
		"null":             {"", `{"taskIdList":null}`, "parameter_error"},
		"nothing":          {"", "", "parameter_error"},
		"deep":             {"", strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), "parameter_error"},
		"deep list":        {"", `{"taskIdList":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}", "parameter_error"},
		"invalid UTF-8":    {"", "{\"taskIdList\":[\"\xff\"]}", "parameter_error"},
		"bad escape":       {"", "taskIdList=%q1", "parameter_error"},
		"many values":      {"", strings.Repeat("a=1&", 6000), "parameter_error"},
		"broken multipart": {brokenType, broken[:len(broken)-10], "parameter_error"},
		"many tasks":       {"", `{"taskIdList":[` + strings.Repeat("1,", 1000) + "1]}", "parameter_error"},
		"unknown tasks":    {"", `{"taskIdList":["..%2f1","1",1.5,true]}`, "taskid_error"},
		"empty list":       {"", `{"taskIdList":[]}`, "success"},
		"one known":        {"", fmt.Sprintf(`{"TASKIDLIST":"['%d', '7']"}`, task.ID()), "success"},
	} {
		r := post("/api/task/GetTaskStatusByIdList", c.body)
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		code, body := k.call(r)
		assert.Equal(t, http.StatusOK, code, name)
		assert.Contains(t, body, `"error":"`+c.word+`"`, name)
	}
	code, body := k.call(post("/api/task/UpdateTaskRule", strings.Repeat("a", 70000)))
	assert.Equal(t, http.StatusRequestEntityTooLarge, code)
	assert.Contains(t, body, "request_too_large")
	r := post("/api/task/UpdateTaskRule", strings.Repeat("a", 70000))
	r.ContentLength = -1 // chunked
	code, _ = k.call(r)
	assert.Equal(t, http.StatusRequestEntityTooLarge, code)
}

func TestH8_Paths(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, path := range []string{
		"/", "/api", "/api/", "/api//Task", "/api/Task//", "/api/../api/Task", "/api/%54ask", "/api%2fTask", "/api/Task%2f", "/api/Task%00", "/api/Task;x",
		"/api/notexportdata/..%2ftask", "/token/x", "/api/v1/tasks", "/api/tas\u212a", "/api/" + strings.Repeat("a", 5000),
	} {
		r := get("/")
		u, err := r.URL.Parse("http://localhost" + path)
		require.NoError(t, err)
		if strings.Contains(path, "..") {
			u.Path, u.RawPath = path, ""
		}
		r.URL = u
		code, body := k.call(r)
		assert.Equal(t, http.StatusNotFound, code, path)
		assert.Contains(t, body, `"error":"not_found"`)
		assert.Less(t, len(body), 500)
	}
}

// What fails inside is told in one word, and what is shut down is not there.
func TestFailures_OfTheKernel(t *testing.T) {
	t.Parallel()
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: []pixivoc.TaskType{rowsType(nil)}})
	require.NoError(t, err)
	book, err := credential.Open(t.Context(), store, credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), "admin", password, credential.ScopeAdmin))
	api, err := dataapi.New(client, dataapi.Config{Accounts: book, Settings: store})
	require.NoError(t, err)
	k := &kit{t: t, store: store, client: client, book: book, api: api}
	k.token = k.issue("admin")
	require.NoError(t, client.Shutdown(context.Background()))
	r := get("/api/TaskGroup")
	r.Header.Set("Authorization", "bearer "+k.token)
	w := k.record(r)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Contains(t, w.Body.String(), `{"error":"service_unavailable","error_Description":`)
	assert.Equal(t, "5", w.Header().Get("Retry-After"))
	require.NoError(t, store.Close())
	code, body := k.send(post("/token", adminLogin))
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Contains(t, body, `"error_description":`)
	require.NoError(t, api.Close())
	require.NoError(t, api.Close())
}
