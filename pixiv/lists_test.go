package pixiv_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// world is a fake Pixiv where lists shift, have holes and show placeholders.
func world(t *testing.T) (server *pixivtest.Server, artist int64, shown []pixiv.ID, masked int64) {
	t.Helper()
	server = pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 3, ListShift: 1})
	artist = server.AddUser(pixivtest.User{Background: true}).ID
	day := time.Date(2026, time.January, 31, 3, 0, 0, 0, time.UTC)
	for i := range 8 {
		work := pixivtest.Work{
			UserID: artist, Created: day.Add(time.Duration(i-8) * 24 * time.Hour), Tags: []pixivtest.Tag{{Name: "sky"}},
			Series: &pixivtest.Series{ID: 77, Title: "s"},
		}
		switch i {
		case 2:
			work.Mask = pixivtest.MaskSanityLevel
		case 4:
			work.Unlisted = true
		case 5:
			work.Type = pixivtest.Ugoira
		case 6:
			work.Type, work.PageCount = pixivtest.Manga, 2
		}
		added := server.AddWork(work)
		server.AddBookmark(pixivtest.Bookmark{WorkID: added.ID, Private: i == 7, Tags: []string{fmt.Sprintf("tag%d", i%2)}})
		switch i {
		case 2:
			masked = added.ID
		case 4:
		default:
			shown = append(shown, pixiv.ID(added.ID))
		}
	}
	server.Follow(0, artist, false)
	server.Follow(0, server.AddUser(pixivtest.User{}).ID, true)
	return server, artist, shown, masked
}

// Each kind of listing finds each work once, downloads it, and tells which one
// it could not show.
func TestU15_Listings(t *testing.T) {
	t.Parallel()
	_, artist, shown, masked := world(t)
	withMask := map[string]string{fmt.Sprint(masked): pixivoc.ReasonMasked}
	for _, test := range []struct {
		kind, keyword string
		want          []pixiv.ID
		failed        map[string]string
	}{
		{pixiv.UserWorks, fmt.Sprint(artist), shown, withMask},
		{pixiv.UserWorks, fmt.Sprint(artist, " illust"), slices.Concat(shown[:3], shown[5:]), withMask},
		{pixiv.UserWorks, fmt.Sprint(artist, " manga"), shown[4:5], nil},
		{pixiv.UserWorks, fmt.Sprint(artist, " ugoira"), shown[3:4], withMask},
		{pixiv.UserWorks, fmt.Sprint(" ", artist, "\tmanga\u3000 ugoira\n"), shown[3:5], withMask},
		{pixiv.UserBookmarks, "12345678", shown[:5], withMask},
		{pixiv.UserBookmarks, "12345678 private", shown[5:], nil},
		{pixiv.UserBookmarks, "12345678 #tag1", []pixiv.ID{shown[1], shown[2], shown[3]}, nil},
		{pixiv.FollowingFeed, "", shown, withMask},
		{pixiv.FollowingFeed, "private", nil, nil},
		{pixiv.Ranking, "week", shown, withMask},
		{pixiv.Ranking, "day_manga 2026-01-31", shown[4:5], nil},
		{pixiv.Ranking, "day 2026-01-01..2026-02-10", shown, withMask},
		{pixiv.Search, "sky", shown, withMask},
		{pixiv.MangaSeries, "https://www.pixiv.net/user/1/series/77", shown, withMask},
		{pixiv.RelatedWorks, fmt.Sprint(shown[0]), shown[1:], withMask},
		{pixiv.RecommendedWorks, "manga", shown[4:5], nil},
	} {
		t.Run(test.kind+" "+test.keyword, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, _, _, _ := world(t)
				defer server.Close()
				client, folder := logIn(t, server), t.TempDir()
				task, info, failed := finish(t, client, pixivoc.TaskSpec{Type: test.kind, Name: "n", SavePath: folder, Keyword: test.keyword})
				var have []pixiv.ID
				pages := 0
				for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordWork}) {
					require.NoError(t, err)
					var work pixiv.WorkRecord
					require.NoError(t, json.Unmarshal(record.Data, &work))
					have = append(have, work.ID)
					pages += work.PageCount
				}
				slices.Sort(have)
				assert.Equal(t, test.want, have)
				assert.Equal(t, len(test.failed), len(failed), failed)
				for key, reason := range test.failed {
					assert.Equal(t, reason, failed[key])
				}
				assert.Equal(t, pages, countRecords(t, task, pixiv.RecordFile))
				assert.Equal(t, len(test.failed), info.Failed)
			})
		})
	}
}

func TestListings_Bounded(t *testing.T) {
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10})
	t.Cleanup(server.Close)
	first := server.AddWork(pixivtest.Work{})
	for range 100 {
		server.AddWork(pixivtest.Work{})
	}
	for keyword, kind := range map[string]string{fmt.Sprint(first.ID, " 25"): pixiv.RelatedWorks, "25": pixiv.RecommendedWorks} {
		found := list(t, newFaked(server), pixivoc.TaskSpec{Type: kind, Keyword: keyword})
		assert.Len(t, found.works, 25, kind)
		assert.Equal(t, 3, found.pages, "no page more than needed")
	}
}

