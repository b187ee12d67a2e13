// Package saveroot confines where callers of a server may save files: to
// folders that whoever runs the server named. Symbolic links are followed before
// a path is judged, so what counts is where the files would be.
package saveroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Anywhere is the root that allows every folder.
const Anywhere = "*"

// Why a path is refused. The texts are for the caller who gave it and do not
// tell what else there is on the disk.
var (
	ErrEmpty      = errors.New("is required")
	ErrZeroByte   = errors.New("holds a zero byte")
	ErrUnresolved = errors.New("cannot be resolved")
	ErrOutside    = errors.New("is not below a folder that this server may save in; the setting is save-root")
)

// Roots are the folders below which callers may save. The zero value and a nil
// pointer allow every folder. Roots are safe for concurrent use.
type Roots struct {
	folders []string // absolute; the first one is the default
	confine bool
}

// New returns the roots in folders, which need not exist. Anywhere among them
// lifts the confinement; the first of the others stays the default. Without
// folders everything is allowed.
func New(folders []string) (*Roots, error) {
	r := &Roots{confine: len(folders) > 0}
	for _, folder := range folders {
		if folder == Anywhere {
			r.confine = false
			continue
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return nil, fmt.Errorf("save root %s: %w", folder, err)
		}
		r.folders = append(r.folders, absolute)
	}
	return r, nil
}

// Folders returns the folders, the default first.
func (r *Roots) Folders() []string {
	if r == nil {
		return nil
	}
	return r.folders
}

// Make makes the folders that are not there.
func (r *Roots) Make() error {
	for _, folder := range r.Folders() {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("save root: %w", err)
		}
	}
	return nil
}

// Check says which folder is not there or cannot be written in. A disk that is
// not mounted leaves its folder missing, or empty and owned by somebody else.
func (r *Roots) Check() error {
	for _, folder := range r.Folders() {
		info, err := os.Stat(folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s is not there; make it, or mount its disk, first", folder)
		case err != nil:
			return fmt.Errorf("save root: %w", err)
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder", folder)
		}
		probe, err := os.CreateTemp(folder, ".pixivoc-probe-")
		if err != nil {
			return fmt.Errorf("%s cannot be written in: %w", folder, err)
		}
		if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
			return fmt.Errorf("%s cannot be written in: %w", folder, err)
		}
	}
	return nil
}

// Place turns the wish of a caller into the absolute folder to save in. An
// empty or relative wish is below the default folder, or without one below the
// working directory, where an empty one is refused.
func (r *Roots) Place(wish string) (string, error) {
	if folders := r.Folders(); len(folders) > 0 && !filepath.IsAbs(wish) {
		wish = filepath.Join(folders[0], wish)
	}
	switch {
	case wish == "":
		return "", ErrEmpty
	case strings.ContainsRune(wish, 0):
		return "", ErrZeroByte
	}
	absolute, err := filepath.Abs(wish)
	if err != nil {
		return "", ErrUnresolved
	}
	return r.within(absolute)
}

// Existing is Place for a folder that must be there already, and whose path is
// not taken from the default folder.
func (r *Roots) Existing(path string) (string, error) {
	switch {
	case path == "":
		return "", ErrEmpty
	case strings.ContainsRune(path, 0):
		return "", ErrZeroByte
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", ErrUnresolved
	}
	within, err := r.within(absolute)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(within); err != nil || !info.IsDir() {
		return "", errors.New("is not an existing folder")
	}
	return within, nil
}

// within returns path, where there are roots as it is after all symbolic links,
// and then refuses one that is not below a root.
func (r *Roots) within(path string) (string, error) {
	if r == nil || !r.confine {
		return path, nil
	}
	real, err := follow(path)
	if err != nil {
		return "", ErrUnresolved
	}
	for _, root := range r.folders {
		if root, err := follow(root); err == nil && isBelow(real, root) {
			return real, nil
		}
	}
	return "", ErrOutside
}

// follow follows the symbolic links in the part of a path that exists.
func follow(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("resolve %s: it is a link to nothing", path)
	}
	parent := filepath.Dir(path)
	if parent == path {
		return "", err
	}
	real, err = follow(parent)
	return filepath.Join(real, filepath.Base(path)), err
}

func isBelow(path, root string) bool {
	relative, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(relative)
}
