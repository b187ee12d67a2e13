package pixivtest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

const pictureSize = 200_000

// faultCase is a fault and what a client sees of it, over a socket and in memory alike.
type faultCase struct {
	fault  pixivtest.Fault
	header map[string]string
	check  func(t *testing.T, whole string, got reply)
}

func status(want int) func(*testing.T, string, reply) {
	return func(t *testing.T, _ string, got reply) {
		require.NoError(t, got.sendErr)
		require.NoError(t, got.readErr)
		require.Equal(t, want, got.status)
	}
}

// broken expects a body that breaks off after n bytes with an error.
func broken(n int, want error) func(*testing.T, string, reply) {
	return func(t *testing.T, whole string, got reply) {
		require.NoError(t, got.sendErr)
		require.Equal(t, 200, got.status)
		require.ErrorIs(t, got.readErr, want)
		require.True(t, whole[:n] == got.body, "%d bytes, want %d", len(got.body), n)
	}
}

// body expects a body that ends well.
func bodyOf(make func(whole string) string) func(*testing.T, string, reply) {
	return func(t *testing.T, whole string, got reply) {
		require.NoError(t, got.sendErr)
		require.NoError(t, got.readErr)
		require.Equal(t, 200, got.status)
		want := make(whole)
		require.True(t, want == got.body, "%d bytes, want %d", len(got.body), len(want))
	}
}

func same(whole string) string { return whole }

func runFaults(t *testing.T, cases map[string]faultCase) {
	both(t, pixivtest.Config{ETag: pixivtest.ETagStrong}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		if transport, ok := client.Transport.(*http.Transport); ok {
			transport.DisableKeepAlives = true // a transport asks again when a connection that it used before dies early
		}
		for name, c := range cases {
			w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: pictureSize}})
			p := s.Picture(w.ID, 0)
			s.ClearScript()
			s.Script(pixivtest.Rule{Match: pixivtest.Match{Path: p.Path}, Times: 1, Do: c.fault})
			got := fetch(t, client, p.URL, c.header)
			t.Run(name, func(t *testing.T) { c.check(t, string(p.Bytes()), got) })
			after := fetch(t, client, p.URL, nil)
			require.Equal(t, string(p.Bytes()), after.body, "%s: the fault is over", name)
		}
	})
}

func TestAnswerFaults(t *testing.T) {
	t.Parallel()
	runFaults(t, map[string]faultCase{
		"honest": {fault: pixivtest.Honest{}, check: bodyOf(same)},
		"rate limit": {fault: pixivtest.RateLimit{}, check: func(t *testing.T, _ string, got reply) {
			require.Equal(t, 403, got.status)
			require.Empty(t, got.header.Get("Retry-After"))
			compareBody(t, "error_rate_limit.json", got.body)
		}},
		"rate limit 429": {fault: pixivtest.RateLimit{Status: 429, RetryAfter: "-1"}, check: func(t *testing.T, _ string, got reply) {
			require.Equal(t, 429, got.status)
			require.Equal(t, "-1", got.header.Get("Retry-After"))
			compareBody(t, "error_rate_limit.json", got.body)
		}},
		"error page": {fault: pixivtest.ErrorPage{Status: 502}, check: status(502)},
		"block page": {fault: pixivtest.BlockPage{}, check: func(t *testing.T, _ string, got reply) {
			require.Equal(t, 403, got.status)
			require.Equal(t, "cloudflare", got.header.Get("Server"))
			require.NotEmpty(t, got.header.Get("CF-RAY"))
			require.Contains(t, got.body, "<html")
		}},
		"HTML with 200": {fault: pixivtest.BlockPage{Status: 200}, check: func(t *testing.T, _ string, got reply) {
			require.Equal(t, 200, got.status)
			require.Contains(t, got.header.Get("Content-Type"), "text/html")
		}},
		"respond": {fault: pixivtest.Respond{Status: 201, ContentType: "text/x", Body: "ab", Repeat: 3}, check: func(t *testing.T, _ string, got reply) {
			require.Equal(t, 201, got.status)
			require.Equal(t, "ababab", got.body)
			require.Equal(t, "text/x", got.header.Get("Content-Type"))
		}},
		"respond without a type": {fault: pixivtest.Respond{Body: "<html>"}, check: func(t *testing.T, _ string, got reply) {
			require.Empty(t, got.header.Values("Content-Type"))
		}},
		"custom": {fault: pixivtest.Custom{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Path", r.URL.Path[:4])
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, "short and stout")
		})}, check: func(t *testing.T, _ string, got reply) {
			require.Equal(t, http.StatusTeapot, got.status)
			require.Equal(t, "short and stout", got.body)
			require.Equal(t, "/img", got.header.Get("X-Path"))
		}},
	})
}

