// Package check refuses what no store takes; see pixivoc.Store.
package check

import (
	"fmt"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Items refuses items without stage or key, and with negative numbers.
func Items(items []pixivoc.Item) error {
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

// Commit refuses an end of a claim that makes no sense.
func Commit(commit pixivoc.Commit) error {
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
	return Items(commit.Items)
}

// Archive refuses entries without a key.
func Archive(entries []pixivoc.ArchiveEntry) error {
	for i, entry := range entries {
		if entry.Key == "" {
			return &pixivoc.FieldError{Field: fmt.Sprintf("Archive[%d].Key", i), Reason: "is empty"}
		}
	}
	return nil
}

// Claim refuses a request for less than one item.
func Claim(request pixivoc.ClaimRequest) error {
	if request.Limit < 1 {
		return &pixivoc.FieldError{Field: "Limit", Reason: "must be at least 1"}
	}
	return Lease(request.Lease)
}

// Lease refuses a lease that is over at once.
func Lease(lease time.Duration) error {
	if lease <= 0 {
		return &pixivoc.FieldError{Field: "Lease", Reason: "must be greater than 0"}
	}
	return nil
}

// State refuses a state that items do not have; "" is all of them.
func State(state pixivoc.ItemState) error {
	switch state {
	case "", pixivoc.ItemPending, pixivoc.ItemDone, pixivoc.ItemFailed:
		return nil
	}
	return &pixivoc.FieldError{Field: "State", Reason: fmt.Sprintf("%q is none of pending, done, failed", state)}
}
