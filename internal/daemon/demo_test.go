package daemon

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/memory"
)

// TestDemoStaysOnThisMachine tries the road to the site in a demo.
func TestDemoStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	site := newDemoSite()
	t.Cleanup(site.Close)
	config := pixivoc.Config{Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), NoSync: true}
	lead(&config, site)
	client, err := pixivoc.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Shutdown(context.Background())) })
	require.NoError(t, loginDemo(t.Context(), client, site))
	table, err := pixivoc.ParseHostTable([]string{"app-api.pixiv.net=127.0.0.1:1", "i.pximg.net=127.0.0.1:1"})
	require.NoError(t, err)
	for i, patch := range []pixivoc.EnvPatch{
		{ProxyMode: new(pixivoc.ModeProxy), Proxy: new("http://127.0.0.1:1")},
		{ProxyMode: new(pixivoc.ModeIP), Hosts: &table},
		{ProxyMode: new(pixivoc.ModeDirect)},
	} {
		_, err := client.UpdateEnv(t.Context(), patch)
		require.NoError(t, err)
		before := site.TotalCounts()
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{
			Type: "SingleWork", Name: fmt.Sprint(i), Keyword: fmt.Sprint(demoFirstID + i), SavePath: t.TempDir(),
		})
		require.NoError(t, err)
		require.NoError(t, task.Start(t.Context()))
		info, err := task.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, pixivoc.StateOver, info.State)
		assert.NotEqual(t, before, site.TotalCounts())
	}
}
