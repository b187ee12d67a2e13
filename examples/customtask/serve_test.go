package main

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// started is the example at work.
type started struct {
	*app
	t      *testing.T
	folder string
	base   string // of the addresses
}

func start(t *testing.T) started {
	t.Helper()
	folder := t.TempDir()
	a, err := open(settings{http: "127.0.0.1:0", socket: "127.0.0.1:0"}, folder)
	require.NoError(t, err)
	_, err = a.client.UpdateEnv(t.Context(), pixivoc.EnvPatch{IntervalTime: new(pixivoc.DefaultEnv().IntervalTime * 0)})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		require.ErrorIs(t, <-ended, nil)
	})
	return started{a, t, folder, "http://" + a.webAt.Addr().String()}
}

// send asks a door for JSON and wants a status.
func (s started) send(method, path, body string, want int, into any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, want, response.StatusCode, "%s", text)
	if into != nil {
		require.NoError(s.t, json.Unmarshal(text, into), "%s", text)
	}
}

// wantEvenings waits for the one task there is and wants its pictures.
func (s started) wantEvenings(name string, pictures int) {
	s.t.Helper()
	var tid int64
	for info, err := range s.client.Tasks(s.t.Context()) {
		require.NoError(s.t, err)
		require.Equal(s.t, typeAlbum, info.TypeName)
		tid = info.TID
	}
	task, err := s.client.Task(s.t.Context(), tid)
	require.NoError(s.t, err)
	info, err := task.Wait(s.t.Context())
	require.NoError(s.t, err)
	require.Equal(s.t, pixivoc.StateOver, info.State, info.Error)
	require.Equal(s.t, name, info.TaskName)
	files, err := pixivoc.TaskFS(s.t.Context(), task)
	require.NoError(s.t, err)
	saved, err := fs.Glob(files, name+"/*.png")
	require.NoError(s.t, err)
	require.Len(s.t, saved, pictures)
	for i, file := range saved {
		text, err := os.ReadFile(filepath.Join(s.folder, filepath.FromSlash(file)))
		require.NoError(s.t, err)
		n := i + 1
		if n >= 7 {
			n++ // the seventh was withdrawn
		}
		require.Equal(s.t, paint(n), text, file)
	}
}

// TestDoors_MakeTheNewType lets each door make a task by the name of its type.
// None of them was written for it.
func TestDoors_MakeTheNewType(t *testing.T) {
	t.Parallel()
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		conn, err := socketapi.Dial(t.Context(), s.socketAt.Addr().String(), socketapi.ClientOptions{})
		require.NoError(t, err)
		defer conn.Close()
		info, err := conn.Create(t.Context(), pixivoc.TaskSpec{Type: typeAlbum, Name: "evenings", Keyword: "sunsets"})
		require.NoError(t, err)
		require.NoError(t, conn.Start(t.Context(), info.TID))
		s.wantEvenings("evenings", 11)
		details, found, err := conn.TaskDetails(t.Context(), info.TID) // as PixivOC's clients see it
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, typeAlbum, details.TypeName)
		require.True(t, details.Over)
	})
	t.Run("REST", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.send("POST", "/api/v1/tasks", `{"type": "GalleryAlbum", "name": "few", "keyword": "sunsets", "options": {"limit": 4}, "start": true}`, 201, nil)
		s.wantEvenings("few", 4)
		var refused struct{ Field, Detail string }
		s.send("POST", "/api/v1/tasks", `{"type": "GalleryAlbum", "name": "x", "keyword": "sunsets", "options": {"limit": -4}}`, 400, &refused)
		require.Equal(t, "is negative", refused.Detail)
	})
	t.Run("REST, by address", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.send("POST", "/api/v1/tasks", `{"url": "https://gallery.example/albums/sunsets", "start": true}`, 201, nil)
		s.wantEvenings("sunsets", 11)
	})
	t.Run("task API", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		var added struct{ Aid string }
		s.send("POST", "/add-task", `{"Url": "https://gallery.example/albums/sunsets"}`, 200, &added)
		require.Equal(t, "album:sunsets", added.Aid)
		s.wantEvenings("sunsets", 11)
	})
}

// TestTask_AsTheConsoleSeesIt asks for what the console shows: the type, the
// pictures, what failed and why.
func TestTask_AsTheConsoleSeesIt(t *testing.T) {
	t.Parallel()
	s := start(t)
	var types struct {
		Types []struct {
			Name   string
			Stages []string
		}
	}
	s.send("GET", "/api/v1/types", "", 200, &types)
	require.Len(t, types.Types, 1)
	require.Equal(t, []string{stageList, stageSave}, types.Types[0].Stages)

	var task struct{ TID json.Number }
	s.send("POST", "/api/v1/tasks", `{"type": "GalleryAlbum", "name": "evenings", "keyword": "sunsets", "start": true}`, 201, &task)
	s.wantEvenings("evenings", 11)
	var files struct {
		Files []struct {
			Path    string
			Picture bool
		}
	}
	s.send("GET", "/api/v1/tasks/"+task.TID.String()+"/files", "", 200, &files)
	require.Len(t, files.Files, 11)
	require.True(t, files.Files[0].Picture)
	var failed struct {
		Items []struct{ Key, Reason, Detail string }
	}
	s.send("GET", "/api/v1/tasks/"+task.TID.String()+"/items?state=failed", "", 200, &failed)
	require.Len(t, failed.Items, 1)
	require.Equal(t, "sunset-7", failed.Items[0].Key)
	require.Equal(t, pixivoc.ReasonDeleted, failed.Items[0].Reason)
	s.send("DELETE", "/api/v1/tasks/"+task.TID.String()+"?files=true", "", 204, nil)
	left, err := os.ReadDir(s.folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestRun_TellsWhatToTry runs what main runs, and ends it.
func TestRun_TellsWhatToTry(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, writer, settings{http: "127.0.0.1:0", socket: "127.0.0.1:0"})
		_ = writer.Close()
	}()
	text := make([]byte, 4096)
	n, err := reader.Read(text)
	require.NoError(t, err)
	// What it says is done, as a person does who copies it.
	command := regexp.MustCompile(`curl (\S+) -H 'Content-Type: application/json' -d '([^']+)'`).FindStringSubmatch(string(text[:n]))
	require.NotNil(t, command, "%s", text[:n])
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, command[1], strings.NewReader(command[2]))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusCreated, response.StatusCode)
	stop()
	require.NoError(t, <-ended)
	require.Error(t, run(t.Context(), io.Discard, settings{http: "127.0.0.1:99999", socket: "127.0.0.1:0"}))
}
