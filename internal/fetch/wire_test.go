package fetch_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

// brokenOff is a body that ends before its time.
type brokenOff struct{ io.ReadCloser }

func (b brokenOff) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// raw serves what is written by hand, one function for each connection; the
// last one is used again.
func raw(t *testing.T, serve ...func(conn *net.TCPConn, r *http.Request)) *harness {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				serve[min(n, len(serve)-1)](conn.(*net.TCPConn), r)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return withServer(t, nil, "http://"+listener.Addr().String(), &http.Client{Transport: transport})
}

// head returns the head of an answer that announces length bytes.
func head(length int, more ...string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nDate: Tue, 03 Jan 2023 03:04:05 GMT\r\nLast-Modified: %s\r\nETag: %s\r\n"+
		"Content-Type: image/jpeg\r\nContent-Length: %d\r\n%s\r\n", lastModified, etag, length, strings.Join(more, ""))
}

func TestN5_CutBodiesAreResumed(t *testing.T) {
	t.Parallel()
	body := jpeg(200_000, 1)
	for name, n := range map[string]int{
		"at 0": 0, "at 1": 1, "at 15": 15, "half": len(body) / 2, "one byte left": len(body) - 1,
	} {
		for _, how := range []string{"FIN", "RST", "chunked", "HTTP/2"} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				cutBody(t, body, n, how)
			})
		}
	}
}

func cutBody(t *testing.T, body []byte, n int, how string) {
	t.Helper()
	o := newOrigin(body)
	first := o.cutAfter(n)
	var server *httptest.Server
	switch how {
	case "HTTP/2":
		server = httptest.NewUnstartedServer(o)
		server.EnableHTTP2 = true
		server.StartTLS()
	case "chunked":
		first = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Etag", etag)
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write(body[:n])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		server = httptest.NewServer(o)
	case "RST":
		first = func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = conn.Write(append([]byte(head(len(body))), body[:n]...))
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
		server = httptest.NewServer(o)
	default:
		server = httptest.NewServer(o)
	}
	t.Cleanup(server.Close)
	o.script = []http.HandlerFunc{first}
	h := withServer(t, o, server.URL, server.Client())
	staged := h.get(body)
	assert.Equal(t, 2, staged.Requests)
	requests := o.requests()
	require.Len(t, requests, 2)
	switch {
	case how == "chunked":
		assert.Empty(t, requests[1].span, "without a length there is no part to go on with")
	case how == "RST": // a reset may overtake bytes that were sent before it
		if requests[1].span != "" {
			assert.Equal(t, etag, requests[1].ifRange)
		}
	case n >= 16:
		assert.Equal(t, spanFrom(n), requests[1].span)
		assert.Equal(t, etag, requests[1].ifRange)
		assert.Equal(t, int64(len(body)), staged.Fetched, "no byte twice")
	}
}

func TestN6_WithoutLengthOnlyTheEndMarkCounts(t *testing.T) {
	t.Parallel()
	const plain = "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nETag: \"v1\"\r\n\r\n"
	body := jpeg(50_000, 2)
	send := func(text []byte) func(*net.TCPConn, *http.Request) {
		return func(conn *net.TCPConn, r *http.Request) {
			assert.Empty(t, r.Header.Get("Range"), "each try begins at 0")
			_, _ = conn.Write(append([]byte(plain), text...))
		}
	}
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		h := raw(t, send(body))
		assert.Equal(t, 1, h.get(body).Requests)
	})
	t.Run("cut, then whole", func(t *testing.T) {
		t.Parallel()
		h := raw(t, send(body[:30_000]), send(body))
		assert.Equal(t, 2, h.get(body).Requests)
	})
	t.Run("cut behind the thumbnail", func(t *testing.T) {
		t.Parallel()
		// What is left ends with the end mark of the thumbnail.
		end := strings.Index(string(body), "thumb\xff\xd9") + len("thumb\xff\xd9")
		h := raw(t, send(body[:end]), send(body))
		assert.Equal(t, 2, h.get(body).Requests)
	})
	t.Run("always cut", func(t *testing.T) {
		t.Parallel()
		h := raw(t, send(body[:30_000]))
		_, err := h.fetch()
		require.ErrorIs(t, err, fetch.ErrIncomplete)
		assert.True(t, fetch.Retryable(err))
		assert.Empty(t, h.files())
	})
	t.Run("shorter than its known size", func(t *testing.T) {
		t.Parallel()
		h := raw(t, send(body))
		_, err := h.fetch(func(r *fetch.Request) { r.Size = int64(len(body)) + 1 })
		require.ErrorIs(t, err, fetch.ErrIncomplete)
	})
	t.Run("nothing to tell the end by", func(t *testing.T) {
		t.Parallel()
		h := raw(t, send([]byte("some text")))
		_, err := h.fetch(func(r *fetch.Request) { r.Kind, r.Name = fetch.Any, "notes.txt" })
		require.ErrorIs(t, err, fetch.ErrIncomplete)
	})
}

