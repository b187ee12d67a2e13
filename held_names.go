package pixivoc

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// heldNames says which item of a task has which file name. The zero value is
// empty and ready. It is safe for concurrent use.
type heldNames struct {
	mu sync.Mutex
	by map[string]int64 // the item, by the folded name
}

// hold gives a name to an item unless another one has it.
func (h *heldNames) hold(name string, item int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[string]int64{}
	}
	name = folded(name)
	if holder, held := h.by[name]; held {
		return holder == item
	}
	h.by[name] = item
	return true
}

// free takes a name from the item that has it.
func (h *heldNames) free(name string, item int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name = folded(name); h.by[name] == item {
		delete(h.by, name)
	}
}

// holder returns which item has a name.
func (h *heldNames) holder(name string) (item int64, held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	item, held = h.by[folded(name)]
	return item, held
}

// folded is one for all names that some file system takes for the same.
func folded(name string) string { return strings.ToLower(norm.NFC.String(name)) }

// isTaken says whether the file of that name is another item's of the task: of
// one under way, or recorded. In the first run of a task every record is another
// item's, since an item that is done does not run again. Later runs may replace
// what an earlier one saved; of what they saved themselves the names stay held.
func (s *stageRuntime) isTaken(ctx context.Context) func(name string) (bool, error) {
	run := s.round.run
	return func(name string) (bool, error) {
		if holder, held := run.names.holder(name); held {
			return holder != s.item.ID, nil
		}
		if run.task.Runs > 1 {
			return false, nil
		}
		store, names := run.client.config.Store, []string{name}
		recorded, err := store.RecordedFiles(ctx, run.task.SavePath, 0, names)
		if err != nil || !recorded[name] {
			return false, err
		}
		others, err := store.RecordedFiles(ctx, run.task.SavePath, run.task.TID, names)
		return !others[name], err
	}
}

// freeNames ends what an item holds when the records of its files tell the rest:
// not in later runs of a task, and not of files that had a record before.
func (r *round) freeNames(done *itemRun) {
	if r.run.task.Runs > 1 {
		return
	}
	for _, file := range done.files {
		if !file.Stood {
			r.run.names.free(file.Name, done.item.ID)
		}
	}
}
