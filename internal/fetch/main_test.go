package fetch_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// serverVariable makes the test binary the server of the benchmarks, so that
// what the clients cost is measured alone.
const serverVariable = "PIXIVOC_FETCH_BENCHMARK_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serveBenchmarks()
		return
	}
	goleak.VerifyTestMain(m)
}
