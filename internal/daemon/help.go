package daemon

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pixivoc/pixivoc"
)

const helpHead = `pixivoc server: the kernel of pixivoc with all its doors.

A first look, without network or account:
  server --demo

Usage:
  server [flags]
`

const helpTail = `
Every setting but these four can be given as a flag, as a variable (PIXIVOC_
and its name: PIXIVOC_SAVE_ROOT for --save-root) and in the TOML file (its name:
save-root = ["/srv/pictures"]). A flag wins over a variable, a variable over the
file. A list in a variable has commas between its entries, one of folders what
the system puts between folders.

Exit codes:
  0    ended in order: SIGTERM, SIGINT or command 0 of the socket
  1    error
  2    a setting is wrong
  130  ended at once, by a second signal
`

// helpWidth is how wide the help is.
const helpWidth = 80

// helpText is the answer to --help.
func helpText() string {
	s := defaults(nil)
	var b strings.Builder
	b.WriteString(helpHead)
	for _, group := range groups() {
		fmt.Fprintf(&b, "\n%s:\n", group)
		for _, row := range schema(s) {
			if row.group == group {
				writeFlag(&b, row.name, row.argument, row.text.english+defaultText(row))
			}
		}
	}
	b.WriteString("\nNo settings:\n")
	writeFlag(&b, configFlag, "FILE", "read settings from a TOML file; also "+variable(configFlag))
	writeFlag(&b, "print-config", "", "show the settings in force as such a file, and end")
	writeFlag(&b, "version", "", "show the version, and end")
	writeFlag(&b, "help", "", "show this, and end")
	b.WriteString(helpTail)
	return b.String()
}

// writeFlag writes a flag with its text below, indented.
func writeFlag(b *strings.Builder, name, argument, text string) {
	fmt.Fprintf(b, "  --%s\n", strings.TrimSpace(name+" "+argument))
	const indent = "        "
	column := 0
	for word := range strings.FieldsSeq(text) {
		if column == 0 || column+1+len(word) > helpWidth {
			if column > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(indent)
			column = len(indent)
		} else {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
}

// defaultText is the default in brackets. That of a switch that is off, and of
// an empty value, goes without saying.
func defaultText(row setting) string {
	switch shown := standardText(row); shown {
	case "", "false":
		return ""
	default:
		return " (" + shown + ")"
	}
}

func standardText(row setting) string {
	if row.standard.english != "" {
		return row.standard.english
	}
	switch value := row.value.(type) {
	case listValue:
		return ""
	case timeValue:
		return value.target.String()
	case textValue:
		return *value.target
	}
	return row.value.toml()
}

// configText is the answer to --print-config: a TOML file with the settings in
// force and where each came from. Passwords are left out.
func configText(s *Settings) string {
	shown := *s
	shown.Proxy = redactURL(s.Proxy)
	var b strings.Builder
	b.WriteString("# Settings of the pixivoc server, as they are in force.\n")
	if hasPassword(s.Proxy) {
		b.WriteString("# The password of the proxy is not shown.\n")
	}
	rows := schema(&shown)
	for _, group := range groups() {
		fmt.Fprintf(&b, "\n# %s\n", group)
		for _, row := range rows {
			if row.group == group {
				writeConfig(&b, s, row)
			}
		}
	}
	return b.String()
}

func writeConfig(b *strings.Builder, s *Settings, row setting) {
	source := s.source[row.name]
	switch {
	case source != "":
		fmt.Fprintf(b, "%s = %s # %s\n", row.name, row.value.toml(), source)
	case row.standard.english != "" && row.name != "data" && row.name != "save-root":
		fmt.Fprintf(b, "# %s: %s\n", row.name, row.standard.english)
	default:
		fmt.Fprintf(b, "%s = %s\n", row.name, row.value.toml())
	}
}

// hasPassword says whether an address holds user information.
func hasPassword(text string) bool {
	address, err := url.Parse(text)
	return text != "" && (err != nil || address.User != nil)
}

// redactURL hides the password in an address.
func redactURL(text string) string {
	if !hasPassword(text) {
		return text
	}
	address, err := url.Parse(text)
	if err != nil {
		return "(unreadable)"
	}
	return address.Redacted()
}

// patch returns the changes that the settings make to the saved environment.
func (s *Settings) patch() (pixivoc.EnvPatch, error) {
	var patch pixivoc.EnvPatch
	if err := s.patchRoad(&patch); err != nil {
		return pixivoc.EnvPatch{}, err
	}
	if s.isGiven("timeout") {
		patch.Timeout = &s.Timeout
	}
	if s.isGiven("interval") {
		patch.IntervalTime = &s.Interval
	}
	if s.isGiven("concurrency") {
		patch.ConcurrencyNumber = &s.Concurrency
	}
	return patch, nil
}

func (s *Settings) patchRoad(patch *pixivoc.EnvPatch) error {
	proxy, hosts := s.isGiven("proxy"), s.isGiven("host")
	switch {
	case s.isGiven("proxy-mode"):
		mode, err := parseProxyMode(s.ProxyMode)
		if err != nil {
			return err
		}
		patch.ProxyMode = &mode
	case proxy && hosts:
		return fmt.Errorf("%s and %s want different roads; say which with --proxy-mode", s.from("proxy"), s.from("host"))
	case proxy:
		patch.ProxyMode = new(pixivoc.ModeProxy)
	case hosts:
		patch.ProxyMode = new(pixivoc.ModeIP)
	}
	if proxy {
		patch.Proxy = &s.Proxy
	}
	if hosts {
		table, err := pixivoc.ParseHostTable(slices.Clone(s.Hosts))
		if err != nil {
			return fmt.Errorf("%s: %w", s.from("host"), reason(err))
		}
		patch.Hosts = &table
	}
	return nil
}
