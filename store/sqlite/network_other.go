//go:build !linux

package sqlite

// networkFileSystem knows nothing outside Linux.
func networkFileSystem(string) string { return "" }
