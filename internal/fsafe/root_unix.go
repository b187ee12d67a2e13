//go:build unix

package fsafe

import (
	"errors"
	"syscall"
)

const nonblock = syscall.O_NONBLOCK

func (r *Root) sync(name string) error {
	file, err := r.root.OpenFile(name, syscall.O_RDONLY|nonblock, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	err = file.Sync()
	// Some network and user-space file systems cannot sync a folder; there is
	// nothing more to be had from them.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		if info, statErr := file.Stat(); statErr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}
