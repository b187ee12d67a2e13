package pixiv_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judged asks the site's Judge about one answer of illust/detail.
func judged(t testing.TB, answer reply) error {
	t.Helper()
	return judgedAt(t, "https://app-api.pixiv.net/v1/illust/detail?illust_id=1&secret=canary", answer)
}

func judgedAt(t testing.TB, address string, answer reply) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	response, err := answer.response(request)
	require.NoError(t, err)
	return pixiv.Site().Judge(response, []byte(answer.body))
}

func TestJudge_Good(t *testing.T) {
	t.Parallel()
	assert.NoError(t, judged(t, reply{body: `{"illust":{}}`}))
	assert.NoError(t, judged(t, reply{body: ``}))
	assert.NoError(t, judged(t, reply{body: `{"caption":"Rate Limit <b>"}`}))
	assert.NoError(t, judgedAt(t, "https://app-api.pixiv.net/webview/v2/novel?id=1", reply{body: "<html>", header: html("")}))
	for _, pattern := range []string{"illust_*.json", "user_*.json", "search_*.json", "ugoira_*.json"} {
		for _, name := range fixtures(t, pattern) {
			assert.NoError(t, judged(t, reply{body: fixture(t, name)}), name)
		}
	}
}

func TestA6_TokenExpired(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"error_expired_token.json", "error_missing_token.json"} {
		err := judged(t, reply{status: 400, body: fixture(t, name)})
		require.ErrorIs(t, err, pixivoc.ErrTokenExpired, name)
		assert.Equal(t, 400, statusCode(err))
	}
	assert.ErrorIs(t, judged(t, reply{status: 401}), pixivoc.ErrTokenExpired)
	assert.ErrorIs(t, judged(t, reply{status: 400, body: `{"error":{"message":"error at the OAUTH PROCESS"}}`}), pixivoc.ErrTokenExpired)
}

func TestA7_JudgeHintsAtTheClock(t *testing.T) {
	t.Parallel()
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	err := judged(t, reply{status: 400, body: fixture(t, "error_expired_token.json"), header: http.Header{"Date": {date}}})
	require.ErrorIs(t, err, pixivoc.ErrTokenExpired)
	assert.ErrorContains(t, err, "1h0m0s behind Pixiv's; set it")
}

func TestU11_Permanent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status  int
		fixture string
		reason  string
		said    string
	}{
		{404, "error_404.json", pixivoc.ReasonDeleted, "Page not found"},
		{404, "error_404_work_deleted.synthetic.json", pixivoc.ReasonDeleted, "has been deleted"},
		{403, "error_user_restricted.json", pixivoc.ReasonForbidden, "currently restricted"},
		{404, "error_user_restricted.json", pixivoc.ReasonForbidden, "currently restricted"},
		{400, "error_bad_parameter.json", pixivoc.ReasonRefused, ": search_target: Search Target contains invalid value"},
		{400, "error_404.json", pixivoc.ReasonRefused, "Page not found"},
		{410, "error_404.json", pixivoc.ReasonDeleted, "Page not found"},
	} {
		err := judged(t, reply{status: test.status, body: fixture(t, test.fixture)})
		permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
		require.True(t, ok, "%s gave %v", test.fixture, err)
		assert.Equal(t, test.reason, permanent.Reason, test.fixture)
		assert.ErrorContains(t, err, test.said)
		assert.ErrorContains(t, err, "GET https://app-api.pixiv.net/v1/illust/detail: status ")
		assert.NotContains(t, err.Error(), "canary")
		assert.NotErrorIs(t, err, pixiv.ErrOffsetLimit)
	}
}

func TestU14_OffsetLimit(t *testing.T) {
	t.Parallel()
	old := `{"error":{"message":"{\"Offset\":[\"Offset must be no more than 5000\"]}"}}`
	for _, body := range []string{fixture(t, "error_offset_limit.json"), old} {
		err := judged(t, reply{status: 400, body: body})
		require.ErrorIs(t, err, pixiv.ErrOffsetLimit)
		permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
		require.True(t, ok)
		assert.Equal(t, pixivoc.ReasonRefused, permanent.Reason)
	}
	other := `{"error":{"message":"{\"offset\":[\"offset is not a number\"]}"}}`
	assert.NotErrorIs(t, judged(t, reply{status: 400, body: other}), pixiv.ErrOffsetLimit)
}

