package console_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/console"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func get(t *testing.T, method, path, host string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	handler, err := console.New(console.Config{Hosts: []string{"nas.test"}})
	require.NoError(t, err)
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	request.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestConsole_ServesItsFilesOnly(t *testing.T) {
	t.Parallel()
	page := get(t, "GET", "/", "localhost")
	assert.Equal(t, http.StatusOK, page.Code)
	assert.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", page.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, http.StatusNotModified, get(t, "GET", "/", "localhost", "If-None-Match", page.Header().Get("ETag")).Code)
	assert.Equal(t, "text/javascript; charset=utf-8", get(t, "GET", "/js/main.js", "nas.test").Header().Get("Content-Type"))
	for _, path := range []string{"/js/", "/js", "/assets/index.html", "/index.html", "/console.go", "/..%2fconsole.go", "/%2e%2e/console.go", "//", "/x"} {
		assert.Equal(t, http.StatusNotFound, get(t, "GET", path, "localhost").Code, path)
	}
	refused := get(t, "POST", "/", "localhost")
	assert.Equal(t, http.StatusMethodNotAllowed, refused.Code)
	assert.Equal(t, "GET, HEAD", refused.Header().Get("Allow"))
}

func TestH1_ForeignHost(t *testing.T) {
	t.Parallel()
	assert.Equal(t, http.StatusMisdirectedRequest, get(t, "GET", "/", "evil.test").Code)
}

// TestH11_PolicyLetsNothingInline also holds the files to it.
func TestH11_PolicyLetsNothingInline(t *testing.T) {
	t.Parallel()
	policy := get(t, "GET", "/", "localhost").Header().Get("Content-Security-Policy")
	assert.True(t, strings.HasPrefix(policy, "default-src 'none';"))
	for _, hole := range []string{"unsafe", "*", "data:", "blob:", "http"} {
		assert.NotContains(t, policy, hole)
	}
	inline := regexp.MustCompile(`(?i)<script>|<style|\sstyle\s*=\s*"|\son[a-z]+\s*=\s*"`)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment`)
	outside := regexp.MustCompile(`https?://[^\s"']+`)
	eachAsset(t, func(name, text string) {
		assert.Empty(t, inline.FindAllString(text, -1), name)
		assert.Empty(t, markup.FindAllString(text, -1), name)
		for _, address := range outside.FindAllString(text, -1) {
			assert.Equal(t, "http://www.w3.org/2000/svg", address, name) // a name, not a place
		}
		assert.Less(t, strings.Count(text, "\n"), 500, name)
	})
}

func eachAsset(t *testing.T, do func(name, text string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		do(filepath.ToSlash(name), string(text))
		return err
	}))
}

func words(t *testing.T, language string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("assets/words/" + language + ".json")
	require.NoError(t, err)
	var words map[string]string
	require.NoError(t, json.Unmarshal(text, &words))
	return words
}

// TestWords_AreThereInBothLanguages also wants every word that the pages use,
// and the same places for values.
func TestWords_AreThereInBothLanguages(t *testing.T) {
	t.Parallel()
	english, chinese := words(t, "en"), words(t, "zh")
	assert.Equal(t, slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(chinese)))
	place := regexp.MustCompile(`\{\w+\}`)
	for key, text := range english {
		want, got := place.FindAllString(text, -1), place.FindAllString(chinese[key], -1)
		slices.Sort(want)
		slices.Sort(got)
		assert.Equal(t, want, got, key)
		assert.Equal(t, text == "", chinese[key] == "", key)
	}
	for _, kind := range pixiv.Types() {
		assert.NotEmpty(t, english["type."+kind.Name], "type.%s", kind.Name)
		for _, stage := range kind.Stages {
			assert.NotEmpty(t, english["stage."+stage.Stage.Name()], "stage.%s", stage.Stage.Name())
		}
	}
	used := regexp.MustCompile(`\bt\("([^"]+)"`)
	eachAsset(t, func(name, text string) {
		for _, match := range used.FindAllStringSubmatch(text, -1) {
			assert.Contains(t, english, match[1], name)
		}
	})
}
