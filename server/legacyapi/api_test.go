package legacyapi_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/legacyapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExitOnce orders it many times at once.
func TestExitOnce(t *testing.T) {
	t.Parallel()
	var exits atomic.Int32
	var b *barrier
	k := newKit(t, func(c *legacyapi.Config) {
		c.Exit = func() { exits.Add(1) }
		b = &barrier{Accounts: c.Accounts, all: make(chan struct{})}
		c.Accounts = b
	}).signIn()
	b.missing.Store(8)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			request := k.request(http.MethodPost, "/sys/exit", "")
			request.AddCookie(&http.Cookie{Name: "session", Value: k.cookie})
			k.api.ServeHTTP(httptest.NewRecorder(), request)
		})
	}
	callers.Wait()
	assert.EqualValues(t, 1, exits.Load())
}

// barrier lets nobody through before so many have come.
type barrier struct {
	legacyapi.Accounts
	missing atomic.Int32
	all     chan struct{}
}

func (b *barrier) Look(ctx context.Context, kind, token string) (legacyapi.Account, error) {
	if b.missing.Add(-1) == 0 {
		close(b.all)
	}
	<-b.all
	return b.Accounts.Look(ctx, kind, token)
}

func TestHeadIsGet(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	k.send(k.request(http.MethodHead, "/operation/taskDetail?tid=5", "")).is(`{"result":[],"status":true}`) // net/http drops the body
	k.send(k.request(http.MethodHead, "/", "")).is("Hello :)")
}

// TestSavePathIsChecked: also where every wish has a place.
func TestSavePathIsChecked(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) {
		c.SavePath = func(string) (string, error) { return t.TempDir(), nil }
	}).signIn()
	for _, wish := range []string{"", "a%00", "%3Cb%3E", strings.Repeat("a", 5000)} {
		k.post("/create/singleWork", "keyWord=1&taskName=x&savePath="+wish).is(noTask)
	}
	k.tidOf(k.post("/create/singleWork", "keyWord=1&taskName=x&savePath=y"))
}

// TestDeletionLeavesFiles as the original did.
func TestDeletionLeavesFiles(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn().logIn()
	tid := k.create("userWorks", "artist")
	k.post("/operation/startTask", fmt.Sprint("tid=", tid))
	task, err := k.client.Task(t.Context(), tid)
	require.NoError(t, err)
	info, err := task.Wait(t.Context())
	require.NoError(t, err)
	require.True(t, info.Over)
	file := filepath.Join(k.folder, "artist", "1.jpg")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte("jpeg"), 0o600))
	k.post("/operation/deleteTask", fmt.Sprint("tid=", tid)).is(hasSession)
	assert.FileExists(t, file)
	assert.Zero(t, k.tasks())
}

// TestEnvironmentOfOtherDoors: they set what this one cannot.
func TestEnvironmentOfOtherDoors(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	_, err := k.client.UpdateEnv(t.Context(), pixivoc.EnvPatch{
		ProxyMode: new(pixivoc.ModeProxy), Proxy: new("socks5://user:" + goodPassword + "@proxy.test:1080"),
		Timeout: new(1500 * time.Millisecond), IntervalTime: new(time.Millisecond),
	})
	require.NoError(t, err)
	k.get("/environment/getEnvironment").is(`{"result":["Proxy","socks5://proxy.test:1080",2,3,1],"status":true}`)
	k.post("/environment/setProxyMode", "mode=2&address=").is(hasSession)
	assert.Empty(t, k.client.Env().Proxy)
}

// states are all values of pixivoc.State.
func states(t *testing.T) (all []pixivoc.State) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "task.go"))
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`State[A-Z]\w+ +State = "(\w+)"`).FindAllSubmatch(source, -1) {
		all = append(all, pixivoc.State(found[1]))
	}
	require.GreaterOrEqual(t, len(all), 9)
	return all
}

func TestWordsOfStates(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	type row struct {
		stage string
		state pixivoc.State
		over  bool
	}
	table := map[row]row{
		{"GetWorkDetails", pixivoc.StateWaitStart, false}:    {"Init", "WaitStart", false},
		{"GetWorkDetails", pixivoc.StateQueued, false}:       {"GetWorkDetails", "Downloading", false},
		{"GetPageUrls", pixivoc.StateWaitToken, false}:       {"GetPageUrls", "WaitToken", false},
		{"GetWorksNumber", pixivoc.StateDownloading, false}:  {"GetWorksNumber", "Downloading", false},
		{"DownloadPicture", pixivoc.StateDownloading, false}: {"DownloadPictures", "Downloading", false},
		{"DownloadPicture", pixivoc.StateDiskFull, false}:    {"DownloadPictures", "Downloading", false},
		{"DownloadPicture", pixivoc.StateStopped, false}:     {"DownloadPictures", "Stopped", false},
		{"DownloadPicture", pixivoc.StateScheduled, false}:   {"DownloadPictures", "Stopped", false},
		{"TaskOver", pixivoc.StateOver, true}:                {"Over", "Over", true},
		{"DownloadPicture", pixivoc.StateError, false}:       {"Error", "Error", true},
	}
	for _, state := range states(t) {
		assert.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(table)), func(r row) bool { return r.state == state }), "%s has no word", state)
	}
	for given, want := range table {
		info := pixivoc.TaskInfo{TID: 9, TaskName: "x", TypeName: "UserWorks", SavePath: "/y", StageName: given.stage, State: given.state, Over: given.over, Now: 2, Total: 5}
		assert.Equal(t, []any{want.over, int64(9), "x", "UserWorks", "/y", want.stage, string(want.state), 3, 5}, k.api.Details(info))
	}
}

