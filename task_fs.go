package pixivoc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// TaskFS returns what a task has saved until now as a read-only file system,
// for fs.WalkDir, http.FileServerFS, archive/zip and whatever else takes one. It
// holds the files that records of kind RecordFile name, and the folders they
// are in; other files in the save path are not seen.
//
// Names are read once, from the records, and take as much memory as they are
// long. Contents are opened below the save path when they are asked for, and a
// file that somebody removed meanwhile is fs.ErrNotExist. Nothing needs closing
// but the files that were opened. All methods are safe for concurrent use.
//
// The task may belong to a Client of another process, but its save path must be
// on this machine. A task type that saves no files gives an empty file system.
func TaskFS(ctx context.Context, task Task) (fs.FS, error) {
	info, err := task.Info(ctx)
	if err != nil {
		return nil, err
	}
	saved := savedFiles{folder: info.SavePath, folders: map[string][]savedEntry{".": nil}}
	for record, err := range task.Records(ctx, RecordQuery{Kind: RecordFile}) {
		if err != nil {
			return nil, err
		}
		var file File
		if err := json.Unmarshal(record.Data, &file); err != nil {
			return nil, fmt.Errorf("read record %d: %w", record.Seq, err)
		}
		if !fs.ValidPath(file.Name) || file.Name == "." {
			return nil, fmt.Errorf("record %d: %w", record.Seq, &fs.PathError{Op: "list", Path: file.Name, Err: fs.ErrInvalid})
		}
		saved.add(file.Name)
	}
	for folder, entries := range saved.folders {
		saved.folders[folder] = ordered(entries)
	}
	return saved, nil
}

// savedFiles is the file system of a task.
type savedFiles struct {
	folder  string
	folders map[string][]savedEntry // what is in each folder, by name
}

type savedEntry struct {
	name     string
	isFolder bool
}

func (s savedFiles) add(name string) {
	for isFolder := false; ; isFolder = true {
		folder, base := path.Split(name)
		folder = cmp.Or(strings.TrimSuffix(folder, "/"), ".")
		siblings, known := s.folders[folder]
		s.folders[folder] = append(siblings, savedEntry{base, isFolder})
		if known {
			return
		}
		name = folder
	}
}

// ordered sorts entries and leaves each name once. Where records name both a
// file and something below it, what is below it is the newer.
func ordered(entries []savedEntry) []savedEntry {
	slices.SortFunc(entries, func(x, y savedEntry) int {
		switch order := strings.Compare(x.name, y.name); {
		case order != 0 || x.isFolder == y.isFolder:
			return order
		case x.isFolder:
			return -1
		}
		return 1
	})
	return slices.Clip(slices.CompactFunc(entries, func(x, y savedEntry) bool { return x.name == y.name }))
}

// Open implements fs.FS.
func (s savedFiles) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if entries, isFolder := s.folders[name]; isFolder {
		return &openFolder{files: s, name: name, left: entries}, nil
	}
	siblings := s.folders[path.Dir(name)]
	if _, found := slices.BinarySearchFunc(siblings, path.Base(name), func(e savedEntry, base string) int {
		return strings.Compare(e.name, base)
	}); !found {
		return fail(fs.ErrNotExist)
	}
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return fail(cause(err))
	}
	defer root.Close()
	// A pipe would be waited for by Open.
	if _, err := regular(root, name); err != nil {
		return fail(cause(err))
	}
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return fail(cause(err))
	}
	return file, nil
}

// regular describes a file. What is there in its place, a link that leads
// elsewhere among it, is not the task's.
func regular(root *os.Root, name string) (fs.FileInfo, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	return info, err
}

// cause takes the path out of an error; the caller puts its own there.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// openFolder is an open folder.
type openFolder struct {
	files savedFiles
	name  string
	left  []savedEntry
}

// Stat implements fs.File.
func (o *openFolder) Stat() (fs.FileInfo, error) { return folderStat(path.Base(o.name)), nil }

// Close implements fs.File.
func (o *openFolder) Close() error { return nil }

// Read implements fs.File.
func (o *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.name, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (o *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(o.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(o.left) {
		n = len(o.left)
	}
	entries := make([]fs.DirEntry, n)
	for i, entry := range o.left[:n] {
		if entry.isFolder {
			entries[i] = fs.FileInfoToDirEntry(folderStat(entry.name))
		} else {
			entries[i] = fileEntry{o.files.folder, path.Join(o.name, entry.name)}
		}
	}
	o.left = o.left[n:]
	return entries, nil
}

// fileEntry is a file in a listing; it is looked at when somebody asks.
type fileEntry struct{ folder, name string }

// Name implements fs.DirEntry.
func (e fileEntry) Name() string { return path.Base(e.name) }

// IsDir implements fs.DirEntry.
func (e fileEntry) IsDir() bool { return false }

// Type implements fs.DirEntry.
func (e fileEntry) Type() fs.FileMode { return 0 }

// String returns the entry as a listing shows it.
func (e fileEntry) String() string { return fs.FormatDirEntry(e) }

// Info implements fs.DirEntry.
func (e fileEntry) Info() (fs.FileInfo, error) {
	root, err := os.OpenRoot(e.folder)
	if err == nil {
		defer root.Close()
		var info fs.FileInfo
		if info, err = regular(root, e.name); err == nil {
			return info, nil
		}
	}
	return nil, &fs.PathError{Op: "stat", Path: e.name, Err: cause(err)}
}

// folderStat describes a folder, which is one by what is in it.
type folderStat string

// Name implements fs.FileInfo.
func (f folderStat) Name() string { return string(f) }

// Size implements fs.FileInfo.
func (folderStat) Size() int64 { return 0 }

// Mode implements fs.FileInfo.
func (folderStat) Mode() fs.FileMode { return fs.ModeDir | 0o555 }

// ModTime implements fs.FileInfo.
func (folderStat) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (folderStat) IsDir() bool { return true }

// Sys implements fs.FileInfo.
func (folderStat) Sys() any { return nil }
