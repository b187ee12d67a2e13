package pixiv_test

import (
	"context"
	"fmt"
	"path/filepath"
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

// pagesSince counts the requests for pages of lists after the first n requests.
func pagesSince(server *pixivtest.Server, path string, n int) (pages, all int) {
	requests := server.Requests()
	for _, request := range requests[n:] {
		if request.Path == path {
			pages++
		}
	}
	return pages, len(requests)
}

// Weeks of a watch: each run reads one page while nothing came, finds what came
// on top at once, and what came further down in the next full reading.
func TestWatch_Weeks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 5})
		defer server.Close()
		began := time.Date(2025, time.June, 1, 3, 0, 0, 0, time.UTC)
		add := func(id int64, hour int) {
			work := pixivtest.Work{ID: id, Created: began.Add(time.Duration(hour) * time.Hour), Tags: []pixivtest.Tag{{Name: "sky"}}}
			if id == 111 {
				work.Mask = pixivtest.MaskUnviewable
			}
			server.AddWork(work)
		}
		for i := range int64(20) {
			add(101+2*i, int(i)) // the IDs between are free
		}
		client, err := pixivoc.New(pixivoc.Config{
			Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), HTTP: server.RoundTripper(), NoSync: true, AutoStart: true,
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, client.Shutdown(context.Background())) }()
		_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
		require.NoError(t, err)
		folder := t.TempDir()
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{
			Type: pixiv.Search, Name: "n", SavePath: folder, Keyword: "sky", Schedule: "every 24h",
		})
		require.NoError(t, err)
		require.NoError(t, task.Start(t.Context()))
		seen := 0
		run := func() (pages int) {
			info, err := task.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, pixivoc.StateScheduled, info.State, info.Error)
			pages, seen = pagesSince(server, "/v1/search/illust", seen)
			time.Sleep(time.Until(info.NextRun) + time.Minute)
			synctest.Wait()
			return pages
		}
		var read []int
		for day := range 21 {
			switch day {
			case 3: // on top
				add(900, 900)
			case 5: // further down, as a work that was private before
				add(102, 1)
			}
			read = append(read, run())
		}
		assert.GreaterOrEqual(t, read[0], 4, "the first run reads everything")
		for day, pages := range read[1:] {
			opened := day + 2
			if (int64(opened)+task.ID())%10 == 0 {
				assert.GreaterOrEqual(t, pages, 4, "run %d is a full reading", opened)
			} else {
				assert.LessOrEqual(t, pages, 2, "run %d", opened)
			}
		}
		require.NoError(t, task.Stop(t.Context()))
		works := server.Works(server.Users()[0].ID)
		assert.Equal(t, len(works)-1, countRecords(t, task, pixiv.RecordWork), "all but the masked one")
		assert.FileExists(t, filepath.Join(folder, "n", fmt.Sprintf("%d_p0.jpg", 102)))
		assert.FileExists(t, filepath.Join(folder, "n", fmt.Sprintf("%d_p0.jpg", 900)))
	})
}
