package taskapi_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestC1_AllAtOnce has many callers who add, cancel, remove and look at the
// same tasks, and other doors that stop and start them.
func TestC1_AllAtOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.get("/get-tasks").is(200)
	allowed := map[int]bool{http.StatusOK: true, http.StatusNotFound: true}
	var work sync.WaitGroup
	for caller := range 8 {
		work.Go(func() {
			for i := range 40 {
				aid := fmt.Sprintf("1.%d", (caller+i)%4)
				requests := [][3]string{
					{"POST", "/add-task", body("Wait/" + aid)},
					{"GET", "/get-tasks/" + aid, ""},
					{"POST", "/cancel-task/" + aid, ""},
					{"POST", "/add-task", body("Count/" + aid)},
					{"GET", "/get-tasks", ""},
					{"DELETE", "/remove-finished/" + aid, ""},
					{"POST", "/add-task", body("nonsense")},
					{"DELETE", "/remove-finished/failed", ""},
				}
				request := requests[(caller*7+i)%len(requests)]
				answer := k.ask(request[0], request[1], request[2])
				assert.True(t, allowed[answer.Code], "%v: %d %s", request, answer.Code, answer.Header().Get("X-Pixivoc-Error"))
			}
		})
	}
	work.Wait()
	require.Eventually(t, func() bool { // one that has ended may be shown as running for a moment
		for _, each := range k.lists().Running {
			k.call("POST", "/cancel-task/"+each.TaskId, "")
		}
		k.call("DELETE", "/remove-finished", "").is(200)
		all := k.lists()
		return len(all.Running)+len(all.Finished) == 0
	}, waitLong, waitStep)
	require.Eventually(t, func() bool {
		count := 0
		for range k.client.Tasks(t.Context()) {
			count++
		}
		return count == 0
	}, waitLong, waitStep, "what the lists do not show is not there")
}
