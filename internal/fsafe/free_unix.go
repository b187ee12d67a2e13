//go:build unix && !netbsd && !openbsd && !solaris && !illumos && !aix

package fsafe

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free returns how many bytes this process may still write to the file system
// of a folder.
func Free(folder string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	return product(uint64(max(stat.Bavail, 0)), uint64(stat.Bsize)), nil //nolint:unconvert // signed and of other sizes elsewhere
}
