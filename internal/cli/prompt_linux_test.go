package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of a new pseudo-terminal.
func pseudoTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	return keyboard, terminal
}

// readUntil reads what the terminal shows until it has shown text.
func readUntil(t *testing.T, keyboard *os.File, text string) string {
	t.Helper()
	var shown strings.Builder
	buffer := make([]byte, 256)
	for !strings.Contains(shown.String(), text) {
		n, err := keyboard.Read(buffer)
		require.NoError(t, err)
		shown.Write(buffer[:n])
	}
	return shown.String()
}

// TestSecretIsNotShownOnATerminal types a secret after the question has come,
// and looks at all that the terminal shows.
func TestSecretIsNotShownOnATerminal(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, typed, want string
		code              int
	}{
		{"answered", "s3cret\r", "s3cret", ExitComplete},
		{"ctrl-C", "s3cr\x03", "", ExitInterrupted},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keyboard, terminal := pseudoTerminal(t)
			before, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
			require.NoError(t, err)

			type answer struct {
				text string
				err  error
			}
			answered := make(chan answer, 1)
			go func() {
				a := &app{stdin: terminal, console: newConsole(terminal)}
				text, err := a.askSecret("Secret: ")
				answered <- answer{text, err}
				_, _ = terminal.WriteString("end")
			}()
			readUntil(t, keyboard, "Secret: ")
			_, err = keyboard.WriteString(c.typed)
			require.NoError(t, err)
			shown := readUntil(t, keyboard, "end")
			got := <-answered
			assert.Equal(t, c.want, got.text)
			assert.Equal(t, c.code, exitCode(got.err))
			assert.NotContains(t, shown, "s3c")

			after, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
			require.NoError(t, err)
			assert.Equal(t, before.Lflag, after.Lflag, "the terminal echoes again")
		})
	}
}
