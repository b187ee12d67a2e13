package guard_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/guard"
)

// door is a handler that notes what it was asked to do. Its GET /remove
// changes something.
type door struct{ did []string }

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.did = append(d.did, r.Method+" "+r.URL.Path)
	_, _ = w.Write([]byte("done"))
}

func removal(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/remove") }

// ask sends one request through a guard and returns the answer, and whether
// the door behind it was asked.
func ask(config guard.Config, method, path string, header http.Header, change func(*http.Request)) (*httptest.ResponseRecorder, bool) {
	config.Changes = removal
	behind := &door{}
	r := httptest.NewRequest(method, "http://localhost:13580"+path, nil)
	r.Header = header
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	guard.New(config).Wrap(behind).ServeHTTP(w, r)
	return w, len(behind.did) > 0
}

func askHost(host string, config guard.Config) (int, bool) {
	w, passed := ask(config, http.MethodGet, "/", nil, func(r *http.Request) { r.Host = host })
	return w.Code, passed
}

func TestH1_ForeignHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"evil.example", "evil.example:13580", "", ":13580", ".", "[]", "[",
		"127.0.0.1.evil.example", "127.0.0.1.nip.io:13580", "localhost.evil.example", "evil-localhost", "xlocalhost",
		"0.0.0.0", "0.0.0.0:13580", "[::]", "[::]:13580", // this machine for some systems, but no name of it
		"2130706433", "0x7f000001", "127.1", "0177.0.0.1", "127.0.0.1:80:80", "127.0.0.1:x",
		"203.0.113.9", "[2001:db8::9]:80", "[::ffff:203.0.113.9]", "[localhost]", "[127.0.0.1]",
		"localhost@evil.example", "evil.example#localhost", "evil.example/.localhost", "evil.example?.localhost", "local host",
		"localhost%00.evil.example", "lоcalhost", // the second letter is Cyrillic
	} {
		code, passed := askHost(host, guard.Config{})
		assert.Equal(t, http.StatusMisdirectedRequest, code, host)
		assert.False(t, passed, host)
	}
}

func TestHostsThatAreKnown(t *testing.T) {
	t.Parallel()
	config := guard.Config{Hosts: []string{"Nas.Example.", "203.0.113.9", "box.example:8443", "2001:db8::9"}}
	hosts := []string{
		"localhost", "LOCALHOST", "localhost.", "localhost:13580", "pixivoc.localhost:80",
		"127.0.0.1", "127.0.0.1:13580", "127.9.9.9", "[::1]", "[::1]:13580", "[::ffff:127.0.0.1]:80",
		"nas.example", "NAS.EXAMPLE.:13580", "203.0.113.9:80", "box.example", "[2001:db8::9]:80",
	}
	own, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range own {
		ip := address.(*net.IPNet).IP
		if !ip.IsLinkLocalUnicast() {
			hosts = append(hosts, net.JoinHostPort(ip.String(), "13580"))
		}
	}
	for _, host := range hosts {
		code, passed := askHost(host, config)
		assert.Equal(t, http.StatusOK, code, host)
		assert.True(t, passed, host)
	}
}

func TestH1_ForwardedHostSaysNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host", "X-Forwarded-Server"} {
		header := http.Header{name: {"localhost"}}
		w, passed := ask(guard.Config{}, http.MethodGet, "/", header, func(r *http.Request) { r.Host = "evil.example" })
		assert.Equal(t, http.StatusMisdirectedRequest, w.Code, name)
		assert.False(t, passed, name)
	}
}

// TestH1_OriginEqualsForeignHost is a rebound page: for the browser it talks
// to its own server.
func TestH1_OriginEqualsForeignHost(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
		header := http.Header{"Origin": {"http://evil.example:13580"}, "Sec-Fetch-Site": {"same-origin"}, "Access-Control-Request-Method": {"POST"}}
		w, passed := ask(guard.Config{}, method, "/", header, func(r *http.Request) { r.Host = "evil.example:13580" })
		assert.Equal(t, http.StatusMisdirectedRequest, w.Code, method)
		assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
		assert.False(t, passed, method)
	}
}

