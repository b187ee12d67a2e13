//go:build unix

package fsafe

import "syscall"

func diskFull() []syscall.Errno { return []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} }

func readOnly() []syscall.Errno {
	return []syscall.Errno{syscall.EROFS, syscall.EACCES, syscall.EPERM}
}

func transient() []syscall.Errno {
	return []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.EINTR, syscall.EAGAIN, syscall.ENOMEM, syscall.ENOBUFS,
	}
}

func busy() []syscall.Errno { return []syscall.Errno{syscall.EBUSY, syscall.ETXTBSY} }
