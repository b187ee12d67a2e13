package dataapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

const password = "correct horse"

// kit is an API on a kernel with a small task type.
type kit struct {
	t      testing.TB
	store  pixivoc.Store
	client pixivoc.Client
	book   *credential.Book
	api    *dataapi.API
	clock  *clock
	gate   chan struct{} // closed to let items run
	token  string        // of admin
}

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) add(d time.Duration) { c.set(c.Now().Add(d)) }

type option func(*dataapi.Config)

// noQuota is for tests of something else.
func noQuota(config *dataapi.Config) { config.QuotaRate, config.QuotaSeconds = 1_000_000, 1 }

func newKit(t testing.TB, options ...option) *kit {
	t.Helper()
	k := &kit{t: t, store: memory.New(), clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, gate: make(chan struct{})}
	client, err := pixivoc.New(pixivoc.Config{Store: k.store, Types: []pixivoc.TaskType{rowsType(k.gate)}, MaxRunning: 1})
	require.NoError(t, err)
	k.client = client
	k.book, err = credential.Open(t.Context(), k.store, credential.Options{Memory: 64, Passes: 1, Clock: k.clock.Now})
	require.NoError(t, err)
	for name, scopes := range map[string][]credential.Scope{
		"admin": {credential.ScopeAdmin}, "basic": {credential.ScopeRead, credential.ScopeExport},
		"reader": {credential.ScopeRead}, "nobody": nil,
	} {
		require.NoError(t, k.book.Set(t.Context(), name, password, scopes...))
	}
	k.api = k.newAPI(options...)
	t.Cleanup(func() {
		require.NoError(t, k.api.Close())
		require.NoError(t, client.Shutdown(context.Background()))
		require.NoError(t, k.store.Close())
	})
	k.token = k.issue("admin")
	return k
}

func (k *kit) newAPI(options ...option) *dataapi.API {
	k.t.Helper()
	config := dataapi.Config{Accounts: k.book, Settings: k.store, Now: k.clock.Now}
	for _, change := range append([]option{noQuota}, options...) {
		change(&config)
	}
	api, err := dataapi.New(k.client, config)
	require.NoError(k.t, err)
	return api
}

// of is the kit in the hands of a part of its test.
func (k *kit) of(t testing.TB) *kit {
	part := *k
	part.t = t
	return &part
}

// restart puts a new API on the same settings.
func (k *kit) restart(options ...option) {
	k.t.Helper()
	require.NoError(k.t, k.api.Close())
	k.api = k.newAPI(options...)
}

func (k *kit) issue(name string) string {
	k.t.Helper()
	code, body := k.send(post("/token", form("username", name, "password", password, "grant_type", "password")))
	require.Equal(k.t, http.StatusOK, code, body)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(k.t, json.Unmarshal([]byte(body), &answer))
	return answer.AccessToken
}

// rowsType is a task type whose items wait for the gate and become records.
func rowsType(gate <-chan struct{}) pixivoc.TaskType {
	return pixivoc.TaskType{
		Name: "Rows",
		First: func(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
			return func(yield func(pixivoc.Item, error) bool) {
				for word := range strings.FieldsSeq(spec.Keyword) {
					if !yield(pixivoc.Item{Key: word, Payload: json.RawMessage(strconv.Quote(word))}, nil) {
						return
					}
				}
			}
		},
		Stages: []pixivoc.StageSpec{{Stage: pixivoc.NewStage("Read", func(ctx context.Context, _ pixivoc.Runtime, word string) (out pixivoc.Output, err error) {
			select {
			case <-gate:
			case <-ctx.Done():
				return out, ctx.Err()
			}
			out.Record("word", word, map[string]string{"word": word})
			return out, nil
		})}},
	}
}

func (k *kit) create(name, group, keyword string) pixivoc.Task {
	k.t.Helper()
	task, err := k.client.Create(k.t.Context(), pixivoc.TaskSpec{Type: "Rows", Name: name, Group: group, Keyword: keyword})
	require.NoError(k.t, err)
	return task
}

