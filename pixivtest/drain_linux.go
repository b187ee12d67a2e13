package pixivtest

import (
	"net"
	"syscall"
	"unsafe"
)

// unacknowledged is how many bytes the other end of a connection has not got yet; false when that cannot be known.
func unacknowledged(c *net.TCPConn) (int, bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var queued int32
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		// SIOCOUTQ (tcp(7)) has the number of TIOCOUTQ.
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&queued))) //nolint:gosec // an ioctl takes a pointer
	})
	return int(queued), err == nil && failed == 0
}
