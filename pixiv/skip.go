package pixiv

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// RecordSkipped has a SkippedRecord; its key is the ID of the work, or "novel ID".
const RecordSkipped = "skipped"

// Values of SkippedRecord.Rule.
const (
	// RuleFilter is Options.Filter; Detail is the part that it failed, or
	// "cannot be told: " and the error of a filter that fails on the work.
	RuleFilter       = "filter"
	RuleBlockedUsers = "blocked_users" // Options.BlockedUsers; Detail is the user
	RuleBlockedTags  = "blocked_tags"  // Options.BlockedTags; Detail is the tag
	RulePages        = "pages"         // Options.Pages chooses none of its pages
)

// SkippedRecord says why nothing of a work or novel was downloaded that was found.
// There is a WorkRecord or NovelRecord of it as well, unless it was in the archive
// and nothing had to be asked of it.
type SkippedRecord struct {
	// WorkID is the work, NovelID the novel; the other one is 0.
	WorkID  ID     `json:"work_id,omitempty"`
	NovelID ID     `json:"novel_id,omitempty"`
	Rule    string `json:"rule"`
	Detail  string `json:"detail,omitempty"`
}

// selection is what chooses works.
type selection struct {
	filter *Filter // nil for all
	users  []ID
	tags   []string
}

const (
	maxBlocked    = 10_000 // users or tags
	maxBlockedTag = 200    // bytes
)

func newSelection(o *Options) (s selection, err error) {
	if o.Filter != "" {
		if s.filter, err = ParseFilter(o.Filter); err != nil {
			return s, fieldError("Options.filter", "%v", err)
		}
	}
	if len(o.BlockedUsers) > maxBlocked {
		return s, fieldError("Options.blocked_users", "has more than %d", maxBlocked)
	}
	if len(o.BlockedTags) > maxBlocked {
		return s, fieldError("Options.blocked_tags", "has more than %d", maxBlocked)
	}
	for i, tag := range o.BlockedTags {
		if tag == "" || len(tag) > maxBlockedTag {
			return s, fieldError("Options.blocked_tags", "tag %d is empty or longer than %d bytes", i+1, maxBlockedTag)
		}
	}
	s.users = slices.Clone(o.BlockedUsers)
	slices.Sort(s.users)
	s.tags = o.BlockedTags
	return s, nil
}

// refuses returns the rule that a work falls under, or nil when it is wanted. A
// work that the filter fails on is not wanted.
func (s *selection) refuses(work *Work, at time.Time) *SkippedRecord {
	if _, found := slices.BinarySearch(s.users, work.User.ID); found {
		return &SkippedRecord{WorkID: work.ID, Rule: RuleBlockedUsers, Detail: work.User.ID.String()}
	}
	for _, tag := range work.Tags {
		for _, blocked := range s.tags {
			if strings.EqualFold(blocked, tag.Name) || strings.EqualFold(blocked, tag.TranslatedName) {
				return &SkippedRecord{WorkID: work.ID, Rule: RuleBlockedTags, Detail: blocked}
			}
		}
	}
	if s.filter == nil {
		return nil
	}
	wanted, rule, err := s.filter.Match(work, at)
	switch {
	case err != nil:
		rule = "cannot be told: " + err.Error()
	case wanted:
		return nil
	}
	return &SkippedRecord{WorkID: work.ID, Rule: RuleFilter, Detail: rule}
}

// Work returns the work as it was when it was recorded, with everything that
// Pixiv said of it then.
func (r *WorkRecord) Work() (*Work, error) {
	work := &Work{
		ID: r.ID, Title: r.Title, Type: r.Type, User: User{ID: r.UserID, Name: r.UserName}, PageCount: r.PageCount,
		CreateDate: r.CreateDate, XRestrict: r.XRestrict, AIType: r.AIType,
	}
	for _, tag := range r.Tags {
		work.Tags = append(work.Tags, Tag{Name: tag})
	}
	if len(r.Illust) == 0 {
		return work, nil
	}
	if err := json.Unmarshal(r.Illust, work); err != nil {
		return nil, fmt.Errorf("work %s: %w", r.ID, err)
	}
	return work, nil
}

// SelectWorks lists the works that a task recorded and that pass a filter, as
// they were when they were recorded, page by page and without asking Pixiv. A
// nil filter passes all; a work that the filter fails on does not pass.
func SelectWorks(ctx context.Context, task pixivoc.Task, filter *Filter) iter.Seq2[WorkRecord, error] {
	return func(yield func(WorkRecord, error) bool) {
		for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: RecordWork}) {
			var found WorkRecord
			if err == nil {
				err = json.Unmarshal(record.Data, &found)
			}
			wanted := true
			if err == nil && filter != nil {
				wanted, err = filter.matchRecord(&found, record.At)
			}
			if err != nil {
				yield(WorkRecord{}, fmt.Errorf("record %d: %w", record.Seq, err))
				return
			}
			if wanted && !yield(found, nil) {
				return
			}
		}
	}
}

func (f *Filter) matchRecord(record *WorkRecord, at time.Time) (bool, error) {
	work, err := record.Work()
	if err != nil {
		return false, err
	}
	wanted, _, err := f.Match(work, at)
	return wanted && err == nil, nil
}

// ruleOf reads the rule of a SkippedRecord.
func ruleOf(data json.RawMessage) string {
	var skipped SkippedRecord
	if json.Unmarshal(data, &skipped) != nil || skipped.Rule == "" {
		return "unknown"
	}
	return skipped.Rule
}