func TestU1_Blocked(t *testing.T) {
	t.Parallel()
	const long = "<html><head><title>Attention Required! | Cloudflare</title><style>p{}</style></head><body>"
	for name, test := range map[string]struct {
		answer reply
		said   string
	}{
		"Cloudflare":        {reply{status: 403, body: long, header: html("cloudflare")}, "Cloudflare refuses this address"},
		"by its ray":        {reply{status: 403, body: long, header: http.Header{"Cf-Ray": {"x"}}}, "Cloudflare refuses this address"},
		"challenge of 503":  {reply{status: 503, body: "<title>Just a moment...</title>", header: html("cloudflare")}, "Cloudflare"},
		"nginx 403":         {reply{status: 403, body: "<html><center>nginx</center>", header: html("nginx")}, "(SNI)"},
		"nginx 403 unnamed": {reply{status: 403, body: "<html><center>nginx</center>"}, "(SNI)"},
		"421":               {reply{status: 421, body: "<html>Misdirected Request</html>", header: html("nginx")}, "address table of proxy mode 2"},
		"421 plain":         {reply{status: 421}, "address table of proxy mode 2"},
		"200":               {reply{status: 200, body: long, header: html("")}, "status 200"},
		"404":               {reply{status: 404, body: long, header: html("")}, "status 404"},
		"portal":            {reply{status: 200, body: "  \n<!DOCTYPE html><p>Log in to the hotel"}, "hotel"},
	} {
		err := judged(t, test.answer)
		blocked, ok := errors.AsType[*pixivoc.BlockedError](err)
		require.True(t, ok, "%s gave %v", name, err)
		assert.Equal(t, "app-api.pixiv.net", blocked.Host, name)
		assert.ErrorContains(t, err, test.said, name)
		assert.True(t, pixivoc.Retryable(err), name)
		assert.NotContains(t, err.Error(), "<", name)
		assert.Less(t, len(err.Error()), 600, name)
	}
}

func TestU13_Passing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"500":              {status: 500, body: `{"error":{"message":"Rate Limit"}}`},
		"502 page":         {status: 502, body: "<html>nginx</html>", header: html("nginx")},
		"503 page":         {status: 503, body: "<html>maintenance</html>", header: html("nginx")},
		"504":              {status: 504},
		"404 of nobody":    {status: 404, body: "not here", header: http.Header{"Content-Type": {"text/plain"}}},
		"404 other JSON":   {status: 404, body: `{"message":"no route"}`},
		"400 without body": {status: 400},
		"408":              {status: 408, body: `{"error":{"message":"x"}}`},
		"302":              {status: 302, body: `{"error":{"message":"x"}}`},
		"cut envelope":     {status: 404, body: `{"error":{"user_message":"Page`},
		"null envelope":    {status: 404, body: `{"error":null}`},
	} {
		err := judged(t, answer)
		status, ok := errors.AsType[*pixivoc.StatusError](err)
		require.True(t, ok, "%s gave %v", name, err)
		assert.Equal(t, answer.status, status.Code, name)
		assert.True(t, pixivoc.Retryable(err), name)
		assert.NotErrorIs(t, err, pixivoc.ErrTokenExpired, name)
		_, blocked := errors.AsType[*pixivoc.BlockedError](err)
		assert.False(t, blocked, name)
	}
}

func TestU12_RateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()
		date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
		for _, test := range []struct {
			retryAfter string
			date       string
			on429      time.Duration
			on403      time.Duration
		}{
			{"", "", time.Minute, 5 * time.Minute},
			{"30", "", 30 * time.Second, 30 * time.Second},
			{" 30 ", "", 30 * time.Second, 30 * time.Second},
			{"0", "", 5 * time.Minute, 5 * time.Minute},
			{"-1", "", 5 * time.Minute, 5 * time.Minute},
			{"1.5", "", 5 * time.Minute, 5 * time.Minute},
			{"soon", "", 5 * time.Minute, 5 * time.Minute},
			{"3600", "", time.Hour, time.Hour},
			{"315360000", "", time.Hour, time.Hour},
			{"99999999999999999999999", "", time.Hour, time.Hour},
			{date(90 * time.Second), "", 90 * time.Second, 90 * time.Second},
			{date(90 * time.Second), date(-time.Hour), time.Hour, time.Hour},
			{date(time.Hour + 90*time.Second), date(time.Hour), 90 * time.Second, 90 * time.Second},
			{date(-90 * time.Second), "", 5 * time.Minute, 5 * time.Minute},
			{date(10 * 365 * 24 * time.Hour), "", time.Hour, time.Hour},
		} {
			header := http.Header{}
			if test.retryAfter != "" {
				header.Set("Retry-After", test.retryAfter)
			}
			if test.date != "" {
				header.Set("Date", test.date)
			}
			for status, want := range map[int]time.Duration{429: test.on429, 403: test.on403} {
				err := judged(t, reply{status: status, body: `{"error":{"user_message":"","message":"rate LIMIT"}}`, header: header})
				limit, ok := errors.AsType[*pixivoc.RateLimitError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, want, limit.Wait, "%d %q", status, test.retryAfter)
			}
		}
	})
}