func TestHeaderFaults(t *testing.T) {
	t.Parallel()
	runFaults(t, map[string]faultCase{
		"redirect":  {fault: pixivtest.Redirect{Location: "/elsewhere"}, check: status(404)},
		"loop once": {fault: pixivtest.Redirect{}, check: bodyOf(same)},
		"edit header": {fault: pixivtest.EditHeader{Set: map[string]string{"Date": "yesterday"}, Remove: []string{"Last-Modified"}},
			check: func(t *testing.T, _ string, got reply) {
				require.Equal(t, "yesterday", got.header.Get("Date"))
				require.Empty(t, got.header.Values("Last-Modified"))
			}},
		"extra headers": {fault: pixivtest.ExtraHeaders{Count: 2000, Size: 20}, check: func(t *testing.T, whole string, got reply) {
			require.Len(t, got.header.Get("X-Filler-1999"), 20)
			bodyOf(same)(t, whole, got)
		}},
		"illegal header": {fault: pixivtest.ExtraHeaders{Raw: "X-Bad: a\x00b\r\n"}, check: func(t *testing.T, _ string, got reply) {
			require.Error(t, got.sendErr)
		}},
		"chain": {fault: pixivtest.Chain{pixivtest.EditHeader{Set: map[string]string{"X-A": "1"}}, pixivtest.Respond{Body: "x"}},
			check: func(t *testing.T, _ string, got reply) {
				require.Equal(t, "1", got.header.Get("X-A"))
				require.Equal(t, "x", got.body)
			}},
		"empty chain": {fault: pixivtest.Chain{}, check: bodyOf(same)},
	})
}

