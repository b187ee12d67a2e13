package pixivtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

func TestRequestLog(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 50_000}})
		p := s.Picture(w.ID, 0)
		s.Script(pixivtest.Rule{Name: "half", Match: pixivtest.Match{Path: p.Path}, Times: 1, Do: pixivtest.Cut{At: pixivtest.AtPercent(50)}})
		fetch(t, client, p.URL, nil)
		fetch(t, client, p.URL, map[string]string{"Range": "bytes=25000-"})
		ask(t, s, client, "/v1/illust/detail?illust_id=5")
		log := s.Requests()
		require.Len(t, log, 3)
		first, second, third := log[0], log[1], log[2]
		require.Equal(t, []any{"GET", pixivtest.HostImages, p.Path, pixivtest.HostImages}, []any{first.Method, first.Host, first.Path, first.ServerName})
		require.Equal(t, []any{200, int64(25_000), "half"}, []any{first.Status, first.Bytes, first.Rule})
		require.Equal(t, []any{206, int64(25_000), ""}, []any{second.Status, second.Bytes, second.Rule})
		require.Equal(t, "bytes=25000-", second.Header.Get("Range"))
		require.Equal(t, "illust_id=5", third.Query)
		require.NotEmpty(t, third.Header.Get("Authorization"))
		for _, r := range log {
			require.False(t, r.Finished.Before(r.Time))
		}
		require.Equal(t, pixivtest.Counts{Requests: 2, Ranged: 1, Bytes: 50_000, Statuses: map[int]int64{200: 1, 206: 1}}, s.Counts(p.Path))
		require.EqualValues(t, 3, s.TotalCounts().Requests)
		require.EqualValues(t, 2, s.Load(pixivtest.HostImages).Total)
		require.EqualValues(t, 50_000, s.Load(pixivtest.HostImages).Bytes)
		require.Zero(t, s.Counts("/elsewhere").Requests)
		s.ResetLog()
		require.Empty(t, s.Requests())
		require.Zero(t, s.TotalCounts().Requests)
		require.Zero(t, s.Load(pixivtest.HostImages).Total)
	})
}

// TestRequestTimes is how a test of pacing looks.
func TestRequestTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer s.Close()
		client := &http.Client{Transport: s.RoundTripper()}
		for range 3 {
			ask(t, s, client, "/v1/illust/detail?illust_id=5")
			fetch(t, client, "https://i.pximg.net/", nil)
			time.Sleep(time.Second)
		}
		times := s.RequestTimes(pixivtest.Match{Host: pixivtest.HostAPI})
		require.Len(t, times, 3)
		require.Equal(t, time.Second, times[1].Sub(times[0]))
	})
}

func TestLogModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[pixivtest.LogMode][3]int{
		pixivtest.LogRequests: {1, 1, 1}, pixivtest.LogCounts: {0, 1, 1}, pixivtest.LogLoads: {0, 0, 1},
	} {
		s := start(t, pixivtest.Config{Log: mode})
		fetch(t, s.Client(), "https://i.pximg.net/x", nil)
		require.Equal(t, want, [3]int{len(s.Requests()), int(s.Counts("/x").Requests), int(s.Load(pixivtest.HostImages).Total)})
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer s.Close()
	client := &http.Client{Transport: s.RoundTripper()}
	for n := range 10_003 {
		fetch(t, client, fmt.Sprintf("https://i.pximg.net/%d", n), nil)
	}
	log := s.Requests()
	require.Len(t, log, 10_000)
	require.Equal(t, "/3", log[0].Path)
	require.Equal(t, "/10002", log[9_999].Path)
}

// TestLoadNeverOvercounts runs clients that keep to a bound and looks that the server never sees more.
func TestLoadNeverOvercounts(t *testing.T) {
	t.Parallel()
	const workers = 4
	s := start(t, pixivtest.Config{Latency: time.Millisecond})
	w := s.AddWork(pixivtest.Work{PageCount: 100, AllPages: pixivtest.Page{Size: 30_000, Width: 8, Height: 8}})
	transport := s.Transport()
	defer transport.CloseIdleConnections()
	transport.MaxConnsPerHost = workers // or it may dial one that it then has no use for
	client := &http.Client{Transport: transport}
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for n := worker; n < 100; n += workers {
				if got := fetch(t, client, s.Picture(w.ID, n).URL, nil); len(got.body) != 30_000 {
					t.Errorf("page %d: %d bytes", n, len(got.body))
				}
			}
		})
	}
	all.Wait()
	load := s.Load(pixivtest.HostImages)
	require.LessOrEqual(t, load.MaxRequests, workers)
	require.Greater(t, load.MaxRequests, 1)
	require.LessOrEqual(t, load.MaxConnections, workers)
	require.Zero(t, load.Requests)
	require.EqualValues(t, 100*30_000, load.Bytes)
}

