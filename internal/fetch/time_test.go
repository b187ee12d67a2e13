package fetch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/fsafe/fsafetest"
)

// slow is a body under a script: it gives pieces after pauses. A pause without
// end lasts until the request is cancelled.
type slow struct {
	ctx    context.Context
	pieces []piece
}

type piece struct {
	after time.Duration
	data  []byte
}

const never = time.Duration(-1)

func (s *slow) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	first := &s.pieces[0]
	if first.after != 0 {
		var wait <-chan time.Time
		if first.after != never {
			wait = time.After(first.after)
		}
		select {
		case <-wait:
		case <-s.ctx.Done():
			return 0, context.Cause(s.ctx)
		}
		first.after = 0
	}
	n := copy(p, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *slow) Close() error { return nil }

// drip cuts data into pieces of n bytes with a pause before each.
func drip(data []byte, n int, pause time.Duration) []piece {
	var pieces []piece
	for len(data) > 0 {
		n := min(n, len(data))
		pieces = append(pieces, piece{pause, data[:n]})
		data = data[n:]
	}
	return pieces
}

// site is a round trip without a network: it gives the body from the offset that
// is asked for, each time with the pieces that cut makes of it.
type site struct {
	body    []byte
	cut     []func(rest []byte) []piece // one for each request; the last is used again
	spans   []string
	started []time.Time
}

func (s *site) do(r *http.Request) (*http.Response, error) {
	cut := s.cut[min(len(s.spans), len(s.cut)-1)]
	s.spans = append(s.spans, r.Header.Get("Range"))
	s.started = append(s.started, time.Now())
	from, status := 0, http.StatusOK
	header := http.Header{"Etag": {etag}}
	if span := r.Header.Get("Range"); span != "" {
		from, _ = strconv.Atoi(span[len("bytes=") : len(span)-1])
		status = http.StatusPartialContent
		header.Set("Content-Range", "bytes "+strconv.Itoa(from)+"-"+strconv.Itoa(len(s.body)-1)+"/"+strconv.Itoa(len(s.body)))
	}
	pieces := cut(s.body[from:])
	if pieces == nil { // no answer at all
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	return &http.Response{
		StatusCode: status, Header: header, ContentLength: int64(len(s.body) - from), Proto: "HTTP/1.1", ProtoMajor: 1,
		Body: &slow{ctx: r.Context(), pieces: pieces}, Request: r,
	}, nil
}

func at1(data []byte) []piece { return []piece{{0, data}} }

// stallAfter gives n bytes and then nothing more.
func stallAfter(n int) func([]byte) []piece {
	return func(rest []byte) []piece { return []piece{{0, rest[:n]}, {never, nil}} }
}

func silent([]byte) []piece { return nil }

// from fetches p.jpg from a site.
func from(ctx context.Context, f *fetch.Fetcher, folder *fsafetest.Memory, s *site, change ...func(*fetch.Request)) (*fetch.Staged, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/p.jpg", nil)
	if err != nil {
		return nil, err
	}
	request := fetch.Request{HTTP: r, Do: s.do, Folder: folder, Name: "p.jpg", Timeout: 30 * time.Second}
	for _, apply := range change {
		apply(&request)
	}
	return f.Fetch(ctx, request)
}

func TestN3_BodyStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := jpeg(100_000, 1)
		s := &site{body: body, cut: []func([]byte) []piece{stallAfter(60_000), at1}}
		start := time.Now()
		staged, err := from(t.Context(), fetch.New(fetch.Options{}), fsafetest.NewMemory(), s)
		require.NoError(t, err)
		assert.Equal(t, []string{"", spanFrom(60_000)}, s.spans)
		assert.InDelta(t, 30, time.Since(start).Seconds(), 1, "cut after the time-out, then resumed soon")
		require.NoError(t, staged.Discard())
	})
}

