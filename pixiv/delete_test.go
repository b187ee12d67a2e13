package pixiv_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// halves answers with the first half of a picture and then hangs. Others are
// whole.
type halves struct {
	*hosts
	hanging map[string]bool // by address without scheme
	hangs   chan struct{}   // gets one for each
}

func (h *halves) RoundTrip(request *http.Request) (*http.Response, error) {
	address := request.URL.Host + request.URL.Path
	if !h.hanging[address] {
		return h.hosts.RoundTrip(request)
	}
	body := h.pictures[address]
	return &http.Response{
		StatusCode: http.StatusOK, Request: request, ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Etag": {`"1"`}, "Content-Length": {strconv.Itoa(len(body))}},
		Body:   &halfBody{ctx: request.Context(), left: body[:len(body)/2], hangs: h.hangs},
	}, nil
}

type halfBody struct {
	ctx   context.Context
	left  string
	hangs chan<- struct{}
	said  bool
}

func (b *halfBody) Read(p []byte) (int, error) {
	if b.left == "" {
		if !b.said {
			b.said = true
			b.hangs <- struct{}{}
		}
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (b *halfBody) Close() error { return nil }

var _ io.ReadCloser = (*halfBody)(nil)

// Delete with Files leaves what was there before the task and what others have
// under way, and nothing of its own, begun files neither.
func TestDelete_WhatTheTaskMade(t *testing.T) {
	t.Parallel()
	road := &halves{
		hosts: &hosts{pictures: map[string]string{
			"a.example/there.jpg": shot(5000, "a"), "a.example/new.jpg": shot(6000, "b"),
			"a.example/begun.jpg": shot(1<<20, "c"), "a.example/other.jpg": shot(5000, "e"),
			"b.example/other.jpg": shot(1<<20, "d"), // half of it is more than a buffer
		}},
		hanging: map[string]bool{"a.example/begun.jpg": true, "b.example/other.jpg": true},
		hangs:   make(chan struct{}, 2),
	}
	store, folder := memory.New(), t.TempDir()
	defer func() { require.NoError(t, store.Close()) }()
	old, there := time.Now().Add(-time.Hour), filepath.Join(folder, "there.jpg")
	require.NoError(t, os.WriteFile(there, []byte(shot(5000, "a")), 0o600))
	require.NoError(t, os.Chtimes(there, old, old))
	client, err := pixivoc.New(pixivoc.Config{
		Store: store, Site: pixiv.Site(), Types: pixiv.Types(), HTTP: road, NoSync: true,
		Env: pixivoc.EnvPatch{ConcurrencyNumber: new(8)},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Shutdown(context.Background())) }()
	start := func(list string) pixivoc.Task {
		task, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: pixiv.Links, Name: "list", Keyword: list, SavePath: folder})
		require.NoError(t, err)
		require.NoError(t, task.Start(t.Context()))
		return task
	}
	other := start("https://b.example/other.jpg")
	<-road.hangs
	// The last of these waits for the other task, which has its name.
	mine := start("https://a.example/there.jpg\nhttps://a.example/new.jpg\nhttps://a.example/begun.jpg\nhttps://a.example/other.jpg")
	<-road.hangs
	for range client.Events(t.Context()) {
		info, err := mine.Info(t.Context())
		require.NoError(t, err)
		if info.Now >= 2 {
			break
		}
	}
	require.NoError(t, mine.Stop(t.Context()))
	_, err = mine.Wait(t.Context())
	require.NoError(t, err)
	names := func() (names []string) {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	assert.Subset(t, names(), []string{"there.jpg", "new.jpg", "begun.jpg.part", "begun.jpg.part.json"})
	require.NoError(t, mine.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
	require.NoError(t, other.Stop(t.Context()))
	_, err = other.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"other.jpg.part", "other.jpg.part.json", "there.jpg"}, names())
	require.NoError(t, other.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
	assert.Equal(t, []string{"there.jpg"}, names())
}
