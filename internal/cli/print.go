package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// print writes the result of a command to standard output. A reader who went
// away is no error.
func (a *app) print(text string) error {
	_, err := io.WriteString(a.stdout, text)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}

// printJSON writes a value as one line of JSON.
func (a *app) printJSON(value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return a.print(string(raw) + "\n")
}
