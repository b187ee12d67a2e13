package pixiv

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// Fate is what became of something that a task found.
type Fate string

// The fates. Each thing that a task found has exactly one.
const (
	// FateSaved: everything that was wanted of it is there. For types that save
	// no files: its record is.
	FateSaved Fate = "saved"
	// FateFiltered: not wanted; see LedgerEntry.Cause for the rule.
	FateFiltered Fate = "filtered"
	// FateMasked, FateDeleted and FateForbidden: all that was wanted of it
	// failed for that reason.
	FateMasked    Fate = "masked"
	FateDeleted   Fate = "deleted"
	FateForbidden Fate = "forbidden"
	// FateFailed: some of it failed, or all of it for other reasons; see
	// LedgerEntry.Cause.
	FateFailed Fate = "failed"
	// FatePending: some of it is still to be done.
	FatePending Fate = "pending"
	// FateLost: it was seen, and nothing tells what became of it.
	FateLost Fate = "lost"
)

// LedgerEntry is what became of one thing.
type LedgerEntry struct {
	// Work and Novel say what it is; both are 0 for anything else, such as a
	// link or a user, which Key, the key of its item, names.
	Work  ID     `json:"work_id,omitempty"`
	Novel ID     `json:"novel_id,omitempty"`
	Key   string `json:"key,omitempty"`
	Fate  Fate   `json:"fate"`
	// Cause is the rule of FateFiltered, see SkippedRecord, and the reason of
	// FateFailed, a word as in pixivoc.ItemStatus.Reason.
	Cause string `json:"cause,omitempty"`
	// Done and Failed count what was to be done for it: the pages of a work.
	Done   int `json:"done,omitempty"`
	Failed int `json:"failed,omitempty"`
}

// Ledger sums up what became of all that a task found.
type Ledger struct {
	// Seen is how many things were found; it is the sum of Fates.
	Seen  int          `json:"seen"`
	Fates map[Fate]int `json:"fates"`
	// Filtered counts FateFiltered by rule, Failed FateFailed by reason.
	Filtered map[string]int `json:"filtered,omitempty"`
	Failed   map[string]int `json:"failed,omitempty"`
	// Files is how many files were saved or were there. FilesMissing is how many
	// of the items that ended well have no record of a file.
	Files        int `json:"files"`
	FilesMissing int `json:"files_missing,omitempty"`
	// ListingsFailed counts lists that could not be read to their end, but for
	// that of a user who is gone, which is a thing with a fate,
	// ListingsPending what is still to be read of lists, and ListingsCut what
	// Pixiv did not list to the end.
	ListingsFailed  int `json:"listings_failed,omitempty"`
	ListingsPending int `json:"listings_pending,omitempty"`
	ListingsCut     int `json:"listings_cut,omitempty"`
	// Complete says that every list was read to its end and that everything in
	// it is saved, filtered, masked, deleted or forbidden.
	Complete bool `json:"complete"`
}

// ledgerPart bounds how many works are held at a time.
const ledgerPart = 200_000

// Report tells what became of everything that a task found. Each entry is
// handed to each, when that is not nil, works in rising order of ID, then
// novels, in each part of the report; an error of it ends the report. Memory is bounded: the
// items and records are read once for every 200,000 works and novels. Of a task that runs
// meanwhile the sums may not agree.
func Report(ctx context.Context, task pixivoc.Task, each func(LedgerEntry) error) (Ledger, error) {
	return report(ctx, task, each, ledgerPart)
}

func report(ctx context.Context, task pixivoc.Task, each func(LedgerEntry) error, size int) (Ledger, error) {
	l := ledgerReader{task: task, each: each, sum: Ledger{Fates: map[Fate]int{}, Filtered: map[string]int{}, Failed: map[string]int{}}}
	info, err := task.Info(ctx)
	if err != nil {
		return Ledger{}, err
	}
	l.recordsOnly = info.TypeName == WorkDetails || info.TypeName == UserWorksLink
	found := 0
	for _, kind := range []string{RecordWork, RecordNovel} {
		count, err := task.CountRecords(ctx, pixivoc.RecordQuery{Kind: kind})
		if err != nil {
			return Ledger{}, fmt.Errorf("report of task %d: %w", task.ID(), err)
		}
		found += count
	}
	l.parts = uint64(found/size + 1)
	for l.part = range l.parts {
		if err := l.readPart(ctx); err != nil {
			return Ledger{}, fmt.Errorf("report of task %d: %w", task.ID(), err)
		}
	}
	if err := l.countRecords(ctx); err != nil {
		return Ledger{}, fmt.Errorf("report of task %d: %w", task.ID(), err)
	}
	s := &l.sum
	s.FilesMissing += max(0, l.saving-l.files)
	s.Complete = s.FilesMissing+s.ListingsFailed+s.ListingsPending+s.ListingsCut+s.Fates[FateFailed]+s.Fates[FatePending]+s.Fates[FateLost] == 0
	return *s, nil
}

