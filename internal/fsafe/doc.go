// Package fsafe is the one door to the file system for names and folders that
// come from outside.
//
// Names: Clean repairs a name that a server chose, Check refuses a name that a
// user chose. Both use the same rules on every system, so that a folder can
// move from Linux to Windows.
//
// Files: Folder is what the fetcher needs of a file system, small enough to be
// replaced in tests by one that fails or forgets. Root is the real one. Each of
// its calls goes through os.Root, so that no name leads out of the folder, and
// each opens regular files only.
//
// Errors of the file system that need somebody's help are told apart by
// IsDiskFull, IsReadOnly, IsTransient and IsBusy, on Unix and on Windows.
package fsafe