func TestWireFaults(t *testing.T) {
	t.Parallel()
	noAnswer := func(want error) func(*testing.T, string, reply) {
		return func(t *testing.T, _ string, got reply) { require.ErrorIs(t, got.sendErr, want) }
	}
	runFaults(t, map[string]faultCase{
		"reset at 0":              {fault: pixivtest.Reset{}, check: broken(0, syscall.ECONNRESET)},
		"reset at 1":              {fault: pixivtest.Reset{At: pixivtest.AtByte(1)}, check: broken(1, syscall.ECONNRESET)},
		"reset at half":           {fault: pixivtest.Reset{At: pixivtest.AtPercent(50)}, check: broken(pictureSize/2, syscall.ECONNRESET)},
		"reset at the last byte":  {fault: pixivtest.Reset{At: pixivtest.AtByte(-1)}, check: broken(pictureSize-1, syscall.ECONNRESET)},
		"cut at 0":                {fault: pixivtest.Cut{}, check: broken(0, io.ErrUnexpectedEOF)},
		"cut at 1":                {fault: pixivtest.Cut{At: pixivtest.AtByte(1)}, check: broken(1, io.ErrUnexpectedEOF)},
		"cut at the last byte":    {fault: pixivtest.Cut{At: pixivtest.AtByte(-1)}, check: broken(pictureSize-1, io.ErrUnexpectedEOF)},
		"cut behind the body":     {fault: pixivtest.Cut{At: pixivtest.AtPercent(100)}, check: bodyOf(same)},
		"chunked":                 {fault: pixivtest.NoLength{Chunked: true}, check: noLength(bodyOf(same))},
		"until close":             {fault: pixivtest.NoLength{}, check: noLength(bodyOf(same))},
		"chunked and cut":         {fault: pixivtest.Chain{pixivtest.Cut{At: pixivtest.AtByte(70_000)}, pixivtest.NoLength{Chunked: true}}, check: noLength(broken(70_000, io.ErrUnexpectedEOF))},
		"until close and cut":     {fault: pixivtest.Chain{pixivtest.NoLength{}, pixivtest.Cut{At: pixivtest.AtByte(70_000)}}, check: noLength(bodyOf(func(whole string) string { return whole[:70_000] }))},
		"one byte too many said":  {fault: pixivtest.WrongLength{By: 1}, check: broken(pictureSize, io.ErrUnexpectedEOF)},
		"one byte too few said":   {fault: pixivtest.WrongLength{By: -1}, check: bodyOf(func(whole string) string { return whole[:pictureSize-1] })},
		"length 2^63":             {fault: pixivtest.WrongLength{Values: []string{"9223372036854775808"}}, check: failed},
		"negative length":         {fault: pixivtest.WrongLength{Values: []string{"-1"}}, check: failed},
		"two lengths":             {fault: pixivtest.WrongLength{Values: []string{"5", "6"}}, check: failed},
		"surplus":                 {fault: pixivtest.Surplus{Bytes: 100}, check: bodyOf(same)},
		"declared surplus":        {fault: pixivtest.Surplus{Bytes: 100, Declared: true}, check: bodyOf(func(whole string) string { return whole + strings.Repeat("\x00", 100) })},
		"no header, cut":          {fault: pixivtest.Chain{pixivtest.Cut{BeforeHeader: true}}, check: noAnswer(io.EOF)},
		"no header, reset":        {fault: pixivtest.Reset{BeforeHeader: true}, check: failed},
		"empty":                   {fault: pixivtest.EmptyBody{}, check: bodyOf(func(string) string { return "" })},
		"no content":              {fault: pixivtest.EmptyBody{Status: 204}, check: status(204)},
		"delay":                   {fault: pixivtest.Delay{For: 1}, check: bodyOf(same)},
		"drip":                    {fault: pixivtest.Drip{Bytes: 1000, Every: 1}, check: bodyOf(same)},
		"slow header":             {fault: pixivtest.SlowHeader{Every: 1}, check: bodyOf(same)},
		"short stall":             {fault: pixivtest.Stall{At: pixivtest.AtPercent(50), For: 1}, check: bodyOf(same)},
		"stall behind the body":   {fault: pixivtest.Stall{At: pixivtest.AtPercent(100), For: 1}, check: bodyOf(same)},
		"stall before the header": {fault: pixivtest.Stall{BeforeHeader: true, For: 1}, check: bodyOf(same)},
		"two stalls, then a cut":  {fault: pixivtest.Chain{pixivtest.Stall{At: pixivtest.AtByte(9), For: 1}, pixivtest.Stall{At: pixivtest.AtByte(2), For: 1}, pixivtest.Cut{At: pixivtest.AtByte(20)}}, check: broken(20, io.ErrUnexpectedEOF)},
	})
}

// failed expects no answer at all.
func failed(t *testing.T, _ string, got reply) { require.Error(t, got.sendErr) }

func noLength(check func(*testing.T, string, reply)) func(*testing.T, string, reply) {
	return func(t *testing.T, whole string, got reply) {
		require.EqualValues(t, -1, got.length)
		check(t, whole, got)
	}
}

func TestBodyFaults(t *testing.T) {
	t.Parallel()
	starts := func(mark string) func(*testing.T, string, reply) {
		return func(t *testing.T, _ string, got reply) {
			require.Equal(t, 200, got.status)
			require.Equal(t, "image/jpeg", got.header.Get("Content-Type"))
			require.True(t, strings.HasPrefix(got.body, mark), "%.20q", got.body)
		}
	}
	runFaults(t, map[string]faultCase{
		"PNG":         {fault: pixivtest.WrongType{}, check: starts("\x89PNG")},
		"GIF":         {fault: pixivtest.WrongType{Type: "gif"}, check: starts("GIF89a")},
		"WebP":        {fault: pixivtest.WrongType{Type: "webp"}, check: starts("RIFF")},
		"program":     {fault: pixivtest.WrongType{Type: "exe"}, check: starts("MZ")},
		"HTML":        {fault: pixivtest.WrongType{Type: "html"}, check: starts("<!DOCTYPE html>")},
		"missing end": {fault: pixivtest.MissingEnd{}, check: bodyOf(func(whole string) string { return whole[:pictureSize-2] })},
		"zero end":    {fault: pixivtest.MissingEnd{Bytes: 5000, Zeros: true}, check: bodyOf(func(whole string) string { return whole[:pictureSize-5000] + strings.Repeat("\x00", 5000) })},
		"not gzip": {fault: pixivtest.GzipGarbage{}, check: func(t *testing.T, whole string, got reply) {
			require.Equal(t, "gzip", got.header.Get("Content-Encoding"))
			bodyOf(same)(t, whole, got)
		}},
		"bomb": {fault: pixivtest.GzipBomb{Bytes: 10<<20 - 1}, check: func(t *testing.T, _ string, got reply) {
			require.Less(t, len(got.body), 100_000)
			unpacked, err := gzip.NewReader(strings.NewReader(got.body))
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, unpacked)
			require.NoError(t, err)
			require.EqualValues(t, 10<<20, n)
		}},
	})
}

