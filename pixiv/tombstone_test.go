package pixiv_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tombstones are those of a task by key.
func tombstones(t *testing.T, task pixivoc.Task) map[string]pixiv.TombstoneRecord {
	t.Helper()
	found := map[string]pixiv.TombstoneRecord{}
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordTombstone}) {
		require.NoError(t, err)
		var data pixiv.TombstoneRecord
		require.NoError(t, json.Unmarshal(record.Data, &data))
		found[record.Key] = data
	}
	return found
}

// What turns out to be gone where its files are fetched leaves a tombstone: the
// whole work, or a page of it.
func TestTombstone_Files(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		there := server.AddWork(pixivtest.Work{PageCount: 2, Pages: []pixivtest.Page{{}, {Missing: true}}})
		gone := server.AddWork(pixivtest.Work{UserID: there.UserID, Access: pixivtest.Deleted, StillListed: true})
		movie := server.AddWork(pixivtest.Work{UserID: there.UserID, Type: pixivtest.Ugoira, Access: pixivtest.Deleted, StillListed: true})
		task, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(there.UserID), SavePath: t.TempDir(),
		})
		assert.Len(t, failed, 3)
		one := 1
		assert.Equal(t, map[string]pixiv.TombstoneRecord{
			fmt.Sprintf("%d_p1", there.ID): {WorkID: pixiv.ID(there.ID), Page: &one},
			fmt.Sprint(gone.ID):            {WorkID: pixiv.ID(gone.ID)},
			fmt.Sprint(movie.ID):           {WorkID: pixiv.ID(movie.ID)},
		}, tombstones(t, task))
	})
}
