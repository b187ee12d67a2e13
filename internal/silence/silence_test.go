package silence_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc/internal/silence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type road func(*http.Request) (*http.Response, error)

func (r road) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// dripping is a body that gives a byte after each pause.
type dripping struct {
	ctx    context.Context
	pauses []time.Duration
}

func (d *dripping) Read(p []byte) (int, error) {
	if len(d.pauses) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(d.pauses[0]):
		d.pauses = d.pauses[1:]
		p[0] = 'x'
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (*dripping) Close() error { return nil }

func TestRoundTrip_BoundsSilenceNotLength(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	for name, test := range map[string]struct {
		head    time.Duration
		body    []time.Duration
		limit   time.Duration
		silence bool
		took    time.Duration
	}{
		"quick":                      {limit: limit},
		"slow head":                  {head: 9 * time.Second, limit: limit, took: 9 * time.Second},
		"no head":                    {head: time.Hour, limit: limit, silence: true, took: limit},
		"body that keeps moving":     {body: []time.Duration{9e9, 9e9, 9e9, 9e9}, limit: limit, took: 36 * time.Second},
		"body that stops":            {body: []time.Duration{9e9, time.Hour}, limit: limit, silence: true, took: 19 * time.Second},
		"no limit":                   {head: time.Hour, body: []time.Duration{time.Hour}, took: 2 * time.Hour},
		"slow head, then slow bytes": {head: 9 * time.Second, body: []time.Duration{9e9}, limit: limit, took: 18 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := read(t, test.limit, road(func(request *http.Request) (*http.Response, error) {
					select {
					case <-time.After(test.head):
					case <-request.Context().Done():
						return nil, request.Context().Err()
					}
					return &http.Response{StatusCode: 200, Body: &dripping{request.Context(), test.body}, Request: request}, nil
				}))
				timeout, silent := errors.AsType[*silence.TimeoutError](err)
				if silent != test.silence || !silent && err != nil {
					t.Errorf("error %v", err)
				}
				if silent && (timeout.After != limit || !timeout.Timeout()) {
					t.Errorf("time-out %+v", timeout)
				}
				if took := time.Since(begin); took != test.took {
					t.Errorf("took %s, want %s", took, test.took)
				}
			})
		})
	}
}

func read(t *testing.T, limit time.Duration, next http.RoundTripper) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := silence.RoundTrip(next, request, limit)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.ReadAll(response.Body)
	return err
}

// A cancelled caller must see its own error, not one about silence.
func TestC4_CallersCancellationIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.org/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = silence.RoundTrip(road(func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, request.Context().Err()
		}), request, time.Minute)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// N2: each step of connecting to a real server pokes the watch, and a server
// that accepts and says nothing is given up.
func TestN2_SilentServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			held <- conn
		}
		close(held)
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = silence.RoundTrip(transport, request, 50*time.Millisecond)
	if _, ok := errors.AsType[*silence.TimeoutError](err); !ok {
		t.Errorf("error %v", err)
	}
	_ = listener.Close()
	for conn := range held {
		_ = conn.Close()
	}
}

func TestRoundTrip_LeavesGoodAnswersAlone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "whole")
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := silence.RoundTrip(server.Client().Transport, request, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if string(body) != "whole" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}
