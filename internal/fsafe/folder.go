package fsafe

import (
	"io"
	"io/fs"
	"os"
)

// Mode says how Folder.Open opens a file.
type Mode int

// The modes of Folder.Open.
const (
	// Read opens an existing file for reading.
	Read Mode = iota
	// Update opens an existing file for reading and writing.
	Update
	// Create makes a new file for reading and writing. It is an error of kind
	// fs.ErrExist when the name is taken, by a symbolic link too.
	Create
)

// Folder is an open folder. Names are relative to it, with slashes between
// components on every system; "." is the folder itself. Names that lead out of
// it, through symbolic links too, are errors.
//
// The interface is as large as it is because each method is one kind of call
// that fails in its own way: a test replaces them all at once. Folders may be
// used by several goroutines.
type Folder interface {
	// Path returns the absolute path of the folder when it was opened. Two
	// folders with one path are the same folder.
	Path() string
	// Open opens a file. What is there already must be a regular file,
	// otherwise the error is a *NotRegularError.
	Open(name string, mode Mode) (File, error)
	// Stat describes what stands under the name and does not follow a link.
	Stat(name string) (fs.FileInfo, error)
	// Rename puts from in the place of to at once: somebody who opens to gets
	// the old file or the new one. Both must be in the same folder.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// Mkdir makes a folder and its parents. An existing one is no error.
	Mkdir(name string) error
	// Sync returns when what is known of the file or folder under the name
	// would survive a power cut: for a file its bytes, for a folder its entries.
	// Where the system has no such call for folders it does nothing.
	Sync(name string) error
}

// File is an open regular file. Its methods are those of os.File.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// SameFile says whether two descriptions from one Folder are of one file, under
// whatever names. It is os.SameFile for descriptions of the operating system;
// those of other Folders answer with a method SameFile(fs.FileInfo) bool.
func SameFile(a, b fs.FileInfo) bool {
	if other, ok := a.(interface{ SameFile(fs.FileInfo) bool }); ok {
		return other.SameFile(b)
	}
	return os.SameFile(a, b)
}

// NotRegularError says that something else than a regular file stands where a
// file is wanted. Nothing was changed.
type NotRegularError struct {
	Name string
	Mode fs.FileMode
}

func (e *NotRegularError) Error() string {
	kind := "a device or pipe"
	switch {
	case e.Mode.IsDir():
		kind = "a folder"
	case e.Mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	case e.Mode.IsRegular():
		kind = "another file than a moment before"
	}
	return e.Name + ": " + kind + " is in the place of the file"
}
