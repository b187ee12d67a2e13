package dataapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/pixivoc/pixivoc"
)

const (
	// maxLedgers bounds the tasks whose marks are held in memory.
	maxLedgers = 1024
	// maxConsumers bounds the named consumers of a task.
	maxConsumers = 100
	// maxRanks bounds the issued offsets of a task whose place is known.
	maxRanks = 256
	// recount is how many rows may be counted again and again.
	recount = 1000
)

// mark is a place among the records of a task. Records are never taken out of
// a task and appear in rising order of Seq, so a mark holds for ever.
type mark struct {
	Seq  int64 `json:"seq"`
	Rows int   `json:"rows"` // records with this Seq or a smaller one
}

// progress is how far a consumer came: rows through Exported are exported,
// those after it through Exporting were handed out.
type progress struct {
	Exported  mark `json:"exported"`
	Exporting mark `json:"exporting"`
}

// marks are what must outlive the process of a task.
type marks struct {
	// Removed hides all rows through it.
	Removed   mark                `json:"removed,omitzero"`
	Unnamed   progress            `json:"unnamed"`
	Consumers map[string]progress `json:"consumers,omitempty"`
}

// progress returns how far a consumer came; "" is the one without a name.
func (m *marks) progress(consumer string) progress {
	p := m.Unnamed
	if consumer != "" {
		p = m.Consumers[consumer]
	}
	p.Exported = later(p.Exported, m.Removed)
	p.Exporting = later(p.Exporting, p.Exported)
	return p
}

// with returns marks in which a consumer came further. The old ones stay as
// they are.
func (m *marks) with(consumer string, p progress) marks {
	next := *m
	if consumer == "" {
		next.Unnamed = p
		return next
	}
	next.Consumers = maps.Clone(m.Consumers)
	if next.Consumers == nil {
		next.Consumers = map[string]progress{}
	}
	next.Consumers[consumer] = p
	return next
}

func later(a, b mark) mark {
	if a.Seq >= b.Seq {
		return a
	}
	return b
}

// ledger is what is known of the rows of a task. It belongs to whoever has its
// turn.
type ledger struct {
	turn  chan struct{} // holds one element while somebody has the turn
	users int           // under the lock of ledgers

	loaded  bool
	listed  bool // the task is in the list of tasks with marks
	marks   marks
	columns *columns
	// end is a place up to which all rows are counted. All records up to its
	// Seq are there.
	end   mark
	ranks map[int64]int // rows through issued offsets
}

// ledgers keeps those that are in use, and some that were.
type ledgers struct {
	settings pixivoc.SettingStore
	list     taskList

	mu    sync.Mutex
	tasks map[int64]*ledger
}

func newLedgers(settings pixivoc.SettingStore) *ledgers {
	return &ledgers{settings: settings, tasks: map[int64]*ledger{}, list: newTaskList(settings)}
}

// open waits for the turn of a task and returns what ends it.
func (s *ledgers) open(ctx context.Context, tid int64) (l *ledger, release func(), err error) {
	s.mu.Lock()
	l = s.tasks[tid]
	if l == nil {
		s.evict()
		l = &ledger{turn: make(chan struct{}, 1)}
		s.tasks[tid] = l
	}
	l.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		l.users--
	}
	select {
	case l.turn <- struct{}{}:
		return l, func() { <-l.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, nil, ctx.Err()
	}
}

// evict forgets a ledger that nobody uses when there are too many. mu is held.
func (s *ledgers) evict() {
	if len(s.tasks) < maxLedgers {
		return
	}
	for tid, l := range s.tasks {
		if l.users == 0 {
			delete(s.tasks, tid)
			return
		}
	}
}

func marksName(tid int64) string   { return "dataapi/marks/" + strconv.FormatInt(tid, 10) }
func columnsName(tid int64) string { return "dataapi/columns/" + strconv.FormatInt(tid, 10) }

// load reads what is stored of a task, unless that was done.
func (s *ledgers) load(ctx context.Context, l *ledger, tid int64) error {
	if l.loaded {
		return nil
	}
	l.marks, l.columns, l.end, l.ranks = marks{}, &columns{}, mark{}, map[int64]int{}
	if err := s.read(ctx, marksName(tid), &l.marks); err != nil {
		return err
	}
	if err := s.read(ctx, columnsName(tid), l.columns); err != nil {
		return err
	}
	l.loaded = true
	return nil
}

