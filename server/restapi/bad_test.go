package restapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
)

// TestBadRequests sends what a request can be wrong in, and wants status, word
// and field.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		word, field        string
	}{
		"wrong type":            {"POST", "/tasks", `{"type":1}`, 400, "invalid_field", "type"},
		"number with fraction":  {"PATCH", "/environment", `{"timeout_ms":1000.5}`, 400, "invalid_field", "timeout_ms"},
		"number as text":        {"PATCH", "/environment", `{"timeout_ms":"1000"}`, 400, "invalid_field", "timeout_ms"},
		"number out of range":   {"PATCH", "/environment", `{"timeout_ms":99999999999999999999}`, 400, "invalid_field", "timeout_ms"},
		"would overflow":        {"PATCH", "/environment", `{"timeout_ms":9223372036854775807}`, 400, "invalid_field", "timeout_ms"},
		"negative":              {"PATCH", "/environment", `{"interval_time_ms":-1}`, 400, "invalid_field", "interval_time_ms"},
		"truth as number":       {"PATCH", "/environment", `{"increment":1}`, 400, "invalid_field", "increment"},
		"proxy mode 3":          {"PATCH", "/environment", `{"proxy_mode":3}`, 400, "invalid_field", "proxy_mode"},
		"proxy mode w/o proxy":  {"PATCH", "/environment", `{"proxy_mode":1}`, 400, "invalid_field", "proxy"},
		"hosts of wrong type":   {"PATCH", "/environment", `{"hosts":{"a.test":1}}`, 400, "invalid_field", "hosts"},
		"null":                  {"PATCH", "/environment", `{"increment":null}`, 400, "invalid_field", "increment"},
		"unknown field":         {"PATCH", "/environment", `{"incremental":true}`, 400, "invalid_field", "incremental"},
		"name in other letters": {"PATCH", "/environment", `{"Increment":true}`, 400, "invalid_field", "Increment"},
		"doubled field":         {"PATCH", "/environment", `{"increment":true,"increment":false}`, 400, "invalid_field", "increment"},
		"missing field":         {"POST", "/tasks", `{}`, 400, "invalid_field", "type"},
		"missing secret":        {"POST", "/account/login", `{}`, 400, "invalid_field", "refresh_token"},
		"unknown task type":     {"POST", "/tasks", `{"type":"Nothing","name":"n"}`, 400, "type_unknown", ""},
		"wrong keyword":         {"POST", "/tasks", `{"type":"Count","name":"n","keyword":"many"}`, 400, "invalid_field", "keyword"},
		"name with a path":      {"POST", "/tasks", `{"type":"Count","name":"../n","keyword":"1"}`, 400, "invalid_field", "name"},
		"name of a device":      {"POST", "/tasks", `{"type":"Count","name":"CON","keyword":"1"}`, 400, "invalid_field", "name"},
		"name with a NUL":       {"POST", "/tasks", `{"type":"Count","name":"a\u0000b","keyword":"1"}`, 400, "invalid_field", "name"},
		"name too long":         {"POST", "/tasks", `{"type":"Count","name":"` + strings.Repeat("n", 300) + `","keyword":"1"}`, 400, "invalid_field", "name"},
		"keyword too long":      {"POST", "/tasks", `{"type":"Count","name":"n","keyword":"` + strings.Repeat("1", 40000) + `"}`, 400, "invalid_field", "keyword"},
		"path outside":          {"POST", "/tasks", `{"type":"Paint","name":"n","keyword":"1","save_path":"../x"}`, 400, "invalid_field", "save_path"},
		"absolute path":         {"POST", "/tasks", `{"type":"Paint","name":"n","keyword":"1","save_path":"/etc"}`, 400, "invalid_field", "save_path"},
		"address and type":      {"POST", "/tasks", `{"type":"Paint","url":"https://pictures.test/1"}`, 400, "invalid_field", "url"},
		"not JSON":              {"POST", "/tasks", `{"type":`, 400, "malformed", ""},
		"nothing":               {"POST", "/tasks", ``, 400, "malformed", ""},
		"text":                  {"POST", "/tasks", `hello`, 400, "malformed", ""},
		"two values":            {"POST", "/tasks", `{} {}`, 400, "malformed", ""},
		"an array":              {"POST", "/tasks", `[]`, 400, "malformed", ""},
		"JSON null":             {"POST", "/tasks", `null`, 400, "malformed", ""},
		"not UTF-8":             {"POST", "/tasks", "{\"type\":\"\xff\"}", 400, "malformed", ""},
		"trailing comma":        {"POST", "/tasks", `{"type":"a",}`, 400, "malformed", ""},
		"comment":               {"POST", "/tasks", `{/*a*/}`, 400, "malformed", ""},
		"single quotes":         {"POST", "/tasks", `{'type':'a'}`, 400, "malformed", ""},
		"NaN":                   {"POST", "/tasks", `{"options":NaN}`, 400, "malformed", ""},
		"byte order mark":       {"POST", "/tasks", "\ufeff{}", 400, "malformed", ""},
		"too deep":              {"POST", "/tasks", `{"options":` + deep + `}`, 400, "too_deep", ""},
		"too large":             {"POST", "/tasks", `{"name":"` + strings.Repeat("a", 70_000) + `"}`, 413, "too_large", ""},
		"limit 0":               {"GET", "/tasks?limit=0", "", 400, "invalid_field", "limit"},
		"limit 1001":            {"GET", "/tasks?limit=1001", "", 400, "invalid_field", "limit"},
		"limit text":            {"GET", "/tasks?limit=ten", "", 400, "invalid_field", "limit"},
		"limit twice":           {"GET", "/tasks?limit=1&limit=2", "", 400, "invalid_field", "limit"},
		"negative after":        {"GET", "/tasks?after=-1", "", 400, "invalid_field", "after"},
		"unknown parameter":     {"GET", "/tasks?page=1", "", 400, "invalid_field", "page"},
		"broken query":          {"GET", "/tasks?a=%zz", "", 400, "malformed", ""},
		"unknown task":          {"GET", "/tasks/999", "", 404, "task_not_found", ""},
		"task that is text":     {"GET", "/tasks/abc", "", 404, "task_not_found", ""},
		"task 0":                {"GET", "/tasks/0", "", 404, "task_not_found", ""},
		"task with a plus":      {"GET", "/tasks/+1", "", 404, "task_not_found", ""},
		"task beyond numbers":   {"GET", "/tasks/99999999999999999999", "", 404, "task_not_found", ""},
		"unknown format":        {"GET", "/tasks/1/records?format=xml", "", 400, "invalid_field", "format"},
		"unknown item state":    {"GET", "/tasks/1/items?state=lost", "", 400, "invalid_field", "state"},
		"again not a truth":     {"POST", "/tasks/1/start?again=1", "", 400, "invalid_field", "again"},
		"files not a truth":     {"DELETE", "/tasks/1?files=yes", "", 400, "invalid_field", "files"},
		"unknown resource":      {"GET", "/nothing", "", 404, "not_found", ""},
		"unknown login":         {"POST", "/account/browser-logins/x", `{"callback":"a"}`, 404, "login_not_found", ""},
		"token life too short":  {"POST", "/tokens", `{"name":"admin","password":"x","life_ms":1}`, 400, "invalid_field", "life_ms"},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader
			if c.method != "GET" && c.method != "DELETE" {
				body = strings.NewReader(c.body)
			}
			request := k.request(c.method, c.path, body)
			request.Header.Set("Content-Type", "application/json")
			answer := k.send(request)
			answer.t = t
			p := answer.problem(c.status, c.word)
			assert.Equal(t, c.field, p.Field, p.Detail)
			k.contract.check(t, request, nil, answer)
		})
	}
	var list struct{ Tasks []any }
	k.call("GET", "/tasks", nil).is(200).into(&list)
	assert.Empty(t, list.Tasks, "a bad request made a task")
}

