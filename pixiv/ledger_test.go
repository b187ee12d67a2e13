package pixiv_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entries runs a report and holds that its sums agree with its entries.
func entries(t *testing.T, task pixivoc.Task, part int) (pixiv.Ledger, map[string]pixiv.LedgerEntry) {
	t.Helper()
	found := map[string]pixiv.LedgerEntry{}
	ledger, err := pixiv.ReportInParts(t.Context(), task, func(entry pixiv.LedgerEntry) error {
		key := entry.Key
		if entry.Work != 0 {
			key = entry.Work.String()
		}
		if entry.Novel != 0 {
			key = "novel " + entry.Novel.String()
		}
		_, again := found[key]
		require.False(t, again, "%s has two fates", key)
		found[key] = entry
		return nil
	}, part)
	require.NoError(t, err)
	sum := 0
	for _, count := range ledger.Fates {
		sum += count
	}
	assert.Equal(t, ledger.Seen, sum)
	assert.Len(t, found, sum)
	return ledger, found
}

// Each work of an artist has one fate, whatever happened to it, and the report
// is the same in whatever parts it is made.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{Works: 45, Pages: pixivtest.Between{Min: 1, Max: 3}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10}})[0]
		add := func(work pixivtest.Work) string {
			work.UserID = user.ID
			return fmt.Sprint(server.AddWork(work).ID)
		}
		masked := add(pixivtest.Work{Mask: pixivtest.MaskMyPixiv})
		gone := add(pixivtest.Work{Access: pixivtest.Deleted, StillListed: true})
		missing := add(pixivtest.Work{PageCount: 2, Pages: []pixivtest.Page{{}, {Missing: true}}})
		unwanted := add(pixivtest.Work{Title: "unwanted"})
		movie := add(pixivtest.Work{Type: pixivtest.Ugoira})

		client, folder := logIn(t, server), t.TempDir()
		spec := pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder, Key: "again",
			Options: options(t, pixiv.Options{Filter: `title != "unwanted"`}),
		}
		task, info, _ := finish(t, client, spec)
		for _, part := range []int{1_000_000, 7} {
			ledger, found := entries(t, task, part)
			assert.Equal(t, 50, ledger.Seen)
			assert.Equal(t, map[pixiv.Fate]int{
				pixiv.FateSaved: 46, pixiv.FateMasked: 1, pixiv.FateDeleted: 1, pixiv.FateFailed: 1, pixiv.FateFiltered: 1,
			}, ledger.Fates)
			assert.Equal(t, pixiv.FateMasked, found[masked].Fate)
			assert.Equal(t, pixiv.FateDeleted, found[gone].Fate)
			assert.Equal(t, pixiv.FateSaved, found[movie].Fate)
			assert.Equal(t, pixiv.RuleFilter, found[unwanted].Cause)
			assert.Equal(t, "deleted", found[missing].Cause)
			assert.Equal(t, []int{1, 1}, []int{found[missing].Done, found[missing].Failed})
			assert.Equal(t, map[string]int{"filter": 1}, ledger.Filtered)
			assert.Equal(t, map[string]int{"deleted": 1}, ledger.Failed)
			assert.Zero(t, ledger.FilesMissing)
			assert.Equal(t, info.Total-info.Failed-2, ledger.Files, "two items are pages of the list")
			assert.False(t, ledger.Complete, "a page of a work failed")
		}
		stop := errors.New("stop")
		_, err := pixiv.Report(t.Context(), task, func(pixiv.LedgerEntry) error { return stop })
		assert.ErrorIs(t, err, stop)
	})
}