// TestExitAfterTheAnswer: the caller has the whole answer by then.
func TestExitAfterTheAnswer(t *testing.T) {
	t.Parallel()
	var answer *httptest.ResponseRecorder
	body := ""
	k := newKit(t, func(c *legacyapi.Config) { c.Exit = func() { body = answer.Body.String() } }).signIn()
	request := k.request(http.MethodPost, "/sys/exit", "")
	request.AddCookie(&http.Cookie{Name: "session", Value: k.cookie})
	answer = httptest.NewRecorder()
	k.api.ServeHTTP(answer, request)
	assert.Equal(t, hasSession+"\n", body)
	assert.True(t, answer.Flushed)
}

func TestExitIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.Exit = nil }).signIn()
	k.post("/sys/exit", "").is(`{"result":"You don't have permission to access the link.","status":false}`)
	k.get("/user/hasLogin").is(noSession)
}

func TestClientThatWasShutDown(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	require.NoError(t, k.client.Shutdown(t.Context()))
	const closed = `{"result":"Server has closed.","status":false}`
	for _, path := range []string{"/user/hasLogin", "/operation/allTaskDetail", "/operation/taskDetail?tid=1", "/user/tokenMsg"} {
		k.get(path).is(closed)
	}
	for _, path := range []string{"/user/logout", "/operation/startTask", "/operation/deleteTask"} {
		k.post(path, "tid=1").is(closed)
	}
}

// TestCloseWaitsForLogins: and cancels them; further ones are refused.
func TestCloseWaitsForLogins(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	for range 4 {
		k.post("/user/login", "account=slow&password=x").is(hasSession)
	}
	k.post("/user/login", "account=slow&password=x").is(noSession) // too many
	require.NoError(t, k.api.Close())
	require.NoError(t, k.api.Close())
	assert.Equal(t, 4, strings.Count(k.log.String(), "login for a caller"))
	k.post("/user/login", "account=slow&password=x").is(noSession)
	k.get("/user/hasLogin").is(noSession)
}

func TestTokensAreHiddenUnlessAskedFor(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.Token = nil }).signIn().logIn()
	k.get("/user/tokenMsg").is(`{"result":"AccessToken: ********\nRefreshToken: ********\nAccessTokenUpdateTime: unknown","status":true}`)
	shown := newKit(t, func(c *legacyapi.Config) { c.ShowTokens = true }).signIn().logIn()
	shown.shows = true
	shown.get("/user/tokenMsg").is(`{"result":"AccessToken: ` + access + `\nRefreshToken: ` + goodRefresh + `\nAccessTokenUpdateTime: 2026-11-21 10:20:30","status":true}`)
	broken := newKit(t, func(c *legacyapi.Config) {
		c.Token = func(context.Context) (pixivoc.Token, error) { return pixivoc.Token{}, errors.New("disk") }
	}).signIn().logIn()
	broken.get("/user/tokenMsg").is(exception)
	gone := newKit(t, func(c *legacyapi.Config) {
		c.Token = func(context.Context) (pixivoc.Token, error) { return pixivoc.Token{}, pixivoc.ErrNoToken }
	}).signIn().logIn()
	gone.get("/user/tokenMsg").is(`{"result":"You haven't logged in yet.","status":true}`)
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	var fault error
	asked := 0
	k := newKit(t, func(c *legacyapi.Config) {
		c.RefreshToken = func(context.Context) error { asked++; return fault }
	}).signIn()
	k.post("/user/refreshToken", "").is(noSession)
	assert.Zero(t, asked, "nobody is logged in")
	k.logIn()
	k.post("/user/refreshToken", "").is(hasSession)
	fault = pixivoc.ErrTokenRejected
	k.post("/user/refreshToken", "").is(noSession)
	assert.Equal(t, 2, asked)
}

// TestPanicOfOurs: what is not ours may panic; the call alone fails.
func TestPanicOfOthers(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) {
		c.SavePath = func(string) (string, error) { panic("no root") }
		c.Grant = func(string, string) pixivoc.Grant { panic("no grant") }
	}).signIn()
	k.post("/create/singleWork", "keyWord=1&taskName=x&savePath=y").is(badTask)
	k.post("/user/login", "account=a&password=b").is(exception)
	assert.Contains(t, k.log.String(), "no root")
	k.get("/permission/hasPermission").is(hasSession)
}