func TestH7_OnlyJSONIsTaken(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, kind := range []string{"", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset", "application/jsonp"} {
		request := k.request("PATCH", "/environment", strings.NewReader(`{"increment":false}`))
		request.Header["Content-Type"] = []string{kind}
		k.send(request).problem(415, "not_json")
	}
	var env struct{ Increment bool }
	k.call("GET", "/environment", nil).into(&env)
	assert.True(t, env.Increment)
}

func TestH6_WrongMethods(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	info := k.create("Wait", 1)
	path := fmt.Sprintf("/tasks/%d", info.TID)
	for _, c := range []struct{ method, path, allow string }{
		{"PUT", path, "DELETE, GET, HEAD, PATCH"},
		{"POST", path, "DELETE, GET, HEAD, PATCH"},
		{"delete", path, "DELETE, GET, HEAD, PATCH"},
		{"GET", path + "/start", "POST"},
		{"HEAD", path + "/stop", "POST"},
		{"POST", "/environment", "GET, HEAD, PATCH"},
		{"TRACE", "/tasks", "GET, HEAD, POST"},
	} {
		request := k.request(c.method, c.path, nil)
		request.Header.Set("X-HTTP-Method-Override", "DELETE")
		answer := k.send(request)
		assert.Equal(t, http.StatusMethodNotAllowed, answer.status, c)
		assert.Equal(t, c.allow, answer.header.Get("Allow"), c)
	}
	request := k.request("GET", path, nil)
	request.Header.Set("X-HTTP-Method-Override", "DELETE")
	k.send(request).is(200)
	k.send(k.request("HEAD", path, nil)).is(200)
	k.call("GET", path, nil).is(200) // nothing was removed
}

