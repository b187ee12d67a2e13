package socketapi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// refusePath refuses a save path. The reason does not tell what else there is
// on the disk.
func refusePath(format string, values ...any) error {
	return &pixivoc.FieldError{Field: "SavePath", Reason: fmt.Sprintf(format, values...)}
}

// existingFolder returns the absolute form of a save path of PixivOC's
// commands: it must be a folder that exists, and lie below a root when there
// are any.
func (c *Config) existingFolder(path string) (string, error) {
	if err := checkPath(path); err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", refusePath("%v", err)
	}
	info, err := os.Stat(absolute)
	if err != nil || !info.IsDir() {
		return "", refusePath("is not an existing folder")
	}
	return c.confine(absolute)
}

// anyFolder returns the absolute form of a save path of the new commands,
// which need not exist. With roots an empty or relative one is taken from the
// first root.
func (c *Config) anyFolder(path string) (string, error) {
	if len(c.SaveRoots) > 0 && !filepath.IsAbs(path) {
		path = filepath.Join(c.SaveRoots[0], path)
	}
	if err := checkPath(path); err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", refusePath("%v", err)
	}
	return c.confine(absolute)
}

func checkPath(path string) error {
	switch {
	case path == "":
		return refusePath("is required")
	case strings.ContainsRune(path, 0):
		return refusePath("holds a zero byte")
	}
	return nil
}

// confine returns path, with roots as it is after all symbolic links, and then
// refuses one that is not below a root.
func (c *Config) confine(path string) (string, error) {
	if len(c.SaveRoots) == 0 {
		return path, nil
	}
	real, err := resolve(path)
	if err != nil {
		return "", refusePath("cannot be resolved")
	}
	for _, root := range c.SaveRoots {
		if root, err := resolve(root); err == nil && isBelow(real, root) {
			return real, nil
		}
	}
	return "", refusePath("is not below one of the save roots of the server")
}

// resolve follows the symbolic links in the part of a path that exists.
func resolve(path string) (string, error) {
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
	real, err = resolve(parent)
	return filepath.Join(real, filepath.Base(path)), err
}

func isBelow(path, root string) bool {
	relative, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(relative)
}
