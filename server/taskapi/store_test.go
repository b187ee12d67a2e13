package taskapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

// brokenSettings refuse to write while they are broken.
type brokenSettings struct {
	pixivoc.SettingStore
	broken atomic.Bool
}

var errDisk = errors.New("the disk is on fire")

func (s *brokenSettings) SetSetting(ctx context.Context, name string, value []byte) error {
	if s.broken.Load() {
		return errDisk
	}
	return s.SettingStore.SetSetting(ctx, name, value)
}

// TestD1_NothingIsHalfDone: what cannot be kept is not done, and is said so.
func TestD1_NothingIsHalfDone(t *testing.T) {
	t.Parallel()
	settings := &brokenSettings{}
	k := newKit(t, func(c *taskapi.Config) {
		settings.SettingStore = c.Settings
		c.Settings = settings
	})
	foreign := k.elsewhere("Count", "1")
	_, err := foreign.Wait(t.Context())
	require.NoError(t, err)
	k.add("nonsense")
	require.Eventually(t, func() bool { return len(k.lists().Finished) == 2 }, waitLong, waitStep)

	settings.broken.Store(true)
	for _, request := range [][3]string{
		{"POST", "/add-task", body("Wait/1")},
		{"POST", "/add-task", body("more nonsense")},
		{"GET", "/remove-finished/Count:1", ""},
		{"GET", "/remove-finished/nonsense", ""},
	} {
		answer := k.call(request[0], request[1], request[2]).is(http.StatusInternalServerError)
		assert.NotContains(t, answer.header.Get("X-Pixivoc-Error"), "fire")
	}
	assert.Contains(t, k.logged.String(), "on fire")
	count := 0
	for _, err := range k.client.Tasks(t.Context()) {
		require.NoError(t, err)
		count++
	}
	assert.Equal(t, 1, count, "the task that nobody heard of is gone")

	settings.broken.Store(false)
	all := k.lists()
	assert.Empty(t, all.Running)
	assert.Len(t, all.Finished, 2)
	assert.Equal(t, "unresolved-2", k.add("more nonsense").TaskId)
	k.stop()
	k.start()
	assert.Len(t, k.lists().Finished, 3)
}

// TestS1_WhatIsKeptIsDamaged: damaged settings cost what they held, and nothing
// else.
func TestS1_WhatIsKeptIsDamaged(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	made := k.add("Count/1")
	k.ended(made.TaskId)
	k.ended(k.add("Count/2").TaskId)
	k.add("nonsense")
	k.add("more nonsense")
	k.stop()
	require.NoError(t, k.store.SetSetting(t.Context(), "taskapi/"+made.TaskId, []byte("{")))
	require.NoError(t, k.store.SetSetting(t.Context(), "taskapi/unresolved/1", []byte("[]")))
	k.start()
	all := k.lists()
	require.Len(t, all.Finished, 3)
	assert.Equal(t, "Count:1", k.ended(made.TaskId).Aid, "as if it came from another door")
	assert.Equal(t, "unresolved-2", k.ended("unresolved-2").TaskId)
	assert.Equal(t, 2, strings.Count(k.logged.String(), "is lost"))
}
