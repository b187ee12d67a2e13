package cli

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/ugoira"
)

// zipOf is an archive with entries of these names, each a picture.
func zipOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, name := range names {
		w, err := archive.Create(name)
		require.NoError(t, err)
		require.NoError(t, writePNG(w))
	}
	require.NoError(t, archive.Close())
	return out.Bytes()
}

// The directory of an archive is held to the limits before its table is looked
// for.
func TestUgoira_FramesOfHostileArchive(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 1200 {
		names = append(names, fmt.Sprintf("%06d.png", i))
	}
	c := conversion{delay: seconds(time.Second)}
	text := zipOf(t, names...)
	_, err := c.frames(savedUgoira{}, bytes.NewReader(text), int64(len(text)))
	_, refused := errors.AsType[*ugoira.ArchiveError](err)
	assert.True(t, refused, "%v", err)
	text = zipOf(t, "000001.png", "000000.png")
	frames, err := c.frames(savedUgoira{}, bytes.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	assert.Equal(t, []ugoira.Frame{{File: "000000.png", Delay: time.Second}, {File: "000001.png", Delay: time.Second}}, frames)
}

// A result has the rights that a new file has, and no part is left.
func TestUgoira_RightsOfResult(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	plain := filepath.Join(folder, "plain")
	file, err := os.OpenFile(plain, os.O_CREATE|os.O_WRONLY, 0o666)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	want, err := os.Stat(plain)
	require.NoError(t, err)
	name := filepath.Join(folder, "5_ugoira.zip")
	require.NoError(t, os.WriteFile(name, zipOf(t, "000000.png"), 0o600))
	c := conversion{delay: seconds(time.Second), format: ugoira.GIF, converter: ugoira.NewConverter(1, nil)}
	_, err = c.write(t.Context(), savedUgoira{name: name}, filepath.Join(folder, "out", "5.gif"))
	require.NoError(t, err)
	have, err := os.Stat(filepath.Join(folder, "out", "5.gif"))
	require.NoError(t, err)
	assert.Equal(t, want.Mode().Perm(), have.Mode().Perm())
	entries, err := os.ReadDir(filepath.Join(folder, "out"))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// The times of an archive that no task knows are in its sidecar.
func TestUgoira_FramesOfSidecar(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "5_ugoira1920x1080.zip")
	text := zipOf(t, "000000.png", "000001.png")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(name), "5.json"),
		[]byte(`{"id":5,"frames":[{"file":"000001.png","delay_ms":70},{"file":"000000.png","delay_ms":80}]}`), 0o600))
	c := conversion{delay: seconds(time.Second)}
	frames, err := c.frames(savedUgoira{name: name}, bytes.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	assert.Equal(t, []ugoira.Frame{{File: "000001.png", Delay: 70 * time.Millisecond}, {File: "000000.png", Delay: 80 * time.Millisecond}}, frames)
}
