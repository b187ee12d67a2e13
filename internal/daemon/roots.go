package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// anywhere is the save root that allows every folder.
const anywhere = "*"

// roots are the folders below which callers may save.
type roots struct {
	folders []string // absolute; the first one is the default
	any     bool
}

// newRoots takes the save roots as they were given.
func newRoots(given []string) (*roots, error) {
	r := &roots{}
	for _, folder := range given {
		if folder == anywhere {
			r.any = true
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

// make makes the folders that are not there.
func (r *roots) make() error {
	for _, folder := range r.folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("save root: %w", err)
		}
	}
	return nil
}

// place turns the wish of a caller, "" for none, into the absolute folder to
// save in, or refuses it with a *pixivoc.FieldError. A relative wish is below
// the first root. Symbolic links are followed first: what counts is where the
// files would be.
func (r *roots) place(wish string) (string, error) {
	switch {
	case strings.ContainsRune(wish, 0):
		return "", refusePlace("holds a zero byte")
	case !filepath.IsAbs(wish):
		wish = filepath.Join(r.folders[0], wish)
	}
	wish = filepath.Clean(wish)
	if r.any {
		return wish, nil
	}
	real, err := followLinks(wish)
	if err != nil {
		return "", refusePlace("cannot be resolved")
	}
	for _, root := range r.folders {
		if root, err := followLinks(root); err == nil && isBelow(real, root) {
			return real, nil
		}
	}
	return "", refusePlace("is not below a folder that this server may save in; the setting is save-root")
}

func refusePlace(text string) error {
	return &pixivoc.FieldError{Field: "SavePath", Reason: text}
}

// followLinks follows the symbolic links in the part of a path that exists.
func followLinks(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("resolve %s: leads nowhere", path)
	}
	parent := filepath.Dir(path)
	if parent == path {
		return "", err
	}
	real, err = followLinks(parent)
	return filepath.Join(real, filepath.Base(path)), err
}

func isBelow(path, root string) bool {
	relative, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(relative)
}