// A user with more works than Pixiv lists at a time is listed by type.
func TestU14_UserWorksBeyondTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10, OffsetLimit: 40})
		defer server.Close()
		user := server.AddUser(pixivtest.User{})
		kinds := []pixivtest.WorkType{pixivtest.Illust, pixivtest.Manga}
		for i := range 96 { // 48 of each, where 50 can be listed
			server.AddWork(pixivtest.Work{UserID: user.ID, Type: kinds[i%2]})
		}
		client, folder := logIn(t, server), t.TempDir()
		task, _, failed := finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "n", SavePath: folder, Keyword: fmt.Sprint(user.ID)})
		assert.Empty(t, failed)
		assert.Equal(t, 96, countRecords(t, task, pixiv.RecordWork))
		assert.Equal(t, 96, equalFiles(t, server, filepath.Join(folder, "n")))
		assert.Zero(t, countRecords(t, task, pixiv.RecordLimit))
		for range 4 { // 52 illustrations are too many
			server.AddWork(pixivtest.Work{UserID: user.ID})
		}
		task, _, _ = finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "m", SavePath: folder, Keyword: fmt.Sprint(user.ID)})
		assert.Equal(t, 98, countRecords(t, task, pixiv.RecordWork))
		assert.Equal(t, 1, countRecords(t, task, pixiv.RecordLimit))
	})
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, artist, _, _ := world(t)
		defer server.Close()
		client := logIn(t, server)
		task, _, failed := finish(t, client, pixivoc.TaskSpec{Type: pixiv.Following, Name: "n", Keyword: "12345678"})
		assert.Empty(t, failed)
		for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{}) {
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint(artist), record.Key)
		}
		task, _, failed = finish(t, client, pixivoc.TaskSpec{Type: pixiv.Following, Name: "n", Keyword: "5 private"})
		assert.Len(t, failed, 1, "others keep theirs private, and that is said")
		assert.Zero(t, countRecords(t, task, pixiv.RecordUser))
	})
}

func TestUserProfile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, artist, _, _ := world(t)
		defer server.Close()
		client, folder := logIn(t, server), t.TempDir()
		task, _, failed := finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserPictures, Name: "n", SavePath: folder, Keyword: fmt.Sprint(artist)})
		assert.Empty(t, failed)
		assert.Equal(t, 2, countRecords(t, task, pixiv.RecordFile))
		for _, name := range []string{"avatar", "background"} {
			assert.FileExists(t, filepath.Join(folder, "n", fmt.Sprintf("%d_%s.jpg", artist, name)))
		}
		for _, request := range server.Requests() {
			assert.False(t, strings.Contains(request.Path, "_170."), "the full size is there")
		}
		task, _, _ = finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserDetails, Name: "n", Keyword: fmt.Sprint(artist)})
		assert.Equal(t, 1, countRecords(t, task, pixiv.RecordUser))
		_, _, failed = finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserDetails, Name: "n", Keyword: "404"})
		assert.Equal(t, map[string]string{"404": pixivoc.ReasonDeleted}, failed)
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Len(t, entries, 1)
	})
}

// A search that is split, stopped by nothing, saves every picture; opened again
// it fetches what is new and nothing else.
func TestSearch_WholeTaskTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10, OffsetLimit: 20})
		defer server.Close()
		day := time.Date(2025, time.June, 1, 3, 0, 0, 0, time.UTC)
		add := func(hour int) {
			server.AddWork(pixivtest.Work{Created: day.Add(time.Duration(hour) * time.Hour), Tags: []pixivtest.Tag{{Name: "sky"}}})
		}
		for i := range 150 {
			add(i / 2) // two in the same second, 48 a day: more than one sweep sees
		}
		client, folder := logIn(t, server), t.TempDir()
		spec := pixivoc.TaskSpec{Type: pixiv.Search, Name: "n", SavePath: folder, Keyword: "sky", Key: "watch"}
		task, info, failed := finish(t, client, spec)
		assert.Empty(t, failed)
		assert.Zero(t, countRecords(t, task, pixiv.RecordLimit))
		assert.Equal(t, 150, equalFiles(t, server, filepath.Join(folder, "n")))
		first := info.Bytes

		for i := range 3 {
			add(200 + i)
		}
		_, info, failed = finish(t, client, spec)
		assert.Empty(t, failed)
		assert.Equal(t, 153, equalFiles(t, server, filepath.Join(folder, "n")))
		var added int64
		for picture := range server.Pictures() {
			added += picture.Size()
		}
		assert.Equal(t, added-first, info.Bytes-first, "nothing is fetched twice")
	})
}
