//go:build netbsd || openbsd || solaris || illumos || aix

package fsafe

import (
	"errors"
	"fmt"
)

// Free returns how many bytes this process may still write to the file system
// of a folder. There is no portable call for it here: the error is always
// errors.ErrUnsupported.
func Free(folder string) (int64, error) {
	return 0, fmt.Errorf("free space of %s: %w", folder, errors.ErrUnsupported)
}
