package socketapi_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connect makes a Conn that is closed at the end of the test.
func connect(t testing.TB, address string, options socketapi.ClientOptions) *socketapi.Conn {
	t.Helper()
	conn, err := socketapi.Dial(t.Context(), address, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// The commands of PixivOC as methods.
func TestConn_PixivOC(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pictures := newGate()
	pictures.release()
	exits := make(chan struct{}, 1)
	d := openTCP(t, kernel(t, pictures), socketapi.Config{Exit: func() { exits <- struct{}{} }})
	conn := connect(t, d.addr, socketapi.ClientOptions{})

	isLogin, err := conn.IsLogin(ctx)
	assert.NoError(t, err)
	assert.False(t, isLogin)
	_, err = conn.StartTask(ctx, 1)
	assert.ErrorIs(t, err, pixivoc.ErrNoToken)
	_, err = conn.AddTask(ctx, socketapi.CommandAddSingleWorkTask, "1", "x", ".")
	assert.ErrorIs(t, err, pixivoc.ErrNoToken)
	begun, err := conn.Login(ctx, "me", goodPassword)
	assert.NoError(t, err)
	assert.True(t, begun)
	for !isLogin {
		isLogin, err = conn.IsLogin(ctx)
		require.NoError(t, err)
	}

	for name, set := range map[string]func(good bool) (bool, error){
		"proxy": func(good bool) (bool, error) {
			return conn.SetProxyMode(ctx, 1, "http://10.0.0.1:80"[:18-btoi(!good)*3])
		},
		"timeout":     func(good bool) (bool, error) { return conn.SetTimeout(ctx, 30*btoi(good)) },
		"concurrency": func(good bool) (bool, error) { return conn.SetConcurrencyNumber(ctx, 5*btoi(good)) },
		"interval":    func(good bool) (bool, error) { return conn.SetIntervalTime(ctx, 2-4*btoi(!good)) },
	} {
		for _, good := range []bool{true, false} {
			ok, err := set(good)
			assert.NoError(t, err, name)
			assert.Equal(t, good, ok, name)
		}
	}
	ok, err := conn.SetIncrement(ctx, false)
	assert.NoError(t, err)
	assert.True(t, ok)
	env, err := conn.Environment(ctx)
	assert.NoError(t, err)
	assert.Equal(t, socketapi.Environment{Status: "Proxy", Address: "http://10.0.0.1:80", Timeout: 30, ConcurrencyNumber: 5, IntervalTime: 2}, env)

	_, err = conn.AddTask(ctx, socketapi.CommandAddSingleWorkTask, "1", "x", "")
	assert.ErrorIs(t, err, socketapi.ErrRefused)
	folder := t.TempDir()
	details, err := conn.AddTask(ctx, socketapi.CommandAddSingleWorkTask, "1", "名", folder)
	require.NoError(t, err)
	tid := details.TID
	assert.Equal(t, socketapi.TaskDetails{TID: tid, TaskName: "名", TypeName: "SingleWork", StageName: "GetWorkDetails", Total: 1, SavePath: folder}, details)
	found, err := conn.StartTask(ctx, tid)
	assert.NoError(t, err)
	assert.True(t, found)
	for !details.Over {
		details, found, err = conn.TaskDetails(ctx, tid)
		require.NoError(t, err)
		require.True(t, found)
	}
	list, err := conn.AllTaskDetails(ctx)
	assert.NoError(t, err)
	assert.Equal(t, []socketapi.TaskDetails{details}, list)
	for _, want := range []bool{true, false} {
		found, err = conn.StopTask(ctx, tid)
		assert.NoError(t, err)
		assert.Equal(t, want, found)
		found, err = conn.DeleteTask(ctx, tid)
		assert.NoError(t, err)
		assert.Equal(t, want, found)
	}
	_, found, err = conn.TaskDetails(ctx, tid)
	assert.NoError(t, err)
	assert.False(t, found)
	had, err := conn.Logout(ctx)
	assert.NoError(t, err)
	assert.True(t, had)
	assert.NoError(t, conn.Exit(ctx))
	<-exits
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The new commands, with their errors as the kernel has them.
func TestConn_NewCommands(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pictures, folder := newGate(), t.TempDir()
	pictures.release()
	client := kernel(t, pictures)
	d := openTCP(t, client, socketapi.Config{SaveRoots: []string{folder}, MaxFrame: 4 << 10})
	conn := connect(t, d.addr, socketapi.ClientOptions{})

	hello, err := conn.Hello(ctx)
	require.NoError(t, err)
	assert.Equal(t, socketapi.Greeting{Server: "pixivoc", Protocol: 1, Authenticated: true, Control: true, Admin: true, MaxFrame: 4 << 10}, hello)

	_, err = conn.Account(ctx)
	assert.ErrorIs(t, err, pixivoc.ErrNoToken)
	_, err = conn.LoginGrant(ctx, pixivoc.RefreshToken("wrong"))
	assert.ErrorIs(t, err, pixivoc.ErrTokenRejected)
	_, err = conn.LoginGrant(ctx, pixivoc.Password("offline", "x"))
	assert.ErrorContains(t, err, "no network")
	_, err = conn.LoginGrant(ctx, pixivoc.Grant{})
	var field *pixivoc.FieldError
	assert.ErrorAs(t, err, &field)
	account, err := conn.LoginGrant(ctx, pixivoc.Password("me", goodPassword))
	require.NoError(t, err)
	assert.Equal(t, pixivoc.Account{ID: "11", Name: "tester", Account: "tester"}, account)
	again, err := conn.Account(ctx)
	assert.NoError(t, err)
	assert.Equal(t, account, again)

	kinds, err := conn.Types(ctx)
	require.NoError(t, err)
	assert.Equal(t, socketapi.TaskType{Name: "WorkDetails", Aliases: []string{"101"}, Title: "details", Stages: []string{"GetWorkDetails"}}, kinds[0])

	_, err = conn.Create(ctx, pixivoc.TaskSpec{Type: "Unknown", Name: "x"})
	assert.ErrorIs(t, err, pixivoc.ErrTypeUnknown)
	_, err = conn.Create(ctx, pixivoc.TaskSpec{Type: "101", Name: ".."})
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "TaskName", field.Field)
	info, err := conn.Create(ctx, pixivoc.TaskSpec{Type: "101", Name: "gone", Keyword: "404", Group: "group", Key: "k"})
	require.NoError(t, err)
	same, err := conn.Create(ctx, pixivoc.TaskSpec{Type: "101", Name: "gone", Keyword: "404", Group: "group", Key: "k"})
	require.NoError(t, err)
	assert.Equal(t, info, same)
	want, err := client.Task(ctx, info.TID)
	require.NoError(t, err)
	expected, err := want.Info(ctx)
	require.NoError(t, err)
	assert.Equal(t, expected, info, "as the kernel tells it")
	groups, err := conn.Groups(ctx)
	assert.NoError(t, err)
	assert.Equal(t, []pixivoc.Group{{ID: 1, Name: "group", Tasks: 1}}, groups)

	// A list far longer than a frame, cut at any character.
	var lines strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&lines, "線%d\n", i)
	}
	pictureTask, err := conn.Create(ctx, pixivoc.TaskSpec{Type: "SingleWork", Name: "many", SavePath: "sub", Input: strings.NewReader(lines.String())})
	require.NoError(t, err)
	assert.Equal(t, 20_000, pictureTask.Total)
	assert.Equal(t, "sub", filepath.Base(pictureTask.SavePath))
	count := 0
	for item, err := range conn.Items(ctx, pictureTask.TID, pixivoc.ItemQuery{}) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("線%d", count), item.Key)
		count++
	}
	assert.Equal(t, 20_000, count)
	_, err = conn.Create(ctx, pixivoc.TaskSpec{Type: "101", Name: "x", Input: strings.NewReader("a\xffb")})
	assert.ErrorAs(t, err, &field)

	require.NoError(t, conn.Start(ctx, info.TID))
	for info.State != pixivoc.StateOver {
		info, err = conn.Task(ctx, info.TID)
		require.NoError(t, err)
	}
	for item, err := range conn.Items(ctx, info.TID, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		require.NoError(t, err)
		assert.Equal(t, pixivoc.ReasonDeleted, item.Reason)
	}
	require.NoError(t, conn.Stop(ctx, info.TID))
	require.NoError(t, conn.Delete(ctx, info.TID, pixivoc.DeleteOptions{Files: true}))
	assert.ErrorIs(t, conn.Delete(ctx, info.TID, pixivoc.DeleteOptions{}), pixivoc.ErrTaskNotFound)
	assert.ErrorIs(t, conn.Start(ctx, info.TID), pixivoc.ErrTaskNotFound)
	for _, err := range conn.Records(ctx, info.TID, pixivoc.RecordQuery{}) {
		assert.ErrorIs(t, err, pixivoc.ErrTaskNotFound)
	}
	list, err := conn.Tasks(ctx)
	assert.NoError(t, err)
	assert.Equal(t, []pixivoc.TaskInfo{pictureTask}, list)

	_, err = conn.UpdateEnv(ctx, pixivoc.EnvPatch{Timeout: new(time.Nanosecond)})
	assert.ErrorAs(t, err, &field)
	_, err = conn.UpdateEnv(ctx, pixivoc.EnvPatch{IntervalTime: new(100 * time.Hour)})
	assert.ErrorAs(t, err, &field)
	hosts := pixivoc.HostTable{"i.pximg.net": {Addresses: []string{"192.0.2.1"}, Strategies: []pixivoc.Strategy{pixivoc.StrategyNoSNI}}}
	changed, err := conn.UpdateEnv(ctx, pixivoc.EnvPatch{
		ProxyMode: new(pixivoc.ModeProxy), Proxy: new("socks5://me:canary@127.0.0.1:1080"), Hosts: &hosts,
		Timeout: new(1500 * time.Millisecond), ConcurrencyNumber: new(9), IntervalTime: new(250 * time.Millisecond), Increment: new(false),
	})
	require.NoError(t, err)
	kept := client.Env()
	assert.Equal(t, "socks5://me:canary@127.0.0.1:1080", kept.Proxy)
	kept.Proxy = "socks5://me:xxxxx@127.0.0.1:1080"
	assert.Equal(t, kept, changed)
	shown, err := conn.Env(ctx)
	assert.NoError(t, err)
	assert.Equal(t, kept, shown)
}

