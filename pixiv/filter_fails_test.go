package pixiv_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A work or novel that the filter fails on is left out, and holds nothing else
// up.
func TestFilter_FailsOnOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{}).ID
		odd := []pixivtest.Tag{{Name: "a"}, {Name: "b"}, {Name: "c"}}
		for i := range 4 {
			work, novel := pixivtest.Work{UserID: user, PageCount: 1}, pixivtest.Novel{UserID: user, Text: "text"}
			if i == 2 {
				work.Tags, novel.Tags = odd, odd
			} else {
				work.Tags, novel.Tags = odd[:1], odd[:1]
			}
			server.AddWork(work)
			server.AddNovel(novel)
		}
		task, info, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "n", SavePath: t.TempDir(), Keyword: fmt.Sprintf("%d novel,illust", user),
			Options: options(t, pixiv.Options{Filter: `len(tags) < 3 or tags[9] != "sky"`}),
		})
		require.Equal(t, pixivoc.StateOver, info.State, info.Error)
		assert.Empty(t, failed)
		ledger, _ := entries(t, task, 100)
		assert.True(t, ledger.Complete)
		assert.Equal(t, map[pixiv.Fate]int{pixiv.FateSaved: 6, pixiv.FateFiltered: 2}, ledger.Fates)
		skipped := 0
		for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordSkipped}) {
			require.NoError(t, err)
			assert.Contains(t, string(record.Data), `"detail":"cannot be told: `)
			skipped++
		}
		assert.Equal(t, 2, skipped)
		filter, err := pixiv.ParseFilter(`len(tags) < 3 or tags[9] != "sky"`)
		require.NoError(t, err)
		selected := 0
		for _, err := range pixiv.SelectWorks(t.Context(), task, filter) {
			require.NoError(t, err)
			selected++
		}
		assert.Equal(t, 3, selected)
	})
}
