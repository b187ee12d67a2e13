//go:build unix

package daemon

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestG15_NoSecretComesOut runs the real thing, not the demo, with a proxy that
// is not there, gives it secrets in every place that takes one, and looks for
// them in all that comes out.
func TestG15_NoSecretComesOut(t *testing.T) {
	t.Parallel()
	const (
		proxyPassword = "canary-proxy-password"
		ownPassword   = "canary-own-password"
		refreshToken  = "canary-refresh-token-of-43-characters-00001"
	)
	data := t.TempDir()
	config := writeFile(t, "pixivoc.toml", `proxy = "http://user:`+proxyPassword+`@127.0.0.1:1"`+"\ntimeout = 2\n", 0o600)
	p := prepare(t, "--data", data, "--config", config, "--metrics")
	p.command.Env = append(p.command.Env, "PIXIVOC_PASSWORD="+ownPassword)
	p.launch(t)
	p.await(t)
	token, status := login(t, p, ownPassword)
	require.Equal(t, http.StatusCreated, status)
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	var answers strings.Builder
	for _, q := range []request{
		{method: http.MethodPost, path: "/api/v1/account/login", body: `{"refresh_token":"` + refreshToken + `"}`, header: bearer.Clone()},
		{path: "/api/v1/environment", header: bearer.Clone()},
		{path: "/api/v1/account", header: bearer.Clone()},
		{path: "/api/v1/tasks?token=" + token, header: bearer.Clone()},
		{path: "/metrics", header: bearer.Clone()},
		{path: "/api/v1/tasks", header: http.Header{"Authorization": {"Bearer " + token + "x"}}},
		{method: http.MethodPost, path: "/api/v1/session", body: `{"name":"admin","password":"` + ownPassword + `x"}`},
	} {
		_, body, header := p.send(t, q)
		answers.WriteString(body)
		for _, values := range header {
			answers.WriteString(strings.Join(values, "\n"))
		}
	}
	p.stop(t)
	for name, text := range map[string]string{"answers": answers.String(), "output": p.stdout.String(), "log": p.stderr.String()} {
		for _, secret := range []string{proxyPassword, ownPassword, refreshToken, token} {
			assert.NotContains(t, text, secret, name)
		}
	}
	assert.NotContains(t, p.stdout.String(), "shown again", "nobody needs a password that was made")
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(data, entry.Name()))
		require.NoError(t, err)
		for _, secret := range []string{proxyPassword, ownPassword, refreshToken, token} {
			assert.NotContains(t, string(raw), secret, entry.Name())
		}
	}
}