// Arguments are read strictly, and what is wrong with them is told.
func TestNewCommands_BadArguments(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{MaxInput: 100})
	conn := raw{t, d.dial()}
	for _, test := range []struct {
		command   int
		arguments string
		want      string
	}{
		{1006, `{"tid":"1"}`, `"field": "tid"`},
		{1006, `{"tid":1.5}`, `"field": "tid"`},
		{1006, `{"tid":1,"tid":2}`, `duplicate_key`},
		{1006, `{"id":1}`, `unknown field`},
		{1006, `[1]`, `not_object`},
		{1006, `null`, `not_object`},
		{1006, `{}`, `"not_found"`},
		{1010, `{"tid":1,"files":1}`, `"field": "files"`},
		{1014, `{}`, `"field": "refresh_token"`},
		{1016, `{"timeout_ms":-1}`, `"field": "timeout_ms"`},
		{1016, `{"timeout_ms":9223372036854775807}`, `"field": "timeout_ms"`},
		{1016, `{"interval_time_ms":-1}`, `"field": "interval_time_ms"`},
		{1017, `{"text":"` + strings.Repeat("x", 101) + `"}`, `"field": "text"`},
		{1002, `{"type":"101","name":"x","input":true}`, `"field": "input"`},
		{1004, `{"tid":1,"state":7}`, `"field": "state"`},
	} {
		body := fmt.Sprintf(`{"IdentificationNumber":"S1","Command":%d,"Arguments":%s}`, test.command, test.arguments)
		conn.send(frameOf([]byte(body)))
		content := string(conn.next().Content)
		assert.Contains(t, content, `"ok": false`, body)
		assert.Contains(t, content, test.want, body)
	}
	conn.send(frameOf([]byte(`{"IdentificationNumber":"S1","Command":1999}`)))
	conn.silent()
	conn.send(frameOf([]byte(`{"IdentificationNumber":"S1","Command":1000,"Timeout":"free"}`)))
	assert.Contains(t, string(conn.next().Content), `"ok": true`)
}

