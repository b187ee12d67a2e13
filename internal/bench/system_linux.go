package bench

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// settleDisk waits until nothing is left to be written, so that no measurement
// pays for the one before it.
func settleDisk() { unix.Sync() }

// peakMemory returns the most memory that was resident in this process, in
// bytes: VmHWM of proc_pid_status(5). The number that wait4(2) tells is of no
// use, since it includes the moment before exec.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
