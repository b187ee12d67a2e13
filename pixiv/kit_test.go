package pixiv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/require"
)

// fixture returns a recorded body. The recordings lie outside of the
// repository; a test that needs them is skipped where they are not.
func fixture(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "shared", "pixiv", "fixtures", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("recordings of Pixiv are not here")
	}
	require.NoError(t, err)
	return string(text)
}

// fixtures returns the names of the recordings that fit a pattern.
func fixtures(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "shared", "pixiv", "fixtures", pattern))
	require.NoError(t, err)
	if len(paths) == 0 {
		t.Skip("recordings of Pixiv are not here")
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return names
}

// reply is an answer of the fake road.
type reply struct {
	status int // 0 means 200
	body   string
	header http.Header
	err    error
}

func (r reply) response(request *http.Request) (*http.Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	header := r.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{
		StatusCode: status, Header: header, Request: request, ContentLength: int64(len(r.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(r.body)),
	}, nil
}

// road answers requests by their address without scheme; what it does not know
// gets a 404 of nginx. Several replies to one address come in turn, the last
// one for ever.
type road struct {
	mu       sync.Mutex
	replies  map[string][]reply
	requests []*http.Request
	bodies   []string
}

func newRoad(replies map[string][]reply) *road { return &road{replies: replies} }

func (r *road) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
	body := ""
	if request.Body != nil {
		text, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	r.bodies = append(r.bodies, body)
	address := request.URL.Host + request.URL.RequestURI()
	turn := r.replies[address]
	if len(turn) == 0 {
		return reply{status: 404, body: "<html>nginx</html>", header: html("nginx")}.response(request)
	}
	if len(turn) > 1 {
		r.replies[address] = turn[1:]
	}
	return turn[0].response(request)
}

// Do makes the road a pixiv.Doer that judges nothing.
func (r *road) Do(request *http.Request) (*http.Response, error) { return r.RoundTrip(request) }

func (r *road) addresses() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	addresses := make([]string, len(r.requests))
	for i, request := range r.requests {
		addresses[i] = request.URL.Host + request.URL.RequestURI()
	}
	return addresses
}

func html(server string) http.Header {
	return http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Server": {server}}
}

// runtime is a pixivoc.Runtime over a road. Its files are kept in memory.
type runtime struct {
	road    *road
	task    pixivoc.TaskInfo
	options json.RawMessage
	// permanent makes Download call every 4xx final, as a kernel may that
	// knows nothing of the host.
	permanent bool
	pins      *pins
	recorded  map[string]bool // kind/key
	archived  map[string]bool

	mu        sync.Mutex
	files     map[string]string
	downloads []pixivoc.Download
}

func newRuntime(road *road) *runtime {
	return &runtime{road: road, task: pixivoc.TaskInfo{TaskName: "name of the task"}, files: map[string]string{}, pins: &pins{}}
}

func (r *runtime) Task() pixivoc.TaskInfo   { return r.task }
func (r *runtime) Options() json.RawMessage { return r.options }
func (r *runtime) Env() pixivoc.Env         { return pixivoc.DefaultEnv() }
func (r *runtime) Logger() *slog.Logger     { return slog.New(slog.DiscardHandler) }

func (r *runtime) Do(request *http.Request) (*http.Response, error) {
	site := pixiv.Site()
	if !slices.Contains(site.Hosts, request.URL.Host) {
		return nil, fmt.Errorf("request to %s, which is not the site", request.URL.Host)
	}
	request = request.Clone(request.Context())
	site.Authorize(request, pixivoc.Token{Access: "access"})
	response, err := r.road.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, site.Judge(response, body[:min(len(body), 64<<10)])
}

