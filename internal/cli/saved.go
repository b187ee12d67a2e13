package cli

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// savedFile is a file as the last record of its path has it.
type savedFile struct {
	pixivoc.File
	tid  int64
	path string // the whole path
}

// isSidecar says whether people, and programs that show pictures, write into the
// file: a change of it is no damage.
func (f savedFile) isSidecar() bool {
	for _, suffix := range []string{".json", ".xmp", "_caption.txt"} {
		if strings.HasSuffix(f.Name, suffix) {
			return true
		}
	}
	return false
}

// savedFiles yields what the tasks saved. A file in whose place another one came
// is left out: its bytes are there no more.
func savedFiles(ctx context.Context, tasks []pixivoc.Task) iter.Seq2[savedFile, error] {
	return func(yield func(savedFile, error) bool) {
		last := map[string]int64{} // of the paths that were replaced
		for file, err := range recordedFiles(ctx, tasks) {
			if err != nil {
				yield(savedFile{}, err)
				return
			}
			if file.key != file.Name {
				last[file.path] = max(last[file.path], file.seq)
			}
		}
		for file, err := range recordedFiles(ctx, tasks) {
			if err == nil && file.seq < last[file.path] {
				continue
			}
			if !yield(file.savedFile, err) || err != nil {
				return
			}
		}
	}
}

// recordedFile is a file with its record's key, which is more than the path for
// one that replaced another.
type recordedFile struct {
	savedFile
	seq int64
	key string
}

func recordedFiles(ctx context.Context, tasks []pixivoc.Task) iter.Seq2[recordedFile, error] {
	return func(yield func(recordedFile, error) bool) {
		for _, task := range tasks {
			info, err := task.Info(ctx)
			if err != nil {
				yield(recordedFile{}, err)
				return
			}
			if info.SavePath == "" {
				continue
			}
			for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
				found := recordedFile{seq: record.Seq, key: record.Key}
				if err == nil {
					found.File, err = decodeRecord[pixivoc.File](record)
				}
				if err != nil {
					yield(recordedFile{}, fmt.Errorf("records of task %d: %w", info.TID, err))
					return
				}
				found.tid, found.path = info.TID, filepath.Join(info.SavePath, filepath.FromSlash(found.Name))
				if !yield(found, nil) {
					return
				}
			}
		}
	}
}
