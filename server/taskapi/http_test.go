package taskapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/server/taskapi"
)

func TestPathsWithoutRedirect(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for path, want := range map[string]int{
		"/get-tasks": 200, "/get-tasks/": 200, "/GET-Tasks": 200, "/Get-Tasks/Running": 200, "/get-tasks/running/": 200,
		"/get-tasks/FINISHED": 200, "/get-tasks/finished/": 200, "/%67et-tasks": 200, "/get-tasks?x=1": 200,
		"/get-tasks/nobody": 404, "/get-tasks//": 404, "/get-tasks/running/x": 404, "/get-tasks/a/b": 404, "//get-tasks": 404,
		"/": 404, "/shutdown": 404, "/version": 404, "/get-task": 404, "/get-tasksx": 404, "/cancel-task": 404, "/add-task/x": 404,
	} {
		answer := k.get(path)
		assert.Equal(t, want, answer.status, path)
		if want == 404 {
			assert.Empty(t, answer.body, path)
		}
	}
}

func TestH6_Methods(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	removal := "DELETE, GET, POST"
	for _, row := range []struct{ path, methods, allow string }{
		{"/get-tasks/", "HEAD POST PUT DELETE PATCH OPTIONS get", "GET"},
		{"/get-tasks/1", "HEAD POST DELETE", "GET"},
		{"/add-task", "GET HEAD PUT DELETE post", "POST"},
		{"/cancel-task/1", "GET HEAD DELETE", "POST"},
		{"/remove-finished", "HEAD PUT PATCH OPTIONS get Delete", removal},
		{"/remove-finished/failed", "HEAD PUT", removal},
		{"/remove-finished/1", "HEAD PUT TRACE", removal},
	} {
		for _, method := range strings.Fields(row.methods) {
			answer := k.call(method, row.path, "", "X-HTTP-Method-Override", "DELETE").is(405)
			assert.Equal(t, row.allow, answer.header.Get("Allow"), "%s %s", method, row.path)
			assert.Empty(t, answer.body)
		}
	}
	assert.Len(t, k.lists().Finished, 1, "nothing was removed")
}

func TestH1_ForeignHost(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *taskapi.Config) { c.Hosts = []string{"nas.example"} })
	for _, host := range []string{"evil.example", "127.0.0.1.evil.example", "0.0.0.0", "2130706433", "localhost.evil.example:80"} {
		for _, request := range [][2]string{{"GET", "/get-tasks"}, {"POST", "/add-task"}, {"GET", "/remove-finished"}, {"OPTIONS", "/add-task"}} {
			answer := k.call(request[0], request[1], body("Count/1"), "Host", host, "Origin", "http://"+host, "X-Forwarded-Host", "localhost")
			answer.is(http.StatusMisdirectedRequest)
		}
	}
	k.call("GET", "/get-tasks", "", "Host", "nas.example:80").is(200)
	k.call("GET", "/get-tasks", "", "Host", "localhost").is(200)
	all := k.lists()
	assert.Empty(t, all.Running)
	assert.Empty(t, all.Finished)
}

// pages are the headers of requests that a page of another origin can make a
// browser send.
var pages = map[string][2]string{
	"foreign origin":         {"Origin", "https://evil.example"},
	"null origin":            {"Origin", "null"},
	"same site, other port":  {"Origin", "http://localhost:8080"},
	"fetch cross-site":       {"Sec-Fetch-Site", "cross-site"},
	"fetch same-site":        {"Sec-Fetch-Site", "same-site"},
	"old browser":            {"Referer", "https://evil.example/page"},
	"prefetch":               {"Sec-Purpose", "prefetch;prerender"},
	"prefetch of old Chrome": {"Purpose", "prefetch"},
	"prefetch of Firefox":    {"X-Moz", "prefetch"},
}

func TestH2_PagesChangeNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	done, running := k.add("Count/1"), k.add("Wait/2")
	k.ended(done.TaskId)
	for name, header := range pages {
		for _, request := range [][2]string{
			{"GET", "/remove-finished"}, {"GET", "/Remove-Finished/"}, {"GET", "/remove%2dfinished/1"}, {"GET", "/remove-finished/failed"},
			{"POST", "/remove-finished"}, {"DELETE", "/remove-finished/1"}, {"HEAD", "/remove-finished"},
			{"POST", "/add-task"}, {"POST", "/cancel-task/2"},
		} {
			answer := k.call(request[0], request[1], body("Wait/3"), header[0], header[1])
			assert.Equal(t, http.StatusForbidden, answer.status, "%s: %v", name, request)
			assert.Empty(t, answer.header.Get("Access-Control-Allow-Origin"))
		}
		assert.Empty(t, k.call("GET", "/get-tasks", "", header[0], header[1]).is(200).header.Get("Access-Control-Allow-Origin"), name)
	}
	all := k.lists()
	require.Len(t, all.Finished, 1)
	require.Len(t, all.Running, 1)
	assert.Equal(t, running.TaskId, all.Running[0].TaskId)
	k.call("GET", "/remove-finished", "", "User-Agent", "curl/8").is(200)
	assert.Empty(t, k.lists().Finished, "a program sends none of these headers")
}

