package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
)

// A picture that replaced another is as it was saved, and a sidecar is no worse
// for what somebody wrote into it.
func TestVerify_ReplacedAndEdited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		one := pixivtest.Between{Min: 1, Max: 1}
		user := server.Populate(pixivtest.Population{Works: 1, Pages: one, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10}})[0]
		client, err := pixivoc.New(pixivoc.Config{
			Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), HTTP: server.RoundTripper(), NoSync: true,
		})
		require.NoError(t, err)
		defer func() { assert.NoError(t, client.Shutdown(t.Context())) }()
		_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
		require.NoError(t, err)
		raw, err := json.Marshal(pixiv.Options{Revision: pixiv.RevisionReplace, Metadata: []string{pixiv.MetadataXMP}})
		require.NoError(t, err)
		folder := t.TempDir()
		var task pixivoc.Task
		for run := range 2 {
			task, err = client.Create(t.Context(), pixivoc.TaskSpec{
				Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder, Key: "again", Options: raw,
			})
			require.NoError(t, err)
			require.NoError(t, task.Start(t.Context()))
			_, err = task.Wait(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Hour) // of the bubble
			if run == 0 {
				server.ReplaceWork(server.Works(user.ID)[0].ID)
			}
		}
		check := func() (*verification, missing) {
			v := &verification{app: &app{stdout: &bytes.Buffer{}}}
			require.NoError(t, v.run(t.Context(), []pixivoc.Task{task}, 1))
			info, err := task.Info(t.Context())
			require.NoError(t, err)
			r := report{infos: []pixivoc.TaskInfo{info}}
			require.NoError(t, r.addMissing(t.Context(), []pixivoc.Task{task}))
			return v, r.missing
		}
		v, lost := check()
		assert.Equal(t, 2, v.files)
		assert.Zero(t, v.wrong)
		assert.Zero(t, lost.count, "%+v", lost.first)

		sidecars, err := filepath.Glob(filepath.Join(folder, "works", "*.xmp"))
		require.NoError(t, err)
		require.Len(t, sidecars, 1)
		require.NoError(t, os.WriteFile(sidecars[0], []byte("<!-- rated -->"), 0o600))
		v, lost = check()
		assert.Equal(t, 1, v.edited)
		assert.Zero(t, v.wrong)
		assert.Zero(t, lost.count)
		require.NoError(t, v.end())
		assert.Contains(t, v.app.stdout.(*bytes.Buffer).String(), "1 file of --metadata edited since")

		require.NoError(t, os.Remove(sidecars[0]))
		v, lost = check()
		assert.Equal(t, 1, v.wrong)
		assert.Equal(t, 1, lost.count)
	})
}
