package pixiv_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// options writes Options for a task.
func options(t testing.TB, o pixiv.Options) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	return raw
}

// Wrong options make no task, and the error names the field.
func TestOptions_Refused(t *testing.T) {
	t.Parallel()
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), HTTP: newRoad(nil)})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Shutdown(t.Context())) }()
	for text, want := range map[string][2]string{
		`{"path":"{id}/{nothing}"}`:    {"Options.path", `at character 7: there is no field "nothing"`},
		`{"multi_path":"../{id}"}`:     {"Options.multi_path", "at character 1"},
		`{"pages":"1,x"}`:              {"Options.pages", "at character 3"},
		`{"delay_ms":-1}`:              {"Options.delay_ms", "0 to 3600000"},
		`{"delay_ms":3600001}`:         {"Options.delay_ms", "0 to 3600000"},
		`{"delay_ms":"1"}`:             {"Options.delay_ms", "does not fit"},
		`{"paths":"{id}"}`:             {"Options", `there is no option "paths"; known are archive, blocked_tags,`},
		`{"filter":"bookmarks >"}`:     {"Options.filter", "at character 11"},
		`{"blocked_users":["x"]}`:      {"Options.blocked_users", "does not fit"},
		`{"blocked_tags":[""]}`:        {"Options.blocked_tags", "tag 1 is empty"},
		`{"revision":"both"}`:          {"Options.revision", "want keep or replace"},
		`{"file_time":"now"}`:          {"Options.file_time", "want saved or upload"},
		`{"metadata":["json","exif"]}`: {"Options.metadata", `word 2 is "exif"`},
		`{"metadata":["json","json"]}`: {"Options.metadata", "once at most"},
		`{"full_audit_every":-1}`:      {"Options.full_audit_every", "0 to 1000"},
		`{"full_audit_every":1001}`:    {"Options.full_audit_every", "0 to 1000"},
		`{"full_audit_every":2.5}`:     {"Options.full_audit_every", "does not fit"},
		`{"path":`:                     {"Options", "is no JSON"},
		`[]`:                           {"Options", "is no JSON object of options"},
	} {
		for kind, keyword := range map[string]string{pixiv.SingleWork: "1", pixiv.UserWorks: "9"} {
			_, err := client.Create(t.Context(), pixivoc.TaskSpec{
				Type: kind, Name: "n", Keyword: keyword, SavePath: t.TempDir(), Options: json.RawMessage(text),
			})
			var wrong *pixivoc.FieldError
			require.ErrorAs(t, err, &wrong, text)
			assert.Equal(t, want[0], wrong.Field, text)
			assert.Contains(t, wrong.Reason, want[1], text)
		}
	}
	for _, err := range client.Tasks(t.Context()) {
		t.Error("a task was made", err)
	}
}

func TestOptions_Pages(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(userReplies(t)))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9", Options: json.RawMessage(`{"pages":"LAST"}`)})
	assert.Equal(t, []string{"name of the task/1_p0.png", "name of the task/2_p1.png", "name of the task/4_p0.png"}, slices.Sorted(maps.Keys(rt.files)))
	assert.Len(t, result.failed, 2)
}

func TestOptions_Path(t *testing.T) {
	t.Parallel()
	rt := newRuntime(newRoad(userReplies(t)))
	drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9", Options: options(t, pixiv.Options{
		Path: "{task}/{id}{?title} {title}{/}.{ext}", MultiPath: "{type}/{id}/{number:02}",
	})})
	assert.Equal(t, []string{
		"manga/2/01.png", "manga/2/02.png", "name of the task/1 work 1.png", "name of the task/4 work 4.png",
	}, slices.Sorted(maps.Keys(rt.files)))
}

// An artist who changes the name keeps the folder, in later tasks too.
func TestOptions_ArtistFolderIsPinned(t *testing.T) {
	t.Parallel()
	kept := &pins{}
	named := func(id int, name string) map[string][]reply {
		work := strings.Replace(workJSON(id, 1), `{"id"`, `{"user":{"id":9,"name":"`+name+`"},"id"`, 1)
		return map[string][]reply{detailPath + fmt.Sprint(id): {{body: `{"illust":` + work + `}`}}, imagePath(id, 0): {{body: "x"}}}
	}
	for id, name := range []string{"Old / name", "New name"} {
		rt := newRuntime(newRoad(named(id+1, name)))
		rt.pins = kept
		drive(t, rt, pixivoc.TaskSpec{Type: pixiv.SingleWork, Keyword: fmt.Sprint(id + 1), Options: json.RawMessage(`{"path":"{user.id} {user.name}/{id}"}`)})
		assert.Equal(t, []string{fmt.Sprintf("9 Old _ name/%d.png", id+1)}, slices.Collect(maps.Keys(rt.files)))
	}
}

