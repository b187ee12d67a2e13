//go:build unix

package fetch_test

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// settle writes out what earlier passes left, so that they do not slow this one.
func settle() { unix.Sync() }

// processorTime returns the processor time of this process in seconds.
func processorTime() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
