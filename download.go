package pixivoc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// RecordFile is the kind of a record whose data begins as a File does: it has
// the path of a file below the save path. Task.Delete removes such files when
// it is told to, except for those that were there before; see File.Existing.
const RecordFile = "file"

func (s *stageRuntime) Download(ctx context.Context, download Download) (File, error) {
	run := s.round.run
	if run.folder == nil {
		return File{}, fmt.Errorf("download %s: task type %s saves no files: %w", download.Name, run.kind.Name, ErrState)
	}
	for _, earlier := range s.files {
		if stem(earlier.Name) == stem(download.Name) || earlier.Name == download.Otherwise {
			// The fetcher would let it wait for the other one, which waits for this item.
			return File{}, Permanent(ReasonName, fmt.Errorf("download %s: the item has %s already, which may get the same name", download.Name, earlier.Name))
		}
	}
	staged, err := run.client.fetcher.Fetch(ctx, fetch.Request{
		HTTP:         download.Request.WithContext(ctx),
		Do:           run.client.files.Do,
		Admit:        run.client.admit,
		Folder:       run.folder,
		Name:         download.Name,
		Otherwise:    download.Otherwise,
		Since:        run.task.CreatedAt,
		Kind:         download.kind(),
		FixExtension: true,
		Timeout:      run.timeout(),
		Limiters:     []*rate.Limiter{run.client.bytes, run.job.live.bandwidth},
		SHA256:       run.client.config.SHA256,
		Progress:     run.job.live.received,
		Refuse:       download.guarded(s.Logger()),
		Replace:      s.mayReplace(ctx),
		Taken:        s.isTaken(ctx),
	})
	if err != nil {
		return File{}, run.lostFolder(downloadError(download.Request, err))
	}
	if !staged.Shared && !run.names.hold(staged.Name, s.item.ID) {
		return File{}, errors.Join(fmt.Errorf("download %s: another item saves a file of that name now", staged.Name), staged.Discard())
	}
	if staged.Wanted != "" {
		s.Logger().Warn("a file of that name that is not the item's stays, saving beside it", "name", staged.Wanted, "instead", staged.Name)
	}
	s.files = append(s.files, staged)
	if !download.ModTime.IsZero() {
		if s.times == nil {
			s.times = map[*fetch.Staged]time.Time{}
		}
		s.times[staged] = download.ModTime
	}
	return fileOf(staged), nil
}

// mayReplace says whether a file may be replaced by one of the same name: only
// when a task of the store recorded it. Any other is somebody's own.
func (s *stageRuntime) mayReplace(ctx context.Context) func(name string) (bool, error) {
	run := s.round.run
	return func(name string) (bool, error) {
		recorded, err := run.client.config.Store.RecordedFiles(ctx, run.task.SavePath, 0, []string{name})
		return recorded[name], err
	}
}

// stem is one for all names that may come to be the same file: the extension
// follows the content, and some file systems fold case.
func stem(name string) string { return strings.ToLower(strings.TrimSuffix(name, path.Ext(name))) }

func (d Download) kind() fetch.Kind {
	switch {
	case d.Any:
		return fetch.Any
	case strings.EqualFold(path.Ext(d.Name), ".zip"):
		return fetch.Archive
	}
	return fetch.Picture
}

func fileOf(staged *fetch.Staged) File {
	file := File{Name: staged.Name, Bytes: staged.Size, Existing: existing(staged), Wanted: staged.Wanted}
	if staged.SHA256 != nil {
		file.Checksum, file.ChecksumKind = hex.EncodeToString(staged.SHA256), "sha256"
	} else {
		file.Checksum, file.ChecksumKind = fmt.Sprintf("%08x", staged.CRC32C), "crc32c"
	}
	return file
}

// existing says whether a file was there before the task. One that the task
// wrote before its process died, and then found, was not, nor was one that
// another of its items saved.
func existing(staged *fetch.Staged) bool { return staged.Existing && !staged.Own && !staged.Shared }

// longPause is the pause from which on a host that asks for one gets it from
// every transfer; a shorter one concerns the transfer that was refused.
const longPause = 5 * time.Second

// admit lets a request of the fetcher go when its host can be reached and has
// not asked for a pause. A host that refuses several requests in a row for
// their number is asked by one transfer at a time.
func (c *client) admit(ctx context.Context, host string) (report func(error), err error) {
	if err := c.governor.awaitQuiet(ctx); err != nil {
		return nil, err
	}
	done, err := c.allow(ctx, host)
	if err != nil {
		return nil, err
	}
	return func(err error) {
		status, limited := errors.AsType[*fetch.StatusError](err)
		if limited && status.RetryAfter >= longPause {
			c.hosts.Hold(host, time.Now().Add(status.RetryAfter))
		}
		done(err == nil || !limited && !unreachable(err))
	}, nil
}

