package socketapi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

const (
	goodToken    = "canary-refresh-token"
	goodPassword = "canary-password"
)

// site takes one refresh token and one password, whatever the name; the name
// "offline" stands for a network that fails.
func site() pixivoc.Site {
	return pixivoc.Site{
		Name: "fake",
		Exchange: func(_ context.Context, _ *http.Client, grant pixivoc.Grant) (pixivoc.Token, error) {
			name, password := grant.Password()
			switch {
			case name == "offline":
				return pixivoc.Token{}, errors.New("no network")
			case grant.RefreshToken() != goodToken && password != goodPassword:
				return pixivoc.Token{}, fmt.Errorf("no such user: %w", pixivoc.ErrTokenRejected)
			}
			return pixivoc.Token{
				Access: "canary-access-token", Refresh: goodToken, Issued: time.Now(), Expires: time.Now().Add(time.Hour),
				Account: pixivoc.Account{ID: "11", Name: "tester", Account: "tester"},
			}, nil
		},
	}
}

// gate lets stages through that wait at it.
type gate struct {
	once sync.Once
	open chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type work struct {
	ID string `json:"id"`
}

type runWork = func(ctx context.Context, rt pixivoc.Runtime, in work) (pixivoc.Output, error)

// oneItem makes the keyword the first item.
func oneItem(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		if spec.Input == nil {
			yield(pixivoc.NewItem(spec.Keyword, work{spec.Keyword}), nil)
			return
		}
		list, err := io.ReadAll(spec.Input)
		if err != nil {
			yield(pixivoc.Item{}, err)
			return
		}
		for _, line := range strings.Fields(string(list)) {
			if !yield(pixivoc.NewItem(line, work{line}), nil) {
				return
			}
		}
	}
}

// types are the task types of PixivOC by name and stages. Work 404 is gone and
// work 403 fails otherwise; the pictures wait at the gate.
func types(pictures *gate) []pixivoc.TaskType {
	stage := func(name string, run runWork) pixivoc.StageSpec {
		return pixivoc.StageSpec{Stage: pixivoc.NewStage(name, run)}
	}
	pass := func(_ context.Context, _ pixivoc.Runtime, in work) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Queue(in.ID, in)
		return out, nil
	}
	picture := func(ctx context.Context, _ pixivoc.Runtime, _ work) (pixivoc.Output, error) {
		return pixivoc.Output{}, pictures.wait(ctx)
	}
	describe := func(_ context.Context, _ pixivoc.Runtime, in work) (pixivoc.Output, error) {
		var out pixivoc.Output
		switch in.ID {
		case "404":
			return out, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("gone"))
		case "403":
			return out, pixivoc.Permanent(pixivoc.ReasonForbidden, errors.New("not yours"))
		}
		out.Record("work", in.ID, map[string]any{"id": 1, "illust": json.RawMessage(`{"id": ` + in.ID + `, "title": "桜 <b>&\u0001\n𝄞"}`)})
		return out, nil
	}
	links := func(_ context.Context, _ pixivoc.Runtime, in work) (pixivoc.Output, error) {
		var out pixivoc.Output
		for i := range 3 {
			address := fmt.Sprintf("https://i.pximg.net/%s_p%d.jpg", in.ID, i)
			out.Record("link", address, map[string]string{"url": address})
		}
		return out, nil
	}
	return []pixivoc.TaskType{
		{Name: "WorkDetails", Aliases: []string{"101"}, Title: "details", First: oneItem,
			Stages: []pixivoc.StageSpec{stage("GetWorkDetails", describe)}},
		{Name: "SingleWork", Title: "one", First: oneItem, Files: true,
			Stages: []pixivoc.StageSpec{stage("GetWorkDetails", pass), stage("DownloadPicture", picture)}},
		{Name: "UserWorksLink", Title: "links", First: oneItem,
			Stages: []pixivoc.StageSpec{stage("GetWorksNumber", pass), stage("GetPageUrls", links)}},
		{Name: "UserWorks", Title: "all", First: oneItem, Files: true,
			Stages: []pixivoc.StageSpec{stage("GetWorksNumber", pass), stage("GetPageUrls", pass), stage("DownloadPicture", picture)}},
	}
}

// kernel makes a client of the kernel whose pictures wait at the gate.
func kernel(t testing.TB, pictures *gate) pixivoc.Client {
	t.Helper()
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{
		Store: store, Site: site(), Types: types(pictures), NoSync: true,
		HTTP: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no road") }),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, client.Shutdown(context.Background()))
		require.NoError(t, store.Close())
	})
	return client
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func logIn(t testing.TB, client pixivoc.Client) {
	t.Helper()
	_, err := client.Login(t.Context(), pixivoc.RefreshToken(goodToken))
	require.NoError(t, err)
}

// door is a Server with a way in.
type door struct {
	server *socketapi.Server
	dial   func() net.Conn
	addr   string
	// stop ends Serve and returns what it returned.
	stop func() error
}

