package socketapi_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program that is written for the kernel works with one afar.
func TestRemote(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pictures := newGate()
	client := kernel(t, pictures)
	d := openTCP(t, client, socketapi.Config{})
	conn, err := socketapi.Dial(ctx, d.addr, socketapi.ClientOptions{})
	require.NoError(t, err)
	remote, err := socketapi.NewRemote(ctx, conn)
	require.NoError(t, err)
	var kernel pixivoc.Client = remote

	_, err = kernel.Account()
	assert.ErrorIs(t, err, pixivoc.ErrNoToken)
	_, err = kernel.Login(ctx, pixivoc.RefreshToken(goodToken))
	require.NoError(t, err)
	assert.Equal(t, client.Env(), kernel.Env())
	_, err = kernel.UpdateEnv(ctx, pixivoc.EnvPatch{ConcurrencyNumber: new(7)})
	require.NoError(t, err)
	assert.Equal(t, 7, client.Env().ConcurrencyNumber)
	require.Len(t, kernel.Types(), 4)
	assert.Equal(t, "DownloadPicture", kernel.Types()[1].Stages[1].Stage.Name())

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	events := make(chan pixivoc.Event, 1000)
	go func() {
		defer close(events)
		for event := range kernel.Events(watching) {
			events <- event
		}
	}()
	snapshot := <-events
	assert.Equal(t, pixivoc.EventSnapshot, snapshot.Kind)
	assert.True(t, snapshot.TokenOK)
	assert.Equal(t, 7, snapshot.Env.ConcurrencyNumber)

	task, err := kernel.Create(ctx, pixivoc.TaskSpec{Type: "SingleWork", Name: "x", Keyword: "5", SavePath: t.TempDir()})
	require.NoError(t, err)
	info, err := task.Wait(ctx)
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateWaitStart, info.State)
	require.NoError(t, task.Start(ctx))
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = task.Wait(short)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, task.Stop(ctx))
	info, err = task.Wait(ctx)
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateStopped, info.State)
	pictures.release()
	require.NoError(t, task.Start(ctx))
	info, err = task.Wait(ctx)
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateOver, info.State)
	seq := snapshot.Seq
	for event := range events {
		require.Greater(t, event.Seq, seq)
		seq = event.Seq
		if event.Kind == pixivoc.EventTaskOver {
			assert.Equal(t, info.TID, event.Task.TID)
			break
		}
	}

	links, err := kernel.Create(ctx, pixivoc.TaskSpec{Type: "UserWorksLink", Name: "links", Keyword: "9"})
	require.NoError(t, err)
	require.NoError(t, links.Start(ctx))
	_, err = links.Wait(ctx)
	require.NoError(t, err)
	count := 0
	for record, err := range links.Records(ctx, pixivoc.RecordQuery{Kind: "link"}) {
		require.NoError(t, err)
		assert.Equal(t, links.ID(), record.Task)
		count++
	}
	assert.Equal(t, 3, count)
	require.NoError(t, links.Reopen(ctx))
	info, err = links.Wait(ctx)
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateOver, info.State)
	assert.Equal(t, 2, info.Runs)
	count, err = links.CountRecords(ctx, pixivoc.RecordQuery{Kind: "link"})
	require.NoError(t, err)
	assert.Equal(t, 3, count)
	var middle int64
	for record := range links.Records(ctx, pixivoc.RecordQuery{Kind: "link"}) {
		middle = record.Seq - 1
	}
	count, err = links.CountRecords(ctx, pixivoc.RecordQuery{Through: middle})
	require.NoError(t, err)
	assert.Equal(t, 2, count)
	tids := []int64{}
	for info, err := range kernel.Tasks(ctx) {
		require.NoError(t, err)
		tids = append(tids, info.TID)
	}
	assert.Equal(t, []int64{task.ID(), links.ID()}, tids)
	imported, err := kernel.ImportArchive(ctx, archiveOf(1200))
	require.NoError(t, err)
	assert.Equal(t, pixivoc.ArchiveImport{Read: 1200, Added: 1200}, imported)
	imported, err = kernel.ImportArchive(ctx, archiveOf(1300))
	require.NoError(t, err)
	assert.Equal(t, pixivoc.ArchiveImport{Read: 1300, Added: 100}, imported)
	archived, err := kernel.Archived(ctx, "site:0007", "site:9999")
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"site:0007": true}, archived)
	var keys []string
	for entry, err := range kernel.Archive(ctx, "site:0099") {
		require.NoError(t, err)
		keys = append(keys, entry.Key)
	}
	require.Len(t, keys, 1200)
	assert.Equal(t, "site:0100", keys[0])
	_, err = kernel.ImportArchive(ctx, func(yield func(pixivoc.ArchiveEntry, error) bool) { yield(pixivoc.ArchiveEntry{}, nil) })
	assert.ErrorContains(t, err, "empty")
	require.NoError(t, task.Delete(ctx, pixivoc.DeleteOptions{}))
	_, err = kernel.Task(ctx, task.ID())
	assert.ErrorIs(t, err, pixivoc.ErrTaskNotFound)
	_, err = task.Wait(ctx)
	assert.ErrorIs(t, err, pixivoc.ErrTaskNotFound)

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com", nil)
	require.NoError(t, err)
	_, err = kernel.Do(request)
	assert.ErrorIs(t, err, pixivoc.ErrState)
	had, err := kernel.Logout(ctx)
	assert.NoError(t, err)
	assert.True(t, had)
	require.NoError(t, kernel.Shutdown(ctx))
	for range events { // ends with the connection
	}
	_, err = kernel.Groups(ctx)
	assert.ErrorIs(t, err, pixivoc.ErrClosed)
	_, err = client.Groups(ctx)
	assert.NoError(t, err, "the server stays at work")
}

