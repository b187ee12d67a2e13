package cli

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
)

// parsed runs the flag parsing of a download command and returns the app.
func parsed(t *testing.T, environ []string, args ...string) (*app, error) {
	t.Helper()
	a := &app{
		stdin: strings.NewReader(""), stdout: io.Discard,
		console: newConsole(new(bytes.Buffer)), environ: parseEnviron(environ),
	}
	root := a.rootCommand()
	probe := &cobra.Command{Use: "probe", RunE: func(*cobra.Command, []string) error { return nil }}
	a.set.addDownloadFlags(probe.Flags())
	root.AddCommand(probe)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetArgs(append([]string{"probe"}, args...))
	return a, root.ExecuteContext(t.Context())
}

func TestFlagWinsOverVariable(t *testing.T) {
	t.Parallel()
	a, err := parsed(t, []string{"PIXIVOC_TIMEOUT=20s", "PIXIVOC_INTERVAL=1", "PIXIVOC_SAVE=/v", "PIXIVOC_QUIET=true"},
		"--timeout", "30s", "-o", "/f")
	require.NoError(t, err)
	patch, err := a.set.override()
	require.NoError(t, err)
	assert.Equal(t, 30*time.Second, *patch.Timeout)
	assert.Equal(t, time.Second, *patch.IntervalTime)
	assert.Nil(t, patch.ConcurrencyNumber, "not named, so not changed")
	assert.Nil(t, patch.ProxyMode)
	assert.Equal(t, "/f", a.set.save)
	assert.True(t, a.set.quiet)
}

func TestEveryCommonFlagHasAVariable(t *testing.T) {
	t.Parallel()
	a, err := parsed(t, []string{
		"PIXIVOC_DATA=/d", "PIXIVOC_SAVE=/s", "PIXIVOC_PROXY_MODE=2", "PIXIVOC_HOST=i.pximg.net=127.0.0.1:9 app-api.pixiv.net=127.0.0.1",
		"PIXIVOC_CONCURRENCY=7", "PIXIVOC_INTERVAL=250ms", "PIXIVOC_TIMEOUT=9", "PIXIVOC_QUIET=1", "PIXIVOC_NO_SYNC=1",
		"PIXIVOC_SHA256=1", "PIXIVOC_LOG_LEVEL=debug", "PIXIVOC_HELP=1",
	})
	require.NoError(t, err)
	patch, err := a.set.override()
	require.NoError(t, err)
	assert.Equal(t, "/d", a.set.data)
	assert.Equal(t, "/s", a.set.save)
	assert.Equal(t, pixivoc.ModeIP, *patch.ProxyMode)
	assert.Len(t, *patch.Hosts, 2)
	assert.Equal(t, 7, *patch.ConcurrencyNumber)
	assert.Equal(t, 250*time.Millisecond, *patch.IntervalTime)
	assert.Equal(t, 9*time.Second, *patch.Timeout)
	assert.True(t, a.set.quiet && a.set.noSync && a.set.sha256)
	assert.Equal(t, "DEBUG", a.set.logLevel.String())
}

// TestHelpNamesItsVariables wants each variable that the help of a command
// names to be one that the command obeys, and no other.
func TestHelpNamesItsVariables(t *testing.T) {
	t.Parallel()
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, console: newConsole(new(bytes.Buffer))}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		var help strings.Builder
		cmd.SetOut(&help)
		require.NoError(t, cmd.Usage())
		for _, name := range regexp.MustCompile("PIXIVOC_[A-Z0-9_]+").FindAllString(help.String(), -1) {
			if name == remoteTokenVariable { // a secret; a flag would show it to all users of the machine
				continue
			}
			flag := cmd.Flag(strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "PIXIVOC_")), "_", "-"))
			require.NotNil(t, flag, "%s of %s", name, cmd.CommandPath())
			assert.True(t, hasVariable(flag), "%s of %s", name, cmd.CommandPath())
		}
		for line := range strings.Lines(help.String()) {
			assert.LessOrEqual(t, len(strings.TrimRight(line, "\n")), helpWidth, line)
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(a.rootCommand())
}

func TestWrongVariableIsNamed(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"PIXIVOC_TIMEOUT=soon", "PIXIVOC_CONCURRENCY=many", "PIXIVOC_HOST=nowhere", "PIXIVOC_LOG_LEVEL=loud", "PIXIVOC_QUIET=perhaps"} {
		_, err := parsed(t, []string{entry})
		name, _, _ := strings.Cut(entry, "=")
		assert.ErrorContains(t, err, name)
		assert.Equal(t, ExitError, exitCode(err))
	}
}

func TestRoadFollowsFromProxyOrHost(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		args    []string
		want    pixivoc.ProxyMode
		refused string
	}{
		{"proxy", []string{"--proxy", "http://127.0.0.1:8080"}, pixivoc.ModeProxy, ""},
		{"host", []string{"--host", "i.pximg.net=127.0.0.1"}, pixivoc.ModeIP, ""},
		{"said", []string{"--proxy-mode", "direct", "--host", "i.pximg.net=127.0.0.1"}, pixivoc.ModeDirect, ""},
		{"both", []string{"--proxy", "http://127.0.0.1:8080", "--host", "i.pximg.net=127.0.0.1"}, 0, "--proxy-mode"},
		{"unknown", []string{"--proxy-mode", "3"}, 0, "0 (direct), 1 (proxy), 2 (ip)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, err := parsed(t, nil, c.args...)
			require.NoError(t, err)
			patch, err := a.set.override()
			if c.refused != "" {
				assert.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, *patch.ProxyMode)
		})
	}
}

func TestParseSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30": 30 * time.Second, "0.5": 500 * time.Millisecond, "1m30s": 90 * time.Second, "0": 0, "250ms": 250 * time.Millisecond,
	} {
		got, err := parseSeconds(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "soon", "1 h", "NaN", "1e400", "Inf"} {
		_, err := parseSeconds(text)
		assert.Error(t, err, text)
	}
}

func TestDataFolderFollowsTheSystem(t *testing.T) {
	t.Parallel()
	cases := []struct {
		system  string
		environ map[string]string
		want    string
	}{
		{"linux", map[string]string{"HOME": "/home/u"}, "/home/u/.local/share"},
		{"linux", map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "/x"}, "/x"},
		{"linux", map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "relative"}, "/home/u/.local/share"},
		{"darwin", map[string]string{"HOME": "/Users/u"}, "/Users/u/Library/Application Support"},
		{"windows", map[string]string{"LOCALAPPDATA": "/c/local"}, "/c/local"},
	}
	for _, c := range cases {
		got, err := (&app{environ: c.environ}).userDataFolder(c.system)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	_, err := (&app{}).userDataFolder("linux")
	assert.ErrorContains(t, err, "HOME is not set")
	assert.NotEmpty(t, advice(err))
}
