package legacyapi_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/server/legacyapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	nothing    = `{"result":null,"status":false}`
	noTask     = `{"result":[false,[]],"status":true}`
	badTask    = `{"result":[false,[]],"status":false}`
	badMove    = `{"result":[false,""],"status":false}`
	unknownTID = `{"result":[false,""],"status":true}`
	exception  = `{"result":"An unknown exception occurred on the server.","status":false}`
)

// TestBadRequests sends what a request can be wrong in.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn().logIn()
	create := func(name string) string {
		return url.Values{"keyWord": {"1"}, "taskName": {name}, "savePath": {k.folder}}.Encode()
	}
	keyword := func(text string) string {
		return url.Values{"keyWord": {text}, "taskName": {"x"}, "savePath": {k.folder}}.Encode()
	}
	long := strings.Repeat("9", 65)
	for name, c := range map[string]struct{ method, path, form, want string }{
		"TID of wrong type":       {"POST", "/operation/startTask", "tid=one", badMove},
		"TID with fraction":       {"POST", "/operation/stopTask", "tid=1.0", badMove},
		"TID with exponent":       {"POST", "/operation/deleteTask", "tid=1e3", nothing},
		"TID as a truth":          {"POST", "/operation/deleteTask", "tid=true", nothing},
		"TID too long":            {"POST", "/operation/deleteTask", "tid=" + long, nothing},
		"TID empty":               {"POST", "/operation/startTask", "tid=", badMove},
		"TID missing":             {"POST", "/operation/startTask", "id=1", badMove},
		"TID in other letters":    {"POST", "/operation/deleteTask", "TID=1", nothing},
		"TID in the query":        {"POST", "/operation/deleteTask?tid=1", "", nothing},
		"TID unknown":             {"POST", "/operation/startTask", "tid=5", unknownTID},
		"TID 0":                   {"POST", "/operation/startTask", "tid=0", unknownTID},
		"TID negative":            {"POST", "/operation/stopTask", "tid=-5", unknownTID},
		"TID beyond numbers":      {"POST", "/operation/stopTask", "tid=99999999999999999999", unknownTID},
		"TID unknown, removal":    {"POST", "/operation/deleteTask", "tid=5", noSession},
		"TID that is a path":      {"GET", "/operation/taskDetail?tid=..%2F1", "", nothing},
		"TID with a NUL":          {"GET", "/operation/taskDetail?tid=1%00", "", nothing},
		"TID unknown, detail":     {"GET", "/operation/taskDetail?tid=5", "", `{"result":[],"status":true}`},
		"TID twice":               {"GET", "/operation/taskDetail?tid=5&tid=x", "", `{"result":[],"status":true}`},
		"broken query":            {"GET", "/operation/taskDetail?tid=%zz", "", nothing},
		"semicolons":              {"GET", "/operation/taskDetail?tid=1;x=2", "", nothing},
		"broken form":             {"POST", "/operation/deleteTask", "tid=%zz", nothing},
		"truth as number":         {"POST", "/environment/setIncrement", "increment=1", nothing},
		"truth with blank":        {"POST", "/environment/setIncrement", "increment=true%20", nothing},
		"truth in capitals":       {"POST", "/environment/setIncrement", "increment=TRUE", nothing},
		"truth missing":           {"POST", "/environment/setIncrement", "", nothing},
		"timeout missing":         {"POST", "/environment/setTimeout", "", nothing},
		"timeout 0":               {"POST", "/environment/setTimeout", "timeout=0", noSession},
		"timeout too long":        {"POST", "/environment/setTimeout", "timeout=3601", noSession},
		"timeout would overflow":  {"POST", "/environment/setTimeout", "timeout=9223372037", noSession},
		"timeout would wrap":      {"POST", "/environment/setTimeout", "timeout=18446744075", noSession},
		"interval would wrap":     {"POST", "/environment/setIntervalTime", "second=18446744074", noSession},
		"concurrency 0":           {"POST", "/environment/setConcurrencyNumber", "number=0", noSession},
		"concurrency overflow":    {"POST", "/environment/setConcurrencyNumber", "number=4294967297", noSession},
		"interval wraps below 0":  {"POST", "/environment/setIntervalTime", "second=-18446744073", noSession},
		"proxy of IPv6":           {"POST", "/environment/setProxyMode", "mode=1&address=http%3A%2F%2F%5B%3A%3A1%5D%3A80", noSession},
		"interval negative":       {"POST", "/environment/setIntervalTime", "second=-1", noSession},
		"proxy mode 3":            {"POST", "/environment/setProxyMode", "mode=3&address=", noSession},
		"proxy mode overflow":     {"POST", "/environment/setProxyMode", "mode=4294967296&address=", noSession},
		"proxy mode w/o address":  {"POST", "/environment/setProxyMode", "mode=0", nothing},
		"proxy with a name":       {"POST", "/environment/setProxyMode", "mode=1&address=http%3A%2F%2Fproxy.test%3A80", noSession},
		"proxy with a password":   {"POST", "/environment/setProxyMode", "mode=1&address=http%3A%2F%2Fa%3Ab%40127.0.0.1%3A80", noSession},
		"proxy of another scheme": {"POST", "/environment/setProxyMode", "mode=1&address=socks5%3A%2F%2F127.0.0.1%3A80", noSession},
		"proxy without port":      {"POST", "/environment/setProxyMode", "mode=1&address=http%3A%2F%2F127.0.0.1", noSession},
		"proxy and more":          {"POST", "/environment/setProxyMode", "mode=1&address=http%3A%2F%2F127.0.0.1%3A80%0D%0AX", noSession},
		"no password":             {"POST", "/user/login", "account=a", nothing},
		"no account":              {"POST", "/user/login", "password=a", nothing},
		"empty refresh token":     {"POST", "/user/login", "refreshToken=", nothing},
		"name not UTF-8":          {"POST", "/create/singleWork", "keyWord=1&taskName=%ff&savePath=x", badTask},
		"name missing":            {"POST", "/create/singleWork", "keyWord=1&savePath=x", badTask},
		"keyword missing":         {"POST", "/create/userWorksLink", "taskName=x", badTask},
		"keyword text":            {"POST", "/create/singleWork", keyword("one"), noTask},
		"keyword negative":        {"POST", "/create/singleWork", keyword("-1"), noTask},
		"keyword an address":      {"POST", "/create/singleWork", keyword("https://www.pixiv.net/artworks/1"), noTask},
		"keyword too long":        {"POST", "/create/singleWork", keyword(long), noTask},
		"keyword the type hates":  {"POST", "/create/singleWork", keyword("0"), noTask},
		"form as JSON text":       {"POST", "/create/singleWork", `{"keyWord":1}`, badTask},
		"name empty":              {"POST", "/create/singleWork", create(""), noTask},
		"name a path":             {"POST", "/create/singleWork", create("../x"), noTask},
		"HEAD for POST":           {"HEAD", "/operation/deleteTask?tid=1", "", exception},
		"GET for POST":            {"GET", "/operation/deleteTask?tid=1", "", exception},
		"POST for GET":            {"POST", "/operation/allTaskDetail", "", exception},
		"PUT":                     {"PUT", "/operation/deleteTask", "", exception},
		"DELETE":                  {"DELETE", "/operation/taskDetail", "", exception},
		"OPTIONS":                 {"OPTIONS", "/operation/startTask", "", exception},
		"lower-case method":       {"post", "/operation/deleteTask", "tid=1", exception},
		"POST for the greeting":   {"POST", "/", "", exception},
		"unknown call":            {"POST", "/create/everything", "", "Page not found"},
		"call in other letters":   {"GET", "/Operation/allTaskDetail", "", "Page not found"},
		"call and a slash":        {"GET", "/operation/allTaskDetail/", "", "Page not found"},
		"call by a detour":        {"GET", "/x/../operation/allTaskDetail", "", "Page not found"},
		"two slashes":             {"GET", "//operation/allTaskDetail", "", "Page not found"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := k.send(k.request(c.method, c.path, c.form))
			answer.t = t
			answer.is(c.want)
			assert.Equal(t, c.want == exception, answer.header.Get("Allow") != "")
		})
	}
	assert.Zero(t, k.tasks(), "a bad request made a task")
	k.get("/environment/getEnvironment").is(`{"result":["Direct","",60,3,3],"status":true}`)
	k.api.WaitLogins()
}