func (s *ledgers) read(ctx context.Context, name string, to any) error {
	value, err := s.settings.Setting(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(value, to)
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return nil
}

// save stores marks before anybody is told of them. After an error it is not
// known whether they are stored, so they are read again.
func (s *ledgers) save(ctx context.Context, l *ledger, tid int64, next marks) error {
	if err := s.store(ctx, l, tid, marksName(tid), next); err != nil {
		return err
	}
	l.marks = next
	return nil
}

func (s *ledgers) saveColumns(ctx context.Context, l *ledger, tid int64) error {
	return s.store(ctx, l, tid, columnsName(tid), l.columns)
}

func (s *ledgers) store(ctx context.Context, l *ledger, tid int64, name string, value any) error {
	text, err := json.Marshal(value)
	if err == nil && !l.listed {
		// First, so that nothing is stored that a later process cannot find.
		err = s.list.add(ctx, tid)
		l.listed = err == nil
	}
	if err == nil {
		err = s.settings.SetSetting(ctx, name, text)
	}
	if err != nil {
		l.loaded = false
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// forget removes what is stored of a task that is gone.
func (s *ledgers) forget(ctx context.Context, tid int64) error {
	l, release, err := s.open(ctx, tid)
	if err != nil {
		return err
	}
	defer release()
	l.loaded, l.listed = false, false
	if known, err := s.list.has(ctx, tid); err != nil || !known {
		return err
	}
	for _, name := range []string{marksName(tid), columnsName(tid)} {
		if err := s.settings.SetSetting(ctx, name, nil); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return s.list.remove(ctx, tid)
}

// count returns the number of all records that task has now. Once counted,
// only what came since is counted again.
func (l *ledger) count(ctx context.Context, task pixivoc.Task) (int, error) {
	since, err := task.CountRecords(ctx, pixivoc.RecordQuery{After: l.end.Seq})
	if err != nil {
		return 0, err
	}
	total := l.end.Rows + since
	if since >= recount {
		if _, err := l.last(ctx, task); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// last moves end to the last record and returns it. No call tells the last
// Seq, so it is searched for: the greatest one after which there are records,
// from above, where counting costs nothing.
func (l *ledger) last(ctx context.Context, task pixivoc.Task) (mark, error) {
	since, err := task.CountRecords(ctx, pixivoc.RecordQuery{After: l.end.Seq})
	if err != nil || since == 0 {
		return l.end, err
	}
	low, high := l.end.Seq, int64(math.MaxInt64)
	for high-low > 1 {
		middle := low + (high-low)/2
		n, err := task.CountRecords(ctx, pixivoc.RecordQuery{After: middle})
		if err != nil {
			return mark{}, err
		}
		if n > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	since, err = task.CountRecords(ctx, pixivoc.RecordQuery{After: l.end.Seq, Through: high})
	if err != nil {
		return mark{}, err
	}
	l.end = mark{high, l.end.Rows + since}
	return l.end, nil
}

// at returns the mark at a Seq, counting from the next one below it that is
// known.
func (l *ledger) at(ctx context.Context, task pixivoc.Task, seq int64) (mark, error) {
	base := mark{}
	use := func(m mark) {
		if m.Seq <= seq && m.Seq > base.Seq {
			base = m
		}
	}
	use(l.end)
	use(l.marks.Removed)
	for _, consumer := range append(slices.Collect(maps.Keys(l.marks.Consumers)), "") {
		p := l.marks.progress(consumer)
		use(p.Exported)
		use(p.Exporting)
	}
	for issued, rows := range l.ranks {
		use(mark{issued, rows})
	}
	if base.Seq == seq {
		return base, nil
	}
	n, err := task.CountRecords(ctx, pixivoc.RecordQuery{After: base.Seq, Through: seq})
	return mark{seq, base.Rows + n}, err
}

// issue notes the place of an offset that a client will come back with.
func (l *ledger) issue(m mark) {
	if len(l.ranks) >= maxRanks {
		clear(l.ranks)
	}
	l.ranks[m.Seq] = m.Rows
}
