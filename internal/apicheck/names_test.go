package apicheck_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/internal/apicheck"
	"github.com/stretchr/testify/require"
)

// TestNames_AreDocumented holds that every exported name of the root and of
// pixiv has a comment, and prints how many there are. Fields are counted apart:
// many say all by their names and types.
func TestNames_AreDocumented(t *testing.T) {
	t.Parallel()
	explained := []string{
		"Stage.Run",  // by the comment of Stage
		"CauseOther", // by its name
	}
	for _, pattern := range []string{".", "./pixiv"} {
		names, err := apicheck.Names("../..", pattern)
		require.NoError(t, err)
		total, documented, fields, documentedFields := 0, 0, 0, 0
		for _, name := range names {
			switch {
			case name.Field && name.Documented:
				documentedFields++
				fields++
			case name.Field:
				fields++
			case name.Documented, slices.Contains(explained, name.Name):
				documented++
				total++
			default:
				total++
				t.Errorf("%s: %s has no comment", pattern, name.Name)
			}
		}
		require.NotZero(t, total)
		t.Logf("%s: %d exported names, %d%% documented; %d fields, %d%% with a comment of their own",
			pattern, total, 100*documented/total, fields, 100*documentedFields/max(fields, 1))
	}
}

// TestRoot_Dependencies prints what the root package brings along, apart from
// the standard library. What it may bring is held by TestRootStaysLight.
func TestRoot_Dependencies(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	list.Dir = "../.."
	out, err := list.Output()
	require.NoError(t, err)
	var own, foreign []string
	for _, path := range strings.Fields(string(out)) {
		if strings.HasPrefix(path, "github.com/pixivoc/pixivoc") {
			own = append(own, path)
		} else {
			foreign = append(foreign, path)
		}
	}
	require.Contains(t, own, "github.com/pixivoc/pixivoc")
	t.Logf("the root is %d packages of its own and %d of others:\n%s", len(own), len(foreign), strings.Join(foreign, "\n"))
}

func TestNames_Finds(t *testing.T) {
	t.Parallel()
	names, err := apicheck.Names(write(t, `
// Documented.
type T struct {
	A int // one
	B, c int
}
type Bare struct{}
func (*Bare) M() {}
func (Bare) m() {}
func (Bare) Error() string { return "" }
// G is documented.
func (g *Pair[K, V]) G() {}
// Pair is documented.
type Pair[K, V any] struct{}
type hidden struct{ X int }
func (hidden) X2() {}
// I is documented.
type I interface {
	// M is.
	M()
	N()
}
// One is documented.
type One interface { Only() }
// A group.
const ( X = 1; Y = 2 )
var (
	P = 1 // behind
	Q = 2
)
type (
	// Inner is documented.
	Inner int
	Other int
)
`), ".")
	require.NoError(t, err)
	var with, without []string
	for _, name := range names {
		if name.Documented {
			with = append(with, name.Name)
		} else {
			without = append(without, name.Name)
		}
	}
	require.Equal(t, []string{"T", "T.A", "Bare.Error", "Pair.G", "Pair", "I", "I.M", "One", "One.Only", "X", "Y", "P", "Inner"}, with)
	require.Equal(t, []string{"T.B", "Bare", "Bare.M", "I.N", "Q", "Other"}, without)
}
