package socketapi_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing is left of lists when the process is killed, and the lists of all
// connections have a bound together.
func TestInput(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	d := openTCP(t, kernel(t, newGate()), socketapi.Config{MaxInput: 4})
	send := func(conn raw, reset bool) string {
		content, _ := conn.ask("S1", 1017, "Arguments", map[string]any{"text": strings.Repeat("1", 4), "reset": reset})
		return content
	}
	var conns []raw
	for range 8 {
		conns = append(conns, raw{t, d.dial()})
		assert.Contains(t, send(conns[len(conns)-1], false), `"ok": true`)
	}
	if os.PathSeparator == '/' {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Empty(t, entries, "files without a name")
	}
	ninth := raw{t, d.dial()}
	assert.Contains(t, send(ninth, false), `"busy"`)
	assert.Contains(t, send(conns[0], false), `"invalid"`, "each has a bound of its own")
	assert.Contains(t, send(conns[0], true), `"ok": true`)
	content, _ := conns[0].ask("S2", 1017, "Arguments", map[string]any{"reset": true})
	assert.Contains(t, content, `"ok": true`)
	assert.Contains(t, send(ninth, false), `"ok": true`)
	require.NoError(t, conns[1].conn.Close())
	assert.Eventually(t, func() bool { return strings.Contains(send(conns[0], false), `"ok": true`) }, 5*time.Second, 10*time.Millisecond)
}
