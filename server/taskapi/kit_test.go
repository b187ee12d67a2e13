package taskapi_test

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
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// Bounds for what another goroutine brings about.
const (
	waitLong = 10 * time.Second
	waitStep = 2 * time.Millisecond
)

// badInput is the body of every 400.
const badInput = `"输入有误"`

// kit is an API on a kernel with small task types.
type kit struct {
	t       *testing.T
	store   pixivoc.Store
	folder  string
	options []option
	logged  *logText

	client pixivoc.Client
	api    *taskapi.API
	server *httptest.Server
}

type option func(*taskapi.Config)

func newKit(t *testing.T, options ...option) *kit {
	t.Helper()
	k := &kit{t: t, store: memory.New(), folder: t.TempDir(), options: options, logged: &logText{}}
	k.start()
	t.Cleanup(func() {
		k.stop()
		require.NoError(t, k.store.Close())
		assert.NotContains(t, k.logged.String(), "panicked")
	})
	return k
}

// start begins a process.
func (k *kit) start() {
	k.t.Helper()
	var err error
	k.client, err = pixivoc.New(pixivoc.Config{
		Store: k.store, Types: testTypes(), HTTP: pictureRoad{}, NoSync: true,
		Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))},
	})
	require.NoError(k.t, err)
	config := taskapi.Config{
		Anyone: true, Settings: k.store, Resolve: resolve, Describe: describe,
		SavePath: func(wish string) (string, error) {
			if wish != "" && !filepath.IsLocal(wish) {
				return "", &pixivoc.FieldError{Field: "SavePath", Reason: "is outside of the allowed folders"}
			}
			return filepath.Join(k.folder, wish), nil
		},
		Webhooks: taskapi.Webhooks{BackOff: time.Millisecond},
		Logger:   slog.New(slog.NewTextHandler(k.logged, nil)),
	}
	for _, change := range k.options {
		change(&config)
	}
	k.api, err = taskapi.New(k.client, config)
	require.NoError(k.t, err)
	k.server = httptest.NewServer(k.api)
}

// stop ends it, as the daemon does.
func (k *kit) stop() {
	require.NoError(k.t, k.api.Close())
	require.NoError(k.t, k.api.Close(), "closing twice does no harm")
	k.server.Close()
	require.NoError(k.t, k.client.Shutdown(context.Background()))
}

// resolve knows "type/keyword"; its Aid is the keyword.
func resolve(url string, options taskapi.Options) (taskapi.Resolved, error) {
	kind, keyword, ok := strings.Cut(url, "/")
	if !ok || strings.Contains(url, "//") {
		return taskapi.Resolved{}, &pixivoc.FieldError{Field: "Url", Reason: "is of no form that is known"}
	}
	if options.FilePattern == "bad" {
		return taskapi.Resolved{}, &pixivoc.FieldError{Field: "Options.path", Reason: "has an unknown field at 3"}
	}
	if options.OnlyShowInfo {
		kind = "Count"
	}
	resolved := taskapi.Resolved{Spec: pixivoc.TaskSpec{Type: kind, Name: pixivoc.CleanName("name of " + keyword), Keyword: keyword, Key: "not looked at"}, Aid: keyword}
	if options.SelectPage != "" {
		resolved.Ignored = []string{"SelectPage"}
	}
	raw, err := json.Marshal(options)
	resolved.Spec.Options = raw
	return resolved, err
}

// describe knows tasks that found something.
func describe(ctx context.Context, task pixivoc.Task) (taskapi.Description, error) {
	for _, err := range task.Records(ctx, pixivoc.RecordQuery{}) {
		if err != nil {
			return taskapi.Description{}, err
		}
		return taskapi.Description{Title: "作品 <1>", Cover: "https://i.test/cover.jpg", Published: time.Unix(1_600_000_000, 0)}, nil
	}
	return taskapi.Description{}, nil
}