func TestH2_PagesOfConfiguredOrigins(t *testing.T) {
	t.Parallel()
	for configured, origin := range map[string]string{"https://pages.example": "https://pages.example", "*": "http://any.example:81"} {
		k := newKit(t, func(c *taskapi.Config) { c.Origins = []string{configured} })
		answer := k.call("POST", "/add-task", body("Count/1"), "Origin", origin, "Sec-Fetch-Site", "cross-site").is(200)
		assert.Contains(t, []string{origin, "*"}, answer.header.Get("Access-Control-Allow-Origin"))
		k.call("GET", "/remove-finished", "", "Origin", origin, "Sec-Fetch-Site", "cross-site").is(200)
	}
}

func TestH3_Preflight(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *taskapi.Config) { c.Origins = []string{"https://pages.example"} })
	ask := func(origin string) http.Header {
		return k.call("OPTIONS", "/add-task", "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "content-type,x-token", "Access-Control-Request-Private-Network", "true").is(204).header
	}
	header := ask("https://pages.example")
	assert.Equal(t, "https://pages.example", header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "POST", header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "content-type,x-token", header.Get("Access-Control-Allow-Headers"))
	for name := range ask("https://evil.example") {
		assert.NotContains(t, name, "Access-Control-Allow")
	}
	assert.Empty(t, header.Get("Access-Control-Allow-Private-Network"))
}

