package memory

import (
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
)

func checkItems(items []pixivoc.Item) error {
	for i, item := range items {
		field := func(name string) string { return fmt.Sprintf("Items[%d].%s", i, name) }
		switch {
		case item.Stage == "":
			return &pixivoc.FieldError{Field: field("Stage"), Reason: "is empty"}
		case item.Key == "":
			return &pixivoc.FieldError{Field: field("Key"), Reason: "is empty"}
		case item.Round < 0:
			return &pixivoc.FieldError{Field: field("Round"), Reason: "is negative"}
		case item.Attempts < 0:
			return &pixivoc.FieldError{Field: field("Attempts"), Reason: "is negative"}
		}
	}
	return nil
}

func checkCommit(commit pixivoc.Commit) error {
	switch commit.Outcome {
	case pixivoc.OutcomeDone, pixivoc.OutcomeFailed:
	case pixivoc.OutcomeAgain:
		if commit.Round < 0 {
			return &pixivoc.FieldError{Field: "Round", Reason: "is negative"}
		}
	default:
		return &pixivoc.FieldError{Field: "Outcome", Reason: fmt.Sprintf("%q is none of done, failed, again", commit.Outcome)}
	}
	for i, key := range commit.Archive {
		if key == "" {
			return &pixivoc.FieldError{Field: fmt.Sprintf("Archive[%d]", i), Reason: "is empty"}
		}
	}
	return checkItems(commit.Items)
}

// checkArchive refuses entries without a key.
func checkArchive(entries []pixivoc.ArchiveEntry) error {
	for i, entry := range entries {
		if entry.Key == "" {
			return &pixivoc.FieldError{Field: fmt.Sprintf("Archive[%d].Key", i), Reason: "is empty"}
		}
	}
	return nil
}

func checkClaim(request pixivoc.ClaimRequest) error {
	if request.Limit < 1 {
		return &pixivoc.FieldError{Field: "Limit", Reason: "must be at least 1"}
	}
	return checkLease(request.Lease)
}

func checkLease(lease time.Duration) error {
	if lease <= 0 {
		return &pixivoc.FieldError{Field: "Lease", Reason: "must be greater than 0"}
	}
	return nil
}

func checkState(state pixivoc.ItemState) error {
	switch state {
	case "", pixivoc.ItemPending, pixivoc.ItemDone, pixivoc.ItemFailed:
		return nil
	}
	return &pixivoc.FieldError{Field: "State", Reason: fmt.Sprintf("%q is none of pending, done, failed", state)}
}
