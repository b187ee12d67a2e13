package cli

import (
	"errors"
	"io/fs"
	"net"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	command string // the command path, for its help
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// advised is an error with its own advice.
type advised struct {
	err  error
	next []string
}

func (e *advised) Error() string { return e.err.Error() }

func (e *advised) Unwrap() error { return e.err }

// advise adds what to do next to an error.
func advise(err error, next ...string) error { return &advised{err: err, next: next} }

// advice says what to do about an error, a sentence a line.
func advice(err error) []string {
	if own, ok := errors.AsType[*advised](err); ok {
		return own.next
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		return []string{"See: " + usage.command + " --help"}
	}
	for _, entry := range sentinelAdvice() {
		if errors.Is(err, entry.err) {
			return entry.next
		}
	}
	if field, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return fieldAdvice(field)
	}
	if _, ok := errors.AsType[*pixivoc.BlockedError](err); ok {
		return []string{"Another road may help: --proxy URL, or --proxy-mode ip."}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return nil // what a file gives looks like a net.Error too
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return []string{
			"Look at the network, then repeat the command.",
			"Where Pixiv cannot be reached directly: --proxy URL, or --proxy-mode ip.",
		}
	}
	return nil
}

type knownError struct {
	err  error
	next []string
}

func sentinelAdvice() []knownError {
	return []knownError{
		{pixivoc.ErrNoToken, []string{"Log in first: pixivoc login"}},
		{pixivoc.ErrTokenRejected, []string{
			"Log in again: pixivoc login",
			"A refresh token dies when the password changes; a login code lives for half a minute.",
		}},
		{pixivoc.ErrStoreLocked, []string{
			"If that is the daemon, work with it: --remote 127.0.0.1:13575",
			"Otherwise wait until it ends, or stop it with ctrl-C; one process at a time uses a data folder.",
			"For a second one beside it, name another folder: --data DIR",
		}},
		{pixivoc.ErrStoreVersion, []string{"Use the newer pixivoc, or another folder: --data DIR"}},
		{pixivoc.ErrStoreCorrupt, []string{
			"Nothing was changed. Move the data folder away and start again; pictures are not in it,",
			"and those that are whole are not fetched again.",
		}},
		{pixivoc.ErrTaskNotFound, []string{"The TIDs are shown by: pixivoc tasks list"}},
		{pixivoc.ErrDiskFull, []string{"Make room, then repeat the command: it goes on where it stopped."}},
		{pixivoc.ErrSavePath, []string{"Mend the folder or name another (--save DIR), then repeat the command."}},
	}
}

// fieldFlags has the flag that sets a field; "" where the text around the error
// names what was refused.
func fieldFlags() map[string]string {
	return map[string]string{
		"ProxyMode":         "--proxy-mode",
		"Proxy":             "--proxy",
		"Hosts":             "--host",
		"Timeout":           "--timeout",
		"ConcurrencyNumber": "--concurrency",
		"IntervalTime":      "--interval",
		"SavePath":          "--save",
		"TaskName":          "--name",
		"Schedule":          "--schedule",
		"RefreshToken":      "",
		"Input":             "",
		"Keyword":           "",
	}
}

// fieldAdvice names the flag that sets a refused field.
func fieldAdvice(field *pixivoc.FieldError) []string {
	name, _, _ := strings.Cut(field.Field, "[")
	if flag := fieldFlags()[name]; flag != "" {
		return []string{"It is set with " + flag + "; saved values are changed with: pixivoc env set"}
	}
	return nil
}

// errorText is the text of an error, with a refused field named as the command
// line does.
func errorText(err error) string {
	field, refused := errors.AsType[*pixivoc.FieldError](err)
	if !refused {
		return err.Error()
	}
	name, rest, _ := strings.Cut(field.Field, "[")
	flag, known := optionFlag(field.Field)
	if !known {
		flag, known = fieldFlags()[name]
	}
	if !known {
		return err.Error()
	}
	text := strings.ReplaceAll(field.Reason, "ProxyMode", "proxy-mode")
	if rest != "" { // the host
		text = strings.TrimSuffix(rest, "]") + " " + text
	}
	if flag != "" {
		text = flag + ": " + text
	}
	return strings.Replace(err.Error(), field.Error(), text, 1)
}
