package fsafe_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

func TestSetTime(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	root, err := fsafe.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte("a"), 0o600))
	at := time.Date(2016, 2, 29, 12, 30, 0, 0, time.UTC)
	require.NoError(t, root.SetTime("a", at))
	info, err := os.Stat(filepath.Join(path, "a"))
	require.NoError(t, err)
	assert.True(t, info.ModTime().Equal(at))

	assert.ErrorIs(t, root.SetTime("missing", at), os.ErrNotExist)
	assert.Error(t, root.SetTime(".", at), "a folder is no file")
	outside := filepath.Join(t.TempDir(), "b")
	require.NoError(t, os.WriteFile(outside, []byte("b"), 0o600))
	if err := os.Symlink(outside, filepath.Join(path, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	assert.Error(t, root.SetTime("link", at))
	info, err = os.Stat(outside)
	require.NoError(t, err)
	assert.False(t, info.ModTime().Equal(at), "a link leads nowhere")
}