// A page ends at its number of entries, and before it grows too large.
func TestNewCommands_Pages(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	conn.silent()
	for _, test := range []struct{ length, limit, want int }{
		{10, 0, 100}, {10, 7, 7}, {10, -5, 100}, {10, 100_000, 500}, {10_000, 500, 26}, {300_000, 500, 1},
	} {
		var lines strings.Builder
		for i := range 600 {
			fmt.Fprintf(&lines, "%0*d\n", test.length, i)
		}
		if test.length > 100_000 {
			lines.Reset()
			lines.WriteString(strings.Repeat("x", test.length) + "\n" + strings.Repeat("y", test.length))
		}
		task := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Input: strings.NewReader(lines.String())})
		content, _ := conn.ask("S1", 1004, "Arguments", map[string]any{"tid": task.ID(), "limit": test.limit})
		var reply struct {
			Result struct {
				List []any `json:"list"`
				More bool  `json:"more"`
			} `json:"result"`
		}
		require.NoError(t, json.Unmarshal([]byte(content), &reply))
		assert.Len(t, reply.Result.List, test.want, test)
		assert.True(t, reply.Result.More)
	}
}

// The reports of the server, in their order, and events for who subscribed.
func TestConn_Reports(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := kernel(t, newGate())
	d := openTCP(t, client, socketapi.Config{})
	conn := connect(t, d.addr, socketapi.ClientOptions{})
	var told []string
	for report := range conn.Reports(ctx) {
		switch report.Kind {
		case socketapi.ReportConnected:
			_, err := conn.LoginGrant(ctx, pixivoc.RefreshToken(goodToken))
			require.NoError(t, err)
			release, err := conn.Subscribe(ctx, true)
			require.NoError(t, err)
			defer release()
			_, err = conn.UpdateEnv(ctx, pixivoc.EnvPatch{Timeout: new(5 * time.Second)})
			require.NoError(t, err)
			info, err := conn.Create(ctx, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "5"})
			require.NoError(t, err)
			require.NoError(t, conn.Start(ctx, info.TID))
		case socketapi.ReportEvent:
			if report.Event.Kind == pixivoc.EventEnv {
				assert.Equal(t, 5*time.Second, report.Event.Env.Timeout)
			}
			// The login may be told before or after the subscription.
			if kind := report.Event.Kind; kind != pixivoc.EventTaskChanged && kind != pixivoc.EventToken {
				told = append(told, "event "+string(report.Event.Kind))
			}
			if report.Event.Kind == pixivoc.EventTaskDeleted {
				cancel()
			}
		case socketapi.ReportToken:
			told = append(told, fmt.Sprint("token ", report.OK))
		case socketapi.ReportOver:
			told = append(told, "over "+string(report.Value[:8]))
			require.NoError(t, conn.Delete(ctx, report.TID, pixivoc.DeleteOptions{}))
		default:
			told = append(told, string(report.Kind))
		}
	}
	assert.Equal(t, []string{
		"token true", "event env_changed", "created", "event task_created", "event item_done", "over {\"id\": 5",
		"event task_over", "deleted", "event task_deleted",
	}, told)
}

