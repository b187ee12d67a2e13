//go:build unix

package cli

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A pipe under the name of a file keeps nobody waiting.
func TestVerify_Pipe(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "1_p0.jpg")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	file := checkedFile{Path: name, Bytes: 5, kind: "crc32c"}
	file.compare(t.Context(), make([]byte, 10))
	assert.Equal(t, "gone", file.Wrong)
}
