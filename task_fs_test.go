package pixivoc_test

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivocmock"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
)

// pages is a task type that downloads the names in its keyword.
func pages() pixivoc.TaskType {
	fetch := pixivoc.NewStage("Fetch", func(ctx context.Context, rt pixivoc.Runtime, name string) (pixivoc.Output, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://gallery.example/"+name, nil)
		if err != nil {
			return pixivoc.Output{}, err
		}
		file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: name, Any: true})
		if err != nil {
			return pixivoc.Output{}, err
		}
		var out pixivoc.Output
		out.Record(pixivoc.RecordFile, file.Name, file)
		return out, nil
	})
	kind := words()
	kind.Name, kind.Files, kind.Stages = "Pages", true, []pixivoc.StageSpec{{Stage: fetch}}
	return kind
}

// texts answers every request with its path.
func texts(request *http.Request) (*http.Response, error) {
	return answer(request, http.StatusOK, "text of "+request.URL.Path), nil
}

func TestTaskFS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	client := newClient(t, pixivoc.Config{HTTP: road(texts), Types: []pixivoc.TaskType{pages()}, NoSync: true})
	task := start(t, client, pixivoc.TaskSpec{Type: "Pages", Name: "x", SavePath: folder, Keyword: "one.txt a/two.txt a/b/three.txt a-b.txt"})
	wait(t, task, pixivoc.StateOver)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a", "other.txt"), []byte("of somebody else"), 0o600))

	files, err := pixivoc.TaskFS(t.Context(), task)
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(files, "one.txt", "a/two.txt", "a/b/three.txt", "a-b.txt"))
	text, err := fs.ReadFile(files, "a/b/three.txt")
	require.NoError(t, err)
	require.Equal(t, "text of /a/b/three.txt", string(text))

	for name, want := range map[string]error{
		"a/other.txt": fs.ErrNotExist, // in the folder, but not of the task
		"a/none":      fs.ErrNotExist,
		"none/one":    fs.ErrNotExist,
		"../one.txt":  fs.ErrInvalid,
		"/one.txt":    fs.ErrInvalid,
		"one.txt/x":   fs.ErrNotExist,
	} {
		_, err := files.Open(name)
		require.ErrorIs(t, err, want, name)
	}
	require.NoError(t, fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		require.NotEqual(t, "a/other.txt", name)
		return err
	}))
}

func TestTaskFS_WhatBecameOfFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	client := newClient(t, pixivoc.Config{HTTP: road(texts), Types: []pixivoc.TaskType{pages()}, NoSync: true})
	task := start(t, client, pixivoc.TaskSpec{Type: "Pages", Name: "x", SavePath: folder, Keyword: "gone.txt link.txt folder.txt"})
	wait(t, task, pixivoc.StateOver)
	files, err := pixivoc.TaskFS(t.Context(), task)
	require.NoError(t, err)

	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("not yours"), 0o600))
	for _, name := range []string{"gone.txt", "link.txt", "folder.txt"} {
		require.NoError(t, os.Remove(filepath.Join(folder, name)))
	}
	require.NoError(t, os.Symlink(outside, filepath.Join(folder, "link.txt")))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder.txt"), 0o700))

	entries, err := fs.ReadDir(files, ".")
	require.NoError(t, err)
	require.Len(t, entries, 3)
	for _, entry := range entries {
		_, err := entry.Info()
		require.ErrorIs(t, err, fs.ErrNotExist, entry.Name())
		_, err = files.Open(entry.Name())
		require.ErrorIs(t, err, fs.ErrNotExist, entry.Name())
		require.NotContains(t, err.Error(), folder)
	}
	require.NoError(t, os.RemoveAll(folder))
	_, err = files.Open("gone.txt")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestTaskFS_RefusesRecords makes task types of others write what is no path.