// The name of each begun file can be told from the item, with templates too.
func TestOptions_FileNames(t *testing.T) {
	t.Parallel()
	namer := typeNamed(t, pixiv.SingleWork).Stages[1].Stage.(pixivoc.FileNamer)
	for payload, want := range map[string]string{
		`{"work_id":5,"page":2}`:                        "task/5_p2.png",
		`{"work_id":5,"page":2,"name":"a/b"}`:           "a/b.png",
		`{"work_id":5,"ugoira":true}`:                   "task/5_ugoira1920x1080.zip",
		`{"work_id":5,"ugoira":true,"name":"a/b"}`:      "a/b_ugoira1920x1080.zip",
		`{"work_id":5,"page":1,"name":"artist/5 name"}`: "artist/5 name_master1200.jpg",
	} {
		names := namer.FileNames(pixivoc.TaskInfo{TaskName: "task"}, pixivoc.Item{Payload: json.RawMessage(payload)})
		assert.Contains(t, names, want, payload)
	}
}

// starts notes when pictures are asked for.
type starts struct {
	http.RoundTripper
	mu sync.Mutex
	at []time.Time
}

func (s *starts) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host == pixivtest.HostImages {
		s.mu.Lock()
		s.at = append(s.at, time.Now())
		s.mu.Unlock()
	}
	return s.RoundTripper.RoundTrip(request)
}

// Downloads of a task are spaced by delay_ms while those of another are not, and
// no file is lost by waiting.
func TestOptions_Delay(t *testing.T) {
	for _, delay := range []time.Duration{100 * time.Millisecond, 3 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			server := pixivtest.NewUnstartedServer(pixivtest.Config{})
			defer server.Close()
			user := server.Populate(pixivtest.Population{Works: 30, Pages: pixivtest.Between{Min: 1, Max: 2}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10}})[0]
			road := &starts{RoundTripper: server.RoundTripper()}
			client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), HTTP: road, NoSync: true})
			require.NoError(t, err)
			defer func() { require.NoError(t, client.Shutdown(t.Context())) }()
			_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
			require.NoError(t, err)
			folder := t.TempDir()
			began := time.Now()
			_, info, failed := finish(t, client, pixivoc.TaskSpec{
				Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder,
				Options: options(t, pixiv.Options{DelayMS: delay.Milliseconds()}),
			})
			assert.Empty(t, failed)
			count := equalFiles(t, server, filepath.Join(folder, "works"))
			require.Len(t, road.at, count)
			for i, at := range road.at[1:] {
				assert.GreaterOrEqual(t, at.Sub(road.at[i]), delay, "download %d of %d", i+1, count)
			}
			assert.Less(t, info.FinishedAt.Sub(began), delay*time.Duration(count)*3/2+time.Minute, "no more time is lost than must be")
		})
	}
}

// What a task saved under the names of a template goes away with it.
func TestOptions_DeleteWithTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{Works: 8, Pages: pixivtest.Between{Min: 1, Max: 2}, Sizes: pixivtest.Between{Min: 2 << 20, Max: 3 << 20}})[0]
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostImages}, After: 5, Times: 1 << 20, Do: pixivtest.Stall{At: pixivtest.AtPercent(50)}})
		client, folder := logIn(t, server), t.TempDir()
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder,
			Options: json.RawMessage(`{"path":"{user.name}/{date:2006}/{id}"}`),
		})
		require.NoError(t, err)
		require.NoError(t, task.Start(t.Context()))
		synctest.Wait()
		<-time.After(10 * time.Second) // until the stalled ones hang
		require.NoError(t, task.Stop(t.Context()))
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		assert.Len(t, filesUnder(t, folder), 5)
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
		left, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Empty(t, left, "folders that were made go as well")
	})
}

// filesUnder lists the files below a folder, with slashes.
func filesUnder(t testing.TB, folder string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(folder, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}