// archiveOf makes entries of an archive.
func archiveOf(n int) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		for i := range n {
			if !yield(pixivoc.ArchiveEntry{Key: fmt.Sprintf("site:%04d", i)}, nil) {
				return
			}
		}
	}
}

// A connection that was lost shows as lost events and a new snapshot.
func TestRemote_EventsAfterReconnect(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := kernel(t, newGate())
	way := openFlaky(t, client, socketapi.Config{})
	conn, err := socketapi.Dial(ctx, "pipe:1", socketapi.ClientOptions{Dial: way.dial, MinReconnect: time.Millisecond, MaxReconnect: time.Millisecond})
	require.NoError(t, err)
	remote, err := socketapi.NewRemote(ctx, conn)
	require.NoError(t, err)
	defer func() { require.NoError(t, remote.Shutdown(context.Background())) }()
	var kinds []pixivoc.EventKind
	for event := range remote.Events(ctx) {
		kinds = append(kinds, event.Kind)
		switch len(kinds) {
		case 1:
			way.cut(true)
			mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
			way.cut(false)
		case 3:
			assert.Len(t, event.Tasks, 1)
			mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "y", Keyword: "1"})
		case 4:
			cancel()
		}
	}
	assert.Equal(t, []pixivoc.EventKind{pixivoc.EventSnapshot, pixivoc.EventLost, pixivoc.EventSnapshot, pixivoc.EventTaskCreated}, kinds)
}

// What is new of tasks and settings gets through.
func TestRemote_ScheduleAndLimits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := kernel(t, newGate())
	d := openTCP(t, client, socketapi.Config{})
	conn, err := socketapi.Dial(ctx, d.addr, socketapi.ClientOptions{})
	require.NoError(t, err)
	remote, err := socketapi.NewRemote(ctx, conn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = remote.Shutdown(context.Background()) })
	want := pixivoc.EnvPatch{BandwidthLimit: new(int64(1 << 20)), DailyCap: new(500), QuietHours: new("TZ=Asia/Tokyo 01:00-07:00")}
	env, err := remote.UpdateEnv(ctx, want)
	require.NoError(t, err)
	assert.Equal(t, client.Env(), env)
	assert.Equal(t, 500, env.DailyCap)
	_, err = remote.UpdateEnv(ctx, pixivoc.EnvPatch{QuietHours: new("at night")})
	assert.ErrorContains(t, err, "QuietHours")

	task, err := remote.Create(ctx, pixivoc.TaskSpec{Type: "UserWorksLink", Name: "x", Keyword: "5", Schedule: "every 6h", BandwidthLimit: 4096})
	require.NoError(t, err)
	info, err := task.Info(ctx)
	require.NoError(t, err)
	assert.Equal(t, "every 6h", info.Schedule)
	assert.Equal(t, int64(4096), info.BandwidthLimit)
	require.NoError(t, task.SetSchedule(ctx, "every 1d"))
	require.NoError(t, task.SetBandwidthLimit(ctx, 0))
	info, err = task.Info(ctx)
	require.NoError(t, err)
	assert.Equal(t, "every 1d", info.Schedule)
	assert.Equal(t, int64(0), info.BandwidthLimit)
	assert.ErrorContains(t, task.SetSchedule(ctx, "sometimes"), "Schedule")
	assert.Error(t, task.SetBandwidthLimit(ctx, 3))

	_, err = remote.Login(ctx, pixivoc.RefreshToken(goodToken))
	require.NoError(t, err)
	require.NoError(t, task.Start(ctx))
	info, err = task.Wait(ctx)
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateScheduled, info.State)
	assert.False(t, info.NextRun.IsZero())
}
