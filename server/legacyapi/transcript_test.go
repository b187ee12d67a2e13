package legacyapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTranscripts replays the transcripts in testdata. "> " is a request, with
// its form; "< " the JSON that answers it, "= " the text; "* " is something
// that happens elsewhere. $1 is the TID of the first task that was created.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.Len(t, files, 5)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			p := &player{kit: newKit(t)}
			for i, line := range strings.Split(string(text), "\n") {
				p.play(t, line, fmt.Sprintf("%s:%d", file, i+1))
			}
			assert.Nil(t, p.answer, "a request has no answer in the transcript")
		})
	}
}

type player struct {
	*kit
	answer *response
}

func (p *player) play(t *testing.T, line, where string) {
	t.Helper()
	if line == "" || line[0] == '#' {
		return
	}
	kind, text := line[:2], line[2:]
	switch kind {
	case "> ":
		require.Nil(t, p.answer, where)
		p.ask(text)
	case "< ":
		require.NotNil(t, p.answer, where)
		require.Equal(t, p.fill(text, jsonText), strings.TrimSuffix(p.answer.body, "\n"), where)
		require.Equal(t, "application/json", p.answer.header.Get("Content-Type"), where)
	case "= ":
		require.NotNil(t, p.answer, where)
		require.Equal(t, text, p.answer.body, where)
		require.Equal(t, "text/html; charset=utf-8", p.answer.header.Get("Content-Type"), where)
	case "* ":
		p.happen(text, where)
	default:
		t.Fatal(where, "cannot be read")
	}
	if kind == "< " || kind == "= " {
		require.Equal(t, 200, p.answer.status, where)
		p.answer = nil
	}
}

// ask sends a request and notes the task that it made.
func (p *player) ask(text string) {
	method, rest, _ := strings.Cut(text, " ")
	path, form, _ := strings.Cut(p.fill(rest, url.QueryEscape), " ")
	answer := p.send(p.request(method, path, form))
	p.answer = &answer
	if strings.HasPrefix(path, "/create/") && strings.HasPrefix(answer.body, `{"result":[true`) {
		p.created = append(p.created, p.tidOf(answer))
	}
}

func jsonText(text string) string {
	quoted, _ := json.Marshal(text)
	return strings.Trim(string(quoted), `"`)
}

func (p *player) fill(text string, escape func(string) string) string {
	pairs := []string{
		"$folder", escape(p.folder), "$password", escape(password), "$sitePassword", escape(goodPassword),
		"$refreshToken", escape(goodRefresh),
	}
	for i, tid := range p.created {
		pairs = append(pairs, fmt.Sprintf("$%d", i+1), fmt.Sprint(tid))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (p *player) happen(what, where string) {
	p.t.Helper()
	ended := func(want pixivoc.State) {
		task, err := p.client.Task(p.t.Context(), p.created[0])
		require.NoError(p.t, err, where)
		info, err := task.Wait(p.t.Context())
		require.NoError(p.t, err, where)
		require.Equal(p.t, want, info.State, where)
	}
	switch what {
	case "sign in":
		p.signIn()
	case "log in":
		p.logIn()
	case "logins ended":
		p.api.WaitLogins()
	case "describe":
		p.details.open()
	case "give the last picture":
		p.pictures.open()
	case "wait for GetWorkDetails":
		p.until(p.created[0], func(info pixivoc.TaskInfo) bool { return info.State == pixivoc.StateDownloading })
	case "wait for two pictures":
		p.until(p.created[0], func(pixivoc.TaskInfo) bool { return p.done(p.created[0], "DownloadPicture") == 2 })
	case "wait for Stopped":
		ended(pixivoc.StateStopped)
	case "wait for Over":
		ended(pixivoc.StateOver)
	default:
		p.t.Fatal(where, "nothing like this happens here")
	}
}
