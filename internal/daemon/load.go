package daemon

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is what a command line asks for.
type command struct {
	settings    *Settings
	help        bool
	version     bool
	printConfig bool
}

// configFlag names the file; it is no setting, because it cannot stand in one.
const configFlag = "config"

// passwordVariable has the password itself. There is no flag for it: other
// users of the machine can see flags.
const passwordVariable = "PIXIVOC_PASSWORD"

// usageError is a setting that is wrong, wherever it was given.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// given collects the texts of a flag.
type given struct {
	texts    []string
	isSwitch bool
}

func (g *given) String() string { return "" }

func (g *given) Set(text string) error {
	g.texts = append(g.texts, text)
	return nil
}

// IsBoolFlag tells package flag that the value may be left out.
func (g *given) IsBoolFlag() bool { return g.isSwitch }

// load reads the settings: from flags, then from variables, then from the
// file, then from the defaults. A value that is wrong is an error even where a
// stronger one takes its place. Every error is a *usageError.
func load(args []string, environ map[string]string) (*command, error) {
	c := &command{settings: defaults(environ)}
	rows := schema(c.settings)
	flags := map[string]*given{}
	set := flag.NewFlagSet("server", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	for _, row := range rows {
		flags[row.name] = &given{isSwitch: row.value.isSwitch()}
		set.Var(flags[row.name], row.name, "")
	}
	config := set.String(configFlag, environ[variable(configFlag)], "")
	set.BoolVar(&c.printConfig, "print-config", false, "")
	set.BoolVar(&c.version, "version", false, "")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			c.help = true
			return c, nil
		}
		return nil, &usageError{flagError(err)}
	}
	if c.version {
		return c, nil
	}
	if rest := set.Args(); len(rest) > 0 {
		return nil, &usageError{fmt.Errorf("%q: no arguments are wanted, only flags", rest[0])}
	}
	if err := c.settings.fill(rows, *config, environ, flags); err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

// fill takes the values from the weakest source to the strongest.
func (s *Settings) fill(rows []setting, config string, environ map[string]string, flags map[string]*given) error {
	if config != "" {
		if err := s.readFile(config, rows); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if text := environ[variable(row.name)]; text != "" {
			if err := row.value.set([]string{text}); err != nil {
				return fmt.Errorf("%s: %w", variable(row.name), err)
			}
			s.source[row.name] = variable(row.name)
		}
	}
	for _, row := range rows {
		if texts := flags[row.name].texts; len(texts) > 0 {
			if err := row.value.set(texts); err != nil {
				return fmt.Errorf("--%s: %w", row.name, err)
			}
			s.source[row.name] = "--" + row.name
		}
	}
	s.password = environ[passwordVariable]
	return nil
}

// flagError says in our words what package flag found.
func flagError(err error) error {
	text := err.Error()
	if name, unknown := strings.CutPrefix(text, "flag provided but not defined: -"); unknown {
		return fmt.Errorf("--%s: there is no such flag", strings.TrimPrefix(name, "-"))
	}
	if name, missing := strings.CutPrefix(text, "flag needs an argument: -"); missing {
		return fmt.Errorf("--%s: wants a value", strings.TrimPrefix(name, "-"))
	}
	return err
}
