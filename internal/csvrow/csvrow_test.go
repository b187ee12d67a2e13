package csvrow_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/internal/csvrow"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestF9_Guard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\ta": "'\ta", "\ra": "'\ra", "\na": "'\na", "a=": "a=", "": "", "作品": "作品",
	} {
		assert.Equal(t, want, csvrow.Guard(text))
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for want, cells := range map[string][]string{
		"a,b\r\n":            {"a", "b"},
		",\r\n":              {"", ""},
		"\"a\nb\"\r\n":       {"a\nb"},
		"\"a\rb\"\r\n":       {"a\rb"},
		"\"a\r\nb\"\r\n":     {"a\r\nb"},
		"\"a\"\"b\",c\r\n":   {`a"b`, "c"},
		"\" a\",\"1,5\"\r\n": {" a", "1,5"},
	} {
		assert.Equal(t, want, string(csvrow.Append(nil, cells)))
	}
}

// FuzzAppend wants the texts back. A csv.Reader takes every CRLF for LF, so
// those are compared without carriage returns, which the test above has.
func FuzzAppend(f *testing.F) {
	f.Add("a", "b\nc")
	f.Add(`"`, " ,")
	f.Add("", "\r")
	f.Fuzz(func(t *testing.T, first, second string) {
		plain := strings.NewReplacer("\r", "")
		cells := []string{"row", plain.Replace(first), plain.Replace(second)}
		got, err := csv.NewReader(strings.NewReader(string(csvrow.Append(nil, cells)))).Read()
		require.NoError(t, err)
		assert.Equal(t, cells, got)
	})
}
