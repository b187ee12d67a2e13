package fsafetest

import (
	"io"
	"io/fs"
	"path"
)

// file is an open file of a Memory.
type file struct {
	memory *Memory
	node   *node
	name   string
	closed bool
}

func (f *file) step(op string) error {
	err := f.memory.step(op, f.name)
	if err == nil && f.closed {
		err = fs.ErrClosed
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return nil
}

func (f *file) ReadAt(buf []byte, offset int64) (int, error) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if err := f.step("read"); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(buf, f.node.data[offset:])
	if n < len(buf) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(buf []byte, offset int64) (int, error) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	err := f.step("write")
	switch {
	case f.memory.dieAt > 0 && err != nil:
		return 0, err
	case err != nil:
		buf = buf[:len(buf)/2]
	case f.memory.maxWrite > 0 && len(buf) > f.memory.maxWrite:
		buf = buf[:f.memory.maxWrite]
	}
	if end := offset + int64(len(buf)); end > int64(len(f.node.data)) {
		grown := make([]byte, end)
		copy(grown, f.node.data)
		f.node.data = grown
	}
	return copy(f.node.data[offset:], buf), err
}

func (f *file) Truncate(size int64) error {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if err := f.step("truncate"); err != nil {
		return err
	}
	resized := make([]byte, size)
	copy(resized, f.node.data)
	f.node.data = resized
	return nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if err := f.step("fstat"); err != nil {
		return nil, err
	}
	return info{node: f.node, name: path.Base(f.name), size: int64(len(f.node.data))}, nil
}

func (f *file) Sync() error {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if err := f.step("sync"); err != nil {
		f.node.lost = true
		return err
	}
	f.node.sync()
	return nil
}

func (f *file) Close() error {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	err := f.step("close")
	f.closed = true
	return err
}
