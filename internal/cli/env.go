package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
)

const envLong = `See and change the saved environment: how the site is reached, and how fast.

  proxy-mode   0 or direct: straight to the site
               1 or proxy: through the proxy
               2 or ip: to addresses from a table instead of the name service
  proxy        URL of the proxy: http, https, socks5 or socks5h
  hosts        address table for mode 2: host=ip[:port],host=ip[:port],...
               host=sni, host=nosni, host=ech or host=split chooses how TLS
               names a host; an empty value brings the built-in table back
  timeout      bound for connecting, for an answer, and for any silence in it,
               1s to 1h
  concurrency  files to fetch at a time, 1 to 64
  interval     least time between two questions to the site, 0 to 1h
  increment    true or false: let the timeout grow with each round that
               leaves something behind
  bandwidth    most bytes a second for all files together, as 500k, 2M; 0 is no
               limit
  daily-cap    most questions to the site on one day; 0 is no cap
  quiet-hours  part of each day without questions and new files, as 01:00-07:00,
               with "TZ=Asia/Tokyo " in front by another clock; empty for none

A flag such as --timeout changes a value for one run only; env set saves it.`

func (a *app) envCommand() *cobra.Command {
	cmd := group("env", "See and change the saved environment", envLong)
	cmd.Example = `  pixivoc env show
  pixivoc env set timeout=30s concurrency=5
  pixivoc env set proxy-mode=proxy proxy=socks5://127.0.0.1:1080`
	show := &cobra.Command{
		Use: "show", Short: "Show all settings", Args: noArgs(),
		Long:    "Show all settings: the saved value, and the one in force where a flag or a\nvariable changes it for this run.",
		Example: "  pixivoc env show",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.envShow(cmd.Context()) },
	}
	get := &cobra.Command{
		Use: "get NAME", Short: "Show one saved setting", Args: needArgs("one setting, as timeout"),
		Example:           "  pixivoc env get timeout",
		ValidArgsFunction: completeSettings(""),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.envGet(cmd.Context(), args) },
	}
	set := &cobra.Command{
		Use: "set NAME=VALUE ...", Short: "Change and save settings",
		Args:              needArgs("at least one setting with its value, as timeout=30s"),
		Long:              "Change and save settings. When one of them is refused, none is changed.",
		ValidArgsFunction: completeSettings("="),
		Example:           "  pixivoc env set timeout=30s concurrency=5\n  pixivoc env set hosts=",
		RunE:              func(cmd *cobra.Command, args []string) error { return a.envSet(cmd, args) },
	}
	cmd.AddCommand(onRoad(show), get, set)
	return cmd
}

// envEntry is one setting of the environment as the command line has it.
type envEntry struct {
	name string
	flag string // that overrides it, or ""
	show func(pixivoc.Env) string
	set  func(patch *pixivoc.EnvPatch, text string) error
}

func envEntries() []envEntry {
	return []envEntry{
		{"proxy-mode", "proxy-mode", func(e pixivoc.Env) string { return modeText(e.ProxyMode) },
			func(patch *pixivoc.EnvPatch, text string) error {
				mode, err := parseProxyMode(text)
				patch.ProxyMode = &mode
				return err
			}},
		{"proxy", "proxy", func(e pixivoc.Env) string { return redactProxy(e.Proxy) },
			func(patch *pixivoc.EnvPatch, text string) error { patch.Proxy = &text; return nil }},
		{"hosts", "host", func(e pixivoc.Env) string { return hostsText(e.Hosts) },
			func(patch *pixivoc.EnvPatch, text string) error {
				var list hostList
				if err := list.Set(text); err != nil {
					return err
				}
				table, err := list.table()
				patch.Hosts = &table
				return err
			}},
		{"timeout", "timeout", func(e pixivoc.Env) string { return e.Timeout.String() },
			func(patch *pixivoc.EnvPatch, text string) (err error) {
				patch.Timeout, err = parseDuration(text)
				return err
			}},
		{"concurrency", "concurrency", func(e pixivoc.Env) string { return strconv.Itoa(e.ConcurrencyNumber) },
			func(patch *pixivoc.EnvPatch, text string) error {
				count, err := parseCount(text)
				patch.ConcurrencyNumber = &count
				return err
			}},
		{"interval", "interval", func(e pixivoc.Env) string { return e.IntervalTime.String() },
			func(patch *pixivoc.EnvPatch, text string) (err error) {
				patch.IntervalTime, err = parseDuration(text)
				return err
			}},
		{"bandwidth", "", func(e pixivoc.Env) string { return bandwidthText(e.BandwidthLimit) },
			func(patch *pixivoc.EnvPatch, text string) error {
				limit, err := parseBandwidth(text)
				patch.BandwidthLimit = &limit
				return err
			}},
		{"daily-cap", "", func(e pixivoc.Env) string { return strconv.Itoa(e.DailyCap) },
			func(patch *pixivoc.EnvPatch, text string) (err error) {
				patch.DailyCap, err = parseCap(text)
				return err
			}},
		{"quiet-hours", "", func(e pixivoc.Env) string { return e.QuietHours },
			func(patch *pixivoc.EnvPatch, text string) error { patch.QuietHours = &text; return nil }},
		{"increment", "", func(e pixivoc.Env) string { return strconv.FormatBool(e.Increment) },
			func(patch *pixivoc.EnvPatch, text string) error {
				value, err := parseSwitch(text)
				patch.Increment = &value
				return err
			}},
	}
}