// downloadError turns an error of the fetcher into one of this package.
func downloadError(request *http.Request, err error) error {
	if _, ok := errors.AsType[*PermanentError](err); ok {
		return err // Download.Refuse said so
	}
	if _, ok := errors.AsType[*BlockedError](err); ok {
		return err // and so here
	}
	if status, ok := errors.AsType[*fetch.StatusError](err); ok {
		return statusError(request, status)
	}
	if _, ok := errors.AsType[*fetch.DiskError](err); ok {
		return diskError(err)
	}
	switch {
	case errors.Is(err, fetch.ErrHTML):
		return &BlockedError{Host: request.URL.Host, Err: err}
	case errors.Is(err, fetch.ErrNotPicture), errors.Is(err, fetch.ErrChanged), errors.Is(err, fetch.ErrTooLarge), errors.Is(err, fetch.ErrRefused):
		return Permanent(ReasonContent, err)
	case fetch.Permanent(err):
		return Permanent(ReasonName, err)
	}
	return err
}

func statusError(request *http.Request, status *fetch.StatusError) error {
	err := &StatusError{Method: http.MethodGet, URL: shownURL(request.URL), Code: status.Code, Message: status.Text}
	switch {
	case status.RateLimited():
		return &RateLimitError{Wait: status.RetryAfter, Err: err}
	case status.HTML && status.Code == http.StatusForbidden:
		return &BlockedError{Host: request.URL.Host, Err: err}
	case status.Code == http.StatusNotFound, status.Code == http.StatusGone:
		return Permanent(ReasonDeleted, err)
	case status.Code == http.StatusForbidden, status.Code == http.StatusUnauthorized: // Do says the same of both
		return Permanent(ReasonForbidden, err)
	case fetch.Permanent(status):
		return Permanent(ReasonRefused, err)
	case status.Wait && status.RetryAfter >= longPause: // less is no wait for an error that lasts
		return RetryAfter(status.RetryAfter, err)
	}
	return err
}

// diskError tells a full disk and a folder without rights, which concern the
// whole task, from what concerns one file.
func diskError(err error) error {
	switch {
	case fsafe.IsDiskFull(err):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	case fsafe.IsReadOnly(err):
		return fmt.Errorf("%w: %w", ErrSavePath, err)
	}
	if _, ok := errors.AsType[*fsafe.NotRegularError](err); ok {
		return Permanent(ReasonName, err)
	}
	return err
}

// lostFolder turns the error of a file into one of the save path when that is no
// folder any more: then every other file would fail as well, for ever.
func (t *taskRun) lostFolder(err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	info, statErr := os.Stat(t.task.SavePath)
	if statErr == nil && info.IsDir() {
		return err
	}
	return fmt.Errorf("save path %s is gone: %w: %w", t.task.SavePath, ErrSavePath, err)
}

// finishGroup gives the files of a group their names and, unless
// Config.NoSync, makes them durable.
func (r *round) finishGroup(group []*itemRun) {
	var files []*fetch.Staged
	var owners []*itemRun
	for _, done := range group {
		if done.err != nil {
			r.discard(done)
			continue
		}
		for _, file := range done.files {
			files = append(files, file)
			owners = append(owners, done)
		}
	}
	if len(files) == 0 {
		return
	}
	for i, err := range r.run.client.fetcher.Finish(context.Background(), files, !r.run.client.config.NoSync) {
		if err != nil && owners[i].err == nil {
			owners[i].err = r.run.lostFolder(diskError(err))
		}
	}
}

// discard throws away what a run of an item fetched that did not succeed. Until
// then nobody else, nor the next run, could fetch files of these names.
func (r *round) discard(done *itemRun) {
	for _, file := range done.files {
		r.run.names.free(file.Name, done.item.ID)
		if err := file.Discard(); err != nil {
			r.run.log.Warn("discard file", "key", done.item.Key, "error", err)
		}
	}
	done.files = nil
}

// setTimes gives the files of an item that was committed the times that they
// are to have. A file system that keeps none is no reason to fail.
func (r *round) setTimes(done *itemRun) {
	for file, at := range done.times {
		if existing(file) {
			continue
		}
		if err := r.run.folder.SetTime(file.Name, at); err != nil {
			r.run.log.Debug("set time of file", "key", done.item.Key, "error", err)
		}
	}
}

// bytes is what the item added to the save path.
func (i *itemRun) bytes() int64 {
	var sum int64
	for _, file := range i.files {
		if !existing(file) && !file.Shared {
			sum += file.Size
		}
	}
	return sum
}
