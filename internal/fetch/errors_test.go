package fetch_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	html := map[string]string{"Content-Type": "text/html"}
	cases := map[string]struct {
		handler              http.HandlerFunc
		requests             int
		permanent, retryable bool
		limited              bool
	}{
		"404":             {answer(404, html, []byte(page)), 1, true, false, false},
		"410":             {answer(410, nil, nil), 1, true, false, false},
		"403":             {answer(403, nil, []byte("403 Forbidden")), 1, true, false, false},
		"403 page":        {answer(403, html, []byte(page)), 1, false, true, false},
		"403 rate limit":  {answer(403, nil, []byte(`{"error":{"message":"Rate Limit"}}`)), 1, false, true, true},
		"429":             {answer(429, nil, nil), 1, false, true, true},
		"407":             {answer(407, nil, nil), 1, false, false, false},
		"421":             {answer(421, html, []byte(page)), 1, false, true, false},
		"500":             {answer(500, nil, nil), 3, false, true, false},
		"502 page":        {answer(502, html, []byte(page)), 3, false, true, false},
		"503":             {answer(503, nil, nil), 3, false, true, false},
		"503, wait 1 h":   {answer(503, map[string]string{"Retry-After": "3600"}, nil), 1, false, true, false},
		"503, wait 0":     {answer(503, map[string]string{"Retry-After": "0"}, nil), 3, false, true, false},
		"408":             {answer(408, nil, nil), 3, false, true, false},
		"302 to nowhere":  {answer(302, nil, nil), 1, false, true, false},
		"304 unasked":     {answer(304, nil, nil), 1, false, true, false},
		"201 with a body": {answer(201, nil, jpeg(5000, 1)), 1, false, true, false},
	}
	for name, c := range cases {
		t.Run("U13 "+name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(nil, c.handler, c.handler, c.handler, c.handler, c.handler)
			h := newHarness(t, o)
			_, err := h.fetch()
			require.Error(t, err)
			assert.Equal(t, c.permanent, fetch.Permanent(err), "permanent")
			assert.Equal(t, c.retryable, fetch.Retryable(err), "retryable")
			assert.Len(t, o.requests(), c.requests)
			assert.Empty(t, h.files(), "a body that is not a success is not stored")
			failed, ok := errors.AsType[*fetch.Error](err)
			require.True(t, ok)
			assert.Equal(t, c.requests, failed.Requests)
			if status, ok := errors.AsType[*fetch.StatusError](err); ok {
				assert.Equal(t, c.limited, status.RateLimited())
			}
		})
	}
	t.Run("U13 passes", func(t *testing.T) {
		t.Parallel()
		body := jpeg(5000, 1)
		h := newHarness(t, newOrigin(body, answer(500, nil, nil), answer(502, nil, nil)))
		assert.Equal(t, 3, h.get(body).Requests)
	})
	t.Run("404 ends a resume", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(jpeg(100_000, 1))
		h := newHarness(t, o)
		h.interrupt(60_000)
		o.script = []http.HandlerFunc{answer(404, nil, nil)}
		_, err := h.fetch()
		require.True(t, fetch.Permanent(err))
		assert.Empty(t, h.files(), "a part of what is gone is of no use")
	})
	t.Run("500 does not", func(t *testing.T) {
		t.Parallel()
		o := newOrigin(jpeg(100_000, 1))
		h := newHarness(t, o)
		h.interrupt(60_000)
		broken := answer(500, nil, nil)
		o.script = []http.HandlerFunc{broken, broken, broken}
		_, err := h.fetch()
		require.Error(t, err)
		assert.Len(t, h.files(), 2)
		assert.Equal(t, int64(40_000), h.get(jpeg(100_000, 1)).Fetched)
	})
}

func TestU12_RetryAfterIsInTheError(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "soon": fetch.DefaultRetryAfter, "315360000": time.Hour} {
		h := newHarness(t, newOrigin(nil, answer(429, map[string]string{"Retry-After": header}, nil)))
		_, err := h.fetch()
		status, ok := errors.AsType[*fetch.StatusError](err)
		require.True(t, ok)
		assert.True(t, status.Wait)
		assert.Equal(t, want, status.RetryAfter)
		assert.Contains(t, err.Error(), want.String())
	}
}

