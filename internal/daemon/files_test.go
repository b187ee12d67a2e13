//go:build unix

package daemon

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTokenFile is the way in of whoever may read the owner's files. A token
// ends with its daemon, or, when that was killed, when the next one begins.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "token")
	begin := func() *process { return start(t, "--demo", "--data", data, "--token-file", file) }
	read := func() string {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.TrimSuffix(string(raw), "\n")
	}
	try := func(p *process, token string) int {
		status, _, _ := p.send(t, request{path: "/api/v1/account", header: http.Header{"Authorization": {"Bearer " + token}}})
		return status
	}
	p := begin()
	about, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), about.Mode())
	first := read()
	assert.Equal(t, http.StatusOK, try(p, first))
	p.signal(t, syscall.SIGKILL)
	p.end(t)
	p = begin()
	second := read()
	assert.Equal(t, http.StatusUnauthorized, try(p, first), "of the daemon that was killed")
	assert.Equal(t, http.StatusOK, try(p, second))
	p.stop(t)
	assert.NoFileExists(t, file)
	require.NoError(t, os.WriteFile(file, []byte("my notes\n"), 0o600))
	p = prepare(t, "--demo", "--data", data, "--token-file", file)
	p.launch(t)
	assert.Equal(t, ExitError, p.end(t))
	assert.Equal(t, "my notes", read())
	require.NoError(t, os.Remove(file))
	p = begin()
	assert.Equal(t, http.StatusUnauthorized, try(p, second), "of the daemon that ended")
	p.stop(t)
	assert.NotContains(t, p.stdout.String()+p.stderr.String(), second)
}

// TestLegacyPage serves a folder as the page of the later HTTP interface, and
// nothing beside it.
func TestLegacyPage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inside, outside := filepath.Join(folder, "page"), filepath.Join(folder, "outside")
	require.NoError(t, os.Mkdir(inside, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(inside, "index.html"), []byte("<p>the page"), 0o644))
	require.NoError(t, os.WriteFile(outside, []byte("canary"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(inside, "link")))
	p := start(t, "--demo", "--legacy-http", "--legacy-static", inside)
	status, body, header := p.send(t, request{path: "/static/index.html"})
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "<p>the page", body)
	assert.Contains(t, header.Get("Content-Type"), "text/html")
	for _, path := range []string{"/static/link", "/static/../outside", "/static/%2e%2e/outside"} {
		_, body, _ = p.send(t, request{path: path})
		assert.NotContains(t, body, "canary", path)
	}
	p.stop(t)
	for want, args := range map[string][]string{
		"give --legacy-http too": {"--legacy-static", inside},
		"no such file":           {"--legacy-http", "--legacy-static", filepath.Join(folder, "absent")},
	} {
		p := prepare(t, append([]string{"--demo"}, args...)...)
		p.launch(t)
		assert.Equal(t, ExitSettings, p.end(t))
		assert.Contains(t, p.stderr.String(), want)
	}
}
