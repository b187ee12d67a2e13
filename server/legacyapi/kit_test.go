package legacyapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/legacyapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

// Secrets that no answer and no log may hold.
const (
	password     = "canary-console-password"
	goodRefresh  = "canary-refresh-token"
	goodPassword = "canary-site-password"
	access       = "canary-access-token"
)

func secrets() []string { return []string{password, goodRefresh, goodPassword, access} }

// issued is when the site gave the token, as far as it says.
var issued = time.Date(2026, 11, 21, 10, 20, 30, 0, time.Local)

// kit is an API on a kernel whose task types wait at gates, and a browser.
type kit struct {
	t        *testing.T
	client   pixivoc.Client
	book     *credential.Book
	api      *legacyapi.API
	folder   string
	log      *syncBuffer
	details  *gate // before the description of a work
	pictures *gate // before its last picture
	exits    int
	cookie   string // that the browser sends
	shows    bool   // tokens, because that was asked for
	created  []int64
}

type option func(*legacyapi.Config)

func newKit(t *testing.T, options ...option) *kit {
	t.Helper()
	store := memory.New()
	k := &kit{t: t, folder: t.TempDir(), log: &syncBuffer{}, details: newGate(), pictures: newGate()}
	client, err := pixivoc.New(pixivoc.Config{
		Store: store, Site: testSite(), Types: testTypes(k.details, k.pictures), NoSync: true,
		HTTP: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no road") }),
	})
	require.NoError(t, err)
	k.client = client
	k.book, err = credential.Open(t.Context(), store, credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	require.NoError(t, k.book.Set(t.Context(), "admin", password, credential.ScopeAdmin))
	require.NoError(t, k.book.Set(t.Context(), "reader", password, credential.ScopeRead))
	k.api = k.newAPI(options...)
	t.Cleanup(func() {
		k.details.open()
		k.pictures.open()
		require.NoError(t, k.api.Close())
		require.NoError(t, client.Shutdown(context.Background()))
		require.NoError(t, store.Close())
		for _, secret := range secrets() {
			require.NotContains(t, k.log.String(), secret)
		}
	})
	return k
}

func (k *kit) newAPI(options ...option) *legacyapi.API {
	k.t.Helper()
	config := legacyapi.Config{
		Accounts: k.book,
		SavePath: func(wish string) (string, error) {
			real, err := filepath.EvalSymlinks(wish)
			if err == nil && (real == k.folder || strings.HasPrefix(real, k.folder+string(filepath.Separator))) {
				return real, nil
			}
			return "", &pixivoc.FieldError{Field: "SavePath", Reason: "is outside of the allowed folders"}
		},
		Token: func(context.Context) (pixivoc.Token, error) {
			return pixivoc.Token{Access: access, Refresh: goodRefresh, Issued: issued}, nil
		},
		Exit:   func() { k.exits++ },
		Logger: slog.New(slog.NewTextHandler(k.log, nil)),
	}
	for _, change := range options {
		change(&config)
	}
	api, err := legacyapi.New(k.client, config)
	require.NoError(k.t, err)
	return api
}

// signIn opens a console session.
func (k *kit) signIn() *kit {
	k.t.Helper()
	k.post("/permission/login", "password="+password).is(`{"result":true,"status":true}`)
	require.NotEmpty(k.t, k.cookie)
	return k
}

// logIn logs in to the site.
func (k *kit) logIn() *kit {
	k.t.Helper()
	_, err := k.client.Login(k.t.Context(), pixivoc.RefreshToken(goodRefresh))
	require.NoError(k.t, err)
	return k
}

// response is an answer that was read to its end.
type response struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// send sends a request as it is, with the cookie of the browser, and keeps the
// cookie that comes back.
func (k *kit) send(request *http.Request) response {
	k.t.Helper()
	if k.cookie != "" {
		request.AddCookie(&http.Cookie{Name: "session", Value: k.cookie})
	}
	w := httptest.NewRecorder()
	k.api.ServeHTTP(w, request)
	answer := w.Result()
	for _, secret := range secrets() {
		require.False(k.t, !k.shows && strings.Contains(w.Body.String(), secret), "an answer holds a secret")
	}
	for _, cookie := range answer.Cookies() {
		k.cookie = cookie.Value
	}
	return response{k.t, answer.StatusCode, answer.Header, w.Body.String()}
}

func (k *kit) request(method, path, form string) *http.Request {
	k.t.Helper()
	request := httptest.NewRequestWithContext(k.t.Context(), method, "http://localhost:13575"+path, strings.NewReader(form))
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request
}

func (k *kit) get(path string) response { return k.send(k.request(http.MethodGet, path, "")) }

func (k *kit) post(path, form string) response {
	return k.send(k.request(http.MethodPost, path, form))
}

// is wants an answer with status 200 and that body.
func (r response) is(body string) response {
	r.t.Helper()
	require.Equal(r.t, http.StatusOK, r.status, r.body)
	require.Equal(r.t, body, strings.TrimSuffix(r.body, "\n"))
	return r
}

// create makes a task and returns its TID.
func (k *kit) create(word, name string) int64 {
	k.t.Helper()
	form := url.Values{"keyWord": {"7"}, "taskName": {name}, "savePath": {k.folder}}
	return k.tidOf(k.post("/create/"+word, form.Encode()))
}

func (k *kit) tidOf(answer response) int64 {
	k.t.Helper()
	var made struct{ Result []json.RawMessage }
	var details []any
	require.NoError(k.t, json.Unmarshal([]byte(answer.body), &made), answer.body)
	require.Len(k.t, made.Result, 2, answer.body)
	decoder := json.NewDecoder(bytes.NewReader(made.Result[1]))
	decoder.UseNumber()
	require.NoError(k.t, decoder.Decode(&details))
	require.Len(k.t, details, 9, answer.body)
	tid, err := details[1].(json.Number).Int64()
	require.NoError(k.t, err)
	return tid
}

// until waits until a task is as it should be.
func (k *kit) until(tid int64, is func(pixivoc.TaskInfo) bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 20*time.Second)
	defer cancel()
	var last pixivoc.TaskInfo
	for range k.client.Events(ctx) {
		task, err := k.client.Task(ctx, tid)
		require.NoError(k.t, err)
		info, err := task.Info(ctx)
		require.NoError(k.t, err)
		if last = info; is(info) {
			return
		}
	}
	k.t.Fatalf("the task did not get there but stands at %+v", last)
}

