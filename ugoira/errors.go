package ugoira

import "fmt"

// ArchiveError says why an archive or its table of frames was refused. Errors
// of the reader that the archive is read from, and of the writer, are not
// ArchiveErrors.
type ArchiveError struct {
	// Entry is the name of the entry that is at fault, empty if it is the
	// archive as a whole. It may hold any bytes; Error quotes it.
	Entry string
	// Reason says what is wrong.
	Reason string
	// Err is the cause, nil if there is none below the reason.
	Err error
}

func (e *ArchiveError) Error() string {
	text := "ugoira archive"
	if e.Entry != "" {
		text += fmt.Sprintf(": entry %.64q", e.Entry)
	}
	text += ": " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *ArchiveError) Unwrap() error { return e.Err }

func refuse(entry, format string, args ...any) error {
	return &ArchiveError{Entry: entry, Reason: fmt.Sprintf(format, args...)}
}
