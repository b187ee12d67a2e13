package daemon

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is what the Go tool put into the binary.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func versionText() string {
	return fmt.Sprintf("pixivoc server %s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