// done counts the items of a stage that are done.
func (k *kit) done(tid int64, stage string) int {
	k.t.Helper()
	task, err := k.client.Task(k.t.Context(), tid)
	require.NoError(k.t, err)
	n := 0
	for _, err := range task.Items(k.t.Context(), pixivoc.ItemQuery{Stage: stage, State: pixivoc.ItemDone}) {
		require.NoError(k.t, err)
		n++
	}
	return n
}

func (k *kit) tasks() int {
	k.t.Helper()
	n := 0
	for _, err := range k.client.Tasks(k.t.Context()) {
		require.NoError(k.t, err)
		n++
	}
	return n
}

// testSite takes one refresh token, and one password whatever the name is. The
// account "slow" waits until it is cancelled.
func testSite() pixivoc.Site {
	return pixivoc.Site{
		Name: "test",
		Exchange: func(ctx context.Context, _ *http.Client, grant pixivoc.Grant) (pixivoc.Token, error) {
			name, word := grant.Password()
			if name == "slow" {
				<-ctx.Done()
				return pixivoc.Token{}, ctx.Err()
			}
			if grant.RefreshToken() != goodRefresh && word != goodPassword {
				return pixivoc.Token{}, fmt.Errorf("exchange: %w", pixivoc.ErrTokenRejected)
			}
			return pixivoc.Token{
				Access: access, Refresh: goodRefresh, Issued: time.Now(), Expires: time.Now().Add(time.Hour),
				Account: pixivoc.Account{ID: "11", Name: "tester"},
			}, nil
		},
	}
}

type work struct {
	N int `json:"n"`
}

// testTypes are PixivOC's types. A SingleWork has three pictures, of which the
// last one waits at the gate.
func testTypes(details, pictures *gate) []pixivoc.TaskType {
	first := func(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
		return func(yield func(pixivoc.Item, error) bool) {
			if spec.Keyword == "0" {
				yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Keyword", Reason: "must not be 0"})
				return
			}
			yield(pixivoc.NewItem(spec.Keyword, work{}), nil)
		}
	}
	stage := func(name string, run func(context.Context, pixivoc.Runtime, work) (pixivoc.Output, error)) pixivoc.StageSpec {
		return pixivoc.StageSpec{Stage: pixivoc.NewStage(name, run)}
	}
	describe := func(ctx context.Context, _ pixivoc.Runtime, _ work) (out pixivoc.Output, err error) {
		for i := range 3 {
			out.Queue(fmt.Sprint(i), work{i})
		}
		return out, details.wait(ctx)
	}
	picture := func(ctx context.Context, _ pixivoc.Runtime, in work) (out pixivoc.Output, err error) {
		if in.N == 2 {
			err = pictures.wait(ctx)
		}
		return out, err
	}
	done := func(context.Context, pixivoc.Runtime, work) (out pixivoc.Output, err error) { return out, nil }
	number := func(_ context.Context, rt pixivoc.Runtime, _ work) (out pixivoc.Output, err error) {
		out.Record(pixivoc.RecordFile, "1", pixivoc.File{Name: rt.Task().TaskName + "/1.jpg", Bytes: 4})
		return out, nil
	}
	gone := func(context.Context, pixivoc.Runtime, work) (out pixivoc.Output, err error) {
		return out, pixivoc.RetryAfter(0, pixivoc.ErrSavePath)
	}
	return []pixivoc.TaskType{
		{Name: "SingleWork", Files: true, First: first, Stages: []pixivoc.StageSpec{stage("GetWorkDetails", describe), stage("DownloadPicture", picture)}},
		{Name: "UserWorks", Files: true, First: first, Stages: []pixivoc.StageSpec{stage("GetWorksNumber", number)}},
		{Name: "WorkDetails", First: first, Stages: []pixivoc.StageSpec{stage("GetWorkDetails", done)}},
		{Name: "UserWorksLink", First: first, Stages: []pixivoc.StageSpec{stage("GetWorksNumber", done)}},
		{Name: "Gone", First: first, Stages: []pixivoc.StageSpec{stage("<b>", gone)}},
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// gate lets stages through once it is open.
type gate struct {
	once   sync.Once
	opened chan struct{}
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var _ io.Writer = (*syncBuffer)(nil)