func TestF_NamesAndPaths(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	outside := t.TempDir()
	file := filepath.Join(k.folder, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(k.folder, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(k.folder, "<b>"), 0o700))
	for row, names := range map[string][]string{
		"F1": {`a\b`, "a/b", "a:b", "a*b", "a?b", `a"b`, "a<b", "a>b", "<img src=x onerror=alert(1)>", "a|b"},
		"F2": {"", ".", "..", " a", "a ", ".a.", "a.", "a\nb", "a\x00b", "a\u202eb", "a\u2028b", "\x1b[2J"},
		"F3": {"CON", "nul.txt", "COM¹", "LPT1 ", "CONIN$"},
		"F4": {strings.Repeat("n", 201), strings.Repeat("夜", 86), strings.Repeat("n", 50_000)},
		"F6": {"a\ufffeb"},
	} {
		for _, name := range names {
			form := url.Values{"keyWord": {"1"}, "taskName": {name}, "savePath": {k.folder}}
			for _, word := range []string{"singleWork", "userWorks", "workDetails", "userWorksLink"} {
				answer := k.post("/create/"+word, form.Encode())
				assert.Equal(t, noTask, strings.TrimSpace(answer.body), "%s %q", row, name)
			}
		}
	}
	for _, path := range []string{
		"", ".", "..", "/", "/etc", outside, k.folder + "/..", k.folder + "/link", k.folder + "/none", file, `\\server\share`, "/dev",
		k.folder + "/<b>", k.folder + "\x00", strings.Repeat("/a", 4000), "~",
	} {
		form := url.Values{"keyWord": {"1"}, "taskName": {"x"}, "savePath": {path}}
		answer := k.post("/create/singleWork", form.Encode())
		assert.Equal(t, noTask, strings.TrimSpace(answer.body), "F7 %q", path)
	}
	assert.Zero(t, k.tasks())
}

