package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/pixivoc/pixivoc"
)

// The exit codes of Run. They are part of the interface.
const (
	ExitOrderly     = 0
	ExitError       = 1
	ExitSettings    = 2
	ExitInterrupted = 130
)

// Run is the whole program: it reads the settings from args, which come
// without the program's name, and environ, which has the form of os.Environ,
// serves until ctx is cancelled or a signal arrives, and returns the exit
// code. A second signal makes it return at once, with goroutines running; the
// process must end then.
//
// Run makes the process ignore SIGPIPE: whoever read the output may go away.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) int {
	signal.Ignore(syscall.SIGPIPE)
	variables := parseEnviron(environ)
	command, err := load(args, variables)
	if err == nil && !command.help && !command.version {
		err = command.settings.complete()
	}
	switch {
	case err != nil:
		return fail(stderr, err)
	case command.help:
		return print(stdout, stderr, helpText())
	case command.version:
		return print(stdout, stderr, versionText()+"\n")
	case command.printConfig:
		return print(stdout, stderr, configText(command.settings))
	}
	d := &daemon{
		settings: command.settings, out: stdout, notifySocket: variables["NOTIFY_SOCKET"],
		logger: newLogger(command.settings, stderr),
	}
	return untilSignal(ctx, stderr, d.run)
}

// untilSignal runs serve until it returns. The first signal cancels its
// context, the second one does not wait for it.
func untilSignal(ctx context.Context, stderr io.Writer, serve func(context.Context) error) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endSignals()...)
	defer signal.Stop(signals)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }() // awaited below, but for a second signal
	for first := true; ; first = false {
		select {
		case err := <-ended:
			if err != nil {
				return fail(stderr, err)
			}
			return ExitOrderly
		case <-signals:
			if !first {
				_, _ = io.WriteString(stderr, "pixivoc: ended at once; what was running goes on at the next start\n")
				return ExitInterrupted
			}
			cancel()
		}
	}
}

// endSignals are those that end the daemon. One that was ignored when it was
// started, as by nohup, stays ignored.
func endSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

func print(stdout, stderr io.Writer, text string) int {
	if _, err := io.WriteString(stdout, text); err != nil {
		return fail(stderr, err)
	}
	return ExitOrderly
}

// fail shows an error and what to do about it.
func fail(stderr io.Writer, err error) int {
	code := ExitError
	text := cleanText(err.Error(), maxLogValue)
	if _, isUsage := errors.AsType[*usageError](err); isUsage {
		code = ExitSettings
		text += "\n         See: --help"
	}
	for _, known := range []struct {
		err    error
		advice string
	}{
		{pixivoc.ErrStoreLocked, "One daemon or command line uses a data folder at a time. Stop the other one, or name another folder: --data DIR"},
		{pixivoc.ErrStoreVersion, "Use the newer pixivoc, or another folder: --data DIR"},
		{pixivoc.ErrStoreCorrupt, "Nothing was changed. Move the data folder away and start again; pictures that are whole are not fetched again."},
		{syscall.EADDRINUSE, "Another program listens there, perhaps another daemon. Choose another address: --http ADDR, --socket ADDR"},
	} {
		if errors.Is(err, known.err) {
			text += "\n         " + known.advice
		}
	}
	_, _ = fmt.Fprintf(stderr, "pixivoc: %s\n", text)
	return code
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
