package bench_test

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc/internal/bench"
)

// TestMain lets the test program do the jobs that its benchmarks start it for.
func TestMain(m *testing.M) {
	if job, ok := bench.Assigned(); ok {
		os.Exit(bench.RunAssigned(context.Background(), job))
	}
	goleak.VerifyTestMain(m)
}
