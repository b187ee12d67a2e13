//go:build unix

package restapi_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestF7_PipeIsNotOpened would hang where a pipe is opened: nobody writes.
func TestF7_PipeIsNotOpened(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path, list := k.paint(1)
	name := filepath.Join(k.folder, filepath.FromSlash(list.Files[0].Path))
	require.NoError(t, os.Remove(name))
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	k.call("GET", fmt.Sprintf("%s/%d", path, list.Files[0].Seq), nil).problem(404, "no_picture")
}
