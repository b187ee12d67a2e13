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
	return placeFile(rt, name, write, func(*os.Root) (string, error) { return name, nil })
}

// placeFile is replaceFile where settle says, when the part of name is whole, what
// its name is to be; with "" the part is dropped.
func placeFile(rt pixivoc.Runtime, name string, write func(*os.File) error, settle func(*os.Root) (string, error)) error {
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
	final := ""
	if err = fill(root, name+partSuffix, write); err == nil {
		final, err = settle(root)
	}
	if err != nil || final == "" {
		_ = root.Remove(name + partSuffix) // the error says more
		return onDisk(err)
	}
	err = root.Rename(name+partSuffix, final)
	if err == nil {
		err = syncFolder(root, path.Dir(final))
	}
	return onDisk(err)
}

// standing is what has the name of a file that is to be made.
type standing struct {
	fs.FileInfo // nil where nothing has it
	// recorded says that the task has a record of it, older that it was there before
	// the task.
	recorded, older bool
}

// own says that the task made it, so that it may be replaced.
func (s standing) own() bool { return s.recorded && !s.older }

// stands looks at what has a name. Its time alone does not tell whose it is.
func stands(ctx context.Context, rt pixivoc.Runtime, root *os.Root, name string) (standing, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return standing{}, nil
	}
	if err != nil {
		return standing{}, onDisk(err)
	}
	recorded, err := rt.Recorded(ctx, RecordFile, name)
	return standing{info, recorded[name], info.ModTime().Before(rt.Task().CreatedAt)}, err
}

// writeBeside is writeFile where a file of that name may be somebody else's: one
// that the task did not make is never replaced. The same bytes adopt it; for
// others the checksum is added to the name.
func writeBeside(ctx context.Context, rt pixivoc.Runtime, stem, extension string, write func(io.Writer) error) (FileRecord, error) {
	root, err := os.OpenRoot(rt.Task().SavePath)
	if err != nil {
		return FileRecord{}, onDisk(err)
	}
	defer func() { _ = root.Close() }()
	name := stem + extension
	there, err := stands(ctx, rt, root, name)
	switch {
	case err != nil:
		return FileRecord{}, err
	case there.FileInfo == nil, there.own():
		return writeFile(rt, name, write)
	}
	made := newMeasured(io.Discard)
	if err := write(made); err != nil {
		return FileRecord{}, onDisk(err)
	}
	record := made.record(name)
	same, err := made.isIn(root, name)
	if err != nil {
		return FileRecord{}, err
	}
	if same {
		record.Existing = there.older
		return record, nil
	}
	return writeFile(rt, nameBeside(stem, extension, record.Checksum), write)
}

// nameBeside is the name of a file whose own name somebody else's file has.
func nameBeside(stem, extension, checksum string) string { return stem + "_" + checksum + extension }

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

// isIn says whether a file holds what was written.
func (m *measured) isIn(root *os.Root, name string) (bool, error) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != m.bytes {
		return false, onDisk(err)
	}
	there := newMeasured(io.Discard)
	if err := there.copyFrom(root, name); err != nil {
		return false, onDisk(err)
	}
	return there.bytes == m.bytes && there.sum.Sum32() == m.sum.Sum32(), nil
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
