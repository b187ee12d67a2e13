package pixivoc_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// saving is a stage that saves each number as a text and records it.
func saving(name string) pixivoc.StageSpec {
	return stage(name, func(ctx context.Context, rt pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://example.org/%d", in.N), nil)
		if err != nil {
			return out, err
		}
		file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: fmt.Sprintf("%s/%d.txt", rt.Task().TaskName, in.N), Any: true})
		if err == nil {
			out.Record(pixivoc.RecordFile, fmt.Sprint("file ", in.N), file)
		}
		return out, err
	})
}

// Files that two tasks have are removed with neither of them: the second took
// those of the first for its own.
func TestDelete_KeepsFilesOfOtherTasks(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) pixivoc.Store{
		"memory": func(*testing.T) pixivoc.Store { return memory.New() },
		"sqlite": func(t *testing.T) pixivoc.Store { return openSQLite(t, sqlite.Options{NoSync: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := countTo(3, saving("Save"))
			kind.Files = true
			more := countTo(5, saving("Save"))
			more.Files, more.Name = true, "More"
			client := newClient(t, pixivoc.Config{Store: store(t), Types: []pixivoc.TaskType{kind, more}, HTTP: greetings, NoSync: true})
			folder := t.TempDir()
			var tasks []pixivoc.Task
			for _, kind := range []string{"More", "Count"} {
				task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: kind, Name: "artist", SavePath: folder})
				require.NoError(t, err)
				require.NoError(t, task.Start(t.Context()))
				wait(t, task, pixivoc.StateOver)
				tasks = append(tasks, task)
			}
			require.NoError(t, tasks[0].Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
			wantFiles(t, folder, "artist/0.txt", "artist/1.txt", "artist/2.txt")
			text, err := os.ReadFile(filepath.Join(folder, "artist", "0.txt"))
			require.NoError(t, err)
			require.Equal(t, "hello from /0", string(text))
		})
	}
}