func TestU12_RateLimitForms(t *testing.T) {
	t.Parallel()
	recorded := fixture(t, "error_rate_limit.json")
	for name, answer := range map[string]reply{
		"403":       {status: 403, body: recorded},
		"429":       {status: 429, body: recorded},
		"400":       {status: 400, body: recorded},
		"429 empty": {status: 429},
		"429 page":  {status: 429, body: "<html>error 1015</html>", header: html("cloudflare")},
	} {
		err := judged(t, answer)
		_, ok := errors.AsType[*pixivoc.RateLimitError](err)
		assert.True(t, ok, "%s gave %v", name, err)
		assert.NotErrorIs(t, err, pixivoc.ErrTokenExpired, name)
	}
}

func TestSite_Authorize(t *testing.T) {
	t.Parallel()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://app-api.pixiv.net/", nil)
	require.NoError(t, err)
	pixiv.Site().Authorize(request, pixivoc.Token{Access: "acc"})
	assert.Equal(t, http.Header{
		"Authorization":   {"Bearer acc"},
		"User-Agent":      {"PixivIOSApp/7.19.1 (iOS 16.7.2; iPhone12,8)"},
		"App-Os":          {"ios"},
		"App-Os-Version":  {"16.7.2"},
		"App-Version":     {"7.19.1"},
		"Accept-Language": {"en"},
		"Referer":         {"https://app-api.pixiv.net/"},
	}, request.Header)

	request.Header = http.Header{}
	pixiv.NewSite(pixiv.SiteOptions{AcceptLanguage: "ja", UserAgent: "x"}).Authorize(request, pixivoc.Token{})
	assert.Empty(t, request.Header.Get("Authorization"))
	assert.Equal(t, "ja", request.Header.Get("Accept-Language"))
	assert.Equal(t, "x", request.Header.Get("User-Agent"))
	assert.Equal(t, []string{"app-api.pixiv.net"}, pixiv.Site().Hosts, "the token goes nowhere else")
}

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                       "plain",
		" a\r\n\tb\x00c ":             "a b c",
		"<p>one<br>two</p>":           "one two",
		"a<script>alert(1)</script>b": "a b",
		"a<style>p{color:red}":        "a",
		"a<!-- hidden -->b":           "a b",
		"cut <a href=":                "cut",
		"1 < 2 &amp; 3 > 2":           "1 < 2 & 3 > 2",
		"&lt;b&gt;bold&lt;/b&gt;":     "bold",
		"\x1b[31mred":                 "[31mred",
		"a\u202eb\u2028c\ufeff":       "ab c",
		"bad \xff utf":                "bad utf",
		"日本語":                         "日本語",
		strings.Repeat("あ", 300):      strings.Repeat("あ", 199) + "…",
		"<\u200fscript>x</script>":    "",
	} {
		assert.Equal(t, want, pixiv.Clean(text), "%q", text)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"plain", "<p>a</p>", "&lt;&lt;b&gt;", "<\u202eb>", "<<b>b>", "\xff\x00", "<scr<script>ipt>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cleaned := pixiv.Clean(text)
		if utf8.RuneCountInString(cleaned) > 200 || !utf8.ValidString(cleaned) {
			t.Fatalf("%q became %q", text, cleaned)
		}
		for i, r := range cleaned {
			if unicode.IsControl(r) || r == '\u2028' {
				t.Fatalf("%q became %q", text, cleaned)
			}
			if rest := cleaned[i:]; r == '<' && len(rest) > 1 && (unicode.IsLetter(rune(rest[1])) && rest[1] < 0x80 || rest[1] == '/') {
				t.Fatalf("%q became %q", text, cleaned)
			}
		}
	})
}

func FuzzJudge(f *testing.F) {
	f.Add(400, "application/json", "", `{"error":{"message":"{\"offset\":[\"x\"]}"}}`)
	f.Add(403, "text/html", "3", `<html>`)
	f.Add(404, "", "Mon, 02 Jan 2006 15:04:05 GMT", `{"error":{"user_message":"x"}}`)
	f.Fuzz(func(t *testing.T, status int, contentType, retryAfter, body string) {
		err := judged(t, reply{status: status, body: body, header: http.Header{"Content-Type": {contentType}, "Retry-After": {retryAfter}}})
		if err == nil {
			if status < 200 && status != 0 || status >= 300 {
				t.Fatalf("status %d is good", status)
			}
			return
		}
		if len(err.Error()) > 3000 || strings.Contains(err.Error(), "canary") {
			t.Fatalf("error shows too much: %v", err)
		}
		if limit, ok := errors.AsType[*pixivoc.RateLimitError](err); ok && (limit.Wait <= 0 || limit.Wait > time.Hour) {
			t.Fatalf("wait of %s", limit.Wait)
		}
	})
}

func statusCode(err error) int {
	if status, ok := errors.AsType[*pixivoc.StatusError](err); ok {
		return status.Code
	}
	panic(fmt.Sprintf("no status in %v", err))
}