func TestN3_BodyStallsEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := jpeg(100_000, 1)
		folder := fsafetest.NewMemory()
		s := &site{body: body, cut: []func([]byte) []piece{stallAfter(60_000), stallAfter(0)}}
		_, err := from(t.Context(), fetch.New(fetch.Options{}), folder, s)
		require.ErrorIs(t, err, fetch.ErrSilent)
		timeout, ok := errors.AsType[net.Error](err)
		require.True(t, ok && timeout.Timeout())
		assert.True(t, fetch.Retryable(err))
		assert.Len(t, s.spans, 3)
		assert.Len(t, folder.Files()["p.jpg.part"], 60_000, "what came is kept")

		s = &site{body: body, cut: []func([]byte) []piece{at1}}
		staged, err := from(t.Context(), fetch.New(fetch.Options{}), folder, s)
		require.NoError(t, err)
		assert.Equal(t, []string{spanFrom(60_000)}, s.spans)
		require.NoError(t, staged.Discard())
	})
}

func TestU7_SurplusIsNeverWritten(t *testing.T) {
	t.Parallel()
	body := jpeg(20_000, 1)
	for _, more := range []int{1, 5, 100_000} {
		s := &site{body: body, cut: []func([]byte) []piece{func(rest []byte) []piece {
			return []piece{{0, rest}, {0, make([]byte, more)}}
		}}}
		folder := fsafetest.NewMemory()
		_, err := from(t.Context(), fetch.New(quick()), folder, s)
		require.ErrorIs(t, err, fetch.ErrNotPicture)
		assert.Len(t, s.spans, 2, "one refetch")
		assert.Empty(t, folder.Files())
	}
	s := &site{body: body, cut: []func([]byte) []piece{
		func(rest []byte) []piece { return []piece{{0, append(rest[:len(rest):len(rest)], 0)}} }, at1,
	}}
	staged, err := from(t.Context(), fetch.New(quick()), fsafetest.NewMemory(), s)
	require.NoError(t, err)
	require.NoError(t, staged.Discard())
}

func TestN2_SilenceBeforeTheHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &site{cut: []func([]byte) []piece{silent}}
		start := time.Now()
		_, err := from(t.Context(), fetch.New(fetch.Options{Tries: 1}), fsafetest.NewMemory(), s)
		require.ErrorIs(t, err, fetch.ErrSilent)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestN2_EachStepOfConnectingIsBoundedByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &site{body: jpeg(5000, 1), cut: []func([]byte) []piece{at1}}
		slowSteps := func(r *fetch.Request) {
			r.Do = func(request *http.Request) (*http.Response, error) {
				trace := httptrace.ContextClientTrace(request.Context())
				for _, step := range []func(){
					func() { trace.DNSDone(httptrace.DNSDoneInfo{}) }, func() { trace.ConnectDone("", "", nil) },
					trace.TLSHandshakeStart, func() { trace.WroteRequest(httptrace.WroteRequestInfo{}) }, trace.GotFirstResponseByte,
				} {
					time.Sleep(29 * time.Second)
					step()
				}
				return s.do(request)
			}
		}
		staged, err := from(t.Context(), fetch.New(fetch.Options{Tries: 1}), fsafetest.NewMemory(), s, slowSteps)
		require.NoError(t, err)
		require.NoError(t, staged.Discard())
	})
}

func TestN4_DripIsNotCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := jpeg(600, 1)
		s := &site{body: body, cut: []func([]byte) []piece{func(rest []byte) []piece { return drip(rest, 1, time.Second) }}}
		folder := fsafetest.NewMemory()
		start := time.Now()
		staged, err := from(t.Context(), fetch.New(fetch.Options{}), folder, s, func(r *fetch.Request) { r.Timeout = 2 * time.Second })
		require.NoError(t, err)
		assert.Equal(t, 1, staged.Requests)
		assert.Equal(t, 600*time.Second, time.Since(start))
		require.NoError(t, staged.Discard())
	})
}

func TestN4_SlowBytesReachTheDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := jpeg(600, 1)
		s := &site{body: body, cut: []func([]byte) []piece{func(rest []byte) []piece { return drip(rest, 1, time.Second) }}}
		folder := fsafetest.NewMemory()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second+time.Millisecond)
		defer cancel()
		go func() {
			time.Sleep(60*time.Second + time.Millisecond)
			files := folder.Files()
			assert.Len(t, files["p.jpg.part"], 60, "a death now costs less than a second")
		}()
		f := fetch.New(fetch.Options{BufferSize: 64})
		_, err := from(ctx, f, folder, s)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, folder.Files()["p.jpg.part"], 100)
		assert.Contains(t, folder.Files(), "p.jpg.part.json")
	})
}

