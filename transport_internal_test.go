package pixivoc

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestN3_StalledErrorPageDoesNotHoldTheAnswerBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body, server := io.Pipe()
		go func() { _, _ = io.WriteString(server, "<html>") }() // and no more
		began := time.Now()
		response := &http.Response{Body: body, ContentLength: -1}
		assert.False(t, (&road{config: TransportConfig{Timeout: time.Second}}).isShort(response))
		assert.Equal(t, time.Second, time.Since(began))
		page, err := io.ReadAll(response.Body)
		require.ErrorIs(t, err, io.ErrClosedPipe, "the body was given up")
		assert.Equal(t, "<html>", string(page), "what came of it is there")
	})
}
