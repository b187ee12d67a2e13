package fsafe

import (
	"syscall"

	"golang.org/x/sys/windows"
)

func diskFull() []syscall.Errno {
	return []syscall.Errno{
		windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED,
	}
}

func readOnly() []syscall.Errno {
	return []syscall.Errno{windows.ERROR_WRITE_PROTECT, windows.ERROR_ACCESS_DENIED}
}

func transient() []syscall.Errno {
	return []syscall.Errno{
		windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NO_SYSTEM_RESOURCES,
		windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY,
	}
}

// Replacing a file that another program has open is answered with "access
// denied" as often as with "sharing violation".
func busy() []syscall.Errno {
	return []syscall.Errno{
		windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_ACCESS_DENIED,
	}
}
