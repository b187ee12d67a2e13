package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Run carries out one command line and returns the exit code of the process.
// args are the arguments without the program's name, environ has the form of
// os.Environ. Downloads end cleanly when ctx is cancelled, and at the first
// interrupt that the process receives; a second one ends the process.
//
// Run makes the process ignore SIGPIPE, so that a reader who goes away, as in
// "pixivoc user 11 | head", does not end a download.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	signal.Ignore(syscall.SIGPIPE)
	a := &app{
		stdin:   stdin,
		stdout:  stdout,
		console: newConsole(stderr),
		environ: parseEnviron(environ),

		plainPause: plainPause,
	}
	return a.run(ctx, args)
}

// app is one run of the program.
type app struct {
	stdin   io.Reader
	stdout  io.Writer
	console *console // standard error
	environ map[string]string
	lines   *bufio.Reader // of stdin, once a prompt has read from it
	set     settings
	events  bool // --json of a command that runs tasks
	// plainPause is the time between two lines of a plain display.
	plainPause time.Duration
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.console)
	err := root.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		a.fail(err)
	}
	return exitCode(err)
}

// fail shows an error and what to do about it.
func (a *app) fail(err error) {
	const lead = "pixivoc: "
	width := a.screenOf(a.console.out).width - 1
	var text strings.Builder
	fmt.Fprintln(&text, hang(lead+printable(errorText(err)), width, len(lead)))
	for _, line := range advice(err) {
		fmt.Fprintln(&text, hang(strings.Repeat(" ", len(lead))+line, width, len(lead)))
	}
	_, _ = io.WriteString(a.console, text.String())
}

func parseEnviron(environ []string) map[string]string {
	variables := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			variables[name] = value
		}
	}
	return variables
}