func TestN4_FloorRate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		floor int64
		cut   bool
	}{"below": {101, true}, "above": {99, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				body := jpeg(20_000, 1)
				s := &site{body: body, cut: []func([]byte) []piece{func(rest []byte) []piece { return drip(rest, 100, time.Second) }}}
				staged, err := from(t.Context(), fetch.New(fetch.Options{Tries: 1}), fsafetest.NewMemory(), s,
					func(r *fetch.Request) { r.MinRate = c.floor })
				if c.cut {
					require.ErrorIs(t, err, fetch.ErrTooSlow)
					assert.True(t, fetch.Retryable(err))
					return
				}
				require.NoError(t, err)
				require.NoError(t, staged.Discard())
			})
		})
	}
}

func TestC4_CancelledAtEachBlockingPoint(t *testing.T) {
	t.Parallel()
	body := jpeg(100_000, 1)
	cases := map[string]struct {
		cut  []func([]byte) []piece
		part int
	}{
		"before the head": {[]func([]byte) []piece{silent}, 0},
		"in the body":     {[]func([]byte) []piece{stallAfter(60_000)}, 60_000},
		"in the back-off": {[]func([]byte) []piece{func(rest []byte) []piece { return []piece{{0, rest[:60_000]}} }}, 60_000},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				folder := fsafetest.NewMemory()
				ctx, cancel := context.WithCancelCause(t.Context())
				why := errors.New("task was stopped")
				go func() {
					time.Sleep(10 * time.Second)
					cancel(why)
				}()
				f := fetch.New(fetch.Options{Backoff: time.Minute, MaxBackoff: time.Minute, Tries: 10})
				start := time.Now()
				_, err := from(ctx, f, folder, &site{body: body, cut: c.cut})
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, why)
				assert.False(t, fetch.Retryable(err))
				assert.Equal(t, 10*time.Second, time.Since(start))
				assert.Len(t, folder.Files()["p.jpg.part"], c.part, "an orderly end keeps what came")
				if c.part > 0 {
					s := &site{body: body, cut: []func([]byte) []piece{at1}}
					staged, err := from(t.Context(), f, folder, s)
					require.NoError(t, err)
					assert.Equal(t, []string{spanFrom(60_000)}, s.spans)
					require.NoError(t, staged.Discard())
				}
			})
		})
	}
}

func TestC4_CancelledWhileAnotherHasTheFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, folder := fetch.New(fetch.Options{}), fsafetest.NewMemory()
		s := &site{body: jpeg(5000, 1), cut: []func([]byte) []piece{at1}}
		staged, err := from(t.Context(), f, folder, s)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = from(ctx, f, folder, s)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, staged.Discard())
	})
}

func TestBackoffGrowsAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &site{body: jpeg(50_000, 1), cut: []func([]byte) []piece{func(rest []byte) []piece { return []piece{{0, rest[:1]}} }}}
		f := fetch.New(fetch.Options{Tries: 6, Backoff: time.Second, MaxBackoff: 4 * time.Second})
		_, err := from(t.Context(), f, fsafetest.NewMemory(), s)
		require.ErrorIs(t, err, fetch.ErrIncomplete)
		require.Len(t, s.started, 6)
		for i, most := range []time.Duration{1, 2, 4, 4, 4} {
			wait := s.started[i+1].Sub(s.started[i])
			assert.GreaterOrEqual(t, wait, most*time.Second/2)
			assert.LessOrEqual(t, wait, most*time.Second+1)
		}
	})
}

func TestR4_OurOwnSlownessIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The disk takes longer for each chunk than the other side may be silent.
		s := &site{body: jpeg(100_000, 1), cut: []func([]byte) []piece{at1}}
		f := fetch.New(fetch.Options{BufferSize: 10_000})
		staged, err := from(t.Context(), f, fsafetest.NewMemory(), s, func(r *fetch.Request) {
			r.Timeout = time.Second
			r.Progress = func(int64) { time.Sleep(10 * time.Second) }
		})
		require.NoError(t, err)
		assert.Equal(t, 1, staged.Requests)
		require.NoError(t, staged.Discard())
	})
}