func TestTaskFS_RefusesRecords(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	for name, test := range map[string]struct {
		record string
		err    error
		want   error
		part   string
	}{
		"escape":   {record: `{"path": "../../etc/passwd"}`, want: fs.ErrInvalid, part: "record 7"},
		"absolute": {record: `{"path": "/etc/passwd"}`, want: fs.ErrInvalid},
		"no path":  {record: `{"path": "."}`, want: fs.ErrInvalid},
		"no file":  {record: `[]`, part: "read record 7"},
		"unread":   {err: broken, want: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := pixivocmock.NewTask(t)
			task.EXPECT().Info(mock.Anything).Return(pixivoc.TaskInfo{SavePath: t.TempDir()}, nil)
			task.EXPECT().Records(mock.Anything, mock.Anything).Return(func(yield func(pixivoc.Record, error) bool) {
				yield(pixivoc.Record{Seq: 7, Data: []byte(test.record)}, test.err)
			})
			_, err := pixivoc.TaskFS(t.Context(), task)
			require.Error(t, err)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			require.ErrorContains(t, err, test.part)
		})
	}
}

// recorded is a task with records of files that need not be there.
func recorded(t *testing.T, folder string, names ...string) pixivoc.Task {
	t.Helper()
	task := pixivocmock.NewTask(t)
	task.EXPECT().Info(mock.Anything).Return(pixivoc.TaskInfo{SavePath: folder}, nil)
	task.EXPECT().Records(mock.Anything, pixivoc.RecordQuery{Kind: pixivoc.RecordFile}).Return(iter.Seq2[pixivoc.Record, error](
		func(yield func(pixivoc.Record, error) bool) {
			for i, name := range names {
				if !yield(pixivoc.Record{Seq: int64(i), Data: fmt.Appendf(nil, `{"path": %q}`, name)}, nil) {
					return
				}
			}
		}))
	return task
}

// TestTaskFS_OddRecords has a file recorded twice, and a name that was a file
// and is a folder now.
func TestTaskFS_OddRecords(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "a"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a", "b"), []byte("x"), 0o600))
	files, err := pixivoc.TaskFS(t.Context(), recorded(t, folder, "a/b", "a", "a/b"))
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(files, "a/b"))

	empty, err := pixivoc.TaskFS(t.Context(), recorded(t, "" /* saves no files */))
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(empty))
}

// BenchmarkTaskFS lists a task of a hundred thousand files.
func BenchmarkTaskFS(b *testing.B) {
	task := pixivocmock.NewTask(b)
	task.EXPECT().Info(mock.Anything).Return(pixivoc.TaskInfo{}, nil)
	task.EXPECT().Records(mock.Anything, mock.Anything).Return(func(yield func(pixivoc.Record, error) bool) {
		for i := range 100_000 {
			if !yield(pixivoc.Record{Data: fmt.Appendf(nil, `{"path": "artist/%d/%d_p0.jpg"}`, i/100, i)}, nil) {
				return
			}
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pixivoc.TaskFS(b.Context(), task); err != nil {
			b.Fatal(err)
		}
	}
}

// All pictures of a task in one archive, in three lines.
func ExampleTaskFS() {
	folder, err := os.MkdirTemp("", "pixivoc-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Types: []pixivoc.TaskType{pages()}, HTTP: road(texts)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Shutdown(ctx)
	task, _ := client.Create(ctx, pixivoc.TaskSpec{Type: "Pages", Name: "x", Keyword: "a/one.txt a/two.txt", SavePath: folder})
	_ = task.Start(ctx)
	_, _ = task.Wait(ctx)

	files, err := pixivoc.TaskFS(ctx, task)
	if err != nil {
		fmt.Println(err)
		return
	}
	var archive strings.Builder
	writer := zip.NewWriter(&archive)
	fmt.Println(writer.AddFS(files), writer.Close())

	reader, _ := zip.NewReader(strings.NewReader(archive.String()), int64(archive.Len()))
	for _, file := range reader.File {
		fmt.Println(file.Name)
	}
	// Output:
	// <nil> <nil>
	// a/
	// a/one.txt
	// a/two.txt
}
