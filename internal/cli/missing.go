package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// missing are files that were saved and are not there any more, or have another
// length: all counted, the first kept.
type missing struct {
	count int
	first []missingFile
	tids  []string
}

type missingFile struct {
	name string // of the whole path
	why  string
}

// addMissing looks at each file that the tasks saved.
func (r *report) addMissing(ctx context.Context, tasks []pixivoc.Task) error {
	for file, err := range savedFiles(ctx, tasks) {
		if err != nil {
			return err
		}
		stat, err := os.Lstat(file.path)
		switch {
		case err != nil:
			r.missing.add(file.tid, file.path, "gone")
		case stat.Size() != file.Bytes && !file.isSidecar():
			r.missing.add(file.tid, file.path, fmt.Sprintf("%d bytes", stat.Size()))
		}
	}
	return nil
}

func (m *missing) add(tid int64, name, why string) {
	m.count++
	if len(m.first) < maxReported {
		m.first = append(m.first, missingFile{printable(name), why})
	}
	if text := strconv.FormatInt(tid, 10); !slices.Contains(m.tids, text) {
		m.tids = append(m.tids, text)
	}
}

func (m missing) list(b *strings.Builder) {
	for _, file := range m.first {
		fmt.Fprintf(b, "  %s  %s\n", pad(file.why, tableLabel-4), file.name)
	}
	if more := m.count - len(m.first); more > 0 {
		fmt.Fprintf(b, "  and %d more\n", more)
	}
}

// err says what is missing and how to have it again.
func (m missing) err() error {
	text := "a file that was saved is missing or changed: " + m.first[0].name
	if m.count > 1 {
		text = fmt.Sprintf("%d files that were saved are missing or changed; the first is %s", m.count, m.first[0].name)
	}
	return advise(errors.New(text),
		"To fetch what is missing: pixivoc tasks rm "+strings.Join(m.tids, " "),
		"and then the same command once more. What is whole stays.")
}