func TestU12_ParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		want time.Duration
		ok   bool
	}{
		"":                                 {0, false},
		"  ":                               {0, false},
		"0":                                {0, true},
		"120":                              {2 * time.Minute, true},
		" 120 ":                            {2 * time.Minute, true},
		"3600":                             {time.Hour, true},
		"315360000":                        {time.Hour, true},
		"99999999999999999999999":          {time.Hour, true},
		"-1":                               {5 * time.Minute, true},
		"+5":                               {5 * time.Minute, true},
		"1.5":                              {5 * time.Minute, true},
		"1e3":                              {5 * time.Minute, true},
		"soon":                             {5 * time.Minute, true},
		"Sat, 21 Nov 2026 12:00:30 GMT":    {30 * time.Second, true},
		"Saturday, 21-Nov-26 12:00:30 GMT": {30 * time.Second, true},
		"Sat, 21 Nov 2026 11:59:00 GMT":    {0, true},
		"Sat, 21 Nov 2036 12:00:00 GMT":    {time.Hour, true},
		"Sat, 21 Nov 9999 12:00:00 GMT":    {time.Hour, true},
		"Sat, 41 Nov 2026 12:00:00 GMT":    {5 * time.Minute, true},
	}
	for header, c := range cases {
		got, ok := fetch.ParseRetryAfter(header, now)
		assert.Equalf(t, c.want, got, "%q", header)
		assert.Equalf(t, c.ok, ok, "%q", header)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, header := range []string{"", "0", "-1", "120", "Sat, 21 Nov 2026 12:00:30 GMT", "9999999999999999999", "x"} {
		f.Add(header)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		wait, ok := fetch.ParseRetryAfter(header, now)
		if wait < 0 || wait > fetch.MaxRetryAfter || !ok && wait != 0 {
			t.Fatalf("%q: %v %v", header, wait, ok)
		}
	})
}

// verdict is an error of a transport that knows whether it is final.
type verdict bool

func (v verdict) Error() string   { return "verdict" }
func (v verdict) Permanent() bool { return bool(v) }

func TestErrorsOfTheTransport(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err                  error
		requests             int
		permanent, retryable bool
	}{
		"reset":        {syscall.ECONNRESET, 3, false, true},
		"EOF":          {io.ErrUnexpectedEOF, 3, false, true},
		"certificate":  {&tls.CertificateVerificationError{Err: errors.New("wrong")}, 1, false, false},
		"final":        {verdict(true), 1, true, false},
		"passing":      {verdict(false), 3, false, true},
		"wrapped":      {fmt.Errorf("dial: %w", verdict(true)), 1, true, false},
		"no answer":    {nil, 3, false, true},
		"cancelled by": {context.Canceled, 1, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/p.jpg", nil)
			require.NoError(t, err)
			_, err = fetch.New(quick()).Fetch(t.Context(), fetch.Request{
				HTTP: r, Folder: fsafetest.NewMemory(), Name: "p.jpg",
				Do: func(*http.Request) (*http.Response, error) {
					requests++
					if c.err == nil {
						return nil, nil
					}
					return nil, &url.Error{Op: "Get", URL: "http://example.com/p.jpg?token=secret", Err: c.err}
				},
			})
			require.Error(t, err)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			}
			assert.Equal(t, c.permanent, fetch.Permanent(err), "permanent")
			assert.Equal(t, c.retryable, fetch.Retryable(err), "retryable")
			assert.Equal(t, c.requests, requests)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	body := jpeg(60_000, 1)
	o := newOrigin(body)
	o.script = []http.HandlerFunc{answer(404, nil, nil), o.cutAfter(20_000), o.cutAfter(0), o.cutAfter(0)}
	h := newHarness(t, o)
	for range 2 {
		_, err := h.fetch(func(r *fetch.Request) {
			r.HTTP.URL.User = url.UserPassword("me", "secret")
			r.HTTP.URL.RawQuery = "token=secret"
			r.HTTP.URL.Fragment = "secret"
		})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
		assert.Contains(t, err.Error(), "p.jpg")
		assert.Contains(t, err.Error(), strings.TrimPrefix(h.url, "http://"))
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t, newOrigin(nil))
	for name, change := range map[string]func(*fetch.Request){
		"no request": func(r *fetch.Request) { r.HTTP = nil },
		"no sender":  func(r *fetch.Request) { r.Do = nil },
		"no folder":  func(r *fetch.Request) { r.Folder = nil },
		"POST":       func(r *fetch.Request) { r.HTTP.Method = http.MethodPost },
	} {
		_, err := h.fetch(change)
		require.Error(t, err, name)
	}
	assert.Empty(t, h.origin.requests())
}

func TestVerdictsOnNothing(t *testing.T) {
	t.Parallel()
	assert.False(t, fetch.Permanent(nil))
	assert.False(t, fetch.Retryable(nil))
}
