package pixivoc_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

// N15: whatever the redirects, what was meant for one host is shown to no other.
func TestN15_SecretsStayWithTheirHost(t *testing.T) {
	t.Parallel()
	for name, hops := range map[string][]string{
		"another host":                   {"https://other.example.org/"},
		"a host below":                   {"https://sub.www.example.org/a", "https://sub.www.example.org/b"},
		"away and back to another":       {"https://other.example.org/", "https://www.example.org/back", "https://other.example.org/again"},
		"another port of the same host":  {"https://www.example.org:8443/"},
		"a host below by way of another": {"https://other.example.org/", "https://sub.www.example.org/a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hop := 0
				client := newClient(t, pixivoc.Config{Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}, HTTP: road(func(request *http.Request) (*http.Response, error) {
					if request.URL.Host != "www.example.org" {
						for _, field := range []string{"Authorization", "Cookie", "Referer"} {
							if strings.Contains(request.Header.Get(field), "secret") {
								t.Errorf("%s went to %s: %q", field, request.URL, request.Header.Get(field))
							}
						}
					}
					if hop == len(hops) {
						return answer(request, http.StatusOK, "ok"), nil
					}
					response := answer(request, http.StatusFound, "")
					response.Header.Set("Location", hops[hop])
					hop++
					return response, nil
				})})
				request := getRequest(t, "https://www.example.org/list?token=secret")
				request.Header.Set("Cookie", "secret=1")
				request.Header.Set("Authorization", "Bearer secret")
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if hop != len(hops) {
					t.Errorf("%d redirects, want %d", hop, len(hops))
				}
			})
		})
	}
}
