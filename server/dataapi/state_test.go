package dataapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryState reads the states from the source that names them: a new one
// must be given its number here.
func TestEveryState(t *testing.T) {
	t.Parallel()
	want := map[pixivoc.State]int{
		pixivoc.StateWaitStart: 5, pixivoc.StateQueued: 3, pixivoc.StateWaitToken: 3, pixivoc.StateDownloading: 0, pixivoc.StateDiskFull: 3,
		pixivoc.StateStopped: 1, pixivoc.StateScheduled: 3, pixivoc.StateOver: 2, pixivoc.StateError: 1,
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../../task.go", nil, 0)
	require.NoError(t, err)
	found := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "State" || len(spec.Values) != 1 {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		found++
		status, known := dataapi.StatusOf(pixivoc.State(text))
		assert.True(t, known, "%s has no number", text)
		assert.Equal(t, want[pixivoc.State(text)], status, text)
		return true
	})
	assert.Equal(t, len(want), found)
}
