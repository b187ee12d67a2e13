package webhook

import "net/netip"

// IsPublic is isPublic, for tests.
func IsPublic(address netip.Addr) bool { return isPublic(address) }

// HostPort is hostPort, for tests.
func HostPort(text string) (string, error) { return hostPort(text) }

// Dial asks what a connection to an address would meet.
func Dial(receiver, address string) error { return controlFor(receiver)("tcp", address, nil) }
