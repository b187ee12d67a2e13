package pixiv_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecordColumns_OfEveryType(t *testing.T) {
	t.Parallel()
	for _, kind := range pixiv.Types() {
		names := pixiv.RecordColumns(kind.Name)
		assert.NotEmpty(t, names, kind.Name)
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "%s has a column twice", kind.Name)
		for _, alias := range kind.Aliases {
			assert.Equal(t, names, pixiv.RecordColumns(alias), alias)
		}
	}
	assert.Nil(t, pixiv.RecordColumns("Nothing"))
	assert.Subset(t, pixiv.RecordColumns(pixiv.SingleWork), []string{"title", "illust.user.profile_image_urls.medium", "illust.tags", "path", "checksum"})
	assert.NotContains(t, pixiv.RecordColumns(pixiv.WorkDetails), "path")
}

// Whatever a task finds has its columns: each member of each record.
func TestRecordColumns_HoldWhatTasksFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{
			Works: 5, Pages: pixivtest.Between{Min: 1, Max: 2}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10},
		})[0]
		server.AddWork(pixivtest.Work{UserID: user.ID, Access: pixivtest.Deleted, StillListed: true})
		movie := server.AddWork(pixivtest.Work{UserID: user.ID, Type: pixivtest.Ugoira})
		novel := server.AddNovel(pixivtest.Novel{UserID: user.ID})
		other := server.AddUser(pixivtest.User{})
		server.Follow(user.ID, other.ID, false)
		client, folder := logIn(t, server), t.TempDir()
		for i, spec := range []pixivoc.TaskSpec{
			{Type: pixiv.UserWorks, Keyword: fmt.Sprint(user.ID)},
			{Type: pixiv.SingleWork, Keyword: fmt.Sprint(movie.ID)},
			{Type: pixiv.WorkDetails, Keyword: fmt.Sprint(movie.ID)},
			{Type: pixiv.UserWorksLink, Keyword: fmt.Sprint(user.ID)},
			{Type: pixiv.SingleNovel, Keyword: fmt.Sprint(novel.ID)},
			{Type: pixiv.Following, Keyword: fmt.Sprint(user.ID)},
			{Type: pixiv.UserDetails, Keyword: fmt.Sprint(user.ID)},
			{Type: pixiv.UserPictures, Keyword: fmt.Sprint(user.ID)},
		} {
			spec.Name, spec.SavePath = fmt.Sprint("task", i), folder
			task, _, _ := finish(t, client, spec)
			names, found := pixiv.RecordColumns(spec.Type), 0
			for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{}) {
				require.NoError(t, err)
				found++
				var members map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(record.Data, &members))
				for member := range members {
					assert.True(t, slices.ContainsFunc(names, func(name string) bool {
						return name == member || strings.HasPrefix(name, member+".")
					}), "%s: %s of %s has no column", spec.Type, member, record.Kind)
				}
			}
			assert.NotZero(t, found, spec.Type)
		}
	})
}
