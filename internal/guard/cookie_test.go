package guard_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pixivoc/pixivoc/internal/guard"
)

// TestH2_CookiesAreOfOwnPages: a browser sends the cookie of a door to all
// ports of its host, so an allowed origin would act with the login of the
// person at the console.
func TestH2_CookiesAreOfOwnPages(t *testing.T) {
	t.Parallel()
	config := guard.Config{Origins: []string{"http://localhost:8080"}}
	for name, c := range map[string]struct {
		header http.Header
		sees   bool
	}{
		"program":               {http.Header{}, true},
		"own page":              {http.Header{"Origin": {"http://localhost:13580"}, "Sec-Fetch-Site": {"same-origin"}}, true},
		"own page, old browser": {http.Header{"Referer": {"http://localhost:13580/"}}, true},
		"own page behind TLS":   {http.Header{"Origin": {"https://localhost:13580"}}, true},
		"allowed":               {http.Header{"Origin": {"http://localhost:8080"}, "Sec-Fetch-Site": {"same-site"}}, false},
		"allowed, old browser":  {http.Header{"Referer": {"http://localhost:8080/page"}}, false},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			cookie, passed := "", false
			door := guard.New(config).Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				cookie, passed = r.Header.Get("Cookie"), true
				assert.Equal(t, "Bearer t", r.Header.Get("Authorization"), name)
			}))
			r := httptest.NewRequest(method, "http://localhost:13580/", nil)
			r.Header = c.header.Clone()
			r.Header.Set("Cookie", "session=s")
			r.Header.Set("Authorization", "Bearer t")
			door.ServeHTTP(httptest.NewRecorder(), r)
			assert.True(t, passed, "%s %s", name, method)
			assert.Equal(t, c.sees, cookie != "", "%s %s", name, method)
		}
	}
}
