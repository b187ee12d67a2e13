package daemon

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/store/sqlite"
)

// patience bounds every wait for another process.
const patience = time.Minute

// output collects what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// writerFunc is a function that writes.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// requireFree opens the store of a demo: nobody else has it open.
func requireFree(t *testing.T, data string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, demoDatabaseName), sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Close())
}

// TestEndLeavesNothingOpen runs a daemon within this process, where a
// goroutine that is left would be found.
func TestEndLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	greeted := writerFunc(func(p []byte) (int, error) {
		cancel() // once it is ready
		return len(p), nil
	})
	args := []string{"--demo", "--data", data, "--http=127.0.0.1:0", "--socket=127.0.0.1:0", "--metrics"}
	require.Equal(t, ExitOrderly, Run(ctx, args, greeted, t.Output(), nil))
	requireFree(t, data)
}

// TestFailureLeavesNothingOpen fails after a part of it was opened.
func TestFailureLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, args := range map[string][]string{
		"http":       {"--http", taken.Addr().String()},
		"socket":     {"--socket", taken.Addr().String()},
		"open":       {"--socket", "0.0.0.0:0"},
		"ready file": {"--ready-file", "/none/ready.json"},
		"save root":  {"--save-root", "/dev/null/pictures"},
	} {
		data := t.TempDir()
		var complaints output
		all := append([]string{"--demo", "--data", data, "--http=127.0.0.1:0", "--socket=127.0.0.1:0"}, args...)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		assert.NotEqual(t, ExitOrderly, Run(ctx, all, t.Output(), &complaints, nil), name)
		assert.Contains(t, complaints.String(), "pixivoc: ", name)
		cancel()
		requireFree(t, data)
	}
}
