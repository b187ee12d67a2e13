package fsafe

import "os"

const nonblock = 0

// sync flushes a file. Windows writes the entries of folders through its own
// journal and has no call for them.
func (r *Root) sync(name string) error {
	info, err := r.root.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return nil
	}
	file, err := r.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return file.Sync()
}
