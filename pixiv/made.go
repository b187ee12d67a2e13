package pixiv

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// partSuffix is how the kernel names files that are not whole yet. Task.Delete
// removes them by FileNames.
const partSuffix = ".part"

// writeFile writes a file that is made here and not fetched, as replaceFile does.
func writeFile(rt pixivoc.Runtime, name string, write func(io.Writer) error) (FileRecord, error) {
	var made *measured
	err := replaceFile(rt, name, func(file *os.File) error {
		made = newMeasured(file)
		return write(made)
	})
	if err != nil {
		return FileRecord{}, err
	}
	return made.record(name), nil
}

// replaceFile fills a part, which is synced and then renamed, so that nobody ever
// finds half of it. A file of that name is replaced. The name is below the save
// path and cannot lead out.
func replaceFile(rt pixivoc.Runtime, name string, write func(*os.File) error) error {
	for part := range strings.SplitSeq(name, "/") {
		if err := pixivoc.CheckName(part); err != nil {
			return pixivoc.Permanent(pixivoc.ReasonName, fmt.Errorf("write %s: %w", name, err))
		}
	}
	root, err := os.OpenRoot(rt.Task().SavePath)
	if err != nil {
		return onDisk(err)
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return onDisk(err)
	}
	if err := fill(root, name+partSuffix, write); err != nil {
		_ = root.Remove(name + partSuffix) // the error says more
		return onDisk(err)
	}
	err = root.Rename(name+partSuffix, name)
	if err == nil {
		err = syncFolder(root, path.Dir(name))
	}
	return onDisk(err)
}

// writeBeside is writeFile where a file of that name may be somebody else's: one
// that is older than the task is never replaced. The same bytes adopt it; for
// others the checksum is added to the name.
func writeBeside(rt pixivoc.Runtime, stem, extension string, write func(io.Writer) error) (FileRecord, error) {
	task := rt.Task()
	root, err := os.OpenRoot(task.SavePath)
	if err != nil {
		return FileRecord{}, onDisk(err)
	}
	defer func() { _ = root.Close() }()
	name := stem + extension
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.ModTime().Before(task.CreatedAt):
		return writeFile(rt, name, write)
	case err != nil:
		return FileRecord{}, onDisk(err)
	}
	made := newMeasured(io.Discard)
	if err := write(made); err != nil {
		return FileRecord{}, onDisk(err)
	}
	record := made.record(name)
	if info.Mode().IsRegular() && info.Size() == record.Bytes {
		there := newMeasured(io.Discard)
		if err := there.copyFrom(root, name); err != nil {
			return FileRecord{}, onDisk(err)
		}
		if there.bytes == made.bytes && there.sum.Sum32() == made.sum.Sum32() {
			record.Existing = true
			return record, nil
		}
	}
	return writeFile(rt, stem+"_"+record.Checksum+extension, write)
}

// measured counts what is written through it.
type measured struct {
	to    io.Writer
	bytes int64
	sum   hash.Hash32
}

func newMeasured(to io.Writer) *measured {
	return &measured{to: to, sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
}

func (m *measured) Write(chunk []byte) (int, error) {
	n, err := m.to.Write(chunk)
	m.bytes += int64(n)
	_, _ = m.sum.Write(chunk[:n]) // a checksum takes everything
	return n, err
}

func (m *measured) record(name string) FileRecord {
	return FileRecord{Path: name, Bytes: m.bytes, Checksum: fmt.Sprintf("%08x", m.sum.Sum32()), ChecksumKind: "crc32c"}
}

func (m *measured) copyFrom(root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(m, file)
	return errors.Join(err, file.Close())
}

// fill writes a file that is synced when it is closed.
func fill(root *os.Root, name string, write func(*os.File) error) error {
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncFolder makes a rename outlast a power cut. Windows has no such call and
// needs none.
func syncFolder(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// onDisk tells what concerns the whole task from what concerns one file.
func onDisk(err error) error {
	is := func(known error) bool { return errors.Is(err, known) }
	switch {
	case slices.ContainsFunc(diskFull(), is):
		return fmt.Errorf("%w: %w", pixivoc.ErrDiskFull, err)
	case errors.Is(err, fs.ErrPermission), slices.ContainsFunc(readOnly(), is):
		return fmt.Errorf("%w: %w", pixivoc.ErrSavePath, err)
	}
	return err
}

// openSaved opens a picture that the kernel saved, whatever extension it got.
func openSaved(rt pixivoc.Runtime, stem string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(rt.Task().SavePath)
	if err != nil {
		return nil, onDisk(err)
	}
	defer func() { _ = root.Close() }()
	for _, extension := range pictureExtensions() {
		file, err := root.Open(stem + extension)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, onDisk(err)
		}
	}
	return nil, fmt.Errorf("open %s: %w", stem, fs.ErrNotExist)
}

// fetchPicture saves a picture of Pixiv's that is no page of a work: the first
// of the addresses that there is. The name is without extension.
func fetchPicture(ctx context.Context, rt pixivoc.Runtime, name string, addresses ...string) (FileRecord, error) {
	var err error
	for _, address := range addresses {
		var file pixivoc.File
		if file, err = fetchFrom(ctx, rt, name, address); err == nil {
			return fileRecord(file, address), nil
		}
		if !isGone(err) {
			break
		}
	}
	switch {
	case isGone(err):
		return FileRecord{}, pixivoc.Permanent(pixivoc.ReasonDeleted, err)
	case isForbidden(err):
		return FileRecord{}, forbidden(err)
	}
	return FileRecord{}, err
}

func fetchFrom(ctx context.Context, rt pixivoc.Runtime, name, address string) (pixivoc.File, error) {
	if err := checkPicture(address); err != nil {
		return pixivoc.File{}, content(fmt.Errorf("address of %s: %w", name, err))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return pixivoc.File{}, content(fmt.Errorf("address of %s: %w", name, err))
	}
	request.Header.Set("Referer", appReferer)
	return rt.Download(ctx, pixivoc.Download{
		Request: request, Name: name + pictureExtension(address), Refuse: refuseElsewhere,
	})
}

// refuseElsewhere looks at where redirects led.
func refuseElsewhere(address *url.URL) error {
	if kind, found := placeholder(address); found {
		return masked(0, kind)
	}
	if !isPictureHost(address.Hostname()) {
		return &pixivoc.BlockedError{Host: imageHost, Err: fmt.Errorf("it leads to %s", address.Hostname())}
	}
	return nil
}

// withExtensions are the names that a picture may get in the end.
func withExtensions(stem string) []string {
	var names []string
	for _, extension := range pictureExtensions() {
		names = append(names, stem+extension)
	}
	return names
}