func TestH1_ForeignHosts(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.Hosts = []string{"nas.test"} }).signIn()
	for _, host := range []string{"evil.test", "evil.test:80", "127.0.0.1.evil.test", "localhost.evil.test", "192.0.2.1", "[2001:db8::1]", ""} {
		for _, path := range []string{"/", "/static/x", "/permission/hasPermission", "/operation/allTaskDetail"} {
			request := k.request(http.MethodGet, path, "")
			request.Host = host
			request.Header.Set("X-Forwarded-Host", "localhost")
			answer := k.send(request)
			assert.Equal(t, http.StatusMisdirectedRequest, answer.status, host)
			assert.Contains(t, answer.body, `"status":false`, host)
		}
	}
	for _, host := range []string{"localhost", "nas.test:8080", "[::1]:99", "127.0.0.1"} {
		request := k.request(http.MethodGet, "/permission/hasPermission", "")
		request.Host = host
		k.send(request).is(hasSession)
	}
}

func TestH2_ForeignPagesChangeNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"Origin", "https://evil.test", 403},
		{"Origin", "null", 403},
		{"Origin", "http://localhost:8080", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Purpose", "prefetch", 403},
		{"Referer", "https://evil.test/page", 403},
		{"Origin", "http://localhost:13575", 200},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"User-Agent", "curl", 200},
	} {
		for _, path := range []string{"/environment/setIncrement", "/permission/login"} {
			request := k.request(http.MethodPost, path, "increment=true&password=guess")
			request.Header.Set(c.header, c.value)
			answer := k.send(request)
			assert.Equal(t, c.status, answer.status, c)
			assert.Empty(t, answer.header.Get("Access-Control-Allow-Credentials"))
		}
	}
	request := k.request(http.MethodPost, "/sys/exit", "")
	request.Header.Set("Origin", "https://evil.test")
	answer := k.send(request)
	assert.Equal(t, http.StatusForbidden, answer.status)
	assert.Equal(t, `{"result":"a page of another origin may not do this","status":false}`, strings.TrimSpace(answer.body))
	assert.Zero(t, k.exits)
}

func TestH3_PreflightOfForeignPages(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	request := k.request(http.MethodOptions, "/operation/deleteTask", "")
	request.Header.Set("Origin", "https://evil.test")
	request.Header.Set("Access-Control-Request-Method", "POST")
	request.Header.Set("Access-Control-Request-Private-Network", "true")
	for name := range k.send(request).header {
		assert.False(t, strings.HasPrefix(name, "Access-Control-"), name)
	}
}

