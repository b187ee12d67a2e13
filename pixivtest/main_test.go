package pixivtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc/pixivtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// referer is what the image host wants to see.
const referer = "https://www.pixiv.net/"

// start starts a server that ends with the test.
func start(t *testing.T, config pixivtest.Config) *pixivtest.Server {
	t.Helper()
	s := pixivtest.NewServer(config)
	t.Cleanup(s.Close)
	return s
}

// reply is an answer as a client has it in the end.
type reply struct {
	status  int
	header  http.Header
	body    string
	length  int64
	sendErr error // no answer came
	readErr error // the body broke off
}

// exchange asks and reads everything.
func exchange(t *testing.T, client *http.Client, method, address string, header map[string]string, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	if body == "" {
		r.Body, r.GetBody, r.ContentLength = nil, nil, 0
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		return reply{sendErr: err}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return reply{status: response.StatusCode, header: response.Header, body: string(content), length: response.ContentLength, readErr: err}
}

// fetch gets a picture with the Referer it needs and further header fields.
func fetch(t *testing.T, client *http.Client, address string, header map[string]string) reply {
	t.Helper()
	all := map[string]string{"Referer": referer}
	for name, value := range header {
		all[name] = value
	}
	return exchange(t, client, http.MethodGet, address, all, "")
}

// ask asks the App API with a good token.
func ask(t *testing.T, s *pixivtest.Server, client *http.Client, path string) reply {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + s.AccessToken()}
	return exchange(t, client, http.MethodGet, "https://"+pixivtest.HostAPI+path, header, "")
}

// post asks the token endpoint.
func post(t *testing.T, client *http.Client, form url.Values, header map[string]string) reply {
	t.Helper()
	all := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, value := range header {
		all[name] = value
	}
	return exchange(t, client, http.MethodPost, "https://"+pixivtest.HostOAuth+"/auth/token", all, form.Encode())
}

// both runs a test against the server over sockets and in memory.
func both(t *testing.T, config pixivtest.Config, test func(t *testing.T, s *pixivtest.Server, client *http.Client)) {
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		s := start(t, config)
		test(t, s, s.Client())
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := pixivtest.NewUnstartedServer(config)
		t.Cleanup(s.Close)
		test(t, s, &http.Client{Transport: s.RoundTripper()})
	})
}
