package pixiv_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

// Metadata is saved beside the pictures, which stay as they are; what somebody
// wrote before is not touched, and Delete takes away what the task wrote.
func TestOptions_Metadata(t *testing.T) {
	for _, path := range []string{"", "{user.id}/{id} {title}"} {
		synctest.Test(t, func(t *testing.T) {
			server := pixivtest.NewUnstartedServer(pixivtest.Config{})
			defer server.Close()
			user := server.Populate(pixivtest.Population{Works: 2, Pages: pixivtest.Between{Min: 1, Max: 1}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10}})[0]
			one := server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 1, Title: "one", Caption: "said<br />this"})
			mute := server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 2, Title: "mute", Caption: "<br />"})
			unwanted := server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 1, Title: "unwanted"})
			client, folder := logIn(t, server), t.TempDir()

			stem := func(work pixivtest.Work) string {
				if path == "" {
					return fmt.Sprintf("works/%d", work.ID)
				}
				name := fmt.Sprintf("%d/%d %s", user.ID, work.ID, work.Title)
				if work.PageCount > 1 {
					name += "_p0"
				}
				return name
			}
			old := filepath.Join(folder, filepath.FromSlash(stem(mute)+".xmp"))
			require.NoError(t, os.MkdirAll(filepath.Dir(old), 0o755))
			require.NoError(t, os.WriteFile(old, []byte("mine"), 0o600))
			long := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) // the bubble's clock begins in 2000
			require.NoError(t, os.Chtimes(old, long, long))

			task, _, failed := finish(t, client, pixivoc.TaskSpec{
				Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder,
				Options: options(t, pixiv.Options{Path: path, Filter: `title != "unwanted"`, Metadata: []string{"json", "xmp", "text"}}),
			})
			require.Empty(t, failed)
			names := filesUnder(t, folder)
			assert.Contains(t, names, stem(one)+".json")
			assert.Contains(t, names, stem(one)+".xmp")
			assert.Contains(t, names, stem(mute)+".json")
			assert.NotContains(t, names, stem(mute)+"_caption.txt")
			for _, name := range names {
				assert.NotContains(t, name, fmt.Sprint(unwanted.ID))
				assert.False(t, strings.HasSuffix(name, ".part"), name)
			}
			text, err := os.ReadFile(filepath.Join(folder, stem(one)+"_caption.txt"))
			require.NoError(t, err)
			assert.Equal(t, "said\nthis\n", string(text))
			var found struct {
				ID    int64  `json:"id"`
				Title string `json:"title"`
			}
			text, err = os.ReadFile(filepath.Join(folder, stem(one)+".json"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &found))
			assert.Equal(t, one.ID, found.ID)
			assert.Equal(t, "one", found.Title)
			if path == "" {
				equalFilesBut(t, server, filepath.Join(folder, "works"), unwanted.ID)
			}
			ledger, _ := entries(t, task, 100)
			assert.True(t, ledger.Complete, "%+v", ledger)
			assert.Equal(t, len(names), ledger.Files)

			require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
			assert.Equal(t, []string{stem(mute) + ".xmp"}, filesUnder(t, folder))
			text, err = os.ReadFile(old)
			require.NoError(t, err)
			assert.Equal(t, "mine", string(text))
		})
	}
}

// equalFilesBut is equalFiles but for the pictures of one work.
func equalFilesBut(t *testing.T, server *pixivtest.Server, folder string, but int64) {
	t.Helper()
	for picture := range server.Pictures() {
		if work, _ := server.Work(picture.WorkID); work.Type == pixivtest.Ugoira || work.ID == but {
			continue
		}
		name := fmt.Sprintf("%d_p%d.%s", picture.WorkID, picture.Page, picture.Format)
		got, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		assert.True(t, string(picture.Bytes()) == string(got), name)
	}
}

// A list that still has a deleted work leaves a tombstone; other masks do not.
func TestTombstone(t *testing.T) {
	t.Parallel()
	masked := func(id int, kind string) string {
		return fmt.Sprintf(`{"id":%d,"page_count":1,"meta_single_page":{"original_image_url":"https://s.pximg.net/common/images/limit_%s_360.png"}}`, id, kind)
	}
	rt := newRuntime(newRoad(map[string][]reply{
		userPath + "9":           {{body: `{"user":{"id":9}}`}},
		illustPath + "user_id=9": {{body: `{"illusts":[` + masked(5, "unknown") + `,` + masked(6, "mypixiv") + `],"next_url":null}`}},
	}))
	result := drive(t, rt, pixivoc.TaskSpec{Type: pixiv.UserWorks, Keyword: "9"})
	assert.Equal(t, []pixiv.TombstoneRecord{{WorkID: 5}}, recordsOf[pixiv.TombstoneRecord](t, result, pixiv.RecordTombstone))
	assert.Equal(t, map[string]string{"5": pixivoc.ReasonMasked, "6": pixivoc.ReasonMasked}, result.failed)
}