func TestH1_ForeignHosts(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.Hosts = []string{"nas.test"} })
	for _, host := range []string{"evil.test", "evil.test:80", "127.0.0.1.evil.test", "localhost.evil.test", "192.0.2.1", "[2001:db8::1]", "nas.test.evil"} {
		request := k.request("GET", "/tasks", nil)
		request.Host = host
		request.Header.Set("Origin", "http://"+host)
		request.Header.Set("X-Forwarded-Host", "localhost")
		k.send(request).problem(421, "foreign_host")
	}
	for _, host := range []string{"localhost", "nas.test:8080", "[::1]:99", "127.0.0.1"} {
		request := k.request("GET", "/tasks", nil)
		request.Host = host
		k.send(request).is(200)
	}
}

func TestH2_ForeignPagesChangeNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *restapi.Config) { c.Origins = []string{"https://page.test"} })
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"Origin", "https://evil.test", 403},
		{"Origin", "null", 403},
		{"Origin", "http://127.0.0.1:1", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Purpose", "prefetch", 403},
		{"Origin", k.server.URL, 200},
		{"Origin", "https://page.test", 200},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"User-Agent", "curl", 200},
	} {
		answer := k.call("PATCH", "/environment", map[string]any{"increment": true}, c.header, c.value)
		assert.Equal(t, c.status, answer.status, c)
	}
}

func TestH3_PreflightOfForeignPages(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	request := k.request("OPTIONS", "/tasks", nil)
	request.Header.Set("Origin", "https://evil.test")
	request.Header.Set("Access-Control-Request-Method", "POST")
	request.Header.Set("Access-Control-Request-Private-Network", "true")
	answer := k.send(request)
	for name := range answer.header {
		assert.False(t, strings.HasPrefix(name, "Access-Control-"), name)
	}
}

func TestH4_EndlessBodies(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	request := k.request("POST", "/tasks", io.MultiReader(strings.NewReader(`{"name":"`), &endless{}))
	request.Header.Set("Content-Type", "application/json")
	k.send(request).problem(413, "too_large")
}

// endless is 10 MiB of one letter.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n > 10<<20 {
		return 0, io.EOF
	}
	e.n += len(p)
	return copy(p, bytes.Repeat([]byte("a"), len(p))), nil
}

func TestH8_PathTricks(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	info := k.finished("Paint", 1)
	for _, trick := range []string{
		"..%2f..%2fetc%2fpasswd", "%2e%2e", "..%5c..", "1%2f..%2f2", "%00", "1%00", "1%0d%0a", "%ef%bc%8e%ef%bc%8e",
		strings.Repeat("9", 3000), "-1", "1e3", "0x1", "01", "%201",
	} {
		for _, path := range []string{"/tasks/" + trick, fmt.Sprintf("/tasks/%d/files/%s", info.TID, trick), fmt.Sprintf("/tasks/%d/files/%s/thumbnail", info.TID, trick)} {
			status := k.send(k.request("GET", path, nil)).status
			assert.Equal(t, http.StatusNotFound, status, path)
		}
	}
}