func (r *runtime) Download(ctx context.Context, download pixivoc.Download) (pixivoc.File, error) {
	for part := range strings.SplitSeq(download.Name, "/") {
		if err := pixivoc.CheckName(part); err != nil {
			return pixivoc.File{}, err
		}
	}
	r.mu.Lock()
	r.downloads = append(r.downloads, download)
	r.mu.Unlock()
	response, err := r.road.RoundTrip(download.Request.WithContext(ctx))
	if err != nil {
		return pixivoc.File{}, err
	}
	if response.StatusCode != http.StatusOK {
		var err error = &pixivoc.StatusError{Method: "GET", URL: download.Request.URL.String(), Code: response.StatusCode}
		if r.permanent && response.StatusCode < 500 {
			err = pixivoc.Permanent(pixivoc.ReasonRefused, err)
		}
		return pixivoc.File{}, err
	}
	if download.Refuse != nil {
		final := download.Request.URL
		if moved := response.Header.Get("Moved"); moved != "" {
			if final, err = url.Parse(moved); err != nil {
				return pixivoc.File{}, err
			}
		}
		if err := download.Refuse(final); err != nil {
			if _, ok := errors.AsType[*pixivoc.PermanentError](err); !ok {
				err = pixivoc.Permanent(pixivoc.ReasonContent, err)
			}
			return pixivoc.File{}, err
		}
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return pixivoc.File{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if earlier, ok := r.files[download.Name]; ok && earlier != string(body) {
		return pixivoc.File{}, fmt.Errorf("%s would be overwritten", download.Name)
	}
	r.files[download.Name] = string(body)
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return pixivoc.File{Name: download.Name, Bytes: int64(len(body)), Checksum: fmt.Sprintf("%08x", sum), ChecksumKind: "crc32c"}, nil
}

// outcome is what became of a task.
type outcome struct {
	done    []string          // stage and key, in order
	failed  map[string]string // key to reason
	detail  map[string]string // key to error text
	passing map[string]error  // items that still were not done in the end
	records []pixivoc.Record
}

// drive runs the stages of a task type by hand: what a kernel does, without
// pacing, storing or concurrency.
func drive(t testing.TB, rt *runtime, spec pixivoc.TaskSpec) outcome {
	t.Helper()
	kind := typeNamed(t, spec.Type)
	rt.options = spec.Options
	result := outcome{failed: map[string]string{}, detail: map[string]string{}, passing: map[string]error{}}
	known := map[string]bool{}
	pending := map[string][]pixivoc.Item{}
	add := func(item pixivoc.Item, stage string) {
		if item.Stage == "" {
			item.Stage = stage
		}
		if id := item.Stage + "\x00" + item.Key; !known[id] {
			known[id] = true
			pending[item.Stage] = append(pending[item.Stage], item)
		}
	}
	for item, err := range kind.First(t.Context(), spec) {
		require.NoError(t, err)
		require.NotEmpty(t, item.Key)
		add(item, kind.Stages[0].Stage.Name())
	}
	for at, stage := range kind.Stages {
		name := stage.Stage.Name()
		for len(pending[name]) > 0 {
			item := pending[name][0]
			pending[name] = pending[name][1:]
			out, err := stage.Stage.Run(t.Context(), rt, item)
			if err == nil {
				err = out.Err()
			}
			if permanent, ok := errors.AsType[*pixivoc.PermanentError](err); ok {
				result.failed[item.Key], result.detail[item.Key] = permanent.Reason, err.Error()
				result.record(out.Records)
				continue
			}
			if err != nil {
				item.Attempts++
				result.passing[item.Key] = err
				if item.Attempts < 5 {
					pending[name] = append(pending[name], item)
				}
				continue
			}
			delete(result.passing, item.Key)
			result.done = append(result.done, name+" "+item.Key)
			result.record(out.Records)
			for _, next := range out.Items {
				following := ""
				if at+1 < len(kind.Stages) {
					following = kind.Stages[at+1].Stage.Name()
				}
				add(next, following)
			}
		}
	}
	return result
}

func (o *outcome) record(records []pixivoc.Record) {
	for _, record := range records {
		if !slices.ContainsFunc(o.records, func(r pixivoc.Record) bool { return r.Kind == record.Kind && r.Key == record.Key }) {
			o.records = append(o.records, record)
		}
	}
}

func typeNamed(t testing.TB, name string) pixivoc.TaskType {
	t.Helper()
	for _, kind := range pixiv.Types() {
		if kind.Name == name {
			return kind
		}
	}
	t.Fatalf("no task type %q", name)
	return pixivoc.TaskType{}
}

// recordsOf decodes the records of one kind.
func recordsOf[T any](t testing.TB, o outcome, kind string) []T {
	t.Helper()
	var found []T
	for _, record := range o.records {
		if record.Kind == kind {
			var data T
			require.NoError(t, json.Unmarshal(record.Data, &data))
			found = append(found, data)
		}
	}
	return found
}
