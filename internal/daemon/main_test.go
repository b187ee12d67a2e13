package daemon

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asDaemon makes the test binary be the daemon.
const asDaemon = "PIXIVOC_TEST_AS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		os.Exit(Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
	}
	goleak.VerifyTestMain(m)
}
