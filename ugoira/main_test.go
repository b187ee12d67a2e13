package ugoira_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "ffmpeg") {
		os.Exit(fakeFFmpeg())
	}
	goleak.VerifyTestMain(m)
}