func TestH4_LargeBodies(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	large := "tid=" + strings.Repeat("1", 70_000)
	announced := k.post("/operation/deleteTask", large)
	assert.Equal(t, http.StatusRequestEntityTooLarge, announced.status)
	body := &endless{}
	request := k.request(http.MethodPost, "/operation/deleteTask", "")
	request.Body, request.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("tid="), body)), -1
	answer := k.send(request)
	assert.Equal(t, http.StatusRequestEntityTooLarge, answer.status)
	assert.Contains(t, answer.body, `"status":false`)
	assert.Less(t, body.read, 1<<20)
	parts := k.request(http.MethodPost, "/operation/deleteTask", "")
	parts.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	parts.Body, parts.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"tid\"\r\n\r\n"), &endless{})), -1
	assert.Equal(t, http.StatusRequestEntityTooLarge, k.send(parts).status)
}

// endless is one letter for ever.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("1"), len(p))), nil
}

// TestH7_OnlyFormsAreRead: a body of another type has no fields.
func TestH7_OnlyFormsAreRead(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	for _, kind := range []string{"", "application/json", "text/plain", "application/x-www-form-urlencoded; a", "multipart/form-data", "multipart/mixed; boundary=x"} {
		request := k.request(http.MethodPost, "/environment/setIncrement", "increment=false")
		request.Header["Content-Type"] = []string{kind}
		k.send(request).is(nothing)
	}
	assert.True(t, k.client.Env().Increment)
	for _, kind := range []string{"application/x-www-form-urlencoded", "APPLICATION/X-WWW-Form-Urlencoded; charset=UTF-8"} {
		request := k.request(http.MethodPost, "/environment/setIncrement", "increment=false")
		request.Header.Set("Content-Type", kind)
		k.send(request).is(hasSession)
	}
}

func TestMultipartForms(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("mode", "1"))
	require.NoError(t, form.WriteField("address", "http://10.0.0.1:8080"))
	require.NoError(t, form.Close())
	request := k.request(http.MethodPost, "/environment/setProxyMode", body.String())
	request.Header.Set("Content-Type", form.FormDataContentType())
	k.send(request).is(hasSession)
	k.get("/environment/getEnvironment").is(`{"result":["Proxy","http://10.0.0.1:8080",60,3,3],"status":true}`)

	body.Reset()
	form = multipart.NewWriter(&body)
	file, err := form.CreateFormFile("tid", "1") // a file is no field
	require.NoError(t, err)
	_, err = file.Write([]byte("1"))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	whole := body.String()
	for _, text := range []string{whole, whole[:len(whole)/2], "", "--x--"} {
		request = k.request(http.MethodPost, "/operation/deleteTask", text)
		request.Header.Set("Content-Type", form.FormDataContentType())
		k.send(request).is(nothing)
	}
}

// TestH10_TasksAreBounded: those that wait for their start, were stopped, or
// are over do not count.
func TestH10_TasksAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.MaxOpenTasks = 2 }).signIn().logIn()
	var tids []int64
	for i := range 5 {
		tids = append(tids, k.create("singleWork", fmt.Sprint(i)))
	}
	for _, tid := range tids[:2] {
		k.post("/operation/startTask", fmt.Sprint("tid=", tid)).is(`{"result":[true,""],"status":true}`)
	}
	form := url.Values{"keyWord": {"7"}, "taskName": {"x"}, "savePath": {k.folder}}
	k.post("/create/singleWork", form.Encode()).is(noTask)
	k.post("/operation/stopTask", fmt.Sprint("tid=", tids[0])).is(`{"result":[true,""],"status":true}`)
	k.create("singleWork", "x")
	assert.Equal(t, 6, k.tasks())
}

// TestH10_UnfinishedTasksAreBounded makes tasks and never starts one.
func TestH10_UnfinishedTasksAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.MaxOpenTasks = 1 }).signIn().logIn()
	for i := range 10 {
		k.create("workDetails", fmt.Sprint(i))
	}
	k.post("/create/workDetails", "keyWord=1&taskName=x").is(noTask)
}