func TestH4_Bodies(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	large := body("Count/1", `"UserAgent":"`+strings.Repeat("x", 64<<10)+`"`)
	k.call("POST", "/add-task", large).is(413)
	request, err := http.NewRequestWithContext(t.Context(), "POST", k.server.URL+"/add-task", io.MultiReader(strings.NewReader(large)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.ContentLength = -1 // in chunks
	k.send(request).is(413)

	conn, err := net.Dial("tcp", strings.TrimPrefix(k.server.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /add-task HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2147483648\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, 413, answer.StatusCode)
	require.NoError(t, answer.Body.Close())
	assert.Empty(t, k.lists().Running)
}

func TestH7_BadBodies(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for _, text := range []string{
		"", " ", "null", "[]", `"Wait/1"`, "1", "true", "{", "}", `{"Url"}`, `{"Url":}`, `{"Url":"Wait/1"`, `{"Url":"Wait/1",}`, `{Url:"Wait/1"}`, `{'Url':'Wait/1'}`,
		`{"Url":"Wait/1"}{}`, `{"Url":"Wait/1"} x`, `{"Url":1}`, `{"Url":["Wait/1"]}`, `{"Url":{}}`, `{"Url":true}`, `{}`, `{"Url":null}`, `{"Url":""}`, `{"Url":"  "}`,
		`{"Link":"Wait/1"}`, `{"Url":"Wait/1","Debug":"true"}`, `{"Url":"Wait/1","Debug":1}`, `{"Url":"Wait/1","SelectPage":1}`, `{"Url":"Wait/1","WorkDir":{}}`,
		`{"Url":"Wait/1","DelayPerPage":"soon"}`, `{"Url":"Wait/1","DelayPerPage":"-1"}`, `{"Url":"Wait/1","DelayPerPage":"NaN"}`, `{"Url":"Wait/1","DelayPerPage":"1e9"}`,
		`{"Url":"Wait/1","DelayPerPage":3}`, `{"Url":"Wait/1","x":` + deep + `}`, "{\"Url\":\"Wait/1\xff\"}", "\xef\xbb\xbf{\"Url\":\"Wait/1\"}", `{"Url":"Wait/` + strings.Repeat("1", 2048) + `"}`,
		`{"Url":"Wait/1","CallBackWebHook":"ftp://x/"}`, `{"Url":"Wait/1","WorkDir":"../x"}`, `{"Url":"Wait/1","FilePattern":"bad"}`,
	} {
		answer := k.call("POST", "/add-task", text, "Content-Type", "application/json; charset=utf-8")
		assert.Equal(t, 400, answer.status, text)
		assert.Equal(t, badInput, answer.body, text)
		assert.Equal(t, "application/json; charset=utf-8", answer.header.Get("Content-Type"))
		assert.NotEmpty(t, answer.header.Get("X-Pixivoc-Error"), text)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json", "application/jsonx", "text/plain, application/json", ";"} {
		answer := k.call("POST", "/add-task", body("Wait/1"), "Content-Type", kind)
		assert.Equal(t, 400, answer.status, kind)
		assert.Equal(t, badInput, answer.body, kind)
	}
	all := k.lists()
	assert.Empty(t, all.Running)
	assert.Empty(t, all.Finished)
}

// raw sends a request line as it is and returns the status of the answer.
func (k *kit) raw(method, path string) int {
	k.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(k.server.URL, "http://"))
	require.NoError(k.t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path)
	require.NoError(k.t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(k.t, err)
	require.NoError(k.t, answer.Body.Close())
	return answer.StatusCode
}

func TestH8_IdsAreData(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	for _, id := range []string{
		"..", "../x", "../1", "a/../1", "./1", "..%2f", "%2e%2e", "%2e%2e%2f", "%2E%2E/1", "..%2F..%2Fetc%2Fpasswd", "..%5c1", "..\\1", "%2e", "x%2f..",
		"..%c0%af", "%00", "1%00", "1%0d%0aX:y", "%0a", "%7f", "%ff", "%zz", "%", "1;/..", strings.Repeat("1", 2049),
	} {
		for prefix, method := range map[string]string{"/get-tasks/": "GET", "/remove-finished/": "POST", "/cancel-task/": "POST"} {
			assert.Contains(t, []int{400, 404}, k.raw(method, prefix+id), prefix+id)
		}
	}
	assert.Equal(t, 200, k.raw("GET", "http://localhost/get-tasks/1"), "the absolute form")
	assert.Equal(t, http.StatusMisdirectedRequest, k.raw("GET", "http://evil.example/get-tasks/1"))
	url := "https%3A%2F%2Fexample.com%2Fa%3Fb"
	failed := k.add("https://example.com/a?b")
	var one task
	k.get("/get-tasks/" + url).is(200).into(&one)
	assert.Equal(t, failed.TaskId, one.TaskId)
	k.call("DELETE", "/remove-finished/"+url, "").is(200)
	assert.Len(t, k.lists().Finished, 1)
}

func TestH13_NoOtherPaths(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, path := range []string{"/debug/pprof/", "/metrics", "/debug/vars", "/.env", "/api/v1/tasks", "/index.html"} {
		k.get(path).is(404)
	}
}

func TestH14_OptionsAreNamedWhenIgnored(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for options, want := range map[string]string{
		`"FFmpegPath":"/bin/sh","Host":"evil.example","cookie":"SESSDATA=secret","ACCESSTOKEN":"secret"`:                               "AccessToken, Cookie, FFmpegPath, Host",
		`"Aria2cPath":"x","Aria2cArgs":"--on-download-complete=x","Aria2cProxy":"http://x","ConfigFile":"/etc/passwd","UserAgent":"x"`: "Aria2cArgs, Aria2cPath, Aria2cProxy, ConfigFile, UserAgent",
		`"MultiThread":true,"ForceHttp":true,"SkipAi":true,"Debug":false,"DelayPerPage":"0","Language":""`:                             "",
		`"MultiThread":false,"Debug":true`:                                        "Debug, MultiThread",
		`"Cookie":null,"Unknown":1,"Debug":null`:                                  "",
		`"SelectPage":"1","FilePattern":"<id>","OnlyShowInfo":true,"WorkDir":"a"`: "SelectPage", // as Resolve said
	} {
		answer := k.call("POST", "/add-task", body("Count/1", options)).is(200)
		assert.Equal(t, want, answer.header.Get("X-Pixivoc-Ignored"), options)
		assert.NotContains(t, fmt.Sprint(answer.header, answer.body), "secret")
	}
	assert.NotContains(t, k.logged.String(), "secret")
}

func TestOptionsReachTheTask(t *testing.T) {
	t.Parallel()
	var seen taskapi.Options
	k := newKit(t, func(c *taskapi.Config) {
		c.Webhooks.Off = true
		c.Resolve = func(url string, options taskapi.Options) (taskapi.Resolved, error) {
			seen = options
			return resolve(url, taskapi.Options{})
		}
	})
	answer := k.call("POST", "/add-task", `{"url":" Count/1 ","FILEPATTERN":"a","multiFilePattern":"b","SelectPage":"1-3","WorkDir":"w","onlyShowInfo":true,"DelayPerPage":"1.5","CallBackWebHook":"http://10.0.0.1/"}`).is(200)
	assert.Equal(t, taskapi.Options{FilePattern: "a", MultiFilePattern: "b", SelectPage: "1-3", WorkDir: "w", OnlyShowInfo: true, DelayPerPage: 1500e6}, seen)
	assert.Equal(t, "CallBackWebHook", answer.header.Get("X-Pixivoc-Ignored"), "there are no webhooks")
	assert.Contains(t, answer.body, `"Aid":"1"`)
}

func TestReasonsInHeaders(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for options, want := range map[string]string{
		`"WorkDir":"/etc"`:                          "SavePath: is outside of the allowed folders",
		`"FilePattern":"bad"`:                       "Options.path: has an unknown field at 3",
		`"CallBackWebHook":"http://10.0.0.1/key"`:   "CallBackWebHook: 10.0.0.1:80 is not on the public internet; allow it by its host:port to send there",
		`"CallBackWebHook":"http://a b/secret-key"`: "CallBackWebHook: the address cannot be read",
		`"Debug":0`: "Debug must be true or false",
	} {
		answer := k.call("POST", "/add-task", body("Count/1", options)).is(400)
		assert.Equal(t, want, answer.header.Get("X-Pixivoc-Error"), options)
		assert.Equal(t, badInput, answer.body)
	}
}