// ledgerReader reads a task part by part: the works whose ID leaves a certain
// remainder.
type ledgerReader struct {
	task        pixivoc.Task
	each        func(LedgerEntry) error
	recordsOnly bool // the task type saves no pictures
	parts, part uint64
	works       map[ID]*ledgerWork
	novels      map[ID]*ledgerWork
	saving      int // items of no work that must have left a file
	files       int // records of files of no work, and those that a work has too many
	sum         Ledger
}

// ledgerWork gathers what is known of a work or novel.
type ledgerWork struct {
	recorded bool
	skipped  string // the rule
	reason   string // of the first failure
	others   bool   // another failure has another reason
	done     int
	failed   int
	pending  int
	// saving counts the items that must have left a file, files the records of
	// them.
	saving int
	files  int
	// whole is the failure of the work as one item, "" when there was none.
	whole string
}

func (l *ledgerReader) readPart(ctx context.Context) error {
	l.works, l.novels = map[ID]*ledgerWork{}, map[ID]*ledgerWork{}
	for record, err := range l.task.Records(ctx, pixivoc.RecordQuery{Kind: RecordWork}) {
		if err != nil {
			return err
		}
		if work := l.work(record.Key); work != nil {
			work.recorded = true
		}
	}
	for record, err := range l.task.Records(ctx, pixivoc.RecordQuery{Kind: RecordSkipped}) {
		if err != nil {
			return err
		}
		work := l.work(record.Key)
		if digits, ok := novelOfKey(record.Key); ok {
			work = l.of(l.novels, digits)
		}
		if work != nil {
			work.skipped = ruleOf(record.Data)
		}
	}
	if err := l.readFiles(ctx); err != nil {
		return err
	}
	for item, err := range l.task.Items(ctx, pixivoc.ItemQuery{}) {
		if err == nil {
			err = l.item(&item)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.works)) {
		work := l.works[id]
		l.sum.FilesMissing += max(0, work.saving-work.files)
		l.files += max(0, work.files-work.saving) // may be pictures of a novel
		if err := l.add(work.entry(id, l.recordsOnly)); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.novels)) {
		entry := l.novels[id].entry(0, false)
		entry.Novel = id
		if err := l.add(entry); err != nil {
			return err
		}
	}
	return nil
}

// readFiles counts the records of files, those of a work of this part with it.
// The pictures of a novel may name a work, one of the task or not.
func (l *ledgerReader) readFiles(ctx context.Context) error {
	for record, err := range l.task.Records(ctx, pixivoc.RecordQuery{Kind: RecordFile}) {
		if err != nil {
			return err
		}
		var file struct {
			WorkID ID `json:"work_id"`
		}
		_ = json.Unmarshal(record.Data, &file) // what cannot be read belongs to no work
		if uint64(file.WorkID)%l.parts != l.part {
			continue
		}
		if work := l.works[file.WorkID]; work != nil {
			work.files++
		} else {
			l.files++
		}
	}
	return nil
}

// work returns the work whose ID a key begins with, or nil for one of another
// part.
func (l *ledgerReader) work(key string) *ledgerWork {
	digits, _, _ := strings.Cut(key, "_")
	return l.of(l.works, digits)
}

func (l *ledgerReader) of(known map[ID]*ledgerWork, digits string) *ledgerWork {
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || uint64(number)%l.parts != l.part {
		return nil
	}
	work, ok := known[ID(number)]
	if !ok {
		work = &ledgerWork{}
		known[ID(number)] = work
	}
	return work
}

// novel takes an item of a novel into account: what describes it, its pictures,
// and the text and the book, which are done last.
func (l *ledgerReader) novel(item *pixivoc.ItemStatus) {
	digits, _, _ := strings.Cut(strings.TrimPrefix(item.Key, "novel "), " ")
	novel := l.of(l.novels, digits)
	if novel == nil {
		return
	}
	const files = 2 // of a novel that is saved
	switch {
	case item.State != pixivoc.ItemDone:
		novel.count(item)
	case item.Stage == StageSaveNovel:
		l.saving += files * novel.count(item)
	case item.Stage == StageDownloadNovelPicture:
		l.saving++
	}
}

