package fetch

import (
	"context"
	"fmt"
	"iter"
	"path"
	"sync"
	"sync/atomic"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// Finish gives a group of files their final names, each at once: whoever opens
// the name gets the old file or the whole new one. It returns one error for each
// file in its place, nil for those that are done; other errors are an *Error
// around a *DiskError or the error of ctx.
//
// With durable, what is done survives a power cut: each file is synced before
// its rename, several at a time, and each folder once after. A file whose sync
// failed is thrown away. Without, nothing is synced, and what is done survives
// the death of the process only.
//
// A file that could not be renamed, or that ctx came too early for, is left as a
// part that a later Fetch finds complete, where the server gave a validator.
// Every file is released, whatever becomes of it. The files must be of this
// Fetcher.
func (f *Fetcher) Finish(ctx context.Context, staged []*Staged, durable bool) []error {
	errs := make([]error, len(staged))
	mine := make([]bool, len(staged))
	for i, s := range staged {
		mine[i] = s.done.CompareAndSwap(false, true)
		if !mine[i] {
			errs[i] = ErrFinished
		}
	}
	workers := 1
	if durable {
		workers = f.options.SyncConcurrency
	}
	each(workers, len(staged), func(i int) {
		if mine[i] {
			errs[i] = staged[i].finish(ctx, durable)
		}
	})
	if durable {
		f.syncFolders(staged, errs)
	}
	for i, s := range staged {
		if mine[i] {
			s.release()
		}
		if errs[i] != nil {
			errs[i] = &Error{Name: s.Name, Requests: s.Requests, Bytes: s.Fetched, Err: errs[i]}
		}
	}
	return errs
}

// each calls do for 0 to n-1, with several goroutines when workers is more than
// one.
func each(workers, n int, do func(i int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

// finish syncs, if wanted, and renames one file.
func (s *Staged) finish(ctx context.Context, durable bool) error {
	if ctx.Err() != nil {
		return also(contextError(ctx), onDisk(s.keep()))
	}
	if durable {
		if err := s.sync(); err != nil {
			return onDisk(err)
		}
	}
	return onDisk(s.publish(ctx))
}

// place is a folder below a Folder.
type place struct{ folder, name string }

// syncFolders syncs, once, each folder of the files that have got their names,
// and the folders above, which may be new too. Where that fails the file is
// whole but may not outlast a power cut, so it is not called done.
func (f *Fetcher) syncFolders(staged []*Staged, errs []error) {
	var places []place
	folders := map[place]fsafe.Folder{}
	for i, s := range staged {
		if errs[i] != nil {
			continue
		}
		for name := range chain(s.Name) {
			at := place{folder: s.folder.Path(), name: name}
			if folders[at] == nil {
				folders[at] = s.folder
				places = append(places, at)
			}
		}
	}
	results := make([]error, len(places))
	each(f.options.SyncConcurrency, len(places), func(i int) {
		results[i] = folders[places[i]].Sync(places[i].name)
	})
	failed := map[place]error{}
	for i, at := range places {
		if results[i] != nil {
			failed[at] = fmt.Errorf("sync folder %s: %w", at.name, results[i])
		}
	}
	if len(failed) == 0 {
		return
	}
	for i, s := range staged {
		for name := range chain(s.Name) {
			if err := failed[place{folder: s.folder.Path(), name: name}]; err != nil && errs[i] == nil {
				errs[i] = onDisk(err)
			}
		}
	}
}

// chain yields the folder of a name and each one above it, ending with ".".
func chain(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name != "." {
			name = path.Dir(name)
			if !yield(name) {
				return
			}
		}
	}
}
