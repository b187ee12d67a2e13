package fsafe

import (
	"os"
	"strings"
)

// BootID returns a text that stays the same until the system starts again, or
// "" where there is none. Bytes that were written but not synced are believed
// only under the boot they were written in.
// Source: random(4), /proc/sys/kernel/random/boot_id.
func BootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
