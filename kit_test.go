package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// road is an http.RoundTripper made of a function.
type road func(*http.Request) (*http.Response, error)

func (r road) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// answer makes an answer as a road returns it.
func answer(request *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: request,
	}
}

// noRoad fails the test when a request is made.
func noRoad(t *testing.T) road {
	return func(request *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request %s %s", request.Method, request.URL)
		return nil, errors.New("no road")
	}
}

// newClient makes a client that is shut down, and whose store is closed, at
// the end of the test.
func newClient(t *testing.T, config pixivoc.Config) pixivoc.Client {
	t.Helper()
	if config.Store == nil {
		store := memory.New()
		t.Cleanup(func() { _ = store.Close() })
		config.Store = store
	}
	if config.HTTP == nil {
		config.HTTP = noRoad(t)
	}
	client, err := pixivoc.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		if err := client.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return client
}

// numbers is the payload of the items that the tests work on.
type number struct {
	N int `json:"n"`
}

type runNumber = func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error)

// countTo is a task type whose keyword is ignored: it runs each stage on n
// items. A stage whose function is nil hands every number on.
func countTo(n int, stages ...pixivoc.StageSpec) pixivoc.TaskType {
	return pixivoc.TaskType{
		Name:   "Count",
		Stages: stages,
		First: func(context.Context, pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
			return func(yield func(pixivoc.Item, error) bool) {
				for i := range n {
					if !yield(pixivoc.NewItem(fmt.Sprint(i), number{i}), nil) {
						return
					}
				}
			}
		},
	}
}

// stage makes a concurrent stage.
func stage(name string, run runNumber) pixivoc.StageSpec {
	return pixivoc.StageSpec{Stage: pixivoc.NewStage(name, run)}
}

// record is a stage that records each number.
func record(name string) pixivoc.StageSpec {
	return stage(name, func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Record("number", fmt.Sprint(in.N), in)
		return out, nil
	})
}

// pass is a stage that queues each number for the next stage.
func pass(name string) pixivoc.StageSpec {
	return stage(name, func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Queue(fmt.Sprint(in.N), in)
		return out, nil
	})
}

// create makes a task of type Count and starts it.
func create(t *testing.T, client pixivoc.Client) pixivoc.Task {
	t.Helper()
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "numbers"})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if err := task.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return task
}

// wait waits for a task and wants it in a state.
func wait(t *testing.T, task pixivoc.Task, want pixivoc.State) pixivoc.TaskInfo {
	t.Helper()
	info, err := task.Wait(t.Context())
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	if info.State != want {
		t.Fatalf("state %s (%s), want %s", info.State, info.Error, want)
	}
	return info
}

// records collects the keys of a task's records.
func records(t *testing.T, task pixivoc.Task) []string {
	t.Helper()
	var keys []string
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{}) {
		if err != nil {
			t.Fatalf("Records: %v", err)
		}
		keys = append(keys, record.Key)
	}
	return keys
}

// failures collects why items failed, by key.
func failures(t *testing.T, task pixivoc.Task) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for item, err := range task.Items(t.Context(), pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil {
			t.Fatalf("Items: %v", err)
		}
		reasons[item.Key] = item.Reason
	}
	return reasons
}