func TestRangeFaults(t *testing.T) {
	t.Parallel()
	ranged := map[string]string{"Range": "bytes=1000-"}
	part := func(position string, from int) func(*testing.T, string, reply) {
		return func(t *testing.T, whole string, got reply) {
			require.Equal(t, 206, got.status)
			require.Equal(t, position, got.header.Get("Content-Range"))
			require.True(t, whole[from:] == got.body, "%d bytes", len(got.body))
		}
	}
	runFaults(t, map[string]faultCase{
		"ignored":     {fault: pixivtest.IgnoreRange{}, header: ranged, check: bodyOf(same)},
		"later":       {fault: pixivtest.WrongRange{Shift: 10}, header: ranged, check: part("bytes 1010-199999/200000", 1010)},
		"earlier":     {fault: pixivtest.WrongRange{Shift: -10}, header: ranged, check: part("bytes 990-199999/200000", 990)},
		"lie":         {fault: pixivtest.WrongRange{Shift: -10, Lie: true}, header: ranged, check: part("bytes 1000-199999/200000", 990)},
		"total":       {fault: pixivtest.WrongRange{TotalBy: 7}, header: ranged, check: part("bytes 1000-199999/200007", 1000)},
		"no position": {fault: pixivtest.WrongRange{NoContentRange: true}, header: ranged, check: part("", 1000)},
		"validators": {fault: pixivtest.WrongRange{ETag: `"other"`, LastModified: "never"}, header: ranged, check: func(t *testing.T, whole string, got reply) {
			require.Equal(t, `"other"`, got.header.Get("ETag"))
			require.Equal(t, "never", got.header.Get("Last-Modified"))
			part("bytes 1000-199999/200000", 1000)(t, whole, got)
		}},
		"multipart": {fault: pixivtest.WrongRange{Multipart: true}, header: ranged, check: func(t *testing.T, whole string, got reply) {
			require.Equal(t, 206, got.status)
			require.Contains(t, got.header.Get("Content-Type"), "multipart/byteranges")
			require.Empty(t, got.header.Get("Content-Range"))
			require.Contains(t, got.body, "Content-Range: bytes 1000-199999/200000\r\n\r\n"+whole[1000:])
		}},
		"nothing to change": {fault: pixivtest.WrongRange{Shift: 5}, check: bodyOf(same)},
		"unasked": {fault: pixivtest.ForceRange{}, check: func(t *testing.T, whole string, got reply) {
			require.Equal(t, 206, got.status)
			require.Equal(t, whole[:100], got.body)
		}},
		"unasked, of the caller's choice": {fault: pixivtest.ForceRange{Range: "bytes=-5"}, check: func(t *testing.T, whole string, got reply) {
			require.Equal(t, whole[pictureSize-5:], got.body)
		}},
	})
}

// TestFaultsOfHead holds that no fault gives an answer to HEAD a body.
func TestFaultsOfHead(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		w := s.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: pictureSize}})
		for want, fault := range map[int]pixivtest.Fault{
			429: pixivtest.RateLimit{Status: 429}, 200: pixivtest.Cut{}, 500: pixivtest.ErrorPage{Status: 500},
			201: pixivtest.Respond{Status: 201, Body: "body"},
		} {
			s.ClearScript()
			s.Script(pixivtest.Rule{Do: fault})
			got := exchange(t, client, http.MethodHead, s.Picture(w.ID, 0).URL, map[string]string{"Referer": referer}, "")
			require.NoError(t, got.sendErr)
			require.Equal(t, want, got.status)
			require.NoError(t, got.readErr)
			require.Empty(t, got.body)
			require.Positive(t, got.length)
		}
	})
}