// find adds records to a task, as its stages would. The data of each is JSON.
func (k *kit) find(task pixivoc.Task, kind string, data ...string) {
	k.t.Helper()
	find(k.t, k.store, task.ID(), kind, data...)
}

func find(t testing.TB, store pixivoc.Store, tid int64, kind string, data ...string) {
	t.Helper()
	if len(data) == 0 {
		return
	}
	ctx := context.Background()
	before, err := store.CountRecords(ctx, pixivoc.RecordQuery{Task: tid})
	require.NoError(t, err)
	_, err = store.AddItems(ctx, tid, []pixivoc.Item{{Stage: "Found", Key: strconv.Itoa(before)}})
	require.NoError(t, err)
	claimed, err := store.Claim(ctx, pixivoc.ClaimRequest{Task: tid, Stage: "Found", Limit: 1, Lease: time.Hour})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	commit := pixivoc.Commit{Claim: claimed[0].Claim, Outcome: pixivoc.OutcomeDone}
	for i, text := range data {
		commit.Records = append(commit.Records, pixivoc.Record{Kind: kind, Key: fmt.Sprint("k", before+i), Data: json.RawMessage(text)})
	}
	require.Nil(t, store.Commit(ctx, []pixivoc.Commit{commit}))
}

// numbers is data for n records.
func numbers(first, n int) []string {
	var data []string
	for i := range n {
		data = append(data, fmt.Sprintf(`{"n":%d}`, first+i))
	}
	return data
}

func get(target string) *http.Request {
	return httptest.NewRequest(http.MethodGet, "http://localhost"+target, nil)
}

func post(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://localhost"+target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	return r
}

func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

func (k *kit) record(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	k.api.ServeHTTP(w, r)
	return w
}

// send sends a request as it is.
func (k *kit) send(r *http.Request) (code int, body string) {
	w := k.record(r)
	text, err := io.ReadAll(w.Body)
	require.NoError(k.t, err)
	return w.Code, string(text)
}

// call sends a request with the token of admin.
func (k *kit) call(r *http.Request) (code int, body string) {
	r.Header.Set("Authorization", "bearer "+k.token)
	return k.send(r)
}

// answer is any answer with an envelope.
type answer struct {
	Data struct {
		Total        int                 `json:"total"`
		CurrentTotal int                 `json:"currentTotal"`
		Offset       int64               `json:"offset"`
		RestTotal    int                 `json:"restTotal"`
		DataList     []map[string]string `json:"dataList"`
		Batch        string              `json:"batch"`
	} `json:"data"`
	Error       string `json:"error"`
	Description string `json:"error_Description"`
}

// ask sends a request with the token of admin and reads the answer.
func (k *kit) ask(r *http.Request) answer {
	k.t.Helper()
	code, body := k.call(r)
	require.Equal(k.t, http.StatusOK, code, body)
	var a answer
	require.NoError(k.t, json.Unmarshal([]byte(body), &a), body)
	return a
}

func (k *kit) gettop(task pixivoc.Task, size int, more string) answer {
	k.t.Helper()
	a := k.ask(get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=%d%s", task.ID(), size, more)))
	require.Equal(k.t, "success", a.Error, a.Description)
	return a
}

func (k *kit) update(task pixivoc.Task, more string) answer {
	k.t.Helper()
	return k.ask(post(fmt.Sprintf("/api/notexportdata/update?taskId=%d%s", task.ID(), more), ""))
}

func (k *kit) byOffset(task pixivoc.Task, offset int64, size int) answer {
	k.t.Helper()
	a := k.ask(get(fmt.Sprintf("/api/alldata/GetDataOfTaskByOffset?taskId=%d&offset=%d&size=%d", task.ID(), offset, size)))
	require.Equal(k.t, "success", a.Error, a.Description)
	return a
}

// column is the values of one column.
func (a answer) column(name string) []string {
	values := []string{}
	for _, row := range a.Data.DataList {
		values = append(values, row[name])
	}
	return values
}
