package saveroot_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/saveroot"
)

func TestF7_SaveRoots(t *testing.T) {
	t.Parallel()
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	first, second, outside := filepath.Join(base, "first"), filepath.Join(base, "second"), filepath.Join(base, "outside")
	r, err := saveroot.New([]string{first, second})
	require.NoError(t, err)
	require.NoError(t, r.Make())
	require.NoError(t, os.Mkdir(outside, 0o700))
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Symlink(outside, filepath.Join(first, "out")))
		require.NoError(t, os.Symlink(filepath.Join(base, "nothing"), filepath.Join(first, "dangling")))
		require.NoError(t, os.Symlink(second, filepath.Join(first, "across")))
	}
	for wish, want := range map[string]string{
		"":                               first,
		"a/b":                            filepath.Join(first, "a", "b"),
		first:                            first,
		second + "/deep/er":              filepath.Join(second, "deep", "er"),
		first + "/a/../b":                filepath.Join(first, "b"),
		filepath.Join(first, "across/x"): filepath.Join(second, "x"),
	} {
		got, err := r.Place(wish)
		require.NoError(t, err, wish)
		assert.Equal(t, want, got, wish)
	}
	for _, wish := range []string{
		outside, base, "/", "/dev", "/etc/passwd", "..", "../outside", first + "/../outside", first + "x",
		filepath.Join(first, "out"), filepath.Join(first, "out", "deep"), filepath.Join(first, "dangling"), filepath.Join(first, "dangling", "x"),
		"a\x00b",
	} {
		_, err := r.Place(wish)
		require.Error(t, err, wish)
		assert.NotContains(t, err.Error(), base, "the error says nothing about the disk")
	}
	free, err := saveroot.New([]string{first, saveroot.Anywhere})
	require.NoError(t, err)
	got, err := free.Place(outside)
	require.NoError(t, err)
	assert.Equal(t, outside, got)
}

func TestF7_Existing(t *testing.T) {
	t.Parallel()
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	file := filepath.Join(base, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r, err := saveroot.New([]string{base})
	require.NoError(t, err)
	got, err := r.Existing(base)
	require.NoError(t, err)
	assert.Equal(t, base, got)
	for _, path := range []string{"", "a\x00b", file, filepath.Join(base, "missing"), filepath.Dir(base)} {
		_, err := r.Existing(path)
		require.Error(t, err, path)
	}
}

// A server without roots is one that trusts its callers.
func TestNoRoots(t *testing.T) {
	t.Parallel()
	var none *saveroot.Roots
	folder := t.TempDir()
	got, err := none.Place(folder)
	require.NoError(t, err)
	assert.Equal(t, folder, got)
	_, err = none.Place("")
	require.ErrorIs(t, err, saveroot.ErrEmpty)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	file := filepath.Join(base, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for folder, want := range map[string]string{
		base:                          "",
		filepath.Join(base, "absent"): "is not there",
		file:                          "is not a folder",
	} {
		r, err := saveroot.New([]string{folder})
		require.NoError(t, err)
		if err = r.Check(); want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	entries, err := os.ReadDir(base)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left behind")
	if os.Getuid() != 0 && runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(base, 0o500))
		r, err := saveroot.New([]string{base})
		require.NoError(t, err)
		require.ErrorContains(t, r.Check(), "cannot be written in")
	}
}
