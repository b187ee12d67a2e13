package pixivoc_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

// gallery is a site that takes the token "secret" and nothing else.
func gallery() pixivoc.Site {
	return pixivoc.Site{
		Name:  "gallery",
		Hosts: []string{"gallery.example"},
		Authorize: func(request *http.Request, _ pixivoc.Token) {
			request.Header.Set("Authorization", "Bearer secret")
		},
	}
}

func TestRoundTripper_GoesThroughTheClient(t *testing.T) {
	t.Parallel()
	var bodies []string
	client := newClient(t, pixivoc.Config{Site: gallery(), HTTP: road(func(request *http.Request) (*http.Response, error) {
		if request.Header.Get("Authorization") != "Bearer secret" {
			return answer(request, http.StatusUnauthorized, "who?"), nil
		}
		body := ""
		if request.Body != nil {
			sent, err := io.ReadAll(request.Body)
			if err != nil {
				return nil, err
			}
			body = string(sent)
		}
		bodies = append(bodies, body)
		if request.URL.Path == "/moved" {
			moved := answer(request, http.StatusFound, "")
			moved.Header.Set("Location", "/here")
			return moved, nil
		}
		return answer(request, http.StatusOK, "welcome to "+request.URL.Path), nil
	})})
	_, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{IntervalTime: new(pixivoc.DefaultEnv().IntervalTime * 0)})
	require.NoError(t, err)
	theirs := http.Client{Transport: pixivoc.RoundTripper(client)}

	response, err := theirs.Get("https://gallery.example/moved")
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "welcome to /here", string(text))
	require.Equal(t, "/here", response.Request.URL.Path)

	response, err = theirs.Post("https://gallery.example/works", "text/plain", strings.NewReader("a picture"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, []string{"", "", "a picture"}, bodies)
}

func TestRoundTripper_KeepsErrorsApart(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
		return answer(request, http.StatusGone, "it was here"), nil
	})})
	theirs := http.Client{Transport: pixivoc.RoundTripper(client)}
	_, err := theirs.Get("https://gallery.example/works/1")
	status, ok := errors.AsType[*pixivoc.StatusError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, http.StatusGone, status.Code)
	require.False(t, pixivoc.Retryable(err))
}

// closing notes that it was closed.
type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error {
	*c.closed = true
	return nil
}

func TestRoundTripper_ClosesTheBody(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{})
	closed := false
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://gallery.example/", closing{strings.NewReader("x"), &closed})
	require.NoError(t, err)
	_, err = pixivoc.RoundTripper(client).RoundTrip(request)
	require.ErrorContains(t, err, "no GetBody")
	require.True(t, closed)
}

// A library that wants an *http.Client gets one that takes its turns with
// everything else the client does.
func ExampleRoundTripper() {
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), HTTP: road(func(request *http.Request) (*http.Response, error) {
		return answer(request, http.StatusOK, "a page"), nil
	})})
	if err != nil {
		fmt.Println(err)
		return
	}
	library := http.Client{Transport: pixivoc.RoundTripper(client)}
	response, err := library.Get("https://gallery.example/works/1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Println(string(text))
	// Output: a page
}
