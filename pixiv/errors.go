package pixiv

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/pixivoc/pixivoc"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrOffsetLimit: Pixiv lists nothing behind the 5000th entry (fixture
	// error_offset_limit.json, 2025-09). What was listed before is good.
	ErrOffsetLimit = errors.New("pixiv lists no more than 5000 entries")
	// ErrListing: the next_url of a page cannot be followed: it leads
	// elsewhere or in circles. What was listed before is good.
	ErrListing = errors.New("listing cannot go on")
)

// MaskedError says that Pixiv shows a placeholder in place of a work.
type MaskedError struct {
	// ID is the work; 0 when only the address of a picture was known.
	ID ID
	// Kind is the word in the name of the placeholder: sanity_level,
	// unviewable, mypixiv or unknown; Pixiv may have more.
	Kind string
}

func (e *MaskedError) Error() string {
	what := "a picture"
	if e.ID != 0 {
		what = "work " + e.ID.String()
	}
	return what + " is not visible to this account: " + maskedBecause(e.Kind)
}

// maskedBecause explains the placeholders that are known (reports of 2023 to
// 2026).
func maskedBecause(kind string) string {
	switch kind {
	case "sanity_level":
		return "Pixiv keeps it out of its app, whatever the settings are"
	case "unviewable":
		return "it is closed to the account or its region; see the account's viewing restrictions"
	case "mypixiv":
		return "its author shows it to My pixiv friends only"
	case "unknown":
		return "it was deleted or made private"
	}
	return "placeholder " + kind
}

func masked(id ID, kind string) error {
	return pixivoc.Permanent(pixivoc.ReasonMasked, &MaskedError{ID: id, Kind: kind})
}

func content(err error) error { return pixivoc.Permanent(pixivoc.ReasonContent, err) }

func fieldError(field, format string, values ...any) error {
	return &pixivoc.FieldError{Field: field, Reason: fmt.Sprintf(format, values...)}
}

// statusOf returns the status code of the answer that err tells of, or 0.
func statusOf(err error) int {
	if status, ok := errors.AsType[*pixivoc.StatusError](err); ok {
		return status.Code
	}
	return 0
}

func isGone(err error) bool {
	code := statusOf(err)
	return code == http.StatusNotFound || code == http.StatusGone
}

func isForbidden(err error) bool { return statusOf(err) == http.StatusForbidden }
