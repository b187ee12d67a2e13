package pixivoc_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme_ExampleCompiles builds the program in the README as a stranger
// would who copied it.
func TestReadme_ExampleCompiles(t *testing.T) {
	t.Parallel()
	program := fenced(t, "README.md")
	if chinese := fenced(t, "README.zh-CN.md"); chinese != program {
		t.Error("the programs in README.md and README.zh-CN.md differ")
	}
	// An overlay puts the program into the module without writing there.
	folder := t.TempDir()
	copied := filepath.Join(folder, "main.go")
	if err := os.WriteFile(copied, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(root, "examples", "readme", "main.go"): copied},
	})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "build", "-overlay", list, "-o", os.DevNull, "./examples/readme").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// fenced returns the Go program of a document.
func fenced(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no Go program", name)
	}
	return string(found[1])
}

// TestReadme_CallsWhatItBuilds wants the commands to be of the program that the
// README builds, under the name by which its help speaks of itself.
func TestReadme_CallsWhatItBuilds(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	built, calls := false, 0
	for _, command := range regexp.MustCompile("(?m)^    (.+)$").FindAllStringSubmatch(string(text), -1) {
		switch words := strings.Fields(command[1]); {
		case strings.HasPrefix(command[1], "go build -o pixivoc ./examples/cli"):
			built = true
		case words[0] == "pixivoc":
			calls++
		case words[0] != "go":
			t.Errorf("%q is neither of Go nor of what was built", command[1])
		}
	}
	if !built || calls == 0 {
		t.Errorf("built: %t, called %d times", built, calls)
	}
}

// TestReadme_LanguagesAgree holds the two documents to the same headings, table
// rows, commands and links.
func TestReadme_LanguagesAgree(t *testing.T) {
	t.Parallel()
	outline := func(name string) (shape []string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			switch {
			case strings.HasPrefix(line, "#"):
				shape = append(shape, strings.Repeat("#", strings.Count(strings.Fields(line)[0], "#")))
			case strings.HasPrefix(line, "| `"):
				shape = append(shape, strings.Fields(line)[1])
			case strings.HasPrefix(line, "    "):
				command, _, _ := strings.Cut(line, " #")
				shape = append(shape, strings.TrimSpace(command))
			case strings.HasPrefix(line, "- "):
				shape = append(shape, "-")
			}
		}
		return shape
	}
	english, chinese := outline("README.md"), outline("README.zh-CN.md")
	if !slices.Equal(english, chinese) {
		t.Errorf("README.md has\n%q\nREADME.zh-CN.md has\n%q", english, chinese)
	}
}
