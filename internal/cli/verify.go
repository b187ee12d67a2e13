package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

const verifyLong = `Read saved files again and compare them with what was recorded when they were
saved: whether each is there, its length, and its checksum. Nothing is changed and
Pixiv is not asked. Without TIDs the files of all tasks are read.

Each file that is not as it was is named with what is wrong:

  gone      it is not there
  length    it has another length
  rotted    the length is right and the checksum is not
  unread    it cannot be read

Of the files of --metadata, which people write into, each must be there; those with
other content are counted as edited. Of a picture that replaced another, the last
one counts.

The exit code is 0 when all files are as they were, 2 when one is not.`

func (a *app) verifyCommand() *cobra.Command {
	var jobs int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [TID ...] [flags]",
		Short: "Compare saved files with their checksums",
		Long:  verifyLong,
		Example: `  pixivoc verify
  pixivoc verify 1767225600 --jobs 1
  pixivoc verify --json | jq -r 'select(.wrong) | .path'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.remote() != "" {
				return errors.New("verify reads the files of this machine; run it where the daemon runs, without --remote")
			}
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			return a.with(ctx, true, func(s *session) error {
				tasks, err := a.chosen(ctx, s, args, len(args) == 0, func(info pixivoc.TaskInfo) bool { return info.SavePath != "" })
				if err != nil {
					return err
				}
				v := &verification{app: a, asJSON: asJSON}
				if err := v.run(ctx, tasks, jobs); err != nil {
					if ctx.Err() != nil {
						return &exitError{ExitInterrupted, errors.New("interrupted; " + v.text())}
					}
					return err
				}
				return v.end()
			})
		},
		ValidArgsFunction: a.completeTasks(0),
	}
	cmd.Flags().IntVar(&jobs, "jobs", min(runtime.NumCPU(), 4), "`number` of files to read at a time, 1 to 64")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each file")
	markNumber(cmd.Flags(), "jobs", 1, 64)
	return cmd
}

// verification compares files with their records.
type verification struct {
	app    *app
	asJSON bool

	mu    sync.Mutex // of all below, and of the output
	files int
	bytes int64
	wrong int
	// edited counts sidecars with other content.
	edited int
	err    error
}

// checkedFile is a file with what is known of it.
type checkedFile struct {
	TID   int64  `json:"tid"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	// Wrong is empty for a file that is as it was.
	Wrong  string `json:"wrong,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Edited says that it is a sidecar with other content than it was saved with.
	Edited bool `json:"edited,omitempty"`

	checksum, kind string
	sidecar        bool
}

// run reads the files of the tasks, so many at a time.
func (v *verification) run(ctx context.Context, tasks []pixivoc.Task, jobs int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan checkedFile)
	var readers sync.WaitGroup
	for range min(max(jobs, 1), 64) {
		readers.Go(func() {
			buffer := make([]byte, 256<<10)
			for file := range queue {
				file.check(ctx, buffer)
				if ctx.Err() == nil && v.add(file) != nil {
					cancel()
				}
			}
		})
	}
	err := offerFiles(ctx, tasks, queue)
	close(queue)
	readers.Wait()
	return errors.Join(v.err, err)
}

// offerFiles sends each file that the tasks recorded.
func offerFiles(ctx context.Context, tasks []pixivoc.Task, queue chan<- checkedFile) error {
	for file, err := range savedFiles(ctx, tasks) {
		if err != nil {
			return err
		}
		checked := checkedFile{
			TID: file.tid, Path: file.path, Bytes: file.Bytes,
			checksum: file.Checksum, kind: file.ChecksumKind, sidecar: file.isSidecar(),
		}
		select {
		case queue <- checked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// check compares a file. A sidecar that was changed is edited, not wrong.
func (f *checkedFile) check(ctx context.Context, buffer []byte) {
	f.compare(ctx, buffer)
	if f.sidecar && (f.Wrong == "length" || f.Wrong == "rotted") {
		f.Wrong, f.Detail, f.Edited = "", "", true
	}
}

// compare reads a file and notes what is wrong with it.
func (f *checkedFile) compare(ctx context.Context, buffer []byte) {
	sum := newHash(f.kind)
	if sum == nil {
		f.Wrong, f.Detail = "unread", "the record has a checksum of a kind that is not known: "+f.kind
		return
	}
	stat, err := os.Stat(f.Path) // before it is opened: a pipe would wait for who writes
	switch {
	case err != nil:
		f.fail(err)
		return
	case !stat.Mode().IsRegular():
		f.Wrong, f.Detail = "gone", "something else has its name"
		return
	case stat.Size() != f.Bytes:
		f.Wrong, f.Detail = "length", fmt.Sprintf("%d bytes, %d were saved", stat.Size(), f.Bytes)
		return
	}
	file, err := os.Open(f.Path)
	if err != nil {
		f.fail(err)
		return
	}
	defer func() { _ = file.Close() }()
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, cancelReader{ctx, file}, buffer); err != nil {
		f.fail(err)
		return
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.checksum {
		f.Wrong, f.Detail = "rotted", fmt.Sprintf("%s %s, %s was saved", f.kind, got, f.checksum)
	}
}

func (f *checkedFile) fail(err error) {
	f.Wrong, f.Detail = "unread", err.Error()
	if errors.Is(err, fs.ErrNotExist) {
		f.Wrong, f.Detail = "gone", ""
	}
}

// cancelReader ends with its context.
type cancelReader struct {
	ctx context.Context
	in  io.Reader
}

func (r cancelReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}

func newHash(kind string) hash.Hash {
	switch kind {
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "sha256":
		return sha256.New()
	}
	return nil
}

// add counts a file, and shows it when it is not as it was.
func (v *verification) add(file checkedFile) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.files++
	v.bytes += file.Bytes
	if file.Wrong != "" {
		v.wrong++
	}
	if file.Edited {
		v.edited++
	}
	var err error
	switch {
	case v.asJSON:
		err = v.app.printJSON(file)
	case file.Wrong != "":
		line := pad(file.Wrong, 8) + "  " + printable(file.Path)
		if file.Detail != "" {
			line += "  (" + printable(file.Detail) + ")"
		}
		err = v.app.print(line + "\n")
	}
	v.err = errors.Join(v.err, err)
	return err
}

func (v *verification) text() string {
	return fmt.Sprintf("%s, %s, read; %d not as saved", plural(v.files, "file", "files"), bytesText(v.bytes), v.wrong)
}

// end says how it went.
func (v *verification) end() error {
	if !v.asJSON {
		text := fmt.Sprintf("All %s, %s, are as they were saved.\n", plural(v.files, "file", "files"), bytesText(v.bytes))
		if v.wrong > 0 || v.files == 0 {
			text = v.text() + ".\n"
		}
		if v.edited > 0 {
			text += plural(v.edited, "file", "files") + " of --metadata edited since.\n"
		}
		if err := v.app.print(text); err != nil {
			return err
		}
	}
	if v.wrong == 0 {
		return nil
	}
	return &exitError{ExitPartial, advise(
		fmt.Errorf("%s not as saved", plural(v.wrong, "file is", "files are")),
		"To fetch them again: move the wrong ones away, pixivoc tasks rm TID, and then the command",
		"that saved them once more. What is whole is not fetched again.")}
}
