//go:build !windows

package pixiv

import "syscall"

// diskFull are the errors of a disk without room.
func diskFull() []error { return []error{syscall.ENOSPC, syscall.EDQUOT} }

// readOnly are the errors of a disk that cannot be written to.
func readOnly() []error { return []error{syscall.EROFS} }
