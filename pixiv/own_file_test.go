package pixiv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file of somebody's own stays, also one that is newer than the task: what the
// task makes under that name lies beside it.
func TestMadeFiles_SomebodysOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{})
		work := server.AddWork(pixivtest.Work{UserID: user.ID})
		novel := server.AddNovel(pixivtest.Novel{UserID: user.ID, Text: "text"})
		client, folder := logIn(t, server), t.TempDir()
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "n", SavePath: folder, Keyword: fmt.Sprintf("%d novel,illust", user.ID),
			Options: options(t, pixiv.Options{Metadata: []string{"json"}}),
		})
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "n"), 0o755))
		later := time.Now().Add(time.Hour)
		names := []string{fmt.Sprintf("%d.json", work.ID), fmt.Sprintf("%d.txt", novel.ID)}
		for _, name := range names {
			name = filepath.Join(folder, "n", name)
			require.NoError(t, os.WriteFile(name, []byte("my own notes"), 0o644))
			require.NoError(t, os.Chtimes(name, later, later))
		}
		require.NoError(t, task.Start(t.Context()))
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(folder, "n", name))
			require.NoError(t, err)
			assert.Equal(t, "my own notes", string(text), name)
			extension := filepath.Ext(name)
			beside, err := filepath.Glob(filepath.Join(folder, "n", name[:len(name)-len(extension)]+"_????????"+extension))
			require.NoError(t, err)
			assert.Len(t, beside, 1, name)
		}
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
		assert.Len(t, filesUnder(t, folder), 2)
	})
}
