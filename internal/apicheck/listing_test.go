package apicheck_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/internal/apicheck"
	"github.com/stretchr/testify/require"
)

// record writes the present API into the folder api:
//
//	go test ./internal/apicheck -record
var record = flag.Bool("record", false, "record the exported API in the folder api")

const recorded = "../../api"

// TestAPI_IsAsRecorded finds what a change does to programs that use pixivoc.
// What is missing breaks them. What is new is a promise from now on, so it is
// recorded on purpose.
func TestAPI_IsAsRecorded(t *testing.T) {
	t.Parallel()
	for file, pattern := range map[string]string{"pixivoc.txt": ".", "pixiv.txt": "./pixiv"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			have, err := apicheck.List("../..", pattern)
			require.NoError(t, err)
			name := filepath.Join(recorded, file)
			if *record {
				require.NoError(t, os.WriteFile(name, []byte(strings.Join(have, "\n")+"\n"), 0o644))
				return
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			breaking, added := apicheck.Compare(strings.Split(strings.TrimSpace(string(text)), "\n"), have)
			for _, line := range breaking {
				t.Errorf("breaks programs: %s", line)
			}
			for _, line := range added {
				t.Errorf("new, not recorded: %s", line)
			}
			if t.Failed() {
				t.Log("docs/compatibility.md says what may change; to record it: go test ./internal/apicheck -record")
			}
		})
	}
}

// write makes a module of one file.
func write(t *testing.T, source string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module example.org/x\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "x.go"), []byte("package x\n"+source), 0o600))
	return folder
}

// TestList holds the form of the listing.
func TestList(t *testing.T) {
	t.Parallel()
	have, err := apicheck.List(write(t, `
import ("io"; "context")
type Mode int
const ( A Mode = iota + 1; B; hidden = 7 )
const Name = "x"
var Err error
type S struct { X int `+"`json:\"x\"`"+`; y []int; io.Reader }
func (s *S) Set(x int) {}
func (s S) Read2(p []byte) (n int, err error) { return 0, nil }
func (s S) secret() {}
type I interface { Do(ctx context.Context, f func(name string) error) (int, error); private() }
type O interface { Close() error }
type G[T any] struct { V T }
func (g *G[T]) Get() T { return g.V }
func New[T comparable](first T, more ...func(v int) T) map[string]*T { return nil }
type Old = S
type private struct{ X int }
type Outer struct { private }
`), ".")
	require.NoError(t, err)
	require.Equal(t, []string{
		"const A Mode = 1",
		"const B Mode = 2",
		`const Name untyped string = "x"`,
		"field G[T any].V T",
		"field Outer.X int",
		"field S.Reader embedded io.Reader",
		`field S.X int "json:\"x\""`,
		"func New[T comparable](T, ...func(int) T) map[string]*T",
		"interface method (I) Do(context.Context, func(string) error) (int, error)",
		"interface method (O) Close() error",
		"method (*G[T any]) Get() T",
		"method (*S) Set(int)",
		"method (S) Read([]byte) (int, error)",
		"method (S) Read2([]byte) (int, error)",
		"type G[T any] struct, not comparable",
		"type I interface, closed",
		"type Mode int",
		"type O interface",
		"type Old = S",
		"type Outer struct, with unexported fields",
		"type S struct, not comparable, with unexported fields",
		"var Err error",
	}, have)
}

// TestCompare_FindsWhatBreaks changes one thing at a time.
func TestCompare_FindsWhatBreaks(t *testing.T) {
	t.Parallel()
	const before = `
type T struct { A int }
type I interface { M() }
const C = 1
func F(a int, b string) error { return nil }
func (t T) V() {}
`
	old, err := apicheck.List(write(t, before), ".")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		from, to        string
		breaking, added int
	}{
		"a parameter renamed":         {"a int", "other int", 0, 0},
		"a field added":               {"A int", "A int; B int", 0, 1},
		"a field that cannot compare": {"A int", "A int; b []int", 1, 1},
		"a function added":            {"const C", "func New() {}\nconst C", 0, 1},
		"a field renamed":             {"A int", "B int", 1, 1},
		"a type changed":              {"A int", "A int64", 1, 1},
		"an interface grew":           {"M()", "M(); N()", 1, 0},
		"a value changed":             {"C = 1", "C = 2", 1, 1},
		"a parameter added":           {"b string", "b string, c int", 1, 1},
		"a function gone":             {"func F", "func f", 1, 0},
		"a method of pointers only":   {"(t T) V", "(t *T) V", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, before, test.from)
			now, err := apicheck.List(write(t, strings.Replace(before, test.from, test.to, 1)), ".")
			require.NoError(t, err)
			breaking, added := apicheck.Compare(old, now)
			require.Equal(t, fmt.Sprint(test.breaking, test.added), fmt.Sprint(len(breaking), len(added)), "breaking %q, added %q", breaking, added)
		})
	}
}

func TestList_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := apicheck.List(write(t, "func F() { return 1 }\n"), ".")
	require.ErrorContains(t, err, "too many return values")
	_, err = apicheck.List(t.TempDir(), "./none")
	require.ErrorContains(t, err, "go list ./none")
}

// TestRecorded_IsSorted keeps changes of the recorded API easy to read.
func TestRecorded_IsSorted(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(recorded, "*.txt"))
	require.NoError(t, err)
	require.Len(t, names, 2)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, slices.IsSorted(strings.Split(strings.TrimSpace(string(text)), "\n")), name)
	}
}
