package cli

import (
	"bufio"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivtest"
)

var (
	loginAddress = regexp.MustCompile(`https://app-api\.pixiv\.net/web/v1/login\S+`)
	pageLink     = regexp.MustCompile(`href="([^"]+)"`)
)

// browse does what a person does with the address of the login page, and
// returns the address at which the browser is stuck in the end.
func browse(t *testing.T, site *pixivtest.Server, address string) string {
	t.Helper()
	browser := site.Client()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get := func(address string) (*http.Response, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		response, err := browser.Do(request)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		page, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response, string(page)
	}
	_, page := get(address)
	link := pageLink.FindStringSubmatch(page)
	require.NotNil(t, link, page)
	response, _ := get(link[1])
	return response.Header.Get("Location")
}

// TestBrowserLogin plays the whole login: the address that the program shows,
// the page behind it, and the callback pasted back.
func TestBrowserLogin(t *testing.T) {
	t.Parallel()
	site := pixivtest.NewServer(pixivtest.Config{Account: pixivtest.Account{ID: 12, Name: "Kaede", Account: "kaede"}})
	t.Cleanup(site.Close)
	typed, keyboard := io.Pipe()
	shown, screen := io.Pipe()
	out := new(safeBuffer)
	a := &app{stdin: typed, stdout: out, console: newConsole(screen), environ: map[string]string{}}
	hosts, err := demoHosts(site)
	require.NoError(t, err)
	s, err := a.openFolder(t.Context(), t.TempDir(), pixivoc.Config{
		Env:       pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeIP), Hosts: &hosts},
		Transport: pixivoc.TransportConfig{RootCAs: site.CertPool()},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.close(t.Context())) })

	done := make(chan error, 1)
	go func() { done <- a.browserLogin(t.Context(), s.client) }()
	lines := bufio.NewReader(shown)
	address := ""
	for address == "" {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		address = loginAddress.FindString(line)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	_, err = io.WriteString(keyboard, "  "+browse(t, site, address)+"  \n")
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.NoError(t, screen.Close())
	assert.Equal(t, "Logged in as Kaede (kaede), id 12.\n", out.String())
	account, err := s.client.Account()
	require.NoError(t, err)
	assert.Equal(t, "12", account.ID)
}
