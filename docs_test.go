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
		"bytes": "bytes", "io": "io", "os": "os", "filepath": "path/filepath", "strings": "strings", "url": "net/url",
		"pixivtest": module + "/pixivtest", "pixivocmock": module + "/pixivocmock", "mock": "github.com/stretchr/testify/mock",
	}
}

// goBlocks returns the Go code of a document.
func goBlocks(t *testing.T, document string) [][]string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
}

// overlaid puts the Go code of documents into the module without writing there,
// as a file of that name in a package each. It returns the packages, and the
// flag that lets the go command see them.
func overlaid(t *testing.T, documents []string, name string) (packages []string, flag string) {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder, replace := t.TempDir(), map[string]string{}
	for i, document := range documents {
		source := filepath.Join(folder, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(source, []byte(documentSource(goBlocks(t, document))), 0o600); err != nil {
			t.Fatal(err)
		}
		in := fmt.Sprintf("document%d", i)
		replace[filepath.Join(root, "docs", in, name)] = source
		packages = append(packages, "./docs/"+in)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return packages, "-overlay=" + list
}

// TestDocuments_CodeCompiles builds the Go code of each document, all of its
// blocks together.
func TestDocuments_CodeCompiles(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatal(documents, err)
	}
	documents = slices.DeleteFunc(documents, func(document string) bool { return len(goBlocks(t, document)) == 0 })
	packages, flag := overlaid(t, documents, "code.go")
	if out, err := exec.Command("go", append([]string{"build", flag}, packages...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDocuments_TestsPass runs the tests that documents show.
func TestDocuments_TestsPass(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"docs/testing.md", "docs/task-types.md"} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			packages, flag := overlaid(t, []string{document}, "code_test.go")
			program := filepath.Join(t.TempDir(), "document.test")
			if out, err := exec.Command("go", "test", "-vet=off", flag, "-c", "-o", program, packages[0]).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.Command(program, "-test.v", "-test.timeout=2m").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: Test") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestDocuments_LanguagesAgree holds the Go code of a document to be the same in
// both languages.
func TestDocuments_LanguagesAgree(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.zh-CN.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, chinese := range documents {
		english := strings.TrimSuffix(chinese, ".zh-CN.md") + ".md"
		if !reflect.DeepEqual(goBlocks(t, english), goBlocks(t, chinese)) {
			t.Errorf("the Go code of %s and of %s differs", english, chinese)
		}
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

// TestDocuments_AreAllListed wants the index of each language to link to every
// document of that language, and to those that are in English alone.
func TestDocuments_AreAllListed(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatal(documents, err)
	}
	for index, suffix := range map[string]string{"docs/README.md": ".md", "docs/README.zh-CN.md": ".zh-CN.md"} {
		text, err := os.ReadFile(index)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range documents {
			name := strings.TrimSuffix(strings.TrimSuffix(document, ".md"), ".zh-CN")
			want := name + suffix
			if !slices.Contains(documents, want) {
				want = name + ".md"
			}
			if name != "docs/README" && !strings.Contains(string(text), "("+filepath.Base(want)+")") {
				t.Errorf("%s does not list %s", index, want)
			}
		}
	}
}