func TestStateFaults(t *testing.T) {
	t.Parallel()
	both(t, pixivtest.Config{}, func(t *testing.T, s *pixivtest.Server, client *http.Client) {
		changed := s.AddWork(pixivtest.Work{PageCount: 2})
		p := s.Picture(changed.ID, 1)
		s.Script(pixivtest.Rule{Match: pixivtest.Match{Path: p.Path}, After: 1, Times: 1, Do: pixivtest.PictureChanged{}})
		first, second := fetch(t, client, p.URL, nil), fetch(t, client, p.URL, nil)
		require.NotEqual(t, first.body, second.body)
		require.Equal(t, string(s.Picture(changed.ID, 1).Bytes()), second.body)
		require.Equal(t, second.body, fetch(t, client, p.URL, nil).body)

		replaced := s.AddWork(pixivtest.Work{})
		p = s.Picture(replaced.ID, 0)
		s.Script(pixivtest.Rule{Match: pixivtest.Match{Path: p.Path}, Times: 1, Do: pixivtest.WorkReplaced{}})
		require.Equal(t, 404, fetch(t, client, p.URL, nil).status)
		require.Equal(t, 200, fetch(t, client, s.Picture(replaced.ID, 0).URL, nil).status)

		deleted := s.AddWork(pixivtest.Work{})
		query := map[string]string{"illust_id": fmt.Sprint(deleted.ID)}
		s.Script(pixivtest.Rule{Match: pixivtest.Match{Query: query}, Do: pixivtest.WorkDeleted{}})
		path := fmt.Sprintf("/v1/illust/detail?illust_id=%d", deleted.ID)
		require.Equal(t, 404, ask(t, s, client, path).status)

		s.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/detail"}, Times: 1, Do: pixivtest.TokensExpired{}})
		path = fmt.Sprintf("/v1/user/detail?user_id=%d", changed.UserID)
		require.Equal(t, 400, ask(t, s, client, path).status)
		require.Equal(t, 200, ask(t, s, client, path).status)
	})
}

func TestEditJSON(t *testing.T) {
	t.Parallel()
	s := start(t, pixivtest.Config{})
	w := s.AddWork(pixivtest.Work{PageCount: 2})
	path := fmt.Sprintf("/v1/user/illusts?user_id=%d", w.UserID)
	s.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/illusts"}, Do: pixivtest.EditJSON{
		Set: map[string]any{
			"next_url": "https://example.com/v1/user/illusts?offset=30", "illusts.0.id": "12", "illusts.0.user": nil, "added.deep": 1,
			"illusts.7.id": 1, "user.name.first": 1,
		},
		Remove: []string{"illusts.0.meta_pages.1.image_urls.original", "nothing.here"},
	}})
	got := ask(t, s, s.Client(), path)
	require.Equal(t, 200, got.status)
	require.Contains(t, got.body, `"next_url":"https://example.com/v1/user/illusts?offset=30"`)
	require.Contains(t, got.body, `"id":"12"`)
	require.Contains(t, got.body, `"user":null`)
	require.Equal(t, 1, strings.Count(got.body, `"original"`))
	require.NotContains(t, got.body, "deep")
}

// TestMix holds that a mix hits about its share, the same requests in every run, and others with another seed.
func TestMix(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, seed uint64) string {
		s := pixivtest.NewUnstartedServer(pixivtest.Config{Seed: 3})
		defer s.Close()
		client := &http.Client{Transport: s.RoundTripper()}
		s.Populate(pixivtest.Population{Works: 10, Pages: pixivtest.Between{Min: 20, Max: 20}, Width: 8, Height: 8})
		s.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostImages}, Do: pixivtest.Mix{Seed: seed, Percent: 16}})
		var log bytes.Buffer
		for p := range s.Pictures() {
			got := fetch(t, client, p.URL, nil)
			kind := byte('.')
			switch {
			case got.status != 200:
				kind = byte('0' + got.status/100)
			case errors.Is(got.readErr, syscall.ECONNRESET):
				kind = 'r'
			case got.readErr != nil:
				kind = 'c'
			}
			log.WriteByte(kind)
		}
		return log.String()
	}
	virtually := func(seed uint64) (log string) {
		synctest.Test(t, func(t *testing.T) { log = run(t, seed) })
		return log
	}
	first := virtually(1)
	require.Len(t, first, 200)
	require.InDelta(t, 200*0.16*5/7, len(strings.ReplaceAll(first, ".", "")), 12, "stalls and surplus are not seen here")
	for _, kind := range "45rc" {
		require.Contains(t, first, string(kind))
	}
	require.Equal(t, first, virtually(1))
	require.NotEqual(t, first, virtually(2))
}