// pages are the headers of requests that a page of another origin can make a
// browser send.
func pages() map[string]http.Header {
	return map[string]http.Header{
		"foreign origin":         {"Origin": {"https://evil.example"}},
		"null origin":            {"Origin": {"null"}},
		"empty origin":           {"Origin": {""}},
		"same site, other port":  {"Origin": {"http://localhost:8080"}},
		"other loopback name":    {"Origin": {"http://127.0.0.1:13580"}},
		"own host in the path":   {"Origin": {"http://evil.example/localhost:13580"}},
		"own host as user":       {"Origin": {"http://localhost:13580@evil.example"}},
		"other scheme":           {"Origin": {"chrome-extension://localhost:13580"}},
		"two origins":            {"Origin": {"http://localhost:13580", "https://evil.example"}},
		"fetch cross-site":       {"Sec-Fetch-Site": {"cross-site"}},
		"fetch same-site":        {"Sec-Fetch-Site": {"same-site"}},
		"fetch of another word":  {"Sec-Fetch-Site": {"Same-Origin"}},
		"own origin, cross-site": {"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"same-origin"}},
		"old browser":            {"Referer": {"https://evil.example/page"}},
		"prefetch":               {"Sec-Purpose": {"prefetch;prerender"}, "Sec-Fetch-Site": {"none"}},
		"prefetch of Firefox":    {"X-Moz": {"prefetch"}},
		"prefetch of old Chrome": {"Purpose": {"prefetch"}},
		"preview of old Safari":  {"X-Purpose": {"preview"}},
	}
}

func TestH2_PagesChangeNothing(t *testing.T) {
	t.Parallel()
	for name, header := range pages() {
		for _, request := range [][2]string{
			{http.MethodPost, "/add"}, {http.MethodDelete, "/tasks/1"}, {http.MethodPatch, "/env"}, {"post", "/add"},
			{http.MethodGet, "/remove/1"}, {http.MethodHead, "/remove/1"}, {http.MethodOptions, "/remove/1"},
		} {
			w, passed := ask(guard.Config{}, request[0], request[1], header.Clone(), nil)
			assert.Equal(t, http.StatusForbidden, w.Code, "%s: %v", name, request)
			assert.False(t, passed, "%s: %v", name, request)
			assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"), name)
		}
	}
}

func TestH2_OthersAreUnaffected(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"curl":              {"User-Agent": {"curl/8"}, "Accept": {"*/*"}},
		"own page":          {"Origin": {"http://localhost:13580"}, "Sec-Fetch-Site": {"same-origin"}},
		"own page, by TLS":  {"Origin": {"https://localhost:13580"}}, // a proxy in front ended TLS
		"address bar":       {"Sec-Fetch-Site": {"none"}},
		"own page, old":     {"Referer": {"http://localhost:13580/"}},
		"own page, no more": {"Sec-Fetch-Site": {"same-origin"}},
	} {
		for _, request := range [][2]string{{http.MethodPost, "/add"}, {http.MethodGet, "/remove/1"}, {http.MethodGet, "/tasks"}} {
			w, passed := ask(guard.Config{}, request[0], request[1], header.Clone(), nil)
			assert.Equal(t, http.StatusOK, w.Code, "%s: %v", name, request)
			assert.True(t, passed, name)
		}
	}
}

func TestH2_PlainPageIsNotTheTLSDoor(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]int{"http://localhost:13580": http.StatusForbidden, "https://localhost:13580": http.StatusOK} {
		w, _ := ask(guard.Config{}, http.MethodPost, "/add", http.Header{"Origin": {origin}},
			func(r *http.Request) { r.TLS = &tls.ConnectionState{} })
		assert.Equal(t, want, w.Code, origin)
	}
}

// TestForeignPagesMayAskButNotRead: a GET that changes nothing is answered, and
// the browser keeps the answer from the page.
func TestForeignPagesMayAskButNotRead(t *testing.T) {
	t.Parallel()
	w, passed := ask(guard.Config{}, http.MethodGet, "/tasks", http.Header{"Origin": {"https://evil.example"}}, nil)
	assert.True(t, passed)
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "same-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Contains(t, w.Header().Values("Vary"), "Origin")
}

func TestConfiguredOrigins(t *testing.T) {
	t.Parallel()
	config := guard.Config{Origins: []string{"http://localhost:8080/", "https://Pages.example"}}
	for origin, want := range map[string]bool{
		"http://localhost:8080":     true,
		"https://pages.example":     true,
		"http://pages.example":      false,
		"https://pages.example:444": false,
		"https://a.pages.example":   false,
		"http://localhost:8081":     false,
		"null":                      false,
	} {
		for _, request := range [][2]string{{http.MethodPost, "/add"}, {http.MethodGet, "/remove/1"}} {
			header := http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"cross-site"}}
			w, passed := ask(config, request[0], request[1], header, nil)
			assert.Equal(t, want, passed, origin)
			if want {
				assert.Equal(t, origin, w.Header().Get("Access-Control-Allow-Origin"))
			} else {
				assert.Equal(t, http.StatusForbidden, w.Code, origin)
				assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
			}
			assert.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"), "cookies are never shared")
		}
	}
	w, passed := ask(config, http.MethodGet, "/remove/1", http.Header{"Referer": {"https://pages.example/tasks?x"}}, nil)
	assert.True(t, passed, w.Body)
}

func TestEveryOrigin(t *testing.T) {
	t.Parallel()
	config := guard.Config{Origins: []string{"*"}}
	w, passed := ask(config, http.MethodPost, "/add", http.Header{"Origin": {"https://any.example"}, "Sec-Fetch-Site": {"cross-site"}}, nil)
	assert.True(t, passed)
	assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	_, passed = ask(config, http.MethodPost, "/add", nil, func(r *http.Request) { r.Host = "evil.example" })
	assert.False(t, passed, "the host is checked all the same")
}

func TestH3_Preflight(t *testing.T) {
	t.Parallel()
	header := func(origin string) http.Header {
		return http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"DELETE"},
			"Access-Control-Request-Headers": {"authorization"}, "Access-Control-Request-Private-Network": {"true"},
		}
	}
	config := guard.Config{Origins: []string{"https://pages.example"}}
	for _, origin := range []string{"https://evil.example", "null", "http://localhost:8080"} {
		w, passed := ask(config, http.MethodOptions, "/remove/1", header(origin), nil)
		assert.False(t, passed, "the door never sees a preflight")
		for name := range w.Header() {
			assert.NotContains(t, name, "Access-Control-Allow", origin)
		}
	}
	w, passed := ask(config, http.MethodOptions, "/remove/1", header("https://pages.example"), nil)
	assert.False(t, passed)
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "https://pages.example", w.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "DELETE", w.Header().Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "authorization", w.Header().Get("Access-Control-Allow-Headers"))
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Private-Network"))
	assert.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
}

func TestRefusalInTheFormOfTheDoor(t *testing.T) {
	t.Parallel()
	config := guard.Config{Refuse: func(w http.ResponseWriter, _ *http.Request, status int, reason string) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":"` + reason + `"}`))
	}}
	w, _ := ask(config, http.MethodPost, "/add", http.Header{"Origin": {"null"}}, nil)
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Contains(t, w.Body.String(), `{"error":"a page of another origin`)
}