// open serves on listener until the end of the test.
func open(t testing.TB, client pixivoc.Client, config socketapi.Config, listener net.Listener) door {
	t.Helper()
	server, err := socketapi.New(client, config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { require.NoError(t, stop()) })
	return door{server: server, addr: listener.Addr().String(), stop: stop}
}

// openTCP serves on a loopback port.
func openTCP(t testing.TB, client pixivoc.Client, config socketapi.Config) door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := open(t, client, config, listener)
	d.dial = func() net.Conn {
		conn, err := net.Dial("tcp", d.addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	return d
}

// openPipe serves on connections in memory, for tests in a synctest bubble.
func openPipe(t testing.TB, client pixivoc.Client, config socketapi.Config) door {
	t.Helper()
	listener := newPipeListener()
	d := open(t, client, config, listener)
	d.dial = func() net.Conn {
		conn, err := listener.connect(context.Background())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	return d
}

// pipeListener gives out connections made with net.Pipe.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) connect(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// fields are the 14 keys of a request as PixivOC's client fills them.
func fields(number string, command int, changes ...any) map[string]any {
	f := map[string]any{
		"IdentificationNumber": number, "Command": command, "Account": "", "Password": "", "ProxyMode": 100, "Proxy": "",
		"Timeout": 0, "ConcurrencyNumber": 0, "IntervalTime": 0, "Increment": true, "TID": 0, "KeyWord": "", "TaskName": "", "SavePath": "",
	}
	for i := 0; i < len(changes); i += 2 {
		f[changes[i].(string)] = changes[i+1]
	}
	return f
}

// frameOf puts the length in front of a body.
func frameOf(body []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func encoded(t testing.TB, request any) []byte {
	t.Helper()
	body, err := json.Marshal(request)
	require.NoError(t, err)
	return frameOf(body)
}

// raw speaks the protocol by hand.
type raw struct {
	t    testing.TB
	conn net.Conn
}

// message is what the server sends, with the content as JSON in Python's form.
type message struct {
	Number  string          `json:"IdentificationNumber"`
	Type    int             `json:"SendType"`
	Content json.RawMessage `json:"Content"`
}

// told is a message without its number.
func (m message) told() string { return fmt.Sprintf("%d %s", m.Type, m.Content) }

func (c raw) send(frames ...[]byte) {
	c.t.Helper()
	_, err := c.conn.Write(bytes.Join(frames, nil))
	require.NoError(c.t, err)
}

func (c raw) request(number string, command int, changes ...any) {
	c.t.Helper()
	c.send(encoded(c.t, fields(number, command, changes...)))
}

// body reads the body of one frame.
func (c raw) body() ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(c.conn, header[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.LittleEndian.Uint32(header[:]))
	_, err := io.ReadFull(c.conn, body)
	return body, err
}

func (c raw) next() message {
	c.t.Helper()
	body, err := c.body()
	require.NoError(c.t, err)
	var m message
	require.NoError(c.t, json.Unmarshal(body, &m), "%s", body)
	return m
}

// ask sends a request and returns the content of its reply and the reports in
// front of it.
func (c raw) ask(number string, command int, changes ...any) (content string, reports []message) {
	c.t.Helper()
	c.request(number, command, changes...)
	for {
		m := c.next()
		if strings.HasPrefix(m.Number, "R") {
			require.Equal(c.t, "R"+number[1:], m.Number)
			require.Equal(c.t, 1, m.Type)
			return string(m.Content), reports
		}
		reports = append(reports, m)
	}
}

// silent wants no reply to what was sent: the next one is that to a further
// request.
func (c raw) silent() {
	c.t.Helper()
	c.request("S999", 3)
	require.Equal(c.t, "R999", c.next().Number)
}

// closed wants the server to have closed the connection.
func (c raw) closed() {
	c.t.Helper()
	_, err := c.body()
	require.Error(c.t, err)
	require.False(c.t, isTimeout(err), "%v", err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// logBuffer is a log that a test may look into.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// failingStore fails all work on tasks and settings while it is broken.
type failingStore struct {
	pixivoc.Store
	broken atomic.Bool
}

var errBroken = errors.New("disk on fire")

func (s *failingStore) err() error {
	if s.broken.Load() {
		return errBroken
	}
	return nil
}

func (s *failingStore) SetSetting(ctx context.Context, name string, value []byte) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.SetSetting(ctx, name, value)
}

func (s *failingStore) CreateTask(ctx context.Context, task pixivoc.StoredTask, items []pixivoc.Item) (pixivoc.StoredTask, bool, error) {
	if err := s.err(); err != nil {
		return task, false, err
	}
	return s.Store.CreateTask(ctx, task, items)
}

func (s *failingStore) LoadTask(ctx context.Context, tid int64) (pixivoc.StoredTask, error) {
	if err := s.err(); err != nil {
		return pixivoc.StoredTask{}, err
	}
	return s.Store.LoadTask(ctx, tid)
}

func (s *failingStore) ListTasks(ctx context.Context, after int64, limit int) ([]pixivoc.StoredTask, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.ListTasks(ctx, after, limit)
}
