package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// errNoAnswer: standard input ended where an answer was wanted.
var errNoAnswer = errors.New("no answer: standard input has ended")

// maxAnswerBytes bounds a line that somebody types or pastes.
const maxAnswerBytes = 64 << 10

// askLine shows a question and returns the answer without blanks around it.
func (a *app) askLine(question string) (string, error) {
	_, _ = io.WriteString(a.console, question)
	return a.readLine()
}

// readLine reads one line of standard input.
func (a *app) readLine() (string, error) {
	if a.lines == nil {
		a.lines = bufio.NewReader(a.stdin)
	}
	var line strings.Builder
	for {
		char, err := a.lines.ReadByte()
		switch {
		case err == io.EOF && line.Len() > 0, err == nil && char == '\n':
			return strings.TrimSpace(line.String()), nil
		case err == io.EOF:
			return "", errNoAnswer
		case err != nil:
			return "", fmt.Errorf("read standard input: %w", err)
		case line.Len() >= maxAnswerBytes:
			return "", fmt.Errorf("the answer is longer than %d bytes", maxAnswerBytes)
		}
		line.WriteByte(char)
	}
}

// askSecret asks on a terminal without showing the answer. Elsewhere it reads
// a line, so that a secret can come through a pipe.
func (a *app) askSecret(question string) (answer string, err error) {
	file, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return a.readLine()
	}
	// In raw mode ctrl-C arrives as a character, so no signal can end the
	// program while the terminal shows nothing of what is typed.
	state, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return "", fmt.Errorf("ask without showing the answer: %w", err)
	}
	defer func() {
		err = errors.Join(err, term.Restore(int(file.Fd()), state))
	}()
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{file, a.console.out}, "")
	answer, err = terminal.ReadPassword(question)
	if errors.Is(err, io.EOF) {
		_, _ = io.WriteString(a.console.out, "\r\n")
		return "", &exitError{ExitInterrupted, errors.New("no answer")}
	}
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(answer), nil
}
