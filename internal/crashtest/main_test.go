//go:build unix

package crashtest_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the moments of the kills")
	kills = flag.Int("kills", 0, "kills of each scenario; 0: 30, or 5 with -short")
	// program is the path of the command line program.
	program string
)

func TestMain(m *testing.M) {
	flag.Parse()
	folder, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// build makes the command line program in a temporary folder.
func build() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "crashtest-"); err != nil {
		return "", err
	}
	program = filepath.Join(folder, "pixivoc")
	output, err := exec.Command("go", "build", "-o", program, "github.com/pixivoc/pixivoc/examples/cli").CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(folder)
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return folder, nil
}
