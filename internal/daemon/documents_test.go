//go:build unix

package daemon

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// untilFinished waits for what a reader would wait for between two commands.
const untilFinished = `
for i in $(seq 300); do
  curl -sf $HTTP/api/v1/tasks -H "Authorization: Bearer $TOKEN" | grep -q '"state":"Over"' && break
  sleep 0.1
done
`

// TestDocumentedCommands runs the commands that the documents show, one after
// the other, against a demo.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is needed", program)
			}
			t.Skipf("%s is needed to run the commands of the documents", program)
		}
	}
	for _, document := range []string{"doors.md", "doors.zh-CN.md"} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join("..", "..", "docs", document))
			require.NoError(t, err)
			folder := t.TempDir()
			password := filepath.Join(folder, "password")
			require.NoError(t, os.WriteFile(password, []byte("a pass & word\n"), 0o600))
			p := start(t, "--demo", "--legacy-http", "--interval=0", "--password-file", password)
			var script strings.Builder
			script.WriteString("set -euo pipefail\n")
			for _, block := range shellBlock.FindAllStringSubmatch(string(raw), -1) {
				script.WriteString(strings.ReplaceAll(block[1], "http://127.0.0.1:13580", p.URL))
				if strings.Contains(block[1], "TOKEN=") {
					script.WriteString(untilFinished)
				}
			}
			command := exec.CommandContext(t.Context(), "bash", "-x", "-c", script.String())
			command.Dir = folder
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), `"dataList":[{"kind":`)
			p.stop(t)
		})
	}
}
