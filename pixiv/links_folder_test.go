package pixiv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hosts serves a picture for each address and counts the bytes that it gives.
type hosts struct {
	pictures map[string]string // address without scheme -> body
	given    atomic.Int64
	requests atomic.Int64
}

func (h *hosts) RoundTrip(request *http.Request) (*http.Response, error) {
	h.requests.Add(1)
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Etag", `"1"`)
	if body, ok := h.pictures[request.URL.Host+request.URL.Path]; ok {
		http.ServeContent(recorder, request, "", time.Time{}, strings.NewReader(body))
	} else {
		http.NotFound(recorder, request)
	}
	response := recorder.Result()
	response.Request = request
	if response.StatusCode < 300 {
		h.given.Add(int64(recorder.Body.Len()))
	}
	return response, nil
}

// shot returns a whole JPEG of that length.
func shot(length int, filling string) string {
	const head, end = "\xff\xd8\xff\xda\x00\x04\x01\x01", "\xff\xd9"
	return head + strings.Repeat(filling, length-len(head)-len(end)) + end
}

// lossyStore forgets commits once dead is set, as the death of the process does.
type lossyStore struct {
	pixivoc.Store
	dead atomic.Bool
}

func (s *lossyStore) Commit(ctx context.Context, commits []pixivoc.Commit) []error {
	if !s.dead.Load() {
		return s.Store.Commit(ctx, commits)
	}
	errs := make([]error, len(commits))
	for i := range errs {
		errs[i] = errors.New("the process died")
	}
	return errs
}

// listRun runs a list to its end with a client of its own, as a command does.
func listRun(t *testing.T, store pixivoc.Store, road http.RoundTripper, folder, key, list string) (pixivoc.TaskInfo, []pixiv.FileRecord) {
	t.Helper()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Site: pixiv.Site(), Types: pixiv.Types(), HTTP: road, NoSync: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Shutdown(context.Background())) }()
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: pixiv.Links, Name: "list", Keyword: list, SavePath: folder, Key: key})
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	info, err := task.Wait(t.Context())
	require.NoError(t, err)
	var files []pixiv.FileRecord
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordFile}) {
		require.NoError(t, err)
		var file pixiv.FileRecord
		require.NoError(t, json.Unmarshal(record.Data, &file))
		files = append(files, file)
	}
	return info, files
}

// equalFolder wants these files in a folder and nothing else.
func equalFolder(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		got, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		body, known := want[entry.Name()]
		assert.True(t, known, "%s should not be there", entry.Name())
		assert.True(t, bytes.Equal([]byte(body), got), "%s has other bytes", entry.Name())
	}
	assert.Len(t, entries, len(want))
}

// Three lists name a file alike: none of the three is lost, however often which
// of them runs.
func TestLinks_ListsIntoOneFolder(t *testing.T) {
	t.Parallel()
	road := &hosts{pictures: map[string]string{
		"a.example/x.jpg": shot(5000, "a"), "b.example/x.jpg": shot(5000, "b"), "c.example/x.jpg": shot(7000, "c"),
		"a.example/x.txt": "text of a", "b.example/x.txt": "text of b", "c.example/x.txt": "longer text of c",
	}}
	store, folder := memory.New(), t.TempDir()
	defer func() { require.NoError(t, store.Close()) }()
	want := map[string]string{}
	run := func(host, key string, existing bool) {
		info, files := listRun(t, store, road, folder, key, fmt.Sprintf("https://%[1]s/x.jpg\nhttps://%[1]s/x.txt", host))
		assert.Equal(t, pixivoc.StateOver, info.State)
		assert.Zero(t, info.Failed)
		require.Len(t, files, 2)
		for _, file := range files {
			body := road.pictures[strings.TrimPrefix(file.URL, "https://")]
			if earlier, taken := want[file.Path]; taken {
				assert.True(t, earlier == body, "%s of %s is the file of another list", file.Path, file.URL)
			}
			want[file.Path] = body
			assert.Equal(t, existing, file.Existing, file.Path)
		}
		equalFolder(t, folder, want)
	}
	for _, host := range []string{"a.example", "b.example", "c.example"} {
		run(host, host, false)
	}
	require.Len(t, want, 6)
	assert.Contains(t, want, "x.jpg")
	requests := road.requests.Load()
	for _, host := range []string{"a.example", "b.example", "c.example"} {
		run(host, host, false)
	}
	assert.Equal(t, requests, road.requests.Load(), "the same lists again ask for nothing")
	for _, host := range []string{"c.example", "a.example", "b.example"} {
		run(host, "new task for "+host, true)
	}
	assert.Len(t, want, 6, "the same lists under new tasks make no duplicates")
}

// The process dies after the file got its name and before that was noted: the
// file is taken for what it is without its bytes being fetched again, and
// counts as saved by the task.
func TestLinks_DiedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]string{"name was free": "", "name was taken": shot(5000, "z")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := shot(5000, "a")
			road := &hosts{pictures: map[string]string{"a.example/x.jpg": body}}
			inner, folder := memory.New(), t.TempDir()
			defer func() { require.NoError(t, inner.Close()) }()
			if there != "" {
				old, name := time.Now().Add(-time.Hour), filepath.Join(folder, "x.jpg")
				require.NoError(t, os.WriteFile(name, []byte(there), 0o600))
				require.NoError(t, os.Chtimes(name, old, old))
			}
			store := &lossyStore{Store: inner}
			store.dead.Store(true)
			info, files := listRun(t, store, road, folder, "key", "https://a.example/x.jpg")
			require.Equal(t, pixivoc.StateError, info.State)
			require.Empty(t, files)
			require.EqualValues(t, len(body), road.given.Load())

			store.dead.Store(false)
			info, files = listRun(t, store, road, folder, "key", "https://a.example/x.jpg")
			require.Equal(t, pixivoc.StateOver, info.State, info.Error)
			assert.EqualValues(t, len(body), road.given.Load(), "nothing is fetched twice")
			assert.EqualValues(t, len(body), info.Bytes)
			require.Len(t, files, 1)
			assert.False(t, files[0].Existing)
			want := map[string]string{files[0].Path: body}
			if there != "" {
				want["x.jpg"] = there
			}
			equalFolder(t, folder, want)
		})
	}
}
