package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/internal/check"
)

// Commit implements pixivoc.ItemStore.
func (s *Store) Commit(ctx context.Context, commits []pixivoc.Commit) []error {
	errs := make([]error, len(commits))
	failed := false
	now := plain(s.clock())
	if err := s.enter(ctx); err != nil {
		for i := range errs {
			errs[i], failed = err, true
		}
	} else {
		defer s.mu.Unlock()
		for i, commit := range commits {
			errs[i] = s.commit(commit, now)
			failed = failed || errs[i] != nil
		}
	}
	if !failed {
		return nil
	}
	return errs
}

// commit does one element. It refuses before it changes anything.
func (s *Store) commit(commit pixivoc.Commit, now time.Time) error {
	if err := check.Commit(commit); err != nil {
		return err
	}
	t, err := s.task(commit.Claim.Task)
	if err != nil {
		return err
	}
	it := s.held(commit.Claim)
	if it == nil {
		return pixivoc.ErrStaleClaim
	}
	it.fence = 0
	st := t.stages[it.Stage]
	switch commit.Outcome {
	case pixivoc.OutcomeDone:
		it.State = pixivoc.ItemDone
		st.count.Pending--
		st.count.Done++
	case pixivoc.OutcomeFailed:
		it.State, it.Reason, it.Detail = pixivoc.ItemFailed, commit.Reason, commit.Detail
		st.count.Pending--
		st.count.Failed++
	case pixivoc.OutcomeAgain:
		it.Round, it.Reason, it.Detail = commit.Round+1, commit.Reason, commit.Detail
		it.Attempts++
	}
	s.addItems(t, commit.Items)
	s.addRecords(t, commit.Records, now)
	for _, key := range commit.Archive {
		s.addArchive(pixivoc.ArchiveEntry{Key: key}, now)
	}
	t.Bytes += commit.Bytes
	return nil
}

func (s *Store) addRecords(t *task, records []pixivoc.Record, now time.Time) {
	for _, record := range records {
		key := recordKey{kind: record.Kind, key: record.Key}
		if t.known[key] {
			continue
		}
		t.known[key] = true
		s.lastSeq++
		record.Seq, record.Task, record.At = s.lastSeq, t.TID, now
		record.Data = slices.Clone(record.Data)
		t.records = append(t.records, record)
		var file pixivoc.File
		if record.Kind == pixivoc.RecordFile && json.Unmarshal(record.Data, &file) == nil && file.Name != "" {
			t.files[file.Name] = true
		}
	}
}

// ListRecords implements pixivoc.RecordStore.
func (s *Store) ListRecords(ctx context.Context, query pixivoc.RecordQuery) ([]pixivoc.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t, err := s.task(query.Task)
	if err != nil {
		return nil, err
	}
	var records []pixivoc.Record
	for _, record := range t.between(query) {
		if len(records) == pageLimit(query.Limit) {
			break
		}
		if query.Kind == "" || query.Kind == record.Kind {
			record.Data = slices.Clone(record.Data)
			records = append(records, record)
		}
	}
	return records, nil
}

// CountRecords implements pixivoc.RecordStore.
func (s *Store) CountRecords(ctx context.Context, query pixivoc.RecordQuery) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	t, err := s.task(query.Task)
	if err != nil {
		return 0, err
	}
	between := t.between(query)
	if query.Kind == "" {
		return len(between), nil
	}
	n := 0
	for i := range between {
		if between[i].Kind == query.Kind {
			n++
		}
	}
	return n, nil
}

// Recorded implements pixivoc.RecordStore.
func (s *Store) Recorded(ctx context.Context, tid int64, kind string, keys []string) (map[string]bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t, err := s.task(tid)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, key := range keys {
		if t.known[recordKey{kind: kind, key: key}] {
			found[key] = true
		}
	}
	return found, nil
}

// RecordedFiles implements pixivoc.RecordStore. It looks at every task.
func (s *Store) RecordedFiles(ctx context.Context, savePath string, except int64, paths []string) (map[string]bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	found := map[string]bool{}
	for tid, t := range s.tasks {
		if t.SavePath != savePath || tid == except {
			continue
		}
		for _, path := range paths {
			if t.files[path] {
				found[path] = true
			}
		}
	}
	return found, nil
}

// between returns the records whose Seq the query wants, of all kinds.
func (t *task) between(query pixivoc.RecordQuery) []pixivoc.Record {
	upTo := func(seq int64) int {
		n, found := slices.BinarySearchFunc(t.records, seq, func(r pixivoc.Record, seq int64) int { return cmp.Compare(r.Seq, seq) })
		if found {
			n++
		}
		return n
	}
	from, to := upTo(query.After), len(t.records)
	if query.Through > 0 {
		to = upTo(query.Through)
	}
	return t.records[from:max(from, to)]
}
