package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
)

// loadText reads settings from flags, variables, and a file with that text.
func loadText(t *testing.T, args []string, environ map[string]string, file string) (*command, error) {
	t.Helper()
	variables := map[string]string{"HOME": t.TempDir()}
	for name, value := range environ {
		variables[name] = value
	}
	if file != "" {
		args = append([]string{"--config", writeFile(t, "pixivoc.toml", file, 0o600)}, args...)
	}
	c, err := load(args, variables)
	if err == nil && !c.help && !c.version {
		err = c.settings.complete()
	}
	return c, err
}

func writeFile(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, []byte(text), mode))
	require.NoError(t, os.Chmod(name, mode)) // whatever the umask
	return name
}

// example is a value of each kind of setting in its three forms.
type example struct{ flag, variable, file string }

// examples returns values for a setting which differ from each other.
func examples(row setting) example {
	switch v := row.value.(type) {
	case switchValue:
		on := fmt.Sprint(!*v.target)
		return example{on, on, on}
	case numberValue:
		return example{fmt.Sprint(v.least + 7), fmt.Sprint(v.least + 8), fmt.Sprint(v.least + 9)}
	case timeValue:
		return example{"41s", "42", `"43s"`}
	}
	values := map[string]example{
		"socket":         {"127.0.0.1:1", "127.0.0.1:2", `"127.0.0.1:3"`},
		"http":           {"127.0.0.1:4", "127.0.0.1:5", `"127.0.0.1:6"`},
		"allowed-origin": {"http://a.example", "http://b.example", `["http://c.example"]`},
		"allowed-host":   {"a.example", "b.example", `["c.example"]`},
		"trusted-proxy":  {"10.0.0.1", "10.0.0.2", `["10.0.0.0/8"]`},
		"webhook-allow":  {"a:1", "b:2", `["c:3"]`},
		"save-root":      {"/a", "/b", `["/c"]`},
		"proxy-mode":     {"direct", "proxy", `"ip"`},
		"proxy":          {"http://a.example:1", "http://b.example:2", `"http://c.example:3"`},
		"host":           {"a.example=192.0.2.1", "b.example=192.0.2.2", `["c.example=192.0.2.3"]`},
		"log-level":      {"debug", "warn", `"error"`},
		"log-format":     {"json", "json", `"json"`},
	}
	if example, ok := values[row.name]; ok {
		return example
	}
	return example{"/flag", "/variable", `"/file"`}
}

// TestPrecedence gives every setting in each place alone and in all places
// together: the stronger one wins.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	for i, row := range schema(defaults(nil)) {
		give := examples(row)
		environ := map[string]string{variable(row.name): give.variable}
		file := row.name + " = " + give.file + "\n"
		args := []string{"--" + row.name + "=" + give.flag}
		read := func(args []string, environ map[string]string, file string) (text, source string) {
			if file != "" {
				args = append(args, "--config", writeFile(t, "pixivoc.toml", file, 0o600))
			}
			c, err := load(args, environ)
			require.NoError(t, err, row.name)
			return schema(c.settings)[i].value.toml(), c.settings.source[row.name]
		}
		standard, source := read(nil, nil, "")
		assert.Empty(t, source, row.name)
		fromFile, source := read(nil, nil, file)
		assert.True(t, strings.HasSuffix(source, "pixivoc.toml:1"), "%s: %s", row.name, source)
		fromVariable, source := read(nil, environ, "")
		assert.Equal(t, variable(row.name), source)
		fromFlag, source := read(args, nil, "")
		assert.Equal(t, "--"+row.name, source)
		for _, text := range []string{fromFile, fromVariable, fromFlag} {
			assert.NotEqual(t, standard, text, row.name)
		}

		both, _ := read(nil, environ, file)
		assert.Equal(t, fromVariable, both, "%s: a variable wins over the file", row.name)
		all, source := read(args, environ, file)
		assert.Equal(t, fromFlag, all, "%s: a flag wins over all", row.name)
		assert.Equal(t, "--"+row.name, source)
		empty, _ := read(nil, map[string]string{variable(row.name): ""}, file)
		assert.Equal(t, fromFile, empty, "%s: an empty variable says nothing", row.name)
	}
}

