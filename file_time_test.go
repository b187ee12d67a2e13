package pixivoc_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
)

// A saved file gets the time that was asked for; one that was there keeps its
// own.
func TestDownload_ModTime(t *testing.T) {
	t.Parallel()
	published := time.Date(2016, 2, 29, 12, 30, 0, 0, time.UTC)
	fetch := func(ctx context.Context, rt pixivoc.Runtime, in number) (out pixivoc.Output, err error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://files.example.org/"+strconv.Itoa(in.N), nil)
		if err != nil {
			return out, err
		}
		file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: strconv.Itoa(in.N) + ".txt", Any: true, ModTime: published})
		if err == nil {
			out.Record(pixivoc.RecordFile, file.Name, file)
		}
		return out, err
	}
	kind := countTo(3, stage("fetch", fetch))
	kind.Files = true
	client := newClient(t, pixivoc.Config{
		Types: []pixivoc.TaskType{kind}, NoSync: true,
		HTTP: road(func(request *http.Request) (*http.Response, error) {
			response := answer(request, http.StatusOK, "content")
			response.ContentLength = int64(len("content"))
			response.Header.Set("Content-Length", strconv.Itoa(len("content")))
			return response, nil
		}),
	})
	folder := t.TempDir()
	there := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	old := filepath.Join(folder, "2.txt")
	if err := os.WriteFile(old, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, there, there); err != nil {
		t.Fatal(err)
	}
	task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "files", SavePath: folder})
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, task, pixivoc.StateOver)
	for name, want := range map[string]time.Time{"0.txt": published, "1.txt": published, "2.txt": there} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !info.ModTime().Equal(want) {
			t.Errorf("%s is of %s, want %s", name, info.ModTime(), want)
		}
	}
	var listed []string
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, string(record.Data))
	}
	if text := strings.Join(listed, "\n"); strings.Count(text, `"existing":true`) != 1 {
		t.Errorf("one file was there before: %s", text)
	}
}