// A task without failures is complete; one that was stopped is not.
func TestReport_Complete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{Works: 3, Pages: pixivtest.Between{Min: 1, Max: 2}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10}})[0]
		client := logIn(t, server)
		spec := pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: t.TempDir()}
		waiting, err := client.Create(t.Context(), spec)
		require.NoError(t, err)
		ledger, _ := entries(t, waiting, 100)
		assert.Equal(t, 1, ledger.ListingsPending)
		assert.False(t, ledger.Complete)
		for _, kind := range []string{pixiv.UserWorks, pixiv.UserWorksLink} {
			spec.Type = kind
			task, _, _ := finish(t, client, spec)
			ledger, _ := entries(t, task, 100)
			assert.True(t, ledger.Complete, "%s: %+v", kind, ledger)
			assert.Equal(t, 3, ledger.Fates[pixiv.FateSaved], kind)
		}
	})
}

// Novels have one fate each as well, beside works with the same numbers, and a
// user is one thing.
func TestReport_NovelsAndUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{})
		for range 3 {
			novel := server.AddNovel(pixivtest.Novel{UserID: user.ID, Text: "text"})
			server.AddBookmark(pixivtest.Bookmark{NovelID: novel.ID})
		}
		broken := server.AddNovel(pixivtest.Novel{UserID: user.ID, Text: "[pixivimage:77]", Works: []string{"77-1"}})
		server.AddBookmark(pixivtest.Bookmark{NovelID: broken.ID})
		server.AddBookmark(pixivtest.Bookmark{NovelID: 5}) // is gone
		server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 1})
		client := logIn(t, server)
		task, _, _ := finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "n", SavePath: t.TempDir(), Keyword: fmt.Sprintf("%d novel,illust", user.ID)})
		ledger, found := entries(t, task, 2)
		assert.Equal(t, 5, ledger.Seen)
		assert.Equal(t, map[pixiv.Fate]int{pixiv.FateSaved: 4, pixiv.FateFailed: 1}, ledger.Fates)
		assert.Equal(t, pixiv.LedgerEntry{Novel: pixiv.ID(broken.ID), Fate: pixiv.FateFailed, Cause: "deleted", Done: 1, Failed: 1}, found["novel "+fmt.Sprint(broken.ID)])
		assert.Zero(t, ledger.FilesMissing)

		task, _, _ = finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserBookmarks, Name: "n", SavePath: t.TempDir(), Keyword: "12345678 novel"})
		ledger, found = entries(t, task, 100)
		assert.Equal(t, map[pixiv.Fate]int{pixiv.FateSaved: 3, pixiv.FateFailed: 1, pixiv.FateMasked: 1}, ledger.Fates)
		assert.Equal(t, pixiv.FateMasked, found["novel 5"].Fate)

		task, _, _ = finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserDetails, Name: "n", Keyword: fmt.Sprint(user.ID)})
		ledger, found = entries(t, task, 100)
		assert.True(t, ledger.Complete)
		assert.Equal(t, pixiv.FateSaved, found[fmt.Sprint(user.ID)].Fate)
	})
}

// What was recorded is filtered again without asking Pixiv, also what the task
// itself did not want.
func TestSelectWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{})
		for i := range 6 {
			server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 1 + i%3, Title: fmt.Sprint("title ", i)})
		}
		client := logIn(t, server)
		task, _, _ := finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "n", SavePath: t.TempDir(), Keyword: fmt.Sprint(user.ID), Options: options(t, pixiv.Options{Filter: "pages == 1"}),
		})
		server.Close()
		selected := func(filter *pixiv.Filter) (titles []string) {
			for work, err := range pixiv.SelectWorks(t.Context(), task, filter) {
				require.NoError(t, err)
				titles = append(titles, work.Title)
			}
			slices.Sort(titles)
			return titles
		}
		filter, err := pixiv.ParseFilter(`pages > 1 and title != "title 2"`)
		require.NoError(t, err)
		assert.Equal(t, []string{"title 1", "title 4", "title 5"}, selected(filter))
		assert.Len(t, selected(nil), 6)
		for range pixiv.SelectWorks(t.Context(), task, nil) {
			break
		}
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{}))
		for _, err := range pixiv.SelectWorks(t.Context(), task, nil) {
			assert.ErrorIs(t, err, pixivoc.ErrTaskNotFound)
		}
	})
}
