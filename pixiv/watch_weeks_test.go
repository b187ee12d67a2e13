package pixiv_test

import (
	"context"
	"encoding/json"
	"fmt"
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

// watched is a task that its schedule opens once a day.
type watched struct {
	t      *testing.T
	server *pixivtest.Server
	task   pixivoc.Task
	folder string
	list   string // the path of its list
	seen   int    // requests so far
	runs   int
	pages  int // of the list, in all runs
	api    int // all requests but those for pictures
}

func watch(t *testing.T, server *pixivtest.Server, list string, spec pixivoc.TaskSpec) *watched {
	t.Helper()
	client, err := pixivoc.New(pixivoc.Config{
		Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), HTTP: server.RoundTripper(), NoSync: true, AutoStart: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Shutdown(context.Background())) })
	_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
	require.NoError(t, err)
	w := &watched{t: t, server: server, folder: t.TempDir(), list: list, seen: len(server.Requests())}
	spec.Name, spec.SavePath, spec.Schedule = "n", w.folder, "every 24h"
	w.task, err = client.Create(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, w.task.Start(t.Context()))
	return w
}

// run waits for the end of a run and then for the next day. It returns how many
// pages of the list were read, and whether the run was an audit.
func (w *watched) run(every int64) (pages int, audit bool) {
	w.t.Helper()
	info, err := w.task.Wait(w.t.Context())
	require.NoError(w.t, err)
	require.Equal(w.t, pixivoc.StateScheduled, info.State, info.Error)
	w.runs++
	require.Equal(w.t, w.runs, info.Runs)
	requests := w.server.Requests()
	for _, request := range requests[w.seen:] {
		if request.Path == w.list {
			pages++
		}
		if request.Host != pixivtest.HostImages {
			w.api++
		}
	}
	w.seen = len(requests)
	w.pages += pages
	time.Sleep(time.Until(info.NextRun) + time.Minute)
	synctest.Wait()
	return pages, info.Runs < 2 || (int64(info.Runs)+info.TID)%every == 0
}

// Four weeks of an artist: new works come, one goes while it is fetched, one is
// uploaded anew, one turns up far down the list. What is on top is there the
// next day; the rest with the next audit. All other days cost one page.
func TestWatch_UserWeeks(t *testing.T) {
	t.Parallel()
	const every = 7
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10})
		defer server.Close()
		began := time.Date(2025, time.June, 1, 3, 0, 0, 0, time.UTC)
		user := server.AddUser(pixivtest.User{}).ID
		add := func(id int64, hour int) int64 {
			return server.AddWork(pixivtest.Work{ID: id, UserID: user, Created: began.Add(time.Duration(hour) * time.Hour)}).ID
		}
		for i := range int64(60) {
			add(1000+2*i, int(i))
		}
		w := watch(t, server, "/v1/user/illusts", pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Keyword: fmt.Sprint(user),
			Options: options(t, pixiv.Options{FullAuditEvery: every, Revision: pixiv.RevisionKeep}),
		})
		saved := func(id int64) bool {
			for name := range recordedFiles(t, w.task) {
				if name == fmt.Sprintf("n/%d_p0.jpg", id) {
					return true
				}
			}
			return false
		}
		gapClosed, revised := false, false
		for day := 1; day <= 28; day++ {
			if day%3 == 0 {
				add(int64(2000+day), 1000+day)
			}
			switch day {
			case 4:
				server.DeleteWork(1000) // was saved: stays
			case 5:
				server.AddWork(pixivtest.Work{ID: 3000, UserID: user, Created: began.Add(5000 * time.Hour), Access: pixivtest.Deleted, StillListed: true})
			case 9:
				add(1001, 1) // was private until now
				server.ReplaceWork(1004)
			}
			pages, audit := w.run(every)
			switch {
			case audit:
				assert.GreaterOrEqual(t, pages, 6, "run %d reads all", day)
			default:
				assert.LessOrEqual(t, pages, 2, "run %d", day)
			}
			if day%3 == 0 && day > 1 {
				assert.True(t, saved(int64(2000+day)), "the work of day %d", day)
			}
			if day > 9 && audit {
				gapClosed, revised = saved(1001), hasRevision(t, w.task, 1004)
			}
		}
		require.NoError(t, w.task.Stop(t.Context()))
		assert.True(t, gapClosed, "the audit finds what was private")
		assert.True(t, revised, "the audit finds what was uploaded anew")
		assert.True(t, saved(1000), "what is deleted at Pixiv stays")
		assert.Equal(t, map[string]pixiv.TombstoneRecord{"3000": {WorkID: 3000}}, tombstones(t, w.task))
		assert.Equal(t, 60+1+9+1, countRecords(t, w.task, pixiv.RecordWork))
		t.Logf("28 days: %d pages of the list, %d requests to the API; to read all each day: %d pages at least", w.pages, w.api, 28*6)
		assert.Less(t, w.pages, 28*6/2)
	})
}

func hasRevision(t *testing.T, task pixivoc.Task, id pixiv.ID) bool {
	t.Helper()
	for _, record := range recordedFiles(t, task) {
		if record.WorkID == id && record.Revision != "" {
			return true
		}
	}
	return false
}

// A watch whose audits are all of its runs reads all of the list each time, and
// one of bookmarks stops by itself as well.
func TestWatch_Bookmarks(t *testing.T) {
	t.Parallel()
	for every, most := range map[int64]int{1: 99, 1000: 2} {
		synctest.Test(t, func(t *testing.T) {
			server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 5})
			defer server.Close()
			reader := server.AddUser(pixivtest.User{}).ID
			mark := func() {
				server.AddBookmark(pixivtest.Bookmark{UserID: reader, WorkID: server.AddWork(pixivtest.Work{}).ID})
			}
			for range 20 {
				mark()
			}
			w := watch(t, server, "/v1/user/bookmarks/illust", pixivoc.TaskSpec{
				Type: pixiv.UserBookmarks, Keyword: fmt.Sprintf("%d illust", reader), Options: json.RawMessage(fmt.Sprintf(`{"full_audit_every":%d}`, every)),
			})
			for day := range 7 {
				pages, audit := w.run(every)
				if day == 0 || audit {
					assert.GreaterOrEqual(t, pages, 4)
				} else {
					assert.LessOrEqual(t, pages, most)
				}
				mark()
			}
			require.NoError(t, w.task.Stop(t.Context()))
			assert.Equal(t, 20+6, countRecords(t, w.task, pixiv.RecordWork))
		})
	}
}
