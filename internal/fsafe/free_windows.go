package fsafe

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Free returns how many bytes this process may still write to the file system
// of a folder.
func Free(folder string) (int64, error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	var available, total, free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &available, &total, &free); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	return product(available, 1), nil
}