// TestNamesOfTheSettings holds the names that others rely on.
func TestNamesOfTheSettings(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, row := range schema(defaults(nil)) {
		assert.False(t, names[row.name], "%s twice", row.name)
		names[row.name] = true
		assert.NotEmpty(t, row.text.english, row.name)
		assert.NotEmpty(t, row.text.chinese, row.name)
		assert.Contains(t, groups(), row.group, row.name)
		assert.LessOrEqual(t, len(row.name)+len(row.argument), 30, row.name)
	}
	for _, name := range []string{
		"data", "save-root", "socket", "http", "legacy-http", "password-file", "allowed-origin", "allowed-host", "webhook-allow",
		"demo", "ready-file", "access-token-life", "proxy-mode", "proxy", "host", "concurrency", "interval", "timeout",
		"no-sync", "sha256", "log-level",
	} {
		assert.True(t, names[name], name)
	}
	s := defaults(nil)
	assert.Equal(t, "127.0.0.1:13575", s.Socket)
	assert.Equal(t, "127.0.0.1:13580", s.HTTP)
}

func TestForms(t *testing.T) {
	t.Parallel()
	c, err := loadText(t, []string{
		"-demo", "--socket=", "-http", "127.0.0.1:0", "--save-root", "/a", "--save-root=/b:/c", "--allowed-host=a,b c",
		"--timeout", "90", "--interval=1.5", "--access-token-life=1h30m", "--auto-start=false",
	}, map[string]string{"PIXIVOC_WEBHOOK_ALLOW": "a:1,b:2"}, "concurrency = 5\nshutdown-timeout = 2.5\nsha256 = true\n")
	require.NoError(t, err)
	s := c.settings
	assert.True(t, s.Demo)
	assert.Empty(t, s.Socket)
	assert.Equal(t, []string{"/a", "/b", "/c"}, s.SaveRoots)
	assert.Equal(t, []string{"a", "b", "c"}, s.AllowedHosts)
	assert.Equal(t, []string{"a:1", "b:2"}, s.WebhookAllow)
	assert.Equal(t, 90*time.Second, s.Timeout)
	assert.Equal(t, 1500*time.Millisecond, s.Interval)
	assert.Equal(t, 90*time.Minute, s.AccessTokenLife)
	assert.Equal(t, 2500*time.Millisecond, s.ShutdownTimeout)
	assert.False(t, s.AutoStart)
	assert.True(t, s.SHA256)
	assert.Equal(t, 5, s.Concurrency)
}

