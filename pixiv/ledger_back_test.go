package pixiv_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
)

// A work that was masked, or described so that nothing could be made of it, and
// is there in the next run is saved then, and the task complete.
func TestReport_WorkThatComesBack(t *testing.T) {
	t.Parallel()
	mask := "https://s.pximg.net/common/images/limit_mypixiv_360.png"
	for name, test := range map[string]struct {
		once map[string]any
		fate pixiv.Fate
	}{
		"masked": {map[string]any{
			"illusts.0.image_urls":       map[string]any{"square_medium": mask, "medium": mask, "large": mask},
			"illusts.0.meta_single_page": map[string]any{"original_image_url": mask},
		}, pixiv.FateMasked},
		"broken": {map[string]any{"illusts.0.page_count": 3}, pixiv.FateFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				defer server.Close()
				user := server.AddUser(pixivtest.User{}).ID
				for range 2 {
					server.AddWork(pixivtest.Work{UserID: user, PageCount: 1})
				}
				server.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/illusts"}, Times: 1, Do: pixivtest.EditJSON{Set: test.once}})
				client := logIn(t, server)
				spec := pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user), SavePath: t.TempDir(), Key: "again"}
				task, _, _ := finish(t, client, spec)
				ledger, _ := entries(t, task, 100)
				assert.Equal(t, map[pixiv.Fate]int{pixiv.FateSaved: 1, test.fate: 1}, ledger.Fates)
				task, _, _ = finish(t, client, spec)
				ledger, _ = entries(t, task, 100)
				assert.Equal(t, map[pixiv.Fate]int{pixiv.FateSaved: 2}, ledger.Fates)
				assert.True(t, ledger.Complete)
			})
		})
	}
}

// A user who is gone ends nothing in failure for ever: that is known, and what
// was saved stays.
func TestReport_UserWhoIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{}).ID
		for range 3 {
			server.AddWork(pixivtest.Work{UserID: user, PageCount: 1})
		}
		client := logIn(t, server)
		spec := pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "n", SavePath: t.TempDir(), Keyword: fmt.Sprint(user), Key: "again"}
		finish(t, client, spec)
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/detail"}, Do: pixivtest.Respond{
			Status: 404, ContentType: "application/json", Body: `{"error":{"user_message":"gone","message":"","reason":"","user_message_details":{}}}`,
		}})
		task, _, failed := finish(t, client, spec)
		assert.Equal(t, map[string]string{fmt.Sprint(user): pixivoc.ReasonDeleted}, failed)
		ledger, _ := entries(t, task, 100)
		assert.Equal(t, map[pixiv.Fate]int{pixiv.FateSaved: 3, pixiv.FateDeleted: 1}, ledger.Fates)
		assert.Zero(t, ledger.ListingsFailed)
		assert.True(t, ledger.Complete)
		key := fmt.Sprint("user ", user)
		assert.Equal(t, map[string]pixiv.TombstoneRecord{key: {UserID: pixiv.ID(user)}}, tombstones(t, task))
	})
}
