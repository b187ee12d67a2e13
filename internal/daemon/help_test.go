package daemon

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//nolint:gochecknoglobals // a flag of the test
var update = flag.Bool("update", false, "write the tables of the settings into docs/")

func TestHelp(t *testing.T) {
	t.Parallel()
	var out, complaints bytes.Buffer
	assert.Equal(t, ExitOrderly, Run(t.Context(), []string{"--help"}, &out, &complaints, nil))
	assert.Empty(t, complaints.String())
	for _, row := range schema(defaults(nil)) {
		assert.Contains(t, out.String(), "\n  --"+row.name, row.name)
	}
	assert.Contains(t, out.String(), "(127.0.0.1:13575)")
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, len(line), helpWidth+1, line)
	}
}

// TestPrintConfig reads back what was printed: the settings are the same, and
// the password of the proxy is not in it.
func TestPrintConfig(t *testing.T) {
	t.Parallel()
	environ := []string{"HOME=/home/x", "PIXIVOC_CONCURRENCY=7", "PIXIVOC_PASSWORD=canary-password"}
	args := []string{"--print-config", "--save-root", `/with "quotes" and \`, "--proxy", "http://user:hunter2@127.0.0.1:1", "--allowed-host", "a,b", "--interval=1.5"}
	var out, complaints bytes.Buffer
	require.Equal(t, ExitOrderly, Run(t.Context(), args, &out, &complaints, environ), complaints.String())
	text := out.String()
	assert.Contains(t, text, `interval = "1.5s" # --interval`)
	assert.Contains(t, text, `concurrency = 7 # PIXIVOC_CONCURRENCY`)
	assert.Contains(t, text, "# timeout: the saved value")
	assert.Contains(t, text, `data = "/home/x/`)
	assert.NotContains(t, text, "hunter2")
	assert.NotContains(t, text, "canary-password")

	c, err := loadText(t, nil, nil, text)
	require.NoError(t, err)
	assert.Equal(t, []string{`/with "quotes" and \`}, c.settings.SaveRoots)
	assert.Equal(t, []string{"a", "b"}, c.settings.AllowedHosts)
	assert.Equal(t, 7, c.settings.Concurrency)
	assert.Contains(t, c.settings.source["concurrency"], "pixivoc.toml:")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	assert.Equal(t, ExitOrderly, Run(t.Context(), []string{"--version"}, &out, &out, nil))
	assert.Regexp(t, `^pixivoc server \S+ go1\.`, out.String())
}

func TestWrongSettingEndsWithItsCode(t *testing.T) {
	t.Parallel()
	var out, complaints bytes.Buffer
	assert.Equal(t, ExitSettings, Run(t.Context(), []string{"--concurrency=99"}, &out, &complaints, nil))
	assert.Empty(t, out.String())
	assert.Equal(t, "pixivoc: --concurrency: 99 is not between 1 and 64\n         See: --help\n", complaints.String())
}

// TestDocumentedTable holds the tables in the documents to the schema.
// go test ./internal/daemon -run Documented -update writes them.
func TestDocumentedTable(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]string{
		"../../docs/daemon.md":       markdown(func(w words) string { return w.english }, "Setting", "Value", "Default", "What it does"),
		"../../docs/daemon.zh-CN.md": markdown(func(w words) string { return w.chinese }, "设置", "取值", "默认值", "作用"),
	} {
		const begin, end = "<!-- settings -->\n", "<!-- /settings -->\n"
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		before, rest, ok := strings.Cut(string(raw), begin)
		require.True(t, ok, name)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok, name)
		want := before + begin + table + end + after
		if *update {
			require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
			continue
		}
		assert.Equal(t, want, string(raw), "%s is not what the schema says; go test ./internal/daemon -run Documented -update", name)
	}
}

// markdown writes the settings as a table.
func markdown(in func(words) string, heads ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|---|---|---|---|\n", strings.Join(heads, " | "))
	cell := func(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
	for _, row := range schema(defaults(nil)) {
		standard := in(row.standard)
		if standard == "" {
			standard = standardText(row)
		}
		if row.standard == (words{}) && standard != "" {
			standard = "`" + standard + "`"
		}
		argument := ""
		if row.argument != "" {
			argument = "`" + row.argument + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row.name, cell(argument), cell(standard), cell(in(row.text)))
	}
	return b.String()
}

// TestPackagedFile reads the example of a file, also with all its comments
// taken for settings.
func TestPackagedFile(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../packaging/pixivoc.toml")
	require.NoError(t, err)
	_, err = load(nil, nil)
	require.NoError(t, err)
	_, err = loadText(t, nil, nil, string(raw))
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(raw)) {
		if setting := strings.TrimPrefix(line, "# "); strings.Contains(setting, " = ") {
			lines = append(lines, setting)
		}
	}
	assert.Greater(t, len(lines), 8)
	s := defaults(nil)
	require.NoError(t, s.readTOML("pixivoc.toml", []byte(strings.Join(lines, "")), schema(s)))
}