func parseDuration(text string) (*time.Duration, error) {
	duration, err := parseSeconds(text)
	return &duration, err
}

func parseCap(text string) (*int, error) {
	count, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", text)
	}
	return &count, nil
}

func findEnv(name string) (envEntry, error) {
	var names []string
	for _, entry := range envEntries() {
		if entry.name == name {
			return entry, nil
		}
		names = append(names, entry.name)
	}
	return envEntry{}, fmt.Errorf("there is no setting %q; there are %s", printable(name), strings.Join(names, ", "))
}

func (a *app) envShow(ctx context.Context) error {
	patch, err := a.set.override()
	if err != nil {
		return err
	}
	return a.with(ctx, false, func(s *session) error {
		saved := s.client.Env()
		now, err := saved.Apply(patch)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, entry := range envEntries() {
			row := []string{entry.name, brief(entry.show(saved)), entry.show(pixivoc.DefaultEnv()), ""}
			if shown := entry.show(now); shown != entry.show(saved) {
				row[3] = brief(shown)
				if source := a.set.given[entry.flag]; source != "" {
					row[3] += " (" + source + ")"
				}
			}
			rows = append(rows, row)
		}
		heading := []string{"SETTING", "SAVED", "DEFAULT", "THIS RUN"}
		return a.print(columns(a.screenOf(a.stdout), heading, rows))
	})
}

func (a *app) envGet(ctx context.Context, names []string) error {
	return a.with(ctx, false, func(s *session) error {
		for _, name := range names {
			entry, err := findEnv(name)
			if err != nil {
				return err
			}
			if err := a.print(entry.show(s.client.Env()) + "\n"); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) envSet(cmd *cobra.Command, args []string) error {
	for _, entry := range envEntries() {
		if cmd.Flags().Changed(entry.flag) {
			return &usageError{cmd.CommandPath(), fmt.Errorf("--%s is for one run; to save it: pixivoc env set %s=VALUE", entry.flag, entry.name)}
		}
	}
	var patch pixivoc.EnvPatch
	named := map[string]bool{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return &usageError{cmd.CommandPath(), fmt.Errorf("%q is not of the form NAME=VALUE", printable(arg))}
		}
		entry, err := findEnv(name)
		if err != nil {
			return err
		}
		if err := entry.set(&patch, value); err != nil {
			return refusedSetting(name, reasonText(err))
		}
		named[name] = true
	}
	return a.with(cmd.Context(), false, func(s *session) error {
		was := s.client.Env()
		now, err := s.client.UpdateEnv(cmd.Context(), patch)
		if err != nil {
			return settingError(was, patch, err)
		}
		if a.set.quiet {
			return nil
		}
		return a.print(changesText(was, now, named))
	})
}

// settingError names what UpdateEnv refused as env set does.
func settingError(was pixivoc.Env, patch pixivoc.EnvPatch, err error) error {
	field, refused := errors.AsType[*pixivoc.FieldError](err)
	if !refused {
		return err
	}
	mode := was.ProxyMode
	if patch.ProxyMode != nil {
		mode = *patch.ProxyMode
	}
	if field.Field == "Proxy" && mode != pixivoc.ModeProxy {
		return refusedSetting("proxy", "belongs to proxy-mode 1; also give proxy-mode=1")
	}
	name, of, _ := strings.Cut(field.Field, "[")
	names := map[string]string{
		"ProxyMode": "proxy-mode", "Proxy": "proxy", "Hosts": "hosts",
		"Timeout": "timeout", "ConcurrencyNumber": "concurrency", "IntervalTime": "interval",
		"BandwidthLimit": "bandwidth", "DailyCap": "daily-cap", "QuietHours": "quiet-hours",
	}
	reason := printable(field.Reason)
	if of != "" { // the host
		reason = printable(strings.TrimSuffix(of, "]")) + " " + reason
	}
	return refusedSetting(cmp.Or(names[name], name), reason)
}

func refusedSetting(name, reason string) error {
	return advise(fmt.Errorf("%s: %s", name, reason), "Nothing was changed. What is accepted: pixivoc env --help")
}

// changesText shows the settings that were named, and those that changed with
// them.
func changesText(was, now pixivoc.Env, named map[string]bool) string {
	var b strings.Builder
	for _, entry := range envEntries() {
		before, after := entry.show(was), entry.show(now)
		if before == after && !named[entry.name] {
			continue
		}
		fmt.Fprintf(&b, "%s = %s", entry.name, cmp.Or(brief(after), "none"))
		if before != after {
			fmt.Fprintf(&b, " (was %s)", cmp.Or(brief(before), "none"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func modeText(mode pixivoc.ProxyMode) string { return fmt.Sprintf("%d (%s)", int(mode), mode) }

// redactProxy hides the password of a proxy.
func redactProxy(text string) string {
	if text == "" {
		return ""
	}
	address, err := url.Parse(text)
	if err != nil {
		return "(unreadable)"
	}
	return address.Redacted()
}

func hostsText(table pixivoc.HostTable) string {
	if len(table) == 0 {
		return "(built in)"
	}
	return strings.Join(table.Entries(), ",")
}

// brief keeps a long list of hosts from filling the screen.
func brief(list string) string {
	entries := strings.Split(list, ",")
	if len(entries) < 3 {
		return list
	}
	return fmt.Sprintf("%s and %d more", entries[0], len(entries)-1)
}
