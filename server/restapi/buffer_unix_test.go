//go:build unix

package restapi_test

import "syscall"

// smallBuffer lets a connection take up little that nobody reads.
func smallBuffer(_, _ string, raw syscall.RawConn) error {
	var err error
	if failed := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	}); failed != nil {
		return failed
	}
	return err
}
