package fsafe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What a new file and a new folder may be used for, before the umask of the
// process: pictures are the user's to share, so it is the umask that decides.
const (
	filePermission   = 0o666
	folderPermission = 0o777
)

// Root is a Folder of the operating system. Every access goes through one
// os.Root, so it stays in the folder that was opened even when that is moved or
// its path leads elsewhere later. Close releases it.
type Root struct {
	root *os.Root
	path string
}

var _ Folder = (*Root)(nil)

// Open opens an existing folder. A relative path counts from the working
// directory.
func Open(path string) (*Root, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", path, err)
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	// Two spellings of one folder must give one Path.
	if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
		absolute = resolved
	}
	return &Root{root: root, path: absolute}, nil
}

// CreateIn opens the folder at an absolute path and makes it, with its parents,
// when it is missing. The path must be in one of the allowed folders or be one
// of them; those must exist. Symbolic links below them cannot lead out of them.
// A path that is refused gives a *NameError.
func CreateIn(allowed []string, path string) (*Root, error) {
	if reason := objectionToPath(path); reason != "" {
		return nil, &NameError{Name: path, Reason: reason}
	}
	for _, top := range allowed {
		below, err := filepath.Rel(top, filepath.Clean(path))
		if err != nil || !filepath.IsLocal(below) {
			continue
		}
		return createBelow(top, filepath.ToSlash(below))
	}
	return nil, &NameError{Name: path, Reason: "is not in an allowed folder"}
}

// objectionToPath returns what speaks against the path of a folder, or "".
func objectionToPath(path string) string {
	switch {
	case path == "":
		return "is empty"
	case strings.ContainsRune(path, 0):
		return "has a control character"
	case strings.HasPrefix(path, `\\`), strings.HasPrefix(path, `//`):
		return "is a network or device path"
	case !filepath.IsAbs(path):
		return "is not an absolute path"
	}
	return ""
}

func createBelow(top, below string) (*Root, error) {
	parent, err := Open(top)
	if err != nil {
		return nil, err
	}
	if below == "." {
		return parent, nil
	}
	defer func() { _ = parent.Close() }()
	if err := CheckPath(below); err != nil {
		return nil, err
	}
	return parent.Create(below)
}

// Create opens the folder of that name in the folder and makes it, with its
// parents, when it is missing. What was made would survive a power cut.
func (r *Root) Create(name string) (*Root, error) {
	_, err := r.root.Stat(name)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing {
		if err := r.Mkdir(name); err != nil {
			return nil, fmt.Errorf("create folder: %w", err)
		}
	}
	root, err := r.root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	if missing {
		if err := SyncChain(r, name); err != nil {
			_ = root.Close()
			return nil, fmt.Errorf("create folder %s: %w", name, err)
		}
	}
	path := filepath.Join(r.path, filepath.FromSlash(name))
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return &Root{root: root, path: path}, nil
}

// SyncChain syncs a folder below folder and each one above it, up to and with
// folder itself: after Mkdir this is what makes the new folders stay.
func SyncChain(folder Folder, name string) error {
	for {
		if err := folder.Sync(name); err != nil {
			return err
		}
		if name == "." {
			return nil
		}
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			name = "."
		} else {
			name = name[:slash]
		}
	}
}

// Close releases the folder. Files that are open stay open.
func (r *Root) Close() error { return r.root.Close() }

// Path implements Folder.
func (r *Root) Path() string { return r.path }

// Open implements Folder.
func (r *Root) Open(name string, mode Mode) (File, error) {
	if mode == Create {
		return r.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	flag := os.O_RDONLY
	if mode == Update {
		flag = os.O_RDWR
	}
	before, err := r.regular(name)
	if err != nil {
		return nil, err
	}
	file, err := r.open(name, flag)
	if err != nil {
		return nil, err
	}
	// os.Root follows a link that stays inside; a link that came between the
	// look and the opening shows here.
	after, err := file.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &NotRegularError{Name: name, Mode: after.Mode()}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// open never waits: opening a pipe without O_NONBLOCK could wait for ever. For
// regular files the flag means nothing, but it spares os.File from trying.
func (r *Root) open(name string, flag int) (*os.File, error) {
	return r.root.OpenFile(name, flag|nonblock, filePermission)
}

func (r *Root) regular(name string) (fs.FileInfo, error) {
	info, err := r.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &NotRegularError{Name: name, Mode: info.Mode()}
	}
	return info, nil
}

// Stat implements Folder.
func (r *Root) Stat(name string) (fs.FileInfo, error) { return r.root.Lstat(name) }

// Rename implements Folder.
func (r *Root) Rename(from, to string) error { return r.root.Rename(from, to) }

// Remove implements Folder.
func (r *Root) Remove(name string) error { return r.root.Remove(name) }

// Mkdir implements Folder.
func (r *Root) Mkdir(name string) error { return r.root.MkdirAll(name, folderPermission) }

// Sync implements Folder.
func (r *Root) Sync(name string) error { return r.sync(name) }
