//go:build !linux

package bench

// settleDisk waits on Linux only.
func settleDisk() {}

// peakMemory is known on Linux only.
func peakMemory() int64 { return 0 }
