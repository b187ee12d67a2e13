package pixiv

import (
	"context"
	"errors"
	"fmt"
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

// writeFile writes a file that is made here and not fetched: to a part, which
// is synced and then renamed, so that nobody ever finds half of it. A file of
// that name is replaced. The name is below the save path and cannot lead out.
func writeFile(rt pixivoc.Runtime, name string, write func(io.Writer) error) (FileRecord, error) {
	for part := range strings.SplitSeq(name, "/") {
		if err := pixivoc.CheckName(part); err != nil {
			return FileRecord{}, pixivoc.Permanent(pixivoc.ReasonName, fmt.Errorf("write %s: %w", name, err))
		}
	}
	root, err := os.OpenRoot(rt.Task().SavePath)
	if err != nil {
		return FileRecord{}, onDisk(err)
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return FileRecord{}, onDisk(err)
	}
	made := &measured{sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	if err := made.fill(root, name+partSuffix, write); err != nil {
		_ = root.Remove(name + partSuffix) // the error says more
		return FileRecord{}, onDisk(err)
	}
	err = root.Rename(name+partSuffix, name)
	if err == nil {
		err = syncFolder(root, path.Dir(name))
	}
	if err != nil {
		return FileRecord{}, onDisk(err)
	}
	return FileRecord{Path: name, Bytes: made.bytes, Checksum: fmt.Sprintf("%08x", made.sum.Sum32()), ChecksumKind: "crc32c"}, nil
}

// measured counts what is written to a file.
type measured struct {
	file  *os.File
	bytes int64
	sum   interface {
		io.Writer
		Sum32() uint32
	}
}

func (m *measured) Write(chunk []byte) (int, error) {
	n, err := m.file.Write(chunk)
	m.bytes += int64(n)
	_, _ = m.sum.Write(chunk[:n]) // a checksum takes everything
	return n, err
}

func (m *measured) fill(root *os.Root, name string, write func(io.Writer) error) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	m.file = file
	err = write(m)
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
