package pixiv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A picture that its artist replaced is kept beside the old one, put in its
// place, or left, as the options say; one that was not replaced is not fetched
// again.
func TestOptions_Revision(t *testing.T) {
	for _, policy := range []string{"", pixiv.RevisionKeep, pixiv.RevisionReplace} {
		synctest.Test(t, func(t *testing.T) {
			server := pixivtest.NewUnstartedServer(pixivtest.Config{})
			defer server.Close()
			user := server.Populate(pixivtest.Population{Works: 3, Pages: pixivtest.Between{Min: 1, Max: 1}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10}})[0]
			revised := server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 1})
			client, folder := logIn(t, server), t.TempDir()
			spec := pixivoc.TaskSpec{
				Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder, Key: "again",
				Options: options(t, pixiv.Options{Revision: policy}),
			}
			task, _, failed := finish(t, client, spec)
			require.Empty(t, failed)
			before := filesUnder(t, folder)
			require.Len(t, before, 4)
			old := pageOf(t, server, revised.ID)

			<-time.After(time.Hour)
			server.ReplaceWork(revised.ID)
			fresh := pageOf(t, server, revised.ID)
			_, _, failed = finish(t, client, spec)
			require.Empty(t, failed)
			after := filesUnder(t, folder)
			name := filepath.Join(folder, "works", fmt.Sprintf("%d_p0.%s", revised.ID, fresh.Format))
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			switch policy {
			case "":
				assert.Equal(t, before, after)
				assert.True(t, string(content) == old.content)
			case pixiv.RevisionReplace:
				assert.Equal(t, before, after)
				assert.True(t, string(content) == fresh.content)
			case pixiv.RevisionKeep:
				assert.True(t, string(content) == old.content)
				added := slices.DeleteFunc(after, func(name string) bool { return slices.Contains(before, name) })
				require.Len(t, added, 1)
				assert.Regexp(t, fmt.Sprintf(`^works/%d_p0_r\d{14}\.`, revised.ID), added[0])
				content, err = os.ReadFile(filepath.Join(folder, added[0]))
				require.NoError(t, err)
				assert.True(t, string(content) == fresh.content)
			}
			want := 4
			if policy != "" {
				want = 5
			}
			assert.Equal(t, want, countRecords(t, task, pixiv.RecordFile))
			ledger, _ := entries(t, task, 100)
			assert.True(t, ledger.Complete, "%+v", ledger)
			finish(t, client, spec)
			assert.Equal(t, want, countRecords(t, task, pixiv.RecordFile), "nothing is new now")
		})
	}
}

func pageOf(t *testing.T, server *pixivtest.Server, work int64) page {
	t.Helper()
	for picture := range server.Pictures() {
		if picture.WorkID == work {
			return page{string(picture.Format), string(picture.Bytes())}
		}
	}
	t.Fatalf("no picture of work %d", work)
	return page{}
}

func TestOptions_FileTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		published := time.Date(2016, 2, 29, 3, 30, 0, 0, time.UTC)
		work := server.AddWork(pixivtest.Work{PageCount: 1, Created: published})
		client, folder := logIn(t, server), t.TempDir()
		finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.SingleWork, Name: "works", Keyword: fmt.Sprint(work.ID), SavePath: folder,
			Options: options(t, pixiv.Options{FileTime: pixiv.FileTimeUpload}),
		})
		names := filesUnder(t, folder)
		require.Len(t, names, 1)
		info, err := os.Stat(filepath.Join(folder, names[0]))
		require.NoError(t, err)
		assert.True(t, info.ModTime().Equal(published), "%s", info.ModTime())
	})
}

// page is a picture as it was at a time.
type page struct {
	Format  string
	content string
}
