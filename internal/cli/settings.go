package cli

import (
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pixivoc/pixivoc"
)

// settings are the values of the common flags. Each can also come from the
// environment variable PIXIVOC_ plus the flag's name in capitals; a flag on
// the command line wins. Flags that say what one command is to do, such as
// --files of tasks rm, have no variable: it would be forgotten.
type settings struct {
	data        string
	remote      string
	remoteToken string // a file
	remoteCA    string // a file
	save        string
	proxyMode   string
	proxy       string
	hosts       hostList
	concurrency int
	interval    seconds
	timeout     seconds
	quiet       bool
	noSync      bool
	sha256      bool
	logLevel    slog.Level

	given map[string]string // flag name -> where its value came from
}

// The groups of flags, for the help.
const (
	flagGroup     = "pixivoc_group"
	groupDownload = "download"
	groupRoad     = "road"
	groupOutput   = "output"
)

// addFlags defines the flags that every command knows.
func (s *settings) addFlags(flags *pflag.FlagSet) {
	s.logLevel = slog.LevelWarn
	flags.StringVar(&s.data, "data", "", "`folder` of the task database and the login (default "+defaultDataHelp+")")
	flags.StringVar(&s.remote, "remote", "", "work with the daemon at that `address` of its socket, as 127.0.0.1:13575 or tls://host:13575")
	flags.StringVar(&s.remoteToken, "remote-token-file", "", "`file` with the token for the daemon; PIXIVOC_REMOTE_TOKEN has it itself")
	flags.StringVar(&s.remoteCA, "remote-ca", "", "`file` with the certificate authority of the daemon, in PEM")
	flags.BoolVarP(&s.quiet, "quiet", "q", false, "show errors and the last line only")
	flags.Var(levelFlag{&s.logLevel}, "log-level", "show log lines from this `level` on: debug, info, warn or error")

	flags.StringVar(&s.proxyMode, "proxy-mode", "", "`road` to the site: 0 or direct, 1 or proxy, 2 or ip")
	flags.StringVar(&s.proxy, "proxy", "", "`URL` of a proxy: http, https, socks5, socks5h; means --proxy-mode 1")
	flags.Var(&s.hosts, "host", "dial that address for a host (`host=ip[:port]`); repeatable; means --proxy-mode 2")
	flags.Var(&s.timeout, "timeout", "longest `time` to wait for a connection, an answer, or the next bytes: 1s to 1h (60s)")
	flags.Var(&s.interval, "interval", "least `time` between two questions to the site, as 500ms: 0 to 1h (3s)")
	flags.IntVarP(&s.concurrency, "concurrency", "j", 0, "`number` of files to fetch at a time, 1 to 64 (3)")
	markNumber(flags, "concurrency", 1, pixivoc.MaxConcurrencyNumber)
	markGroup(flags, groupOutput, "data", "remote", "remote-token-file", "remote-ca", "quiet", "log-level")
	markGroup(flags, groupRoad, "proxy-mode", "proxy", "host", "timeout", "interval", "concurrency")
}

// addDownloadFlags defines the flags of the commands that save files.
func (s *settings) addDownloadFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&s.save, "save", "o", defaultSave, "`folder` to save in")
	markGroup(flags, groupDownload, "save")
	s.addGuaranteeFlags(flags)
}

// addGuaranteeFlags defines the flags about how files are kept.
func (s *settings) addGuaranteeFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&s.noSync, "no-sync", false, "do not wait for the disk: faster, survives kill -9 but not a power cut")
	flags.BoolVar(&s.sha256, "sha256", false, "keep a SHA-256 of each file instead of a CRC-32C")
	markGroup(flags, groupDownload, "no-sync", "sha256")
}

func markGroup(flags *pflag.FlagSet, group string, names ...string) {
	for _, name := range names {
		_ = flags.SetAnnotation(name, flagGroup, []string{group})
	}
}

// hasVariable says whether a flag can be given in the environment: the common
// ones, which have a group, and the token, which the login looks for itself.
func hasVariable(flag *pflag.Flag) bool {
	return groupOf(flag) != "" && groupOf(flag) != groupWorks || variable(flag.Name) == tokenVariable
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "PIXIVOC_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fill takes the flags that are not on the command line from the environment.
func (s *settings) fill(cmd *cobra.Command, environ map[string]string) error {
	s.given = map[string]string{}
	var first error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Changed {
			s.given[flag.Name] = "--" + flag.Name
			return
		}
		value := environ[variable(flag.Name)]
		if !hasVariable(flag) || groupOf(flag) == "" || value == "" {
			return
		}
		if err := flag.Value.Set(value); err != nil && first == nil {
			first = &usageError{cmd.CommandPath(), valueError(variable(flag.Name), flag, value, err)}
		}
		s.given[flag.Name] = variable(flag.Name)
	})
	if s.quiet && s.given["log-level"] == "" {
		s.logLevel = slog.LevelError
	}
	return first
}

// override returns the changes that flags and variables make to the saved
// environment, for this run only.
func (s *settings) override() (pixivoc.EnvPatch, error) {
	var patch pixivoc.EnvPatch
	if err := s.overrideRoad(&patch); err != nil {
		return pixivoc.EnvPatch{}, err
	}
	if s.given["timeout"] != "" {
		patch.Timeout = new(time.Duration(s.timeout))
	}
	if s.given["interval"] != "" {
		patch.IntervalTime = new(time.Duration(s.interval))
	}
	if s.given["concurrency"] != "" {
		patch.ConcurrencyNumber = new(s.concurrency)
	}
	return patch, nil
}

func (s *settings) overrideRoad(patch *pixivoc.EnvPatch) error {
	proxy, hosts := s.given["proxy"] != "", s.given["host"] != ""
	switch {
	case s.given["proxy-mode"] != "":
		mode, err := parseProxyMode(s.proxyMode)
		if err != nil {
			return err
		}
		patch.ProxyMode = &mode
	case proxy && hosts:
		return &pixivoc.FieldError{Field: "ProxyMode", Reason: "--proxy and --host want different roads; say which with --proxy-mode"}
	case proxy:
		patch.ProxyMode = new(pixivoc.ModeProxy)
	case hosts:
		patch.ProxyMode = new(pixivoc.ModeIP)
	}
	if proxy {
		patch.Proxy = &s.proxy
	}
	if hosts {
		table, err := s.hosts.table()
		if err != nil {
			return err
		}
		patch.Hosts = &table
	}
	return nil
}
