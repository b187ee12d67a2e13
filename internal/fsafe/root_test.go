package fsafe_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

func open(t *testing.T) (*fsafe.Root, string) {
	t.Helper()
	path := t.TempDir()
	root, err := fsafe.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return root, path
}

func write(t *testing.T, folder fsafe.Folder, name, text string) {
	t.Helper()
	file, err := folder.Open(name, fsafe.Create)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(text), 0)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, file.Close())
}

func TestRootKeepsFiles(t *testing.T) {
	t.Parallel()
	root, path := open(t)
	require.NoError(t, root.Mkdir("a/b"))
	require.NoError(t, root.Mkdir("a/b"), "an existing folder is no error")
	write(t, root, "a/b/x.part", "one")

	_, err := root.Open("a/b/x.part", fsafe.Create)
	require.ErrorIs(t, err, fs.ErrExist)

	file, err := root.Open("a/b/x.part", fsafe.Update)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("two"), 3)
	require.NoError(t, err)
	require.NoError(t, file.Truncate(5))
	require.NoError(t, file.Close())

	require.NoError(t, root.Rename("a/b/x.part", "a/b/x"))
	require.NoError(t, fsafe.SyncChain(root, "a/b"))
	require.NoError(t, root.Sync("a/b/x"))
	got, err := os.ReadFile(filepath.Join(path, "a", "b", "x"))
	require.NoError(t, err)
	assert.Equal(t, "onetw", string(got))

	require.NoError(t, root.Remove("a/b/x"))
	_, err = root.Stat("a/b/x")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestD5_OnlyRegularFiles(t *testing.T) {
	t.Parallel()
	root, path := open(t)
	require.NoError(t, os.Mkdir(filepath.Join(path, "folder"), 0o700))
	write(t, root, "target", "secret")
	require.NoError(t, os.Symlink("target", filepath.Join(path, "inside")))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(path, "outside")))
	names := []string{"folder", "inside", "outside"}
	if runtime.GOOS != "windows" {
		require.NoError(t, mkfifo(filepath.Join(path, "pipe")))
		names = append(names, "pipe")
	}
	for _, name := range names {
		for _, mode := range []fsafe.Mode{fsafe.Read, fsafe.Update} {
			_, err := root.Open(name, mode)
			refused, ok := errors.AsType[*fsafe.NotRegularError](err)
			require.Truef(t, ok, "%s: %v", name, err)
			assert.Contains(t, refused.Error(), name)
		}
		_, err := root.Open(name, fsafe.Create)
		require.ErrorIsf(t, err, fs.ErrExist, "%s must not be followed", name)
	}
	require.Error(t, root.Rename("target", "folder"), "a file never takes the place of a folder")
}

func TestF7_NamesNeverLeadOut(t *testing.T) {
	t.Parallel()
	root, path := open(t)
	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(path, "link")))
	for _, name := range []string{"../x", "/etc/x", "link/x", "a/../../x"} {
		_, err := root.Open(name, fsafe.Create)
		require.Errorf(t, err, "%s", name)
		require.Errorf(t, root.Mkdir(name), "%s", name)
	}
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestD3_RootStaysWithTheFolderItOpened(t *testing.T) {
	t.Parallel()
	root, path := open(t)
	moved := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(path, moved))
	require.NoError(t, os.Mkdir(path, 0o700))
	write(t, root, "x", "y")
	left, err := os.ReadDir(path)
	require.NoError(t, err)
	assert.Empty(t, left, "nothing goes to the folder that took the place")
	assert.FileExists(t, filepath.Join(moved, "x"))
	require.NoError(t, os.RemoveAll(path))
}

func TestF7_CreateIn(t *testing.T) {
	t.Parallel()
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(top, "link")))
	allowed := []string{filepath.Join(top, "missing"), top}

	for _, path := range []string{
		"", "relative", `\\server\share`, "//server/share", "/dev", outside, filepath.Dir(top), top + "/../x", top + "x",
		top + "/a\x00b", top + "/con", top + "/a./b",
	} {
		_, err := fsafe.CreateIn(allowed[1:], path)
		_, ok := errors.AsType[*fsafe.NameError](err)
		assert.Truef(t, ok, "%q: %v", path, err)
	}
	_, err = fsafe.CreateIn(allowed[1:], filepath.Join(top, "link", "x"))
	require.Error(t, err, "a link must not lead out")

	for _, path := range []string{top, filepath.Join(top, "a", "b"), filepath.Join(top, "a", "b")} {
		root, err := fsafe.CreateIn(allowed[1:], path)
		require.NoError(t, err)
		assert.Equal(t, path, root.Path())
		write(t, root, "x", "y")
		require.NoError(t, root.Remove("x"))
		require.NoError(t, root.Close())
	}
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestOpenNeedsAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, file + "-missing"} {
		_, err := fsafe.Open(path)
		require.Error(t, err)
	}
}

func TestPathIsOneForAllSpellings(t *testing.T) {
	t.Parallel()
	root, path := open(t)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	other, err := fsafe.Open(link + "/.")
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	assert.Equal(t, root.Path(), other.Path())
}

func TestFree(t *testing.T) {
	t.Parallel()
	free, err := fsafe.Free(t.TempDir())
	require.NoError(t, err)
	assert.Positive(t, free)
	_, err = fsafe.Free(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestBootIDStaysTheSame(t *testing.T) {
	t.Parallel()
	assert.Equal(t, fsafe.BootID(), fsafe.BootID())
	if runtime.GOOS == "linux" {
		assert.NotEmpty(t, fsafe.BootID())
	}
}

func TestD4_ErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	type verdict struct{ full, readOnly, transient, busy bool }
	cases := map[error]verdict{
		syscall.ENOSPC:   {full: true},
		syscall.EDQUOT:   {full: true},
		syscall.EROFS:    {readOnly: true},
		syscall.EACCES:   {readOnly: true},
		fs.ErrPermission: {readOnly: true},
		syscall.EMFILE:   {transient: true},
		syscall.ENFILE:   {transient: true},
		syscall.EINTR:    {transient: true},
		syscall.EBUSY:    {busy: true},
		syscall.EIO:      {},
		fs.ErrNotExist:   {},
		nil:              {},
	}
	for err, want := range cases {
		wrapped := err
		if err != nil {
			wrapped = &fs.PathError{Op: "write", Path: "x", Err: err}
		}
		got := verdict{
			full: fsafe.IsDiskFull(wrapped), readOnly: fsafe.IsReadOnly(wrapped),
			transient: fsafe.IsTransient(wrapped), busy: fsafe.IsBusy(wrapped),
		}
		assert.Equalf(t, want, got, "%v", err)
	}
}
