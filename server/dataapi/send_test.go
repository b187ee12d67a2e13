package dataapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/stretchr/testify/assert"
)

// slowly is a reader that takes twenty seconds for a write.
type slowly struct {
	*httptest.ResponseRecorder
	now, deadline time.Time
	isCut         bool
}

func (s *slowly) SetWriteDeadline(at time.Time) error {
	s.deadline = s.now.Add(time.Until(at))
	return nil
}

func (s *slowly) Write(p []byte) (int, error) {
	s.now = s.now.Add(time.Duration(len(p)) * 20 * time.Second / (64 << 10))
	if s.now.After(s.deadline) {
		s.isCut = true
		return 0, context.DeadlineExceeded
	}
	return s.ResponseRecorder.Write(p)
}

// A reader of 3 KiB a second gets a large page, however long that takes.
func TestSend_SlowReaders(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	task := k.create("large", "", "")
	for range 20 {
		k.find(task, "text", fmt.Sprintf(`{"text":%q}`, strings.Repeat("a", 100<<10)))
	}
	r := get(fmt.Sprintf("/api/notexportdata/gettop?taskId=%d&size=100", task.ID()))
	r.Header.Set("Authorization", "bearer "+k.token)
	w := &slowly{ResponseRecorder: httptest.NewRecorder(), now: time.Now()}
	k.api.ServeHTTP(w, r)
	assert.False(t, w.isCut)
	assert.Greater(t, w.Body.Len(), 20*100<<10)
}

// What fails since the caller is gone is no failure of the server.
func TestSend_CallerIsGone(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	k := newKit(t, func(c *dataapi.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range []string{"/api/TaskGroup", "/api/notexportdata/gettop?size=1&taskId=1"} {
		r := get(call).WithContext(ctx)
		code, _ := k.call(r)
		assert.Equal(t, http.StatusServiceUnavailable, code, call)
	}
	assert.Empty(t, logged.String())
}
