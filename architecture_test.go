package pixivoc_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

const module = "github.com/pixivoc/pixivoc"

// listed is what "go list -json" says of a package.
type listed struct {
	ImportPath string
	Doc        string
	Standard   bool
	Imports    []string
	Deps       []string
	Module     *struct{ Path string }
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

// TestRootStaysLight holds the dependencies of the root package to what an
// embedder is willing to take.
func TestRootStaysLight(t *testing.T) {
	t.Parallel()
	var foreign []string
	for _, p := range goList(t, "-deps", ".") {
		switch {
		case p.Standard, p.Module == nil, p.Module.Path == module:
		case strings.HasPrefix(p.Module.Path, "golang.org/x/"):
		case p.Module.Path == "github.com/hashicorp/go-retryablehttp":
		case p.Module.Path == "github.com/hashicorp/go-cleanhttp": // of retryablehttp
		default:
			foreign = append(foreign, p.ImportPath)
		}
	}
	if len(foreign) > 0 {
		t.Errorf("the root package pulls in %v", foreign)
	}
}

// TestImportsPointOneWay holds the direction of the imports: doors, stores and
// pixiv use the root, leaves do not, and doors do not know each other.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	programs := []string{"/internal/cli", "/internal/daemon", "/internal/bench"}
	for _, p := range goList(t, "./...") {
		from := strings.TrimPrefix(p.ImportPath, module)
		isProgram := strings.HasPrefix(from, "/examples/") || slices.ContainsFunc(programs, func(program string) bool { return strings.HasPrefix(from, program) })
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) || isProgram {
				continue
			}
			to := strings.TrimPrefix(imported, module)
			if why := forbidden(from, to); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

func forbidden(from, to string) string {
	internal := strings.HasPrefix(to, "/internal/")
	switch {
	case strings.HasPrefix(from, "/internal/") && !internal:
		return "a leaf uses other leaves only"
	case from == "" && !internal:
		return "the root uses leaves only"
	case from == "/pixiv" && to != "" && to != "/ugoira" && !strings.HasPrefix(to, "/pixiv/internal/"):
		return "pixiv is written as an embedder would write it"
	case strings.HasPrefix(from, "/store/") && to != "" && to != "/store/internal/check" && !internal && !strings.HasPrefix(to, from):
		return "a store uses the root only"
	case strings.HasPrefix(from, "/server/") && strings.HasPrefix(to, "/server/") && !strings.HasPrefix(to, from):
		return "doors do not know each other"
	case strings.HasPrefix(from, "/ugoira") && !strings.HasPrefix(to, "/ugoira"):
		return "conversion stands alone"
	case strings.HasPrefix(from, "/pixivtest") && !strings.HasPrefix(to, "/pixivtest"):
		return "the fake stands alone"
	}
	return ""
}

// TestPackagesAreDocumented holds that every package says what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// TestToolchain holds the oldest Go whose os.Root cannot be escaped
// (CVE-2026-39822, mended in 1.25.12 and 1.26.5).
func TestToolchain(t *testing.T) {
	t.Parallel()
	version := "v" + strings.TrimPrefix(strings.Fields(runtime.Version())[0], "go")
	if strings.Count(version, ".") == 1 {
		version += ".0"
	}
	if semver.Compare(version, "v1.26.5") < 0 {
		t.Errorf("built with %s, need 1.26.5 or later", runtime.Version())
	}
}
