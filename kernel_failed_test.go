package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
)

// An item that fails for good leaves its records, and neither items nor keys of
// the archive. One that fails in passing leaves nothing until it ends.
func TestFailed_KeepsRecordsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		passed := 0
		work := stage("Work", func(_ context.Context, rt pixivoc.Runtime, in number) (out pixivoc.Output, err error) {
			out.Record("seen", fmt.Sprintf("%d after %d", in.N, passed), in)
			out.QueueTo("Next", fmt.Sprint(in.N), in)
			out.Archive(fmt.Sprint("key ", in.N))
			switch in.N {
			case 0:
				return out, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("gone"))
			case 1:
				return out, &pixivoc.FieldError{Field: "Keyword", Reason: "is wrong"}
			case 2:
				if passed++; passed < 3 {
					return out, errors.New("not yet")
				}
			case 3:
				out.Record("bad", "bad", func() {})
			}
			return out, nil
		})
		work.Paced = true
		client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(4, work, record("Next"))}})
		task := create(t, client)
		wait(t, task, pixivoc.StateOver)
		got := records(t, task)
		slices.Sort(got)
		if want := []string{"0 after 0", "1 after 0", "2", "2 after 2"}; !slices.Equal(got, want) {
			t.Errorf("records %q, want %q", got, want)
		}
		if got := failures(t, task); len(got) != 3 {
			t.Errorf("failures %v", got)
		}
		archived, err := client.Archived(t.Context(), "key 0", "key 1", "key 2", "key 3")
		if err != nil || len(archived) != 1 || !archived["key 2"] {
			t.Errorf("archived %v, %v", archived, err)
		}
	})
}
