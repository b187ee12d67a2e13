package pixivoc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
)

// D5: what no task of the store saved is somebody's own and stays as it is: the
// picture is saved beside it, and found there by the next task.
func TestD5_OwnFilesStay(t *testing.T) {
	t.Parallel()
	other := pixivtest.NewUnstartedServer(pixivtest.Config{})
	for name, own := range map[string][]byte{
		"a short text":              []byte("my notes"),
		"bytes of the same length":  bytes.Repeat([]byte("x"), 8192),
		"a longer text":             bytes.Repeat([]byte("my notes "), 2000),
		"another picture, longer":   other.Picture(other.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 9000}}).ID, 0).Bytes(),
		"another picture, shorter ": other.Picture(other.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 7000}}).ID, 0).Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pixivtest.NewUnstartedServer(pixivtest.Config{})
			work := server.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 8192}})
			original, folder := server.Picture(work.ID, 0).Bytes(), t.TempDir()
			wanted := fmt.Sprintf("works/%d_p0.jpg", work.ID)
			beside := fmt.Sprintf("works/%d_p0_%08x.jpg", work.ID, crc32.Checksum(original, crc32.MakeTable(crc32.Castagnoli)))
			require.NoError(t, os.Mkdir(filepath.Join(folder, "works"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(folder, wanted), own, 0o600))
			var log lockedText
			client := newPixivClient(t, server, pixivoc.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}})
			for again := range 2 {
				task := startWork(t, client, work.ID, folder)
				wait(t, task, pixivoc.StateOver)
				file := onlyFile(t, task)
				if file.Name != beside || file.Wanted != wanted || file.Existing != (again == 1) {
					t.Errorf("time %d: %+v", again, file)
				}
				wantContent(t, folder, wanted, own)
				wantContent(t, folder, beside, original)
				wantFiles(t, folder, wanted, beside)
			}
			if !strings.Contains(log.String(), beside) {
				t.Errorf("the log does not tell: %s", log.String())
			}
		})
	}
}

// What a task of the store saved may be replaced by a later one that finds other
// content, and so may a file that is the beginning of the content.
func TestD5_SavedFilesAreReplaced(t *testing.T) {
	t.Parallel()
	folder, store := t.TempDir(), memory.New()
	t.Cleanup(func() { _ = store.Close() })
	for i, text := range []string{"the first", "the second version", "third"} {
		kind := countTo(1, saving("Save"))
		kind.Files = true
		client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{kind}, HTTP: saying(text), NoSync: true})
		task := createIn(t, client, folder)
		wait(t, task, pixivoc.StateOver)
		if file := onlyFile(t, task); file.Name != "numbers/0.txt" || file.Wanted != "" {
			t.Errorf("version %d: %+v", i, file)
		}
		wantContent(t, folder, "numbers/0.txt", []byte(text))
		wantFiles(t, folder, "numbers/0.txt")
	}
}

// onlyFile is the one file that a task recorded.
func onlyFile(t *testing.T, task pixivoc.Task) (file pixivoc.File) {
	t.Helper()
	n := 0
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(record.Data, &file))
		n++
	}
	require.Equal(t, 1, n)
	return file
}

func wantContent(t *testing.T, folder, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d other bytes (%v)", name, len(got), err)
	}
}

// saying answers every request with that text.
func saying(text string) road {
	return func(request *http.Request) (*http.Response, error) { return answer(request, http.StatusOK, text), nil }
}

// lockedText is a text that several goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