func TestTypeNamesAreMapped(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.SingleWork, c.WorkDetails = "UserWorks", "Nothing" }).signIn()
	tid := k.create("singleWork", "x")
	task, err := k.client.Task(t.Context(), tid)
	require.NoError(t, err)
	info, err := task.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "UserWorks", info.TypeName)
	k.post("/create/workDetails", "keyWord=1&taskName=x").is(badTask)
	assert.Contains(t, k.log.String(), "Nothing")
}

// TestH11_MarkupOfOtherDoors: what was created elsewhere goes into the page's
// HTML as well.
func TestH11_MarkupOfOtherDoors(t *testing.T) {
	t.Parallel()
	k := newKit(t).signIn()
	task, err := k.client.Create(t.Context(), pixivoc.TaskSpec{Type: "Gone", Name: "x", Keyword: "1"})
	require.NoError(t, err)
	_, err = k.client.Create(t.Context(), pixivoc.TaskSpec{Type: "UserWorks", Name: "y", Keyword: "1", SavePath: k.folder + "/<script>"})
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	k.until(task.ID(), func(info pixivoc.TaskInfo) bool { return info.Running })
	answer := k.get("/operation/allTaskDetail")
	assert.Contains(t, answer.body, `"‹b›","Downloading"`)
	assert.Contains(t, answer.body, "/‹script›")
	assert.NotContains(t, answer.body, `\u003c`)
	assert.Equal(t, "nosniff", answer.header.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-store", answer.header.Get("Cache-Control"))
}

func TestStatic(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) {
		c.Static = fstest.MapFS{
			"index.html": {Data: []byte("<p>page</p>")}, "js/main.js": {Data: []byte("1"), ModTime: time.Unix(1e9, 0)},
		}
	})
	page := k.get("/static/index.html").is("<p>page</p>")
	assert.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	script := k.get("/static/js/main.js").is("1")
	assert.Contains(t, script.header.Get("Content-Type"), "javascript")
	request := k.request(http.MethodGet, "/static/js/main.js", "")
	request.Header.Set("If-Modified-Since", script.header.Get("Last-Modified"))
	assert.Equal(t, http.StatusNotModified, k.send(request).status)
	for _, path := range []string{"/static/", "/static/js", "/static/js/", "/static/none", "/static/../index.html", "/static/%2e%2e/x", "/static//index.html", "/static/js%2f..%2findex.html", "/static/a%00"} {
		k.get(path).is("Page not found")
	}
	assert.Empty(t, k.send(k.request(http.MethodHead, "/static/none", "")).header.Get("Location"))
	k.post("/static/index.html", "").is(exception)
}

// TestStaticAsksForLocalNamesOnly: not every file system refuses the others.
func TestStaticAsksForLocalNamesOnly(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *legacyapi.Config) { c.Static = openFS(func(name string) (fs.File, error) { panic(name) }) })
	for _, path := range []string{"/static/../x", "/static/%2e%2e%2fx", "/static//etc/passwd", "/static/a/../../x", "/static/./x"} {
		k.get(path).is("Page not found")
	}
}

type openFS func(name string) (fs.File, error)

func (f openFS) Open(name string) (fs.File, error) { return f(name) }

// TestMountedBeside serves the prefixes and nothing else.
func TestMountedBeside(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	mux := http.NewServeMux()
	for _, prefix := range legacyapi.Prefixes() {
		mux.Handle("/"+prefix+"/", k.api)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "console") })
	for path, want := range map[string]string{
		"/": "console", "/static/x": "console", "/permission/hasPermission": noSession + "\n",
		"/user/hasLogin": `{"result":"You don't have permission to access the link.","status":false}` + "\n",
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, k.request(http.MethodGet, path, ""))
		assert.Equal(t, want, w.Body.String(), path)
	}
}

// FuzzCalls looks for a request that is not answered in the usual form, or
// that makes a task with a name that is none.
func FuzzCalls(f *testing.F) {
	f.Add("/create/singleWork", "application/x-www-form-urlencoded", "keyWord=1&taskName=x&savePath=y")
	f.Add("/operation/startTask", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"tid\"\r\n\r\n1\r\n--x--\r\n")
	f.Add("/environment/setProxyMode", "application/x-www-form-urlencoded", "mode=1&address=http://1.2.3.4:5")
	f.Add("/user/refreshToken", "", "")
	f.Fuzz(func(t *testing.T, path, kind, body string) {
		address := &url.URL{Path: path}
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/static/") || path == "/" {
			return
		}
		k := newKit(t).signIn()
		request := k.request(http.MethodPost, "/", body)
		request.URL.Path, request.URL.RawPath = address.Path, address.RawPath
		request.Header["Content-Type"] = []string{kind}
		answer := k.send(request)
		if answer.body != "Page not found" && !(strings.HasPrefix(answer.body, `{"result":`) && (strings.HasSuffix(answer.body, "\"status\":true}\n") || strings.HasSuffix(answer.body, "\"status\":false}\n"))) {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		for info, err := range k.client.Tasks(t.Context()) {
			if err != nil || pixivoc.CheckName(info.TaskName) != nil {
				t.Fatal(info, err)
			}
		}
	})
}
