package pixivoc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// savingOne is a stage whose items all want the same name. Item n gets the
// address n.
func savingOne(name string) pixivoc.StageSpec {
	return stage(name, func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://example.org/%d", in.N), nil)
		if err != nil {
			return out, err
		}
		file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: "same.txt", Any: true})
		if err == nil {
			out.Record(pixivoc.RecordFile, fmt.Sprint("file ", in.N), file)
		}
		return out, err
	})
}

// Items of one task that want one name lose nothing, however they meet.
func TestDownload_NameOfAnotherItem(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{
		"same length":   {"one", "two", "six"},
		"other lengths": {"the first", "2", "the third one"},
		"a beginning":   {"the first", "the first and more", "the first and more, again"},
		"an empty one":  {"", "two", "three"},
	} {
		for _, paced := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " paced ", paced), func(t *testing.T) {
				t.Parallel()
				kind := countTo(len(texts), savingOne("Save"))
				kind.Files, kind.Stages[0].Paced = true, paced
				client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{kind}, HTTP: sayingEach(texts), NoSync: true})
				folder := t.TempDir()
				task := createIn(t, client, folder)
				wait(t, task, pixivoc.StateOver)
				wantTexts(t, task, folder, texts)
			})
		}
	}
}

// The first item is done when the process ends; the next process does the second.
func TestDownload_NameOfAnotherItemAfterRestart(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{"same length": {"one", "two"}, "other lengths": {"the first", "2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, folder := memory.New(), t.TempDir()
			t.Cleanup(func() { _ = store.Close() })
			kind := countTo(2, savingOne("Save"))
			kind.Files, kind.Stages[0].Paced = true, true
			second := make(chan struct{})
			config := pixivoc.Config{Store: store, Types: []pixivoc.TaskType{kind}, NoSync: true}
			config.HTTP = road(func(request *http.Request) (*http.Response, error) {
				if path.Base(request.URL.Path) == "0" {
					return answer(request, http.StatusOK, texts[0]), nil
				}
				close(second)
				<-request.Context().Done()
				return nil, request.Context().Err()
			})
			client := newClient(t, config)
			task := createIn(t, client, folder)
			<-second
			require.NoError(t, client.Shutdown(t.Context()))

			config.HTTP = sayingEach(texts)
			client = newClient(t, config)
			task, err := client.Task(t.Context(), task.ID())
			require.NoError(t, err)
			require.NoError(t, task.Start(t.Context()))
			wait(t, task, pixivoc.StateOver)
			wantTexts(t, task, folder, texts)
		})
	}
}

// The same bytes are one file, of which the task has two records.
func TestDownload_SameBytesAreShared(t *testing.T) {
	t.Parallel()
	kind := countTo(2, savingOne("Save"))
	kind.Files = true
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{kind}, HTTP: saying("both"), NoSync: true})
	folder := t.TempDir()
	task := createIn(t, client, folder)
	if info := wait(t, task, pixivoc.StateOver); info.Bytes != 4 {
		t.Errorf("%d bytes", info.Bytes)
	}
	wantTexts(t, task, folder, []string{"both", "both"})
	wantFiles(t, folder, "same.txt")
}

// A later run of a task may replace what an earlier one saved.
func TestDownload_LaterRunReplaces(t *testing.T) {
	t.Parallel()
	folder, text := t.TempDir(), "the first"
	kind := countTo(1, savingOne("Save"))
	kind.Files, kind.Stages[0].Relist = true, true
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{kind}, NoSync: true, HTTP: road(func(request *http.Request) (*http.Response, error) {
		return answer(request, http.StatusOK, text), nil
	})})
	task := createIn(t, client, folder)
	wait(t, task, pixivoc.StateOver)
	text = "2"
	require.NoError(t, task.Reopen(t.Context()))
	wait(t, task, pixivoc.StateOver)
	wantFiles(t, folder, "same.txt")
	wantContent(t, folder, "same.txt", []byte("2"))
}

// sayingEach answers with the text whose number the address has.
func sayingEach(texts []string) road {
	return func(request *http.Request) (*http.Response, error) {
		var n int
		if _, err := fmt.Sscan(path.Base(request.URL.Path), &n); err != nil {
			return nil, err
		}
		return answer(request, http.StatusOK, texts[n]), nil
	}
}

// wantTexts wants a record for each text, and the text in its file.
func wantTexts(t *testing.T, task pixivoc.Task, folder string, texts []string) {
	t.Helper()
	found := 0
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		require.NoError(t, err)
		var n int
		_, err = fmt.Sscan(strings.TrimPrefix(record.Key, "file "), &n)
		require.NoError(t, err)
		var file pixivoc.File
		require.NoError(t, json.Unmarshal(record.Data, &file))
		wantContent(t, folder, file.Name, []byte(texts[n]))
		if file.Existing || file.Bytes != int64(len(texts[n])) || (file.Wanted != "") != (file.Name != "same.txt") {
			t.Errorf("item %d: %+v", n, file)
		}
		found++
	}
	if found != len(texts) {
		t.Errorf("%d records of %d", found, len(texts))
	}
}
