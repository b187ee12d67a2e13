package pixivoc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

// aboutNow sets the clock of a bubble to a time at which the pictures of the fake
// Pixiv are old, so that their dates are good enough to resume by.
func aboutNow() { elapse(time.Until(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))) }

// newPixivClient makes a client of a fake Pixiv that is logged in. Without a
// road of its own it asks the server in memory, for use in a bubble.
func newPixivClient(t *testing.T, server *pixivtest.Server, config pixivoc.Config) pixivoc.Client {
	t.Helper()
	config.Site, config.Types, config.NoSync = pixiv.Site(), pixiv.Types(), true
	if config.HTTP == nil && config.Transport.RootCAs == nil {
		config.HTTP = server.RoundTripper()
	}
	if config.Store == nil {
		config.Store = memory.New()
	}
	client, err := pixivoc.New(config)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, client.Shutdown(context.Background()))
		require.NoError(t, config.Store.Close())
	})
	_, err = client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
	require.NoError(t, err)
	return client
}

// startWork makes a SingleWork task and starts it.
func startWork(t *testing.T, client pixivoc.Client, work int64, folder string) pixivoc.Task {
	t.Helper()
	return start(t, client, pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: "works", Keyword: fmt.Sprint(work), SavePath: folder})
}

// start makes a task and starts it.
func start(t *testing.T, client pixivoc.Client, spec pixivoc.TaskSpec) pixivoc.Task {
	t.Helper()
	task, err := client.Create(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	return task
}

// originals returns what the server has of the users' pictures, by file name.
func originals(server *pixivtest.Server) map[string][]byte {
	files := map[string][]byte{}
	for picture := range server.Pictures() {
		files[fmt.Sprintf("%d_p%d.%s", picture.WorkID, picture.Page, picture.Format)] = picture.Bytes()
	}
	return files
}

// wantOriginals wants a folder to hold what the server has, byte for byte, less
// what is named in missing, and nothing else.
func wantOriginals(t *testing.T, server *pixivtest.Server, folder string, missing ...string) {
	t.Helper()
	want := originals(server)
	for _, name := range missing {
		delete(want, name)
	}
	for _, name := range filesBelow(t, folder) {
		got, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		original, known := want[path.Base(name)]
		if !known {
			t.Errorf("%s should not be there", name)
		} else if !bytes.Equal(got, original) {
			t.Errorf("%s differs from the original", name)
		}
		delete(want, path.Base(name))
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

// wantRecords wants each file below a folder recorded once.
func wantRecords(t *testing.T, task pixivoc.Task, folder string) {
	t.Helper()
	var recorded []string
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		require.NoError(t, err)
		var file pixivoc.File
		require.NoError(t, json.Unmarshal(record.Data, &file))
		recorded = append(recorded, file.Name)
	}
	slices.Sort(recorded)
	if files := filesBelow(t, folder); !slices.Equal(recorded, files) {
		t.Errorf("recorded %q, there is %q", recorded, files)
	}
}

// itemsOf returns all items of a task by key.
func itemsOf(t *testing.T, task pixivoc.Task) map[string]pixivoc.ItemStatus {
	t.Helper()
	items := map[string]pixivoc.ItemStatus{}
	for item, err := range task.Items(context.Background(), pixivoc.ItemQuery{}) {
		require.NoError(t, err)
		items[item.Key] = item
	}
	return items
}