// Dial tells a wrong token from a server that is not there.
func TestDial_Fails(t *testing.T) {
	t.Parallel()
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{Token: "secret"})
	_, err := socketapi.Dial(t.Context(), d.addr, socketapi.ClientOptions{Token: "wrong"})
	assert.ErrorIs(t, err, socketapi.ErrUnauthorized)
	assert.NotContains(t, err.Error(), "wrong")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = socketapi.Dial(t.Context(), listener.Addr().String(), socketapi.ClientOptions{})
	assert.ErrorContains(t, err, "connect to "+listener.Addr().String())
	assert.NotErrorIs(t, err, socketapi.ErrUnauthorized)
}

// TLS and a Unix socket.
func TestDial_Roads(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	authority := tlstest.NewAuthority(t)
	d := openTCP(t, client, socketapi.Config{Token: "secret", TLS: &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "localhost")}}})
	_, port, err := net.SplitHostPort(d.addr)
	require.NoError(t, err)
	conn := connect(t, net.JoinHostPort("localhost", port), socketapi.ClientOptions{
		Token: "secret", TLS: &tls.Config{RootCAs: authority.Pool()},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, d.addr)
		},
	})
	_, err = conn.Hello(t.Context())
	assert.NoError(t, err)

	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	open(t, client, socketapi.Config{}, listener)
	for _, address := range []string{path, "unix:" + path} {
		_, err = connect(t, address, socketapi.ClientOptions{}).Hello(t.Context())
		assert.NoError(t, err)
	}
}