func TestN9_FlappingMakesProgress(t *testing.T) {
	t.Parallel()
	const step = 10_000
	body := jpeg(205_000, 3)
	o := newOrigin(body)
	for range len(body) / step {
		o.script = append(o.script, o.cutAfter(step))
	}
	h := newHarness(t, o)
	staged := h.get(body)
	assert.Equal(t, 21, staged.Requests, "tries that make progress are not counted against it")
	for i, request := range o.requests()[1:] {
		assert.Equal(t, spanFrom((i+1)*step), request.span)
	}
	assert.Equal(t, int64(len(body)), staged.Fetched, "no byte twice")
}

func TestN9_NoProgressEnds(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 3)
	for name, validators := range map[string][]string{"resumed": nil, "from 0": {"Etag", "Last-Modified"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(body)
			o.drop(validators...)
			for range 50 {
				o.script = append(o.script, func(w http.ResponseWriter, r *http.Request) {
					n := 50_000
					if r.Header.Get("Range") != "" {
						n = 0
					}
					o.cutAfter(n)(w, r)
				})
			}
			h := newHarness(t, o)
			_, err := h.fetch()
			require.ErrorIs(t, err, fetch.ErrIncomplete)
			assert.Len(t, o.requests(), 3, "bytes that had come before are no progress")
		})
	}
}

func TestU7_Lengths(t *testing.T) {
	t.Parallel()
	body := jpeg(30_000, 4)
	send := func(text string) func(*net.TCPConn, *http.Request) {
		return func(conn *net.TCPConn, _ *http.Request) { _, _ = conn.Write([]byte(text)) }
	}
	cases := map[string]struct {
		head    string
		target  error
		maximum int64
	}{
		"1 too high":        {head: head(len(body) + 1), target: fetch.ErrIncomplete},
		"1 too low":         {head: head(len(body) - 1), target: fetch.ErrNotPicture},
		"half":              {head: head(len(body) / 2), target: fetch.ErrNotPicture},
		"negative":          {head: head(-1)},
		"two":               {head: head(len(body), "Content-Length: 7\r\n")},
		"2^63":              {head: strings.Replace(head(1), "Length: 1", "Length: 9223372036854775808", 1)},
		"2^63-1":            {head: strings.Replace(head(1), "Length: 1", "Length: 9223372036854775807", 1), target: fetch.ErrTooLarge, maximum: 1 << 30},
		"2^63-1, unbounded": {head: strings.Replace(head(1), "Length: 1", "Length: 9223372036854775807", 1), target: fetch.ErrIncomplete},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := raw(t, send(c.head+string(body)))
			_, err := h.fetch(func(r *fetch.Request) { r.MaxBytes = c.maximum })
			require.Error(t, err)
			if c.target != nil {
				require.ErrorIs(t, err, c.target)
			}
			assert.NotContains(t, h.files(), "p.jpg")
		})
	}
}

func TestU7_AnnouncedLengthAllocatesNothing(t *testing.T) {
	body := jpeg(30_000, 4)
	handler := func(length string) http.HandlerFunc {
		return answer(200, map[string]string{"Content-Length": length, "Etag": etag}, body)
	}
	measure := func(length string) float64 {
		folder := fsafetest.NewMemory()
		options := quick()
		options.Tries = 1
		f := fetch.New(options)
		return testing.AllocsPerRun(5, func() {
			r, _ := http.NewRequest(http.MethodGet, "http://example.com/p.jpg", nil)
			_, err := f.Fetch(t.Context(), fetch.Request{HTTP: r, Do: inMemory(handler(length)), Folder: folder, Name: "p.jpg"})
			require.Error(t, err)
		})
	}
	small, huge := measure("30001"), measure("9223372036854775807")
	assert.InDelta(t, small, huge, 10)
}

func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 5)
	o := newOrigin(body, nil, answer(http.StatusNotFound, nil, []byte("gone")))
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(o)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	h := withServer(t, o, server.URL, server.Client())
	h.get(body)
	_, err := h.fetch(func(r *fetch.Request) { r.Name = "other.jpg" })
	require.Error(t, err)
	assert.True(t, h.get(body).Existing)
	assert.EqualValues(t, 1, connections.Load())
}
