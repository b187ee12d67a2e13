package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// numbered makes n entries of an archive, from first on.
func numbered(first, n int) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		for i := first; i < first+n; i++ {
			if !yield(pixivoc.ArchiveEntry{Key: fmt.Sprintf("site:%06d", i)}, nil) {
				return
			}
		}
	}
}

// What a stage archives and records is known to later stages, and the archive
// to later tasks; what another task recorded is not.
func TestArchive_KnownToStages(t *testing.T) {
	t.Parallel()
	var recorded, archived map[string]bool
	look := stage("Look", func(ctx context.Context, rt pixivoc.Runtime, _ number) (out pixivoc.Output, err error) {
		if recorded, err = rt.Recorded(ctx, "number", "0", "1", "2"); err == nil {
			archived, err = rt.Archived(ctx, "site:0", "site:1", "site:2")
		}
		return out, err
	})
	save := stage("Save", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		if in.N == 2 {
			out.Archive("site:2")
			return out, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("gone"))
		}
		out.Record("number", fmt.Sprint(in.N), in)
		out.Archive(fmt.Sprintf("site:%d", in.N))
		out.QueueTo("Look", "once", in)
		return out, nil
	})
	store := memory.New()
	client := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(3, save, look)}})
	task := create(t, client)
	wait(t, task, pixivoc.StateOver)
	want := map[string]bool{"0": true, "1": true}
	if len(recorded) != 2 || !recorded["0"] || !recorded["1"] {
		t.Errorf("recorded %v, want %v", recorded, want)
	}
	if len(archived) != 2 || !archived["site:0"] || !archived["site:1"] {
		t.Errorf("archived %v", archived)
	}
	if err := task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}); err != nil {
		t.Fatal(err)
	}
	again := newClient(t, pixivoc.Config{Store: store, Types: []pixivoc.TaskType{countTo(1, look)}})
	wait(t, create(t, again), pixivoc.StateOver)
	if len(recorded) != 0 || len(archived) != 2 {
		t.Errorf("another task: recorded %v, archived %v", recorded, archived)
	}
}

// A key that no archive takes fails the item that asked for it.
func TestArchive_BadKey(t *testing.T) {
	t.Parallel()
	bad := stage("Bad", func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Archive(strings.Repeat("k", in.N*(pixivoc.MaxArchiveKey+1)))
		return out, nil
	})
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(2, bad)}})
	task := create(t, client)
	wait(t, task, pixivoc.StateOver)
	if got := failures(t, task); len(got) != 2 || got["0"] != pixivoc.ReasonPayload || got["1"] != pixivoc.ReasonPayload {
		t.Errorf("failures %v", got)
	}
}

// Importing is idempotent, counts what is new, and gives back in the export
// what it got.
func TestArchive_ImportAndExport(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{})
	for _, step := range []struct {
		list iter.Seq2[pixivoc.ArchiveEntry, error]
		want pixivoc.ArchiveImport
	}{
		{numbered(0, 0), pixivoc.ArchiveImport{}},
		{numbered(0, 1500), pixivoc.ArchiveImport{Read: 1500, Added: 1500}},
		{numbered(1000, 1000), pixivoc.ArchiveImport{Read: 1000, Added: 500}},
		{client.Archive(t.Context(), ""), pixivoc.ArchiveImport{Read: 2000}},
	} {
		got, err := client.ImportArchive(t.Context(), step.list)
		if err != nil || got != step.want {
			t.Errorf("import came to %+v (%v), want %+v", got, err, step.want)
		}
	}
	var keys []string
	for entry, err := range client.Archive(t.Context(), "site:000009") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, entry.Key)
	}
	if len(keys) != 1990 || keys[0] != "site:000010" || !slices.IsSorted(keys) {
		t.Errorf("%d keys, from %s", len(keys), keys[0])
	}
}

// A list with an error in it leaves what came before.
func TestArchive_ImportStops(t *testing.T) {
	t.Parallel()
	broken := errors.New("the list is broken")
	for name, test := range map[string]struct {
		entry pixivoc.ArchiveEntry
		err   error
	}{
		"error":     {pixivoc.ArchiveEntry{}, broken},
		"empty key": {pixivoc.ArchiveEntry{}, nil},
		"long key":  {pixivoc.ArchiveEntry{Key: strings.Repeat("k", pixivoc.MaxArchiveKey+1)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, pixivoc.Config{})
			done, err := client.ImportArchive(t.Context(), func(yield func(pixivoc.ArchiveEntry, error) bool) {
				for entry := range numbered(0, 700) {
					if !yield(entry, nil) {
						return
					}
				}
				yield(test.entry, test.err)
			})
			_, refused := errors.AsType[*pixivoc.FieldError](err)
			if done != (pixivoc.ArchiveImport{Read: 700, Added: 700}) || refused == errors.Is(err, broken) {
				t.Errorf("import came to %+v (%v)", done, err)
			}
			found, err := client.Archived(t.Context(), "site:000000", "site:000699", "site:000700")
			if err != nil || len(found) != 2 {
				t.Errorf("archived %v (%v)", found, err)
			}
		})
	}
}