// response is an answer that was read to its end.
type response struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (k *kit) call(method, path, body string, headers ...string) response {
	k.t.Helper()
	request, err := http.NewRequestWithContext(k.t.Context(), method, k.server.URL+path, strings.NewReader(body))
	require.NoError(k.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	return k.send(request)
}

func (k *kit) send(request *http.Request) response {
	k.t.Helper()
	client := &http.Client{Transport: k.server.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	require.NoError(k.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(k.t, err)
	return response{k.t, answer.StatusCode, answer.Header, string(body)}
}

func (k *kit) get(path string) response { k.t.Helper(); return k.call(http.MethodGet, path, "") }

func (r response) is(status int) response {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s %s", r.header.Get("X-Pixivoc-Error"), r.body)
	return r
}

// task is a DownloadTask as a client reads it.
type task struct {
	Aid, Url             string
	TaskCreateTime       int64
	Title, Pic           *string
	VideoPubTime         *int64
	TaskFinishTime       *int64
	Progress             float64
	DownloadSpeed        float64
	TotalDownloadedBytes int64
	IsSuccessful         bool
	SavePaths            []string
	TaskId, Status       string
	ErrorMessage, Stage  *string
}

func (r response) into(value any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal([]byte(r.body), value), "%s", r.body)
}

type lists struct{ Running, Finished []task }

func (k *kit) lists() (all lists) {
	k.t.Helper()
	k.get("/get-tasks/").is(200).into(&all)
	return all
}

type added struct{ TaskId, Aid string }

// add adds a task with further options in JSON, such as `"WorkDir":"x"`.
func (k *kit) add(url string, options ...string) (made added) {
	k.t.Helper()
	k.call("POST", "/add-task", body(url, options...)).is(200).into(&made)
	return made
}

func body(url string, options ...string) string {
	raw, _ := json.Marshal(url)
	return "{" + strings.Join(append([]string{`"Url":` + string(raw)}, options...), ",") + "}"
}

// ended waits until a task is in Finished, and returns it.
func (k *kit) ended(id string) (found task) {
	k.t.Helper()
	require.Eventually(k.t, func() bool {
		for _, each := range k.lists().Finished {
			if each.TaskId == id {
				found = each
				return true
			}
		}
		return false
	}, waitLong, waitStep, "%s never ends", id)
	return found
}

// running waits until a task has a status.
func (k *kit) running(id, status string) (found task) {
	k.t.Helper()
	require.Eventually(k.t, func() bool {
		answer := k.get("/get-tasks/" + id)
		if answer.status == http.StatusOK {
			answer.into(&found)
		}
		return found.Status == status
	}, waitLong, waitStep, "%s is never %s: %+v", id, status, &found)
	return found
}

func (k *kit) task(id string) pixivoc.Task {
	k.t.Helper()
	tid, err := strconv.ParseInt(id, 10, 64)
	require.NoError(k.t, err)
	found, err := k.client.Task(k.t.Context(), tid)
	require.NoError(k.t, err)
	return found
}

// elsewhere makes a task at another door, and starts it.
func (k *kit) elsewhere(kind, keyword string) pixivoc.Task {
	k.t.Helper()
	made, err := k.client.Create(k.t.Context(), pixivoc.TaskSpec{Type: kind, Name: "elsewhere", Keyword: keyword, SavePath: k.folder})
	require.NoError(k.t, err)
	require.NoError(k.t, made.Start(k.t.Context()))
	return made
}

type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type number struct {
	N int `json:"n"`
}

// testTypes have keywords that are numbers: how many items there are. What
// stands behind a dot tells tasks apart.
func testTypes() []pixivoc.TaskType {
	kind := func(name string, files bool, run func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error)) pixivoc.TaskType {
		return pixivoc.TaskType{
			Name: name, Title: name, Files: files,
			Stages: []pixivoc.StageSpec{{Stage: pixivoc.NewStage("Work", run)}},
			First:  firstItems,
		}
	}
	types := []pixivoc.TaskType{
		kind("Count", false, func(_ context.Context, _ pixivoc.Runtime, in number) (out pixivoc.Output, _ error) {
			out.Record("number", fmt.Sprint(in.N), in)
			return out, nil
		}),
		kind("Half", false, func(_ context.Context, _ pixivoc.Runtime, in number) (out pixivoc.Output, _ error) {
			if in.N%2 == 0 {
				return out, nil
			}
			return out, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("<b>gone</b>"))
		}),
		kind("Wait", false, func(ctx context.Context, _ pixivoc.Runtime, _ number) (pixivoc.Output, error) {
			<-ctx.Done()
			return pixivoc.Output{}, ctx.Err()
		}),
		kind("First", false, func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			if in.N > 0 {
				<-ctx.Done()
			}
			return pixivoc.Output{}, ctx.Err()
		}),
		kind("Paint", true, paint),
		kind("Drip", true, func(ctx context.Context, rt pixivoc.Runtime, _ number) (out pixivoc.Output, err error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://pictures.test/drip", nil)
			if err == nil {
				_, err = rt.Download(ctx, pixivoc.Download{Request: request, Name: "drip.bin", Any: true})
			}
			return out, err
		}),
	}
	types[2].Aliases = []string{"Pause"} // of Wait
	return types
}

func firstItems(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) {
		text, _, _ := strings.Cut(spec.Keyword, ".")
		n, err := strconv.Atoi(text)
		if err != nil {
			yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Keyword", Reason: "must be a number"})
			return
		}
		for i := range n {
			if !yield(pixivoc.NewItem(fmt.Sprint(i), number{i}), nil) {
				return
			}
		}
	}
}

func paint(ctx context.Context, rt pixivoc.Runtime, in number) (out pixivoc.Output, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://pictures.test/%d.gif", in.N), nil)
	if err != nil {
		return out, err
	}
	file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: fmt.Sprintf("%s/%d.gif", rt.Task().TaskName, in.N)})
	if err != nil {
		return out, err
	}
	out.Record(pixivoc.RecordFile, file.Name, file)
	return out, nil
}

// drip is a body that goes on until the request is cancelled.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(waitStep):
		return min(len(p), 1000), nil
	}
}

func (drip) Close() error { return nil }

// pictureRoad answers every request with a picture, but for /drip.
type pictureRoad struct{}

var picture = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

func (pictureRoad) RoundTrip(request *http.Request) (*http.Response, error) {
	answer := &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"image/gif"}}, Body: io.NopCloser(bytes.NewReader(picture)),
		ContentLength: int64(len(picture)), Request: request,
	}
	if request.URL.Path == "/drip" {
		answer.Body, answer.ContentLength = drip{request.Context()}, 1<<30
	}
	return answer, nil
}
