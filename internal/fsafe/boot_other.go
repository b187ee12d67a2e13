//go:build !linux

package fsafe

// BootID returns a text that stays the same until the system starts again, or
// "" where there is none, as here. Bytes that were written but not synced are
// believed only under the boot they were written in.
func BootID() string { return "" }
