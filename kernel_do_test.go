package pixivoc_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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

// U12, G14: not even a request that waits for its turn already starts after the
// answer that asks for a pause. The road does not say which request it answers,
// as a road of an embedder may do.
func TestU12_NobodyStartsBehindTheLimit(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var starts []time.Time
				site := testSite(new(atomic.Int32))
				judge := site.Judge
				site.Judge = func(response *http.Response, body []byte) error {
					elapse(time.Millisecond) // it takes its time to find out
					return judge(response, body)
				}
				client := newClient(t, pixivoc.Config{Site: site, Env: noPause(), HTTP: road(func(request *http.Request) (*http.Response, error) {
					starts = append(starts, time.Now())
					response := answer(request, http.StatusOK, "ok")
					if len(starts) == 2 {
						response = answer(request, status, "limit 90s")
					}
					response.Request = nil
					return response, nil
				})})
				login(t, client)
				var callers sync.WaitGroup
				for range 5 {
					callers.Go(func() {
						response, err := client.Do(getRequest(t, "https://api.example.org/x"))
						if err != nil {
							t.Errorf("Do: %v", err)
							return
						}
						_ = response.Body.Close()
					})
				}
				callers.Wait()
				if len(starts) != 6 || starts[2].Sub(starts[1]) < 90*time.Second {
					t.Errorf("%d requests, the third %s after the limit", len(starts), starts[2].Sub(starts[1]))
				}
			})
		})
	}
}
