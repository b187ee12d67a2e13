package cli

import "errors"

// The exit codes. They are part of the interface: scripts depend on them.
const (
	// ExitComplete: all that should be there is there.
	ExitComplete = 0
	// ExitError: the command could not be carried out, or a task gave up.
	ExitError = 1
	// ExitPartial: the command ran to its end, and something that should be
	// there is not.
	ExitPartial = 2
	// ExitInterrupted: ctrl-C or SIGTERM; the same command goes on.
	ExitInterrupted = 130
)

const exitCodesHelp = `Exit codes:
  0    complete: everything that should be there is there
  1    error: the command could not be carried out, or a task gave up
  2    partial: it ran to its end, but some of it could not be had
  130  interrupted; the same command goes on where it stopped`

// exitError ends the program with a code. Its text, when there is one, has
// not been shown yet.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode returns the exit code for the error of a command.
func exitCode(err error) int {
	if err == nil {
		return ExitComplete
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	return ExitError
}