// TestRequestsAreOverInTime holds that a client which has the last byte of an answer never finds its request counted
// as open.
func TestRequestsAreOverInTime(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Width: 400, Height: 400}})
	address := s.Picture(w.ID, 0).URL
	for _, fault := range []pixivtest.Fault{
		pixivtest.Honest{}, pixivtest.ErrorPage{}, pixivtest.NoLength{}, pixivtest.NoLength{Chunked: true},
		pixivtest.Cut{At: pixivtest.AtByte(9000)}, pixivtest.SlowHeader{Bytes: 100}, pixivtest.Drip{Bytes: 10_000, Every: 1},
	} {
		s.ClearScript()
		s.Script(pixivtest.Rule{Do: fault})
		for range 100 {
			got := fetch(t, s.Client(), address, nil)
			require.Zero(t, s.Load(pixivtest.HostImages).Requests, "%T", fault)
			require.NoError(t, got.sendErr)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	failing := pixivtest.ErrorPage{Status: 500}
	for name, c := range map[string]struct {
		rules []pixivtest.Rule
		want  string // status of each answer, by its first digit; the requests are a b a b a b
	}{
		"always":           {[]pixivtest.Rule{{Do: failing}}, "555555"},
		"times":            {[]pixivtest.Rule{{Times: 2, Do: failing}}, "554444"},
		"after":            {[]pixivtest.Rule{{After: 3, Do: failing}}, "444555"},
		"window":           {[]pixivtest.Rule{{After: 1, Times: 2, Do: failing}}, "455444"},
		"per path":         {[]pixivtest.Rule{{Times: 1, PerPath: true, Do: failing}}, "554444"},
		"path":             {[]pixivtest.Rule{{Match: pixivtest.Match{Path: "/a"}, Do: failing}}, "545454"},
		"window of a path": {[]pixivtest.Rule{{Match: pixivtest.Match{Path: "/b*"}, After: 1, Times: 1, Do: failing}}, "444544"},
		"first rule wins":  {[]pixivtest.Rule{{Times: 1, Do: pixivtest.Respond{}}, {Times: 2, Do: failing}}, "255444"},
		"kept off":         {[]pixivtest.Rule{{Match: pixivtest.Match{Path: "/b"}, Do: pixivtest.Honest{}}, {Do: failing}}, "545454"},
		"other host":       {[]pixivtest.Rule{{Match: pixivtest.Match{Host: pixivtest.HostAPI}, Do: failing}}, "444444"},
		"method":           {[]pixivtest.Rule{{Match: pixivtest.Match{Method: "POST"}, Do: failing}}, "444444"},
		"query":            {[]pixivtest.Rule{{Match: pixivtest.Match{Query: map[string]string{"n": "*1"}}, Do: failing}}, "454444"},
		"header":           {[]pixivtest.Rule{{Match: pixivtest.Match{Header: map[string]string{"Range": "bytes=*-"}}, Do: failing}}, "444455"},
		"function":         {[]pixivtest.Rule{{Match: pixivtest.Match{Func: func(r *http.Request) bool { return strings.HasSuffix(r.URL.RawQuery, "5") }}, Do: failing}}, "444445"},
	} {
		s := pixivtest.NewUnstartedServer(pixivtest.Config{})
		s.Script(c.rules...)
		client := &http.Client{Transport: s.RoundTripper()}
		var got strings.Builder
		for n := range 6 {
			header := map[string]string{}
			if n >= 4 {
				header["Range"] = "bytes=5-"
			}
			answer := fetch(t, client, fmt.Sprintf("https://i.pximg.net/%c?n=%d", "ab"[n%2], n), header)
			got.WriteByte(byte('0' + answer.status/100))
		}
		require.Equal(t, c.want, got.String(), name)
		s.Close()
	}
}

func TestRuleNames(t *testing.T) {
	t.Parallel()
	s := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer s.Close()
	s.Script(pixivtest.Rule{Times: 1, Do: pixivtest.RateLimit{}}, pixivtest.Rule{Name: "mine", Do: pixivtest.RateLimit{}})
	client := &http.Client{Transport: s.RoundTripper()}
	for range 2 {
		fetch(t, client, "https://i.pximg.net/x", nil)
	}
	require.Equal(t, "RateLimit", s.Requests()[0].Rule)
	require.Equal(t, "mine", s.Requests()[1].Rule)
}

// TestConcurrentUse calls everything at once; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{PageCount: 5})
	s.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostImages}, Do: pixivtest.Mix{Percent: 30, Of: pixivtest.StandardFaults(time.Millisecond)}})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			client := s.Client()
			if worker%2 == 1 {
				client = &http.Client{Transport: s.RoundTripper()}
			}
			for n := range 15 {
				fetch(t, client, s.Picture(w.ID, n%5).URL, nil)
				ask(t, s, client, fmt.Sprintf("/v1/user/illusts?user_id=%d", w.UserID))
				post(t, client, form("grant_type", "refresh_token", "refresh_token", s.RefreshToken()), nil)
				switch n {
				case 3:
					s.ReplaceWork(w.ID)
				case 5:
					s.ChangePicture(w.ID, n%5)
				case 7:
					s.ExpireAccessTokens()
				case 9:
					s.AddWork(pixivtest.Work{})
				case 11:
					s.SetETag(pixivtest.ETagWeak)
				}
				s.Requests()
				s.Counts("/auth/token")
				s.Stalled()
			}
		})
	}
	all.Wait()
}