// item takes an item into account. What is no work is counted in the part that
// its key falls into.
func (l *ledgerReader) item(item *pixivoc.ItemStatus) error {
	switch item.Stage {
	case StageDownloadPicture:
		if work := l.work(item.Key); work != nil {
			if isDigits(item.Key) && item.State == pixivoc.ItemFailed {
				work.whole = item.Reason
				return nil
			}
			if isSidecarKey(item.Key) && item.State == pixivoc.ItemDone {
				work.saving++ // a file, but nothing that makes up for a picture
				return nil
			}
			work.saving += work.count(item)
		}
		return nil
	case StageConvertUgoira:
		if work := l.work(item.Key); work != nil {
			work.saving += work.count(item) // files, one at least
		}
		return nil
	case StageGetWorkDetails:
		if isDigits(item.Key) {
			if work := l.work(item.Key); work != nil && item.State != pixivoc.ItemDone {
				work.count(item)
			}
			return nil
		}
	case StageGetPageUrls, StageGetWorksNumber:
		if id, isWork := strings.CutPrefix(item.Key, "work "); isWork {
			if work := l.work(id); work != nil {
				work.count(item)
			}
			return nil
		}
		if !l.mine(item.Key) {
			return nil
		}
		if fate, known := fateOf(item.Reason); known && item.Stage == StageGetWorksNumber && item.State == pixivoc.ItemFailed {
			return l.add(LedgerEntry{Key: item.Key, Fate: fate, Failed: 1}) // a user who is gone has no list
		}
		l.listing(item)
		return nil
	case StageGetNovel, StageSaveNovel, StageDownloadNovelPicture:
		l.novel(item)
		return nil
	}
	if !l.mine(item.Stage + " " + item.Key) {
		return nil
	}
	if item.Stage == StageDownloadLink || item.Stage == StageDownloadUserPicture {
		l.saving += doneCount(item)
	}
	other := ledgerWork{recorded: true}
	other.count(item)
	entry := other.entry(0, true)
	entry.Key = item.Key
	return l.add(entry)
}

func doneCount(item *pixivoc.ItemStatus) int {
	if item.State == pixivoc.ItemDone {
		return 1
	}
	return 0
}

// mine shares out what is no work among the parts.
func (l *ledgerReader) mine(key string) bool {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key))
	return hash.Sum64()%l.parts == l.part
}

func (l *ledgerReader) listing(item *pixivoc.ItemStatus) {
	switch item.State {
	case pixivoc.ItemFailed:
		l.sum.ListingsFailed++
	case pixivoc.ItemPending:
		l.sum.ListingsPending++
	}
}

// count takes an item of the work into account and returns 1 when it ended well.
func (w *ledgerWork) count(item *pixivoc.ItemStatus) int {
	switch item.State {
	case pixivoc.ItemDone:
		w.done++
		return 1
	case pixivoc.ItemPending:
		w.pending++
	case pixivoc.ItemFailed:
		w.failed++
		w.others = w.others || w.reason != "" && w.reason != item.Reason
		w.reason = cmp.Or(w.reason, item.Reason)
	}
	return 0
}

// entry says what became of the work. What was skipped once and wanted later, or
// the other way round, has the fate of its files, and so has what failed as a
// whole once, such as a work that was masked.
func (w *ledgerWork) entry(id ID, recordsOnly bool) LedgerEntry {
	if w.whole != "" && w.done+w.failed+w.pending == 0 {
		w.failed, w.reason = 1, w.whole
	}
	e := LedgerEntry{Work: id, Done: w.done, Failed: w.failed}
	switch {
	case w.pending > 0:
		e.Fate = FatePending
	case w.failed > 0:
		e.Fate, e.Cause = FateFailed, w.reason
		if fate, known := fateOf(w.reason); known && !w.others && w.done == 0 {
			e.Fate, e.Cause = fate, ""
		}
	case w.done > 0:
		e.Fate = FateSaved
	case w.skipped != "":
		e.Fate, e.Cause = FateFiltered, w.skipped
	case w.recorded && recordsOnly:
		e.Fate = FateSaved
	default:
		e.Fate = FateLost
	}
	return e
}

func fateOf(reason string) (Fate, bool) {
	switch reason {
	case pixivoc.ReasonMasked:
		return FateMasked, true
	case pixivoc.ReasonDeleted:
		return FateDeleted, true
	case pixivoc.ReasonForbidden:
		return FateForbidden, true
	}
	return "", false
}

func (l *ledgerReader) add(entry LedgerEntry) error {
	l.sum.Seen++
	l.sum.Fates[entry.Fate]++
	switch entry.Fate {
	case FateFiltered:
		l.sum.Filtered[entry.Cause]++
	case FateFailed:
		l.sum.Failed[entry.Cause]++
	}
	if l.each == nil {
		return nil
	}
	return l.each(entry)
}

// countRecords counts what needs no work.
func (l *ledgerReader) countRecords(ctx context.Context) (err error) {
	if l.sum.Files, err = l.task.CountRecords(ctx, pixivoc.RecordQuery{Kind: RecordFile}); err != nil {
		return err
	}
	l.sum.ListingsCut, err = l.task.CountRecords(ctx, pixivoc.RecordQuery{Kind: RecordLimit})
	return err
}
