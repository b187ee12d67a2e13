package pixiv_test

import (
	"errors"
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

// Filters, blocked tags and the archive choose novels as they choose works, and
// what is left out of a list costs no request.
func TestNovels_Options(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{}).ID
		add := func(title, tag string) pixiv.ID {
			return pixiv.ID(server.AddNovel(pixivtest.Novel{UserID: user, Title: title, Text: title, Tags: []pixivtest.Tag{{Name: tag}}}).ID)
		}
		wanted, dull, blocked, known := add("wanted", "sky"), add("dull", "sky"), add("blocked", "rain"), add("known", "sky")
		client := logIn(t, server)
		_, err := client.ImportArchive(t.Context(), imported(pixiv.ArchiveKey(pixiv.TypeNovel, known, 0)))
		require.NoError(t, err)
		chosen := options(t, pixiv.Options{Filter: `title != "dull" and type == "novel"`, BlockedTags: []string{"rain"}, Archive: true})
		spec := pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "novels", Keyword: fmt.Sprintf("%d novel", user), SavePath: t.TempDir(), Options: chosen, Key: "same",
		}
		finish(t, client, spec)
		task, _, failed := finish(t, client, spec) // opened again
		assert.Empty(t, failed)
		key := func(id pixiv.ID) string { return "novel " + id.String() }
		skipped := skippedRecords(t, task)
		assert.Len(t, skipped, 3, "what the task saved itself is not skipped")
		assert.Equal(t, pixiv.RuleFilter, skipped[key(dull)].Rule)
		assert.Equal(t, pixiv.SkippedRecord{NovelID: blocked, Rule: pixiv.RuleBlockedTags, Detail: "rain"}, skipped[key(blocked)])
		assert.Equal(t, pixiv.SkippedRecord{NovelID: known, Rule: pixiv.RuleArchive}, skipped[key(known)])
		assert.Equal(t, 4, countRecords(t, task, pixiv.RecordNovel))
		assert.EqualValues(t, 1, server.Counts("/v2/novel/detail").Requests)
		ledger, fates := entries(t, task, 100)
		assert.True(t, ledger.Complete, "%+v", ledger)
		assert.Equal(t, 4, ledger.Seen)
		assert.Equal(t, pixiv.FateSaved, fates[key(wanted)].Fate)
		assert.Equal(t, pixiv.RuleArchive, fates[key(known)].Cause)
		assert.Contains(t, archiveOf(t, client), pixiv.ArchiveKey(pixiv.TypeNovel, wanted, 0))

		// One by one: what is archived is not asked for, what is not wanted is
		// asked for once.
		for id, rule := range map[pixiv.ID]string{known: pixiv.RuleArchive, wanted: pixiv.RuleArchive, dull: pixiv.RuleFilter} {
			before := server.Counts("/v2/novel/detail").Requests
			task, _, failed = finish(t, client, pixivoc.TaskSpec{
				Type: pixiv.SingleNovel, Name: "one", Keyword: id.String(), SavePath: t.TempDir(), Options: chosen,
			})
			assert.Empty(t, failed)
			assert.Equal(t, rule, skippedRecords(t, task)[key(id)].Rule)
			assert.Equal(t, rule == pixiv.RuleFilter, server.Counts("/v2/novel/detail").Requests > before)
		}
	})
}

func TestNovels_WrongOptions(t *testing.T) {
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer server.Close()
	client := logIn(t, server)
	for _, kind := range []string{pixiv.SingleNovel, pixiv.NovelSeries} {
		_, err := client.Create(t.Context(), pixivoc.TaskSpec{
			Type: kind, Name: "n", Keyword: "1", SavePath: t.TempDir(), Options: []byte(`{"filter":"bookmarks >"}`),
		})
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, "Options.filter", field.Field)
	}
}

// The pictures of novels keep the delay of their task too.
func TestNovels_Delay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		novel := server.AddNovel(pixivtest.Novel{Text: "[uploadedimage:1][uploadedimage:2][uploadedimage:3]", Images: []int64{1, 2, 3}})
		_, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
			Type: pixiv.SingleNovel, Name: "novel", Keyword: fmt.Sprint(novel.ID), SavePath: t.TempDir(), Options: options(t, pixiv.Options{DelayMS: 5000}),
		})
		require.Empty(t, failed)
		times := server.RequestTimes(pixivtest.Match{Host: pixivtest.HostImages, Path: "*_*"})
		require.GreaterOrEqual(t, len(times), 3)
		for i := range times[1:] {
			gap := times[i+1].Sub(times[i])
			assert.True(t, gap >= 4900*time.Millisecond || gap < time.Second, "%s", gap)
		}
		assert.GreaterOrEqual(t, times[len(times)-1].Sub(times[0]), 10*time.Second)
	})
}

// A novel or work that was asked for and is gone leaves a tombstone.
func TestTombstone_Details(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		gone := server.AddWork(pixivtest.Work{Access: pixivtest.Deleted})
		client := logIn(t, server)
		task, _, failed := finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.WorkList, Name: "list", Keyword: fmt.Sprintf("%d https://www.pixiv.net/novel/show.php?id=77", gone.ID), SavePath: t.TempDir(),
		})
		assert.Len(t, failed, 2)
		assert.Equal(t, map[string]pixiv.TombstoneRecord{
			fmt.Sprint(gone.ID): {WorkID: pixiv.ID(gone.ID)}, "novel 77": {NovelID: 77},
		}, tombstones(t, task))
		_, fates := entries(t, task, 100)
		assert.Equal(t, pixiv.FateDeleted, fates[fmt.Sprint(gone.ID)].Fate)
		assert.Equal(t, pixiv.FateDeleted, fates["novel 77"].Fate)
	})
}
