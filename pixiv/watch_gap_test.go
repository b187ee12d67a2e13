package pixiv_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A list that broke off half way, in the first run and in a later one, is read
// on in the next run, though its first page has nothing new.
func TestWatch_ReadsOnWhereAListBrokeOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 5})
		defer server.Close()
		began := time.Date(2025, time.June, 1, 3, 0, 0, 0, time.UTC)
		add := func(from, to int64) {
			for id := from; id <= to; id++ {
				server.AddWork(pixivtest.Work{ID: id, Created: began.Add(time.Duration(id) * time.Hour)})
			}
		}
		breakOff := func(offset string) {
			server.Script(pixivtest.Rule{
				Match: pixivtest.Match{Path: "/v1/user/illusts", Query: map[string]string{"offset": offset}}, Times: 1,
				Do: pixivtest.EditJSON{Set: map[string]any{"next_url": "https://app-api.pixiv.net/v1/elsewhere?offset=15"}},
			})
		}
		add(101, 130)
		breakOff("10")
		w := watch(t, server, "/v1/user/illusts", pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Keyword: fmt.Sprint(server.Users()[0].ID), Options: options(t, pixiv.Options{FullAuditEvery: 1000}),
		})
		for run, test := range []struct {
			pages, works int
			complete     bool
		}{
			{3, 15, false}, {6, 30, true}, {1, 30, true},
			{2, 40, false}, // 15 came, and the list broke off behind ten of them
			{4, 45, true}, {1, 45, true},
		} {
			info, err := w.task.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, run+1, info.Runs)
			ledger, _ := entries(t, w.task, 1000)
			assert.Equal(t, test.complete, ledger.Complete, "run %d", run+1)
			assert.Equal(t, test.works, countRecords(t, w.task, pixiv.RecordWork), "run %d", run+1)
			if run == 2 { // for the next run, which begins before w.run returns
				add(131, 145)
				breakOff("5")
			}
			pages, _ := w.run(1000)
			assert.Equal(t, test.pages, pages, "run %d", run+1)
		}
		require.NoError(t, w.task.Stop(t.Context()))
	})
}

// Who starts a task by hand between two runs of its schedule gets all of the
// list read, whichever way it is started.
func TestWatch_ByHandReadsAll(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, pixivoc.Task){
		"start":  func(t *testing.T, task pixivoc.Task) { require.NoError(t, task.Start(t.Context())) },
		"reopen": func(t *testing.T, task pixivoc.Task) { require.NoError(t, task.Reopen(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 5})
				defer server.Close()
				for i := range int64(20) {
					server.AddWork(pixivtest.Work{ID: 101 + 2*i})
				}
				w := watch(t, server, "/v1/user/illusts", pixivoc.TaskSpec{
					Type: pixiv.UserWorks, Keyword: fmt.Sprint(server.Users()[0].ID), Options: options(t, pixiv.Options{FullAuditEvery: 1000}),
				})
				w.run(1000)
				pages, _ := w.run(1000)
				assert.Equal(t, 1, pages, "opened by the schedule")
				info, err := w.task.Wait(t.Context())
				require.NoError(t, err)
				assert.True(t, info.BySchedule)
				_, seen := pagesSince(server, w.list, 0)
				server.AddWork(pixivtest.Work{ID: 102}) // far down the list
				start(t, w.task)
				info, err = w.task.Wait(t.Context())
				require.NoError(t, err)
				assert.False(t, info.BySchedule)
				pages, _ = pagesSince(server, w.list, seen)
				assert.Equal(t, 5, pages, "opened by hand")
				assert.Equal(t, 21, countRecords(t, w.task, pixiv.RecordWork))
				require.NoError(t, w.task.Stop(t.Context()))
			})
		})
	}
}
