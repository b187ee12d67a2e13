package pixivoc_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/pixiv"
)

// packagesInDocuments are what the Go code of the documents may use.
func packagesInDocuments() map[string]string {
	return map[string]string{
		"context": "context", "json": "encoding/json", "fmt": "fmt", "http": "net/http", "iter": "iter", "time": "time", "testing": "testing",
		"pixivoc": module, "pixiv": module + "/pixiv", "memory": module + "/store/memory", "storetest": module + "/store/storetest",
		"errors": "errors", "restapi": module + "/server/restapi", "console": module + "/server/console",
	}
}

// TestDocuments_CodeCompiles builds the Go code of each document, all of its
// blocks together.
func TestDocuments_CodeCompiles(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatal(documents, err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	replace, packages := map[string]string{}, []string{}
	for i, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			continue
		}
		source := filepath.Join(folder, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(source, []byte(documentSource(blocks)), 0o600); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("document%d", i)
		replace[filepath.Join(root, "docs", name, "code.go")] = source
		packages = append(packages, "./docs/"+name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"build", "-overlay", list}, packages...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// documentSource makes a file of the blocks of a document. Statements, which
// are not indented and declare nothing, become a function.
func documentSource(blocks [][]string) string {
	var code strings.Builder
	for i, block := range blocks {
		text := block[1]
		if !regexp.MustCompile(`(?m)^(func|type|var|const|package) `).MatchString(text) {
			text = fmt.Sprintf("func block%d() error {\n%s\n_ = client\nreturn nil\n}\n", i, text) // the blocks make a client
		}
		code.WriteString(text + "\n")
	}
	var imports []string
	for name, path := range packagesInDocuments() {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(code.String()) {
			imports = append(imports, fmt.Sprintf("%s %q", name, path))
		}
	}
	slices.Sort(imports)
	return "package document\n\nimport (\n" + strings.Join(imports, "\n") + "\n)\n\n" + code.String()
}

// TestDocuments_LinksLead wants every relative link of a document to be of a
// file that is there.
func TestDocuments_LinksLead(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range append(documents, "README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, link[1], err)
			}
		}
	}
}

// TestDocuments_Options holds the table of options to what pixiv takes, and
// tries its templates and filters.
func TestDocuments_Options(t *testing.T) {
	t.Parallel()
	var taken []string
	for field := range reflect.TypeFor[pixiv.Options]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		taken = append(taken, name)
	}
	slices.Sort(taken)
	for _, document := range []string{"docs/options.md", "docs/options.zh-CN.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `--[a-z-]+` \\| `(.*?)`").FindAllStringSubmatch(string(text), -1) {
			told = append(told, row[1])
			var options pixiv.Options
			if err := json.Unmarshal([]byte(`{"`+row[1]+`":`+row[2]+`}`), &options); err != nil {
				t.Errorf("%s: %s: %v", document, row[1], err)
			}
			if _, err := pixiv.PreviewPath(options, pixiv.PathSample{}); err != nil {
				t.Errorf("%s: %s: %v", document, row[1], err)
			}
		}
		slices.Sort(told)
		if !slices.Equal(told, taken) {
			t.Errorf("%s tells of %v, taken are %v", document, told, taken)
		}
	}
}
