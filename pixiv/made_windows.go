package pixiv

import "syscall"

// diskFull are the errors of a disk without room: ERROR_DISK_FULL,
// ERROR_HANDLE_DISK_FULL and ERROR_DISK_QUOTA_EXCEEDED (winerror.h).
func diskFull() []error { return []error{syscall.Errno(112), syscall.Errno(39), syscall.Errno(1295)} }

// readOnly are the errors of a disk that cannot be written to:
// ERROR_WRITE_PROTECT (winerror.h).
func readOnly() []error { return []error{syscall.Errno(19)} }
