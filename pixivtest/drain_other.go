//go:build !linux

package pixivtest

import "net"

// unacknowledged is how many bytes the other end of a connection has not got yet; false when that cannot be known.
func unacknowledged(*net.TCPConn) (int, bool) { return 0, false }
