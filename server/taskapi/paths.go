package taskapi

import (
	"path/filepath"
	"strings"
)

// pathEnd stands between names; no file has it in its name.
const pathEnd = "\x00"

// pathList is a list of files below a folder. There is one for every task that
// has ended, so it keeps their names in one piece and the folder once.
type pathList struct {
	folder string
	names  string // with pathEnd between them
}

// append writes the absolute paths as a JSON array.
func (l pathList) append(b []byte) []byte {
	b = append(b, '[')
	if l.names != "" {
		for i, name := range strings.Split(l.names, pathEnd) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, filepath.Join(l.folder, name))
		}
	}
	return append(b, ']')
}
