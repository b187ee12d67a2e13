package pixivtest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// timed fetches a picture under a fault in virtual time and returns the answer and how long it took.
func timed(t *testing.T, fault pixivtest.Fault, config pixivtest.Config) (got reply, whole string, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := pixivtest.NewUnstartedServer(config)
		defer s.Close()
		w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 3600}})
		p := s.Picture(w.ID, 0)
		s.Script(pixivtest.Rule{Do: fault})
		begin := time.Now()
		got = fetch(t, &http.Client{Transport: s.RoundTripper()}, p.URL, nil)
		took, whole = time.Since(begin), string(p.Bytes())
	})
	return got, whole, took
}

// TestVirtualTime holds that every wait of the fake goes by the clock of the bubble, exactly.
func TestVirtualTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  pixivtest.Fault
		config pixivtest.Config
		want   time.Duration
	}{
		"no wait":     {fault: pixivtest.Honest{}},
		"latency":     {fault: pixivtest.Honest{}, config: pixivtest.Config{Latency: time.Minute}, want: time.Minute},
		"delay":       {fault: pixivtest.Delay{For: time.Hour}, want: time.Hour},
		"drip":        {fault: pixivtest.Drip{Every: time.Second}, want: 3599 * time.Second},
		"drip of two": {fault: pixivtest.Drip{Bytes: 2, Every: time.Second}, want: 1799 * time.Second},
		"stall":       {fault: pixivtest.Stall{At: pixivtest.AtByte(100), For: time.Hour}, want: time.Hour},
		"late header": {fault: pixivtest.Stall{BeforeHeader: true, For: time.Hour}, want: time.Hour},
		"two stalls": {fault: pixivtest.Chain{
			pixivtest.Stall{At: pixivtest.AtByte(100), For: time.Hour}, pixivtest.Stall{At: pixivtest.AtByte(-1), For: time.Minute},
		}, want: time.Hour + time.Minute},
	} {
		got, whole, took := timed(t, c.fault, c.config)
		require.Equal(t, whole, got.body, name)
		require.Equal(t, c.want, took, name)
	}
}

// TestMemoryStallEnds ends a stall in each way there is.
func TestMemoryStallEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *pixivtest.Server, body io.Closer, cancel context.CancelFunc){
		"release": func(s *pixivtest.Server, _ io.Closer, _ context.CancelFunc) { s.ReleaseStalls() },
		"cancel":  func(_ *pixivtest.Server, _ io.Closer, cancel context.CancelFunc) { cancel() },
		"close":   func(_ *pixivtest.Server, body io.Closer, _ context.CancelFunc) { body.Close() },
		"server":  func(s *pixivtest.Server, _ io.Closer, _ context.CancelFunc) { s.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := pixivtest.NewUnstartedServer(pixivtest.Config{})
			defer s.Close()
			w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 5000}})
			s.Script(pixivtest.Rule{Do: pixivtest.Stall{At: pixivtest.AtByte(1000)}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Picture(w.ID, 0).URL, nil)
			require.NoError(t, err)
			r.Header.Set("Referer", referer)
			response, err := s.RoundTripper().RoundTrip(r)
			require.NoError(t, err)
			type outcome struct {
				n   int
				err error
			}
			done := make(chan outcome)
			go func() {
				content, err := io.ReadAll(response.Body)
				done <- outcome{len(content), err}
			}()
			require.NoError(t, s.AwaitStalled(t.Context(), 1))
			synctest.Wait()
			require.Equal(t, 1, s.Stalled())
			require.Equal(t, 1, s.Load(pixivtest.HostImages).Requests)
			end(s, response.Body, cancel)
			got := <-done
			if name == "release" {
				require.Equal(t, outcome{5000, nil}, got)
			} else {
				require.Error(t, got.err, name)
				require.Equal(t, 1000, got.n, name)
			}
			response.Body.Close()
			require.Zero(t, s.Stalled())
			require.Equal(t, pixivtest.Load{MaxConnections: 1, MaxRequests: 1, Total: 1, Bytes: int64(got.n)}, s.Load(pixivtest.HostImages))
		})
	}
}

// TestMemoryHang cancels a request whose header never comes, by the deadline of a client.
func TestMemoryHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer s.Close()
		s.Script(pixivtest.Rule{Do: pixivtest.Stall{BeforeHeader: true}})
		client := &http.Client{Transport: s.RoundTripper(), Timeout: 30 * time.Second}
		begin := time.Now()
		_, err := client.Get("https://i.pximg.net/x") //nolint:noctx // the deadline of the client is what is tested
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.Equal(t, 30*time.Second, time.Since(begin))
		require.Zero(t, s.Load(pixivtest.HostImages).Connections)
		require.Zero(t, s.TotalCounts().Statuses[200])
		require.EqualValues(t, 1, s.TotalCounts().Statuses[0])
	})
}

// TestMemoryServerFromOutside uses a server that was made before the bubble.
func TestMemoryServerFromOutside(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewUnstartedServer(pixivtest.Config{Latency: time.Hour})
	defer s.Close()
	w := s.AddWork(pixivtest.Work{})
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, 200, fetch(t, &http.Client{Transport: s.RoundTripper()}, s.Picture(w.ID, 0).URL, nil).status)
	})
}

func TestMemoryContract(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer s.Close()
	client := &http.Client{Transport: s.RoundTripper()}
	got := fetch(t, client, "https://www.example.com/", nil)
	var missing *net.DNSError
	require.ErrorAs(t, got.sendErr, &missing)
	require.True(t, missing.IsNotFound)

	closed := &closeRecorder{Reader: strings.NewReader("grant_type=x")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+pixivtest.HostOAuth+"/auth/token", closed)
	require.NoError(t, err)
	response, err := s.RoundTripper().RoundTrip(r)
	require.NoError(t, err)
	require.True(t, closed.closed, "the body of a request is always closed")
	require.Same(t, r, response.Request)
	response.Body.Close()
	_, err = response.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.RoundTripper().RoundTrip(r.WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
}

type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error {
	c.closed = true
	return nil
}

// TestAwaitStalledGivesUp ends a wait by its context.
func TestAwaitStalledGivesUp(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, errors.Is(s.AwaitStalled(ctx, 1), context.Canceled))
	require.NoError(t, s.AwaitStalled(ctx, 0))
}
