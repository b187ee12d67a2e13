package restapi_test

import (
	"fmt"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTasks_StartAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	info := k.finished("Paint", 3)
	path := fmt.Sprintf("/tasks/%d/start", info.TID)
	k.call("POST", path, nil).is(200).into(&info)
	assert.Equal(t, 1, info.Runs, "over already: nothing happens")
	k.call("POST", path+"?again=false", nil).is(200).into(&info)
	assert.Equal(t, 1, info.Runs)
	k.call("POST", path+"?again=true", nil).is(200).into(&info)
	assert.Equal(t, 2, info.Runs)
	task, err := k.client.Task(t.Context(), info.TID)
	require.NoError(t, err)
	info, err = task.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, pixivoc.StateOver, info.State)
	assert.Equal(t, 2, info.Runs)
	k.call("POST", path+"?agian=true", nil).problem(400, "invalid_field")
}