// TestP8_BrokenSettings: an error names the place, the line and the setting.
func TestP8_BrokenSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		args    []string
		environ map[string]string
		file    string
		want    string // regular expression
	}{
		{name: "not TOML", file: "data = \n", want: `pixivoc\.toml:1:\d+: .`},
		{name: "not closed", file: "\n\nsocket = \"x\n", want: `pixivoc\.toml:3:\d+: .`},
		{name: "JSON", file: `{"data": "x"}`, want: `pixivoc\.toml:1:\d+: .`},
		{name: "twice", file: "http = \"a:1\"\nhttp = \"a:2\"\n", want: `pixivoc\.toml:2:\d+: .*http`},
		{name: "unknown key", file: "# c\ndata = \"/d\"\nsokcet = \"a:1\"\n", want: `pixivoc\.toml:3: sokcet: there is no such setting`},
		{name: "table", file: "demo = true\n[server]\nhttp = \"a:1\"\n", want: `pixivoc\.toml:2: server: there is no such setting`},
		{name: "dotted key", file: "http.address = \"a:1\"\n", want: `pixivoc\.toml:1: http: is a table, want an address`},
		{name: "underscore", file: "save_root = [\"/a\"]\n", want: `pixivoc\.toml:1: save_root: there is no such setting`},
		{name: "number for text", file: "http = 13580\n", want: `pixivoc\.toml:1: http: is a whole number, want an address`},
		{name: "text for number", file: "\nconcurrency = \"3\"\n", want: `pixivoc\.toml:2: concurrency: is a text, want a whole number`},
		{name: "text for switch", file: "metrics = \"yes\"\n", want: `pixivoc\.toml:1: metrics: is a text, want true or false`},
		{name: "text for list", file: "save-root = \"/a\"\n", want: `pixivoc\.toml:1: save-root: is a text, want a list of texts`},
		{name: "number in list", file: "allowed-host = [\"a\", 1]\n", want: `pixivoc\.toml:1: allowed-host: is a whole number, want a list of texts`},
		{name: "date", file: "timeout = 2026-11-01\n", want: `pixivoc\.toml:1: timeout: is a date or time, want a time`},
		{name: "value in the file", file: "\n\n\nlog-level = \"loud\"\n", want: `pixivoc\.toml:4: log-level: "loud" is not one of debug, info, warn, error`},
		{name: "out of bounds", file: "concurrency = 65\n", want: `pixivoc\.toml:1: concurrency: 65 is not between 1 and 64`},
		{name: "infinite", file: "timeout = inf\n", want: `pixivoc\.toml:1: timeout: \+Inf s is not between`},
		{name: "not a number", file: "timeout = nan\n", want: `pixivoc\.toml:1: timeout: NaN s is not between`},
		{name: "weaker but wrong", file: "concurrency = 0\n", args: []string{"--concurrency=3"}, want: `pixivoc\.toml:1: concurrency: 0 is not between`},
		{name: "no file", args: []string{"--config", "/none/pixivoc.toml"}, want: `config file: open /none/pixivoc.toml: no such file`},
		{name: "folder", args: []string{"--config", "/"}, want: `config file: read /: is a directory`},
		{name: "variable", environ: map[string]string{"PIXIVOC_HTTP": "13580"}, want: `^PIXIVOC_HTTP: "13580" is not an address`},
		{name: "port", args: []string{"--http", "127.0.0.1:65536"}, want: `^--http: port "65536" is not a number from 0 to 65535`},
		{name: "named port", args: []string{"--http", "127.0.0.1:http"}, want: `^--http: port "http" is not a number`},
		{name: "time", args: []string{"--timeout", "soon"}, want: `^--timeout: "soon" is not a time`},
		{name: "switch", args: []string{"--demo=maybe"}, want: `^--demo: "maybe" is neither true nor false`},
		{name: "origin", args: []string{"--allowed-origin", "localhost:8080"}, want: `^--allowed-origin: "localhost:8080" is not an origin`},
		{name: "origin with path", args: []string{"--allowed-origin", "http://a/b"}, want: `^--allowed-origin: "http://a/b" is more than an origin`},
		{name: "host", args: []string{"--allowed-host", "http://a"}, want: `^--allowed-host: "http://a" is not the name of a host`},
		{name: "webhook", args: []string{"--webhook-allow", "a"}, want: `^--webhook-allow: "a" is not of the form host:port`},
		{name: "trusted proxy", args: []string{"--trusted-proxy", "nginx"}, want: `^--trusted-proxy: "nginx" is neither an address nor a network`},
		{name: "road", args: []string{"--proxy-mode", "3"}, want: `^--proxy-mode: "3" is not one of 0 \(direct\)`},
		{name: "proxy", args: []string{"--proxy", "ftp://a"}, want: `^--proxy: `},
		{name: "host entry", args: []string{"--host", "i.pximg.net"}, want: `^--host: `},
		{name: "two roads", args: []string{"--proxy", "http://a:1", "--host", "a.example=192.0.2.1"}, want: `--proxy and --host want different roads`},
		{name: "road of a demo", args: []string{"--demo", "--proxy", "http://a:1"}, want: `^--proxy: a demo has its own road`},
		{name: "no doors", args: []string{"--http=off", "--socket="}, want: `--http: is off, and --socket too`},
		{name: "half of TLS", args: []string{"--tls-cert", "c.pem"}, want: `tls-cert and tls-key: give both or none`},
		{name: "unknown flag", args: []string{"--sockets", "x"}, want: `^--sockets: there is no such flag`},
		{name: "no value", args: []string{"--http"}, want: `^--http: wants a value`},
		{name: "argument", args: []string{"start"}, want: `^"start": no arguments are wanted`},
		{name: "no home", environ: map[string]string{"HOME": ""}, want: `^data: there is no folder for it`},
		{name: "two passwords", args: []string{"--password-file", "x"}, environ: map[string]string{"PIXIVOC_PASSWORD": "y"}, want: `--password-file: PIXIVOC_PASSWORD is set too`},
	} {
		_, err := loadText(t, test.args, test.environ, test.file)
		require.Error(t, err, test.name)
		assert.Regexp(t, test.want, err.Error(), test.name)
		var usage *usageError
		assert.ErrorAs(t, err, &usage, test.name)
	}
}

