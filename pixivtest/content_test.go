package pixivtest

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestContent reads every kind of content in every range and compares it with the plain bytes.
func TestContent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content content
		want    string
	}{
		"text":     {text("abcdefgh"), "abcdefgh"},
		"section":  {section{of: text("abcdefgh"), off: 2, n: 4}, "cdef"},
		"chain":    {chain{text("abc"), text(""), text("d"), section{of: text("xefy"), off: 1, n: 2}}, "abcdef"},
		"repeated": {repeated{unit: text("abc"), size: 8}, "abcabcab"},
		"zeros":    {zeros(5), strings.Repeat("\x00", 5)},
		"nested":   {section{of: repeated{unit: chain{text("ab"), text("c")}, size: 100}, off: 50, n: 7}, "cabcabc"},
	} {
		require.Equal(t, int64(len(c.want)), c.content.Size(), name)
		for from := range c.want {
			for to := from; to <= len(c.want); to++ {
				var out bytes.Buffer
				n, err := writeRange(&out, c.content, int64(from), int64(to-from))
				require.NoError(t, err, name)
				require.Equal(t, int64(to-from), n, name)
				require.Equal(t, c.want[from:to], out.String(), name)
			}
		}
		all, err := io.ReadAll(io.NewSectionReader(c.content, 0, c.content.Size()+10))
		require.NoError(t, err, name)
		require.Equal(t, c.want, string(all), name)
	}
}
