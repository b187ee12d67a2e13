//go:build unix

package daemon

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBrokenRequestsAreAnswered sends bodies that stall and bodies that end
// early to every door. Nobody may take the answer for success.
func TestBrokenRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", "--legacy-http")
	token, status := login(t, p, p.password(t))
	require.Equal(t, http.StatusCreated, status)
	bearer, asJSON := "Authorization: Bearer "+token+"\r\n", "Content-Type: application/json\r\n"
	asForm := "Content-Type: application/x-www-form-urlencoded\r\n"
	var group sync.WaitGroup
	for _, call := range [][2]string{
		{"POST /add-task", asJSON},
		{"POST /api/v1/session", asJSON},
		{"POST /api/v1/tasks", asJSON + bearer},
		{"PATCH /api/v1/environment", asJSON + bearer},
		{"POST /token", asForm},
		{"POST /api/task/GetTaskStatusByIdList", bearer},
		{"POST /api/notexportdata/update", bearer},
		{"POST /permission/login", asForm},
	} {
		for _, stalls := range []bool{true, false} {
			group.Go(func() {
				conn := dial(t, p.HTTP)
				_, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 100\r\n\r\n{\"Ur", call[0], call[1])
				assert.NoError(t, err)
				if !stalls {
					assert.NoError(t, conn.(*net.TCPConn).CloseWrite())
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if !assert.NoError(t, err, call[0]) {
					return
				}
				body, err := io.ReadAll(response.Body)
				assert.NoError(t, err)
				assert.NoError(t, response.Body.Close())
				if response.StatusCode == http.StatusOK { // doors whose failures are in the body
					assert.NotEmpty(t, body, "%s, stalls %v", call[0], stalls)
					assert.NotContains(t, strings.ToLower(string(body)), `"error":"success"`)
				}
			})
		}
	}
	group.Wait()
	p.stop(t)
}