// TestP8_SecretFiles: what every user of the machine can read is no secret.
func TestP8_SecretFiles(t *testing.T) {
	t.Parallel()
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o644: false, 0o604: false, 0o602: false} {
		name := writeFile(t, "password", "secret\n", mode)
		c, err := loadText(t, []string{"--password-file", name}, nil, "")
		if good {
			require.NoError(t, err, mode)
			assert.Equal(t, "secret", c.settings.password, "without the line break")
			continue
		}
		require.ErrorContains(t, err, "every user can read or change it", mode)
		require.ErrorContains(t, err, "chmod 600 "+name, mode)
	}
	key := writeFile(t, "key.pem", "x", 0o644)
	_, err := loadText(t, []string{"--tls-cert", key, "--tls-key", key}, nil, "")
	require.ErrorContains(t, err, "--tls-key: "+key+": every user")

	open := writeFile(t, "open.toml", `proxy = "http://user:hunter2@127.0.0.1:1"`, 0o644)
	_, err = loadText(t, []string{"--config", open}, nil, "")
	require.ErrorContains(t, err, "it holds the password of the proxy")
	assert.NotContains(t, err.Error(), "hunter2")
	open = writeFile(t, "open.toml", `proxy = "http://127.0.0.1:1"`, 0o644)
	_, err = loadText(t, []string{"--config", open}, nil, "")
	require.NoError(t, err, "without a secret in it everybody may read it")

	for text, want := range map[string]string{"": "is empty", "\n": "is empty", "a\nb\n": "has more than one line"} {
		_, err = loadText(t, []string{"--password-file", writeFile(t, "password", text, 0o600)}, nil, "")
		assert.ErrorContains(t, err, want, "%q", text)
	}
}

func TestEnvPatch(t *testing.T) {
	t.Parallel()
	c, err := loadText(t, nil, nil, "")
	require.NoError(t, err)
	patch, err := c.settings.patch()
	require.NoError(t, err)
	assert.Equal(t, pixivoc.EnvPatch{}, patch, "what nobody gave changes nothing")

	c, err = loadText(t, []string{"--proxy", "socks5://127.0.0.1:1080", "--timeout=9s", "--interval=0", "--concurrency=4"}, nil, "")
	require.NoError(t, err)
	patch, err = c.settings.patch()
	require.NoError(t, err)
	env, err := pixivoc.DefaultEnv().Apply(patch)
	require.NoError(t, err)
	assert.Equal(t, pixivoc.ModeProxy, env.ProxyMode, "a proxy means that road")
	assert.Equal(t, "socks5://127.0.0.1:1080", env.Proxy)
	assert.Equal(t, 9*time.Second, env.Timeout)
	assert.Equal(t, time.Duration(0), env.IntervalTime)
	assert.Equal(t, 4, env.ConcurrencyNumber)

	c, err = loadText(t, []string{"--host", "i.pximg.net=192.0.2.1"}, nil, `proxy-mode = "direct"`)
	require.NoError(t, err)
	patch, err = c.settings.patch()
	require.NoError(t, err)
	assert.Equal(t, pixivoc.ModeDirect, *patch.ProxyMode, "what was said goes before what is meant")
}
